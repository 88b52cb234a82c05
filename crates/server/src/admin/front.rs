//! The front of the admin listener: guard, then the endpoints, then problems and security headers for all of them.

use std::sync::Arc;

use arc_swap::ArcSwap;
use poem::{
    Endpoint, IntoResponse, Request, Response, Result,
    error::ReadBodyError,
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
};

use super::{GuardConfig, guard, held::Places, paths, problem::Problem};
use crate::openapi::parameters::Parameters;

/// Whatever is no page may load nothing and be framed by nobody.
const NO_CONTENT: &str = "default-src 'none'; frame-ancestors 'none'";

/// Headers that every answer carries, unless its endpoint has set them.
const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, NO_CONTENT),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (header::CACHE_CONTROL, "no-store"),
];

/// What is to be done is said in few words.
const BODY_MAX: usize = 64 << 10;

/// Stands before an endpoint.
pub(crate) struct Front<E> {
    /// What is guarded.
    pub(crate) inner: E,
    /// The rules, exchanged on reload.
    pub(crate) guard: Arc<ArcSwap<GuardConfig>>,
    /// What the operations below `/v1` take; to health checks and metrics monitors add parameters of their own.
    pub(crate) parameters: Parameters,
    /// Where pages wait until they are taken.
    pub(crate) places: Places,
}

impl<E: Endpoint> Endpoint for Front<E> {
    type Output = Response;

    async fn call(&self, request: Request) -> Result<Response> {
        let path = request.uri().path().to_owned();
        let passed = guard::check(&self.guard.load(), &request);
        let passed = passed.and_then(|()| self.check_parameters(&request));
        let mut response = match passed.and_then(|()| self.places.take(&path)) {
            Ok(place) => {
                let response = match bounded(request).await {
                    Ok(request) => match self.inner.call(request).await {
                        Ok(output) => output.into_response(),
                        Err(error) => answer(error, &path),
                    },
                    Err(problem) => problem.into_response(),
                };
                match place {
                    Some(place) => place.hold(response),
                    None => response,
                }
            }
            Err(problem) => problem.into_response(),
        };
        // Idle connections of whoever got nothing, or of health checks, must not hold every place.
        if !response.status().is_success() || paths::is_health(&path) {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(header::CONNECTION, close);
        }
        for (name, value) in HEADERS {
            response
                .headers_mut()
                .entry(name)
                .or_insert(HeaderValue::from_static(value));
        }
        Ok(response)
    }
}

impl<E> Front<E> {
    /// A parameter that nobody reads would be a filter that does not filter; so would be the second of two.
    fn check_parameters(&self, request: &Request) -> Result<(), Problem> {
        let (method, uri) = (request.method(), request.uri());
        let query = uri.query().unwrap_or_default();
        match self.parameters.fault(method, uri.path(), query) {
            Some(fault) => Err(Problem::bad_request(fault.to_string())),
            None => Ok(()),
        }
    }
}

/// Bounds the body of what is posted; simulated callbacks have a bound of their own.
async fn bounded(mut request: Request) -> Result<Request, Problem> {
    let path = request.uri().path();
    if request.method() != Method::POST || paths::simulated(path).is_some() {
        return Ok(request);
    }
    let body = request.take_body().into_bytes_limit(BODY_MAX).await;
    let body = body.map_err(|error| {
        let status = match error {
            ReadBodyError::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Problem::new(
            status,
            format!("the body can't be taken, of at most {BODY_MAX} bytes"),
        )
    })?;
    request.set_body(body);
    Ok(request)
}

/// An error as a problem, unless it is one already.
fn answer(error: poem::Error, path: &str) -> Response {
    if error.is::<Problem>() || error.is_from_response() {
        return error.into_response();
    }
    Problem::from_error(&error, path).into_response()
}

#[cfg(test)]
mod tests {
    use poem::{Route, endpoint::make_sync, get};

    use super::*;
    use crate::admin::problem::CONTENT_TYPE;

    async fn response(path: &str, host: &str) -> Response {
        let guard = GuardConfig {
            token: None,
            hosts: Vec::new(),
        };
        let fails = make_sync(|_| Err::<&str, Problem>(Problem::bad_request("unreadable")));
        let front = Front {
            inner: Route::new()
                .at("/fine", get(make_sync(|_| "fine")))
                .at("/fails", get(fails)),
            guard: Arc::new(ArcSwap::from_pointee(guard)),
            parameters: Parameters::of::<()>(),
            places: Places::new(),
        };
        let request = Request::builder().uri_str(path).header("host", host);
        front.get_response(request.finish()).await
    }

    #[tokio::test]
    async fn every_answer_has_the_security_headers() {
        for (path, host, status) in [
            ("/fine", "localhost", StatusCode::OK),
            ("/fails", "localhost", StatusCode::BAD_REQUEST),
            ("/nothing", "localhost", StatusCode::NOT_FOUND),
            ("/fine", "evil.example", StatusCode::FORBIDDEN),
        ] {
            let response = response(path, host).await;
            assert_eq!(response.status(), status, "{path}");
            for (name, value) in HEADERS {
                assert_eq!(response.header(&name), Some(value), "{path}");
            }
            let is_problem = response.content_type() == Some(CONTENT_TYPE);
            assert_eq!(is_problem, status != StatusCode::OK, "{path}");
            assert!(
                !response
                    .headers()
                    .contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN)
            );
        }
    }
}
