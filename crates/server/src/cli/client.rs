//! The client of a running gateway's admin API: where it is, who we are, and what its refusals mean to a person.
//!
//! Not here: what the answers say. Start at [`Client::new`]. Every call has a deadline; a stream has one for its silence.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{Response, header},
    tls::{PemItem, RootCerts, TlsConfig, parse_pem},
};

use super::{arguments::AdminOptions, failure::Failure};
use crate::config::Config;

/// From the start of a call to its last byte.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Until there is a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A stream that has been silent for so long is dead: a heartbeat is due every 15 s.
const SILENCE_TIMEOUT: Duration = Duration::from_secs(40);

/// An answer may hold a whole page of large bodies.
const ANSWER_BYTES_MAX: u64 = 512 << 20;

/// A gateway's admin listener, as seen by a client.
#[derive(Debug)]
pub(super) struct Client {
    base: String,
    token: Option<SecretString>,
    calls: Agent,
    streams: Agent,
}

/// RFC 9457, as far as it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Problem {
    title: String,
    detail: Option<String>,
}

/// What a client trusts.
#[derive(Debug, Clone)]
pub(super) enum Trust {
    /// The public authorities.
    Public,
    /// Those in a PEM file, and no others.
    Private(PathBuf),
    /// Anybody.
    Anybody,
}

// === impl Client ===

impl Client {
    /// From the options, and where they are silent from the configuration. Reads the token and the authority.
    pub(super) fn new(options: &AdminOptions, config: &Config) -> Result<Self, Failure> {
        let base = match &options.url {
            Some(url) => checked_url("--admin-url", url)?,
            None => config.admin_url(),
        };
        let token = options
            .token_file
            .as_ref()
            .or(config.admin.token_file.as_ref());
        let token = token.map(|path| read_secret(path)).transpose()?;
        let trust = options.ca.clone().map_or(Trust::Public, Trust::Private);
        let tls = tls(&trust)?;
        Ok(Self {
            base,
            token,
            calls: agent(tls.clone(), Some(CALL_TIMEOUT)),
            streams: agent(tls, None),
        })
    }

    /// Gets JSON. `action` completes "failed to …".
    pub(super) fn get<T: DeserializeOwned>(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<T, Failure> {
        let request = self.calls.get(format!("{}{path}", self.base));
        let response = self.authorized(request).query_pairs(query.to_vec()).call();
        let mut response = self.checked(action, response)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        body.read_json().map_err(|error| {
            Failure::Failed(format!(
                "failed to {action}: {} did not answer as a gateway does: {error}",
                self.base
            ))
        })
    }

    /// Posts JSON; the answer is returned whatever its status, unless it is a problem of the API's own.
    pub(super) fn post(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, String)],
        body: &[u8],
    ) -> Result<Response<Body>, Failure> {
        let request = self.calls.post(format!("{}{path}", self.base));
        let request = self.authorized(request).content_type("application/json");
        let result = request.query_pairs(query.to_vec()).send(body);
        let response = result.map_err(|error| self.unreachable(action, &error))?;
        if is_problem(&response) {
            return Err(refused(action, response));
        }
        Ok(response)
    }

    /// Opens a stream of server-sent events, after the event that `last_event_id` names.
    pub(super) fn stream(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, String)],
        last_event_id: Option<&str>,
    ) -> Result<Response<Body>, Failure> {
        let request = self.streams.get(format!("{}{path}", self.base));
        let mut request = self
            .authorized(request)
            .header(header::ACCEPT, "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        self.checked(action, request.query_pairs(query.to_vec()).call())
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.token {
            Some(token) => {
                let value = format!("Bearer {}", token.expose_secret());
                request.header(header::AUTHORIZATION, value)
            }
            None => request,
        }
    }

    fn checked(
        &self,
        action: &str,
        response: Result<Response<Body>, ureq::Error>,
    ) -> Result<Response<Body>, Failure> {
        let response = response.map_err(|error| self.unreachable(action, &error))?;
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(refused(action, response))
        }
    }

    fn unreachable(&self, action: &str, error: &ureq::Error) -> Failure {
        let hint = if is_distrust(error) {
            "name its authority with --admin-ca, and it by a name of its certificate with --admin-url"
        } else {
            "is the gateway running? start it with `callback-gateway`, or name another with --admin-url"
        };
        unreachable(action, &self.base, error, hint)
    }
}

