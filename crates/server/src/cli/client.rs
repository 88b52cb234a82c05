//! The client of a running gateway's admin API: where it is, who we are, and what its refusals mean to a person.
//!
//! Not here: what the answers say. Start at [`Client::new`]. Every call has a deadline; a stream has one for its silence.

use std::{fmt, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use ureq::{
    Agent, Body,
    http::{Response, header},
};

use super::{
    arguments::AdminOptions,
    failure::Failure,
    transport::{self, Trust},
};
use crate::config::Config;

/// From the start of a call to its last byte.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// The same for a call that has something done: a handler may take 30 seconds, and wait for its turn.
const POST_TIMEOUT: Duration = Duration::from_mins(1);

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

/// A list that has one page.
#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

// === impl Client ===

impl Client {
    /// From the options, and where they are silent from the configuration. Reads the token and the authority.
    pub(super) fn new(options: &AdminOptions, config: &Config) -> Result<Self, Failure> {
        let base = match &options.url {
            Some(url) => transport::checked_url("--admin-url", url)?,
            None => config.admin_url(),
        };
        let token = options
            .token_file
            .as_ref()
            .or(config.admin.token_file.as_ref());
        let token = token.map(|path| transport::read_secret(path)).transpose()?;
        let trust = options.ca.clone().map_or(Trust::Public, Trust::Private);
        let tls = transport::tls(&trust)?;
        Ok(Self {
            base,
            token,
            calls: transport::agent(tls.clone(), Some(CALL_TIMEOUT)),
            streams: transport::agent(tls, None),
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
        body.read_json()
            .map_err(|error| self.strange(action, &error))
    }

    /// Gets the entries of a list that has one page.
    pub(super) fn list<T: DeserializeOwned>(
        &self,
        action: &str,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<Vec<T>, Failure> {
        let page: Page<T> = self.get(action, path, query)?;
        Ok(page.data)
    }

    /// Gets a text.
    pub(super) fn text(&self, action: &str, path: &str) -> Result<String, Failure> {
        let request = self.calls.get(format!("{}{path}", self.base));
        let mut response = self.checked(action, self.authorized(request).call())?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        // It was there a moment ago: cut off within an answer it is gone as well.
        body.read_to_string()
            .map_err(|error| self.unreachable(action, &error))
    }

    /// Gets JSON that an answer of any status may bring, as a report of what is wrong does.
    pub(super) fn report<T: DeserializeOwned>(
        &self,
        action: &str,
        path: &str,
    ) -> Result<T, Failure> {
        let request = self.calls.get(format!("{}{path}", self.base));
        let response = self.authorized(request).call();
        let mut response = response.map_err(|error| self.unreachable(action, &error))?;
        if response.body().mime_type() != Some("application/json") {
            return Err(if response.status().is_success() {
                self.strange(action, &"it is no JSON")
            } else {
                refused(action, response)
            });
        }
        let text = response.body_mut().read_to_string();
        let text = text.map_err(|error| self.unreachable(action, &error))?;
        serde_json::from_str(&text).map_err(|error| self.strange(action, &error))
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
        let request = request.config().timeout_global(Some(POST_TIMEOUT)).build();
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

    pub(super) fn strange(&self, action: &str, error: &dyn fmt::Display) -> Failure {
        Failure::Failed(format!(
            "failed to {action}: {} did not answer as a gateway does: {error}",
            self.base
        ))
    }

    fn unreachable(&self, action: &str, error: &ureq::Error) -> Failure {
        let hint = if transport::is_no_tls(error) {
            "the other side does not speak TLS; try http:// in --admin-url"
        } else if transport::is_distrust(error) {
            "name its authority with --admin-ca, and it by a name of its certificate with --admin-url"
        } else {
            "is the gateway running? start it with `callback-gateway`, or name another with --admin-url"
        };
        transport::unreachable(action, &self.base, error, hint)
    }
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
    // What a 401 says is for who writes requests by hand.
    if let Some(detail) = problem.detail.filter(|_| status != 401) {
        text.push_str(": ");
        text.push_str(&detail);
    }
    if status == 404 && problem.title.is_empty() {
        text.push_str("; is this URL the gateway's admin listener?");
    }
    if status == 401 {
        text.push_str("; give the right admin token with --admin-token-file or admin.token_file");
    }
    // 504 is an answer: the callback was not acked in time.
    if status.is_server_error() && status != 504 {
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
    fn a_listener_of_another_kind_is_suspected() {
        check_refusal(
            answer("404 Not Found", "application/json", "{}"),
            1,
            "failed to read it: 404 Not Found; is this URL the gateway's admin listener?",
        );
        let server = test_server::serve(vec![answer("200 OK", "text/plain", "x")]);
        let https = server.url.replace("http://", "https://");
        let text = get(&https).unwrap_err().to_string();
        assert!(text.contains("does not speak TLS"), "{text}");
    }

    #[test]
    fn a_foreign_name_is_no_matter_of_the_token() {
        check_refusal(
            answer(
                "403 Forbidden",
                "application/problem+json",
                r#"{"title":"Forbidden","detail":"add the name to admin.hosts"}"#,
            ),
            1,
            "failed to read it: 403 Forbidden: add the name to admin.hosts",
        );
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
            "failed to read it: 401 Unauthorized; give the right admin token with --admin-token-file or admin.token_file",
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
        std::fs::write(&path, certificate).unwrap();
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
}
