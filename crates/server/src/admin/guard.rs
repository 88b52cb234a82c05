//! The guard: who may call the admin listener.
//!
//! With a token, everything but the page, the document and the health checks needs it. Without one the listener is on
//! loopback, and the danger is a web page in a browser on this machine: it must not reach the listener under another
//! name (`Host`), nor write to it (`Origin`, `Content-Type`). Start at [`check`].

use poem::{
    Request,
    http::{HeaderMap, Method, StatusCode, Uri, header, uri::Authority},
};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{GuardConfig, paths, problem::Problem};

/// Lets a request through or says why not.
///
/// # Errors
///
/// 401, 403 or 415.
pub(crate) fn check(config: &GuardConfig, request: &Request) -> Result<(), Problem> {
    let path = request.uri().path();
    if let Some(token) = &config.token {
        if !paths::needs_token(path) || has_token(request.headers(), token) {
            return Ok(());
        }
        let detail = "this needs the admin token: send `Authorization: Bearer …`";
        return Err(Problem::new(StatusCode::UNAUTHORIZED, detail)
            .with_header(header::WWW_AUTHENTICATE, "Bearer"));
    }
    check_host(&config.hosts, request.uri(), request.headers())?;
    if is_read(request.method()) {
        return Ok(());
    }
    check_origin(request.headers())?;
    check_content_type(request)
}

fn is_read(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS].contains(method)
}

/// Compares digests, so that the time taken tells neither the token nor its length.
fn has_token(headers: &HeaderMap, token: &SecretString) -> bool {
    let Some(given) = only(headers, header::AUTHORIZATION).and_then(|value| value.split_once(' '))
    else {
        return false;
    };
    let (scheme, given) = given;
    let expected = Sha256::digest(token.expose_secret());
    let same: bool = Sha256::digest(given.trim()).ct_eq(&expected).into();
    same && scheme.eq_ignore_ascii_case("bearer")
}

/// The listener's name in the request: its `Host`, and the target's where it has one.
fn check_host(hosts: &[String], uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
    let host = only(headers, header::HOST);
    let is_ours = host.is_some_and(|host| is_allowed(host, hosts))
        && uri
            .authority()
            .is_none_or(|authority| is_allowed(authority.as_str(), hosts));
    if is_ours {
        return Ok(());
    }
    let detail = "the admin listener is not called by this name: use localhost, or add the name to admin.hosts";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

fn is_allowed(authority: &str, hosts: &[String]) -> bool {
    let Ok(parsed) = authority.parse::<Authority>() else {
        return false;
    };
    if authority.contains('@') {
        return false;
    }
    let name = parsed.host();
    ["localhost", "127.0.0.1", "[::1]"]
        .into_iter()
        .chain(hosts.iter().map(String::as_str))
        .any(|host| host.eq_ignore_ascii_case(name))
}

/// A browser names the page that writes; only our own may.
fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    let host = only(headers, header::HOST).unwrap_or_default();
    let is_ours = only(headers, header::ORIGIN)
        .and_then(|origin| origin.split_once("://"))
        .is_some_and(|(scheme, origin)| {
            ["http", "https"].contains(&scheme) && origin.eq_ignore_ascii_case(host)
        });
    if is_ours {
        return Ok(());
    }
    let detail = "a page of another origin may not write here";
    Err(Problem::new(StatusCode::FORBIDDEN, detail))
}

/// A form can't send this type, so that it can't write either.
fn check_content_type(request: &Request) -> Result<(), Problem> {
    let is_json = request
        .content_type()
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"));
    if is_json {
        return Ok(());
    }
    let detail = "send `Content-Type: application/json`";
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail))
}