/// The gateway, or whoever was called, did not answer.
pub(super) fn unreachable(action: &str, url: &str, error: &ureq::Error, hint: &str) -> Failure {
    let reason = match error {
        ureq::Error::Io(error) => error.to_string(),
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            return Failure::Usage(format!("failed to {action}: {error}"));
        }
        error => error.to_string(),
    };
    Failure::Unreachable(format!(
        "failed to {action}: no answer from {url}: {reason}; {hint}"
    ))
}

/// Whether the other side is there and its certificate is not accepted.
fn is_distrust(error: &ureq::Error) -> bool {
    match error {
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => true,
        // What fails in a handshake comes wrapped.
        ureq::Error::Io(error) => {
            matches!(error.get_ref(), Some(inner) if inner.is::<rustls::Error>())
        }
        _ => false,
    }
}

/// An agent that reads no environment, follows no redirect and takes every status for an answer. Without a timeout it
/// is for streams.
pub(super) fn agent(tls: TlsConfig, timeout: Option<Duration>) -> Agent {
    Agent::config_builder()
        .tls_config(tls)
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("callback-gateway/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_recv_response(Some(CALL_TIMEOUT))
        .timeout_per_read(Some(SILENCE_TIMEOUT))
        .timeout_global(timeout)
        .build()
        .new_agent()
}

/// The TLS side of an agent.
pub(super) fn tls(trust: &Trust) -> Result<TlsConfig, Failure> {
    let builder = TlsConfig::builder();
    Ok(match trust {
        Trust::Public => builder.build(),
        Trust::Anybody => builder.disable_verification(true).build(),
        Trust::Private(path) => builder.root_certs(authorities(path)?).build(),
    })
}

fn authorities(path: &Path) -> Result<RootCerts, Failure> {
    let wrong = |what: String| {
        let path = path.display();
        Failure::Usage(format!("failed to read the authority {path}: {what}"))
    };
    let pem = fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&pem) {
        if let PemItem::Certificate(certificate) =
            item.map_err(|_| wrong("it is not PEM".to_owned()))?
        {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate in PEM".to_owned()));
    }
    Ok(RootCerts::from(certificates))
}

/// A URL given on the command line, without the slash at its end.
pub(super) fn checked_url(option: &str, url: &str) -> Result<String, Failure> {
    let host = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains(['?', '#']))
    {
        return Err(Failure::Usage(format!(
            "failed to read {option}: expected a URL such as http://127.0.0.1:8081, without a query"
        )));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A token file's content without the line break that editors add.
pub(super) fn read_secret(path: &Path) -> Result<SecretString, Failure> {
    let wrong = |what: String| {
        let path = path.display();
        Failure::Usage(format!("failed to read the token file {path}: {what}"))
    };
    let text = fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let token = text.trim_end_matches(['\r', '\n']);
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(wrong(
            "expected one line of printable ASCII characters without spaces".to_owned(),
        ));
    }
    Ok(SecretString::from(token))
}

fn is_problem(response: &Response<Body>) -> bool {
    response.body().mime_type() == Some("application/problem+json")
}

/// The gateway answered, with a refusal.
fn refused(action: &str, mut response: Response<Body>) -> Failure {
    let status = response.status();
    let problem: Problem = if is_problem(&response) {
        response.body_mut().read_json().unwrap_or_default()
    } else {
        Problem::default()
    };
    let title = if problem.title.is_empty() {
        status.canonical_reason().unwrap_or("no reason given")
    } else {
        &problem.title
    };
    let mut text = format!("failed to {action}: {} {title}", status.as_u16());
    if let Some(detail) = &problem.detail {
        text.push_str(": ");
        text.push_str(detail);
    }
    if status == 401 || status == 403 {
        text.push_str("; give the admin token with --admin-token-file or admin.token_file");
    }
    if status.is_server_error() {
        Failure::Unreachable(text)
    } else {
        Failure::Failed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::test_server::{self, answer};

    fn check_refusal(response: String, code: u8, expected: &str) {
        let server = test_server::serve(vec![response]);
        let failure = get(&server.url).unwrap_err();
        assert_eq!(failure.to_string(), expected);
        assert_eq!(failure.code(), code);
    }

    fn get(url: &str) -> Result<serde_json::Value, Failure> {
        client(url).get("read it", "/v1/events", &[("account", "a&b 爱".to_owned())])
    }

    fn client(url: &str) -> Client {
        let options = AdminOptions {
            url: Some(url.to_owned()),
            ..AdminOptions::default()
        };
        Client::new(&options, &crate::config::load(None, []).unwrap()).unwrap()
    }

    #[test]
    fn shows_a_problem_in_one_line() {
        let problem =
            r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no such event"}"#;
        check_refusal(
            answer(
                "404 Not Found",
                "application/problem+json; charset=utf-8",
                problem,
            ),
            1,
            "failed to read it: 404 Not Found: no such event",
        );
        check_refusal(
            answer("401 Unauthorized", "text/plain", "secret"),
            1,
            "failed to read it: 401 Unauthorized; give the admin token with --admin-token-file or admin.token_file",
        );
        check_refusal(
            answer(
                "503 Service Unavailable",
                "application/problem+json",
                "no json",
            ),
            3,
            "failed to read it: 503 Service Unavailable",
        );
    }

    #[test]
    fn a_redirect_is_not_followed() {
        let response = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        check_refusal(response.to_owned(), 1, "failed to read it: 302 Found");
    }

    #[test]
    fn escapes_the_query_and_sends_the_token() {
        let server = test_server::serve(vec![answer("200 OK", "application/json", "{}")]);
        let mut client = client(&server.url);
        client.token = Some(SecretString::from("hush"));
        let _: serde_json::Value = client
            .get("read it", "/v1/events", &[("account", "a&b 爱".to_owned())])
            .unwrap();
        let request = server.request();
        assert!(
            request.starts_with("GET /v1/events?account=a%26b%20%E7%88%B1 HTTP/1.1"),
            "{request}"
        );
        assert!(
            request
                .to_lowercase()
                .contains("authorization: bearer hush"),
            "{request}"
        );
        assert!(!format!("{client:?}").contains("hush"));
    }

    #[test]
    fn trusts_a_private_authority_that_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ca.pem");
        let ok = || answer("200 OK", "application/json", "[1]");
        let (server, certificate) = test_server::serve_tls(vec![ok(), ok()]);
        fs::write(&path, certificate).unwrap();
        let failure = get(&server.url).unwrap_err();
        assert_eq!(failure.code(), 3);
        assert!(failure.to_string().contains("--admin-ca"), "{failure}");
        let options = AdminOptions {
            url: Some(server.url.clone()),
            ca: Some(path),
            ..AdminOptions::default()
        };
        let client = Client::new(&options, &crate::config::load(None, []).unwrap()).unwrap();
        let value: serde_json::Value = client.get("read it", "/v1/events", &[]).unwrap();
        assert_eq!(value, serde_json::json!([1]));
    }

    #[test]
    fn nobody_there_is_exit_code_3_with_a_hint() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let failure = get(&format!("http://{address}")).unwrap_err();
        assert_eq!(failure.code(), 3);
        assert!(
            failure.to_string().contains("is the gateway running?"),
            "{failure}"
        );
    }

    #[test]
    fn a_url_is_checked() {
        assert_eq!(checked_url("--x", "https://a:1/").unwrap(), "https://a:1");
        for wrong in [
            "",
            "a:1",
            "ftp://a",
            "http://",
            "http:///a",
            "http://a/?q=1",
        ] {
            assert_eq!(checked_url("--x", wrong).unwrap_err().code(), 2, "{wrong}");
        }
    }

    #[test]
    fn a_wrong_authority_or_token_is_named_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "hush hush\nhush").unwrap();
        for failure in [
            read_secret(&path).unwrap_err(),
            tls(&Trust::Private(path.clone())).unwrap_err(),
            tls(&Trust::Private(dir.path().join("none"))).unwrap_err(),
        ] {
            assert_eq!(failure.code(), 2);
            assert!(!failure.to_string().contains("hush"), "{failure}");
        }
    }
}
