//! Problems: how the admin API says no (RFC 9457, `application/problem+json`).
//!
//! Whatever goes wrong below the front of the listener becomes a [`Problem`], poem's own errors included.

use std::fmt;

use gateway_core::Causes;
use poem::{
    Error, IntoResponse, Response,
    error::ResponseError,
    http::{HeaderName, HeaderValue, StatusCode, header},
};
use poem_openapi::Object;
use serde::Serialize;
use tracing::error;

use super::{finder::FindError, paths};

/// Why a request was not answered as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: String,
    header: Option<(HeaderName, &'static str)>,
}

/// Why a request was not answered as asked (RFC 9457).
#[derive(Debug, Serialize, Object)]
#[oai(rename = "Problem")]
pub(crate) struct ProblemBody {
    /// Always `about:blank`: the status says what kind of problem it is.
    #[serde(rename = "type")]
    #[oai(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    status: u16,
    /// What is wrong with this request, and what to do.
    detail: String,
}

/// The media type of a problem.
pub(crate) const CONTENT_TYPE: &str = "application/problem+json";

/// Logs that something failed.
pub(crate) fn log(what: &str, error: &dyn fmt::Display) {
    error!(%error, "failed to {what}");
}

// === impl Problem ===

impl Problem {
    /// A problem with a status and a sentence for the caller.
    pub(crate) fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            header: None,
        }
    }

    /// Adds a header to the answer.
    #[must_use]
    pub(crate) fn with_header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.header = Some((name, value));
        self
    }

    /// 400: something about the request can't be read.
    pub(crate) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 503: too much is going on; try again in a second.
    pub(crate) fn busy(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, detail).with_header(header::RETRY_AFTER, "1")
    }

    /// 500: the cause is logged here, since it may name files that are none of the caller's business.
    pub(crate) fn internal(what: &str, error: &dyn fmt::Display) -> Self {
        log(what, error);
        let detail = format!("failed to {what}; the gateway's log says why");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail)
    }

    /// What poem says about a request to `path`, as a problem.
    pub(crate) fn from_error(error: &Error, path: &str) -> Self {
        match error.status() {
            StatusCode::NOT_FOUND => match paths::simulated(path) {
                Some(command) => Self::not_found(format!(
                    "no plug-in is installed for the command `{command}`; /v1/commands lists those that are"
                )),
                None => Self::not_found("there is nothing at this path; /docs shows what there is"),
            },
            StatusCode::METHOD_NOT_ALLOWED => {
                let allowed = paths::methods(path);
                Self::new(
                    StatusCode::METHOD_NOT_ALLOWED,
                    format!("this path takes {allowed} only"),
                )
                .with_header(header::ALLOW, allowed)
            }
            status if status.is_server_error() => {
                Self::internal("answer the request", &error.to_string())
            }
            status => Self::new(status, error.to_string()),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        if error.is_busy() {
            return Self::busy("too many read the journal at this moment");
        }
        Self::internal("read the journal", &Causes(&error))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

impl std::error::Error for Problem {}

impl ResponseError for Problem {
    fn status(&self) -> StatusCode {
        self.status
    }

    fn as_response(&self) -> Response {
        let body = ProblemBody {
            kind: "about:blank".to_owned(),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
        };
        let body = serde_json::to_vec(&body).expect("a problem has string keys");
        let mut response = Response::builder()
            .status(self.status)
            .content_type(CONTENT_TYPE)
            .body(body);
        if let Some((name, value)) = self.header.clone() {
            response
                .headers_mut()
                .insert(name, HeaderValue::from_static(value));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.as_response()
    }
}

#[cfg(test)]
mod tests {
    use poem::error::{MethodNotAllowedError, NotFoundError};
    use serde_json::{Value, json};

    use super::*;

    async fn check(problem: Problem, expected: Value) -> Response {
        let response = problem.into_response();
        assert_eq!(response.content_type(), Some(CONTENT_TYPE));
        let (parts, body) = response.into_parts();
        let bytes = body.into_bytes().await.unwrap();
        assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), expected);
        Response::from_parts(parts, ().into())
    }

    #[tokio::test]
    async fn an_unknown_path_has_the_shape_of_a_problem() {
        let problem = Problem::from_error(&NotFoundError.into(), "/v2");
        let response = check(
            problem,
            json!({
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "there is nothing at this path; /docs shows what there is",
            }),
        )
        .await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND);
    }

    #[tokio::test]
    async fn a_command_without_plug_in_is_named() {
        let problem = Problem::from_error(&NotFoundError.into(), "/v1/simulate/Other.Command");
        assert!(problem.detail.contains("`Other.Command`"), "{problem}");
    }

    #[tokio::test]
    async fn a_wrong_method_is_told_the_right_ones() {
        for (path, allowed) in [
            ("/v1/events", "GET, HEAD"),
            ("/v1/simulate/Sns.CallbackFriendDelete", "POST"),
        ] {
            let problem = Problem::from_error(&MethodNotAllowedError.into(), path);
            let response = problem.into_response();
            assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
            assert_eq!(response.header(header::ALLOW), Some(allowed), "{path}");
        }
    }

    #[test]
    fn a_failure_inside_keeps_its_cause_to_the_log() {
        let error = Error::from_string("/var/lib/secret", StatusCode::INTERNAL_SERVER_ERROR);
        let problem = Problem::from_error(&error, "/v1/events");
        assert!(!problem.detail.contains("secret"), "{problem}");
    }
}