/// A header that occurs once, as text: with two of them, two readers could see two different ones.
fn only(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    if values.next().is_some() {
        return None;
    }
    first.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn open() -> GuardConfig {
        GuardConfig {
            token: None,
            hosts: vec!["gateway.example".to_owned()],
        }
    }

    fn closed() -> GuardConfig {
        GuardConfig {
            token: Some(TOKEN.into()),
            hosts: Vec::new(),
        }
    }

    /// The status with which a request is turned away; 200 when it is let through.
    fn status(config: &GuardConfig, method: Method, target: &str, headers: &[(&str, &str)]) -> u16 {
        let mut request = Request::builder().method(method).uri_str(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        match check(config, &request.finish()) {
            Ok(()) => 200,
            Err(problem) => poem::error::ResponseError::status(&problem).as_u16(),
        }
    }

    #[test]
    fn knows_its_own_names_only() {
        for (host, expected) in [
            ("localhost", 200),
            ("LOCALHOST:8081", 200),
            ("127.0.0.1:8081", 200),
            ("[::1]:8081", 200),
            ("[::1]", 200),
            ("gateway.example", 200),
            ("Gateway.Example:443", 200),
            ("evil.example", 403),
            ("localhost.evil.example", 403),
            ("evil.example:80@localhost", 403),
            ("localhost@evil.example", 403),
            ("localhost/", 403),
            ("127.0.0.1.evil.example", 403),
            ("", 403),
        ] {
            for path in ["/v1/events", "/docs", "/healthz", "/metrics", "/nothing"] {
                let status = status(&open(), Method::GET, path, &[("host", host)]);
                assert_eq!(status, expected, "{host} {path}");
            }
        }
    }

    #[test]
    fn a_missing_or_second_host_is_foreign() {
        assert_eq!(status(&open(), Method::GET, "/", &[]), 403);
        let twice = [("host", "localhost"), ("host", "evil.example")];
        assert_eq!(status(&open(), Method::GET, "/", &twice), 403);
        let target = "http://evil.example/v1/events";
        let host = [("host", "localhost")];
        assert_eq!(status(&open(), Method::GET, target, &host), 403);
    }

    #[test]
    fn a_write_needs_our_type_and_no_foreign_page() {
        let path = "/v1/simulate/Sns.CallbackFriendDelete";
        for (content_type, origin, expected) in [
            (Some("application/json"), None, 200),
            (Some("application/json; charset=utf-8"), None, 200),
            (Some("Application/JSON"), Some("http://localhost:8081"), 200),
            (None, None, 415),
            (Some("text/plain"), None, 415),
            (Some("application/x-www-form-urlencoded"), None, 415),
            (Some("application/jsonp"), None, 415),
            (Some("application/json"), Some("http://localhost:9999"), 403),
            (Some("application/json"), Some("https://evil.example"), 403),
            (Some("application/json"), Some("null"), 403),
            (Some("application/json"), Some("file://localhost:8081"), 403),
        ] {
            let mut headers = vec![("host", "localhost:8081")];
            headers.extend(content_type.map(|value| ("content-type", value)));
            headers.extend(origin.map(|value| ("origin", value)));
            for method in [Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
                let status = status(&open(), method, path, &headers);
                assert_eq!(status, expected, "{content_type:?} {origin:?}");
            }
        }
    }

    #[test]
    fn a_token_guards_all_but_the_page_and_the_health_checks() {
        for (path, expected) in [
            ("/", 200),
            ("/docs", 200),
            ("/docs/swagger-ui.js", 200),
            ("/openapi.json", 200),
            ("/healthz", 200),
            ("/readyz", 200),
            ("/metrics", 401),
            ("/v1/events", 401),
            ("//v1/events", 401),
            ("/v1/../docs", 401),
            ("/%76%31/events", 401),
            ("/healthz/", 401),
            ("/nothing", 401),
        ] {
            assert_eq!(
                status(&closed(), Method::GET, path, &[]),
                expected,
                "{path}"
            );
        }
    }

    #[test]
    fn only_the_right_token_opens() {
        for (authorization, expected) in [
            ("Bearer 0123456789abcdef", 200),
            ("bearer 0123456789abcdef", 200),
            ("Bearer 0123456789abcde", 401),
            ("Bearer 0123456789abcdef0", 401),
            ("Basic 0123456789abcdef", 401),
            ("0123456789abcdef", 401),
            ("Bearer ", 401),
            ("", 401),
        ] {
            let headers = [("authorization", authorization)];
            let status = status(&closed(), Method::GET, "/v1/events", &headers);
            assert_eq!(status, expected, "{authorization}");
        }
        let twice = [
            ("authorization", "Bearer 0123456789abcdef"),
            ("authorization", "Bearer 0123456789abcdef"),
        ];
        assert_eq!(status(&closed(), Method::GET, "/v1/events", &twice), 401);
    }

    #[test]
    fn with_a_token_any_name_will_do() {
        let headers = [
            ("host", "gateway.example"),
            ("authorization", "Bearer 0123456789abcdef"),
        ];
        assert_eq!(status(&closed(), Method::POST, "/v1/events", &headers), 200);
    }
}
