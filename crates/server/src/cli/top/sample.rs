//! One look at a gateway: its metrics, and whether it wants traffic.

use std::time::Instant;

use serde::Deserialize;

use crate::cli::exposition::Exposition;
use crate::{
    cli::{client::Client, failure::Failure},
    clock,
};

/// What was seen, and when.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub taken: Instant,
    /// The same moment by the wall clock, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    pub metrics: Exposition,
    /// `None` when the gateway does not say.
    pub readiness: Option<Readiness>,
}

/// Whether the gateway wants traffic, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Readiness {
    pub ready: bool,
    #[serde(default)]
    pub problems: Vec<String>,
}

const ACTION: &str = "look at the gateway";

// === impl Sample ===

impl Sample {
    /// Asks the gateway; blocks until it has answered.
    pub(super) fn take(client: &Client) -> Result<Self, Failure> {
        let text = client.text(ACTION, "/metrics")?;
        let (taken, unix_ms) = (Instant::now(), clock::now_ms());
        let readiness = match client.report(ACTION, "/readyz") {
            Ok(readiness) => Some(readiness),
            Err(Failure::Failed(_)) => None,
            Err(failure) => return Err(failure),
        };
        Ok(Self {
            taken,
            unix_ms,
            metrics: Exposition::parse(&text),
            readiness,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::test_server::{self, answer};

    fn check(metrics: String, readiness: String) -> Result<Sample, u8> {
        let server = test_server::serve(vec![metrics, readiness]);
        let config = crate::config::load(None, []).unwrap();
        let client = Client::new(&server.options(), &config).unwrap();
        let sample = Sample::take(&client).map_err(|failure| failure.code());
        assert!(server.request().starts_with("GET /metrics HTTP/1.1"));
        sample
    }

    fn metrics() -> String {
        answer("200 OK", "text/plain; charset=utf-8", "gateway_ready 0\n")
    }

    #[test]
    fn a_gateway_that_is_not_ready_says_why() {
        let report = r#"{"ready":false,"problems":["the journal is full"],"later":1}"#;
        let report = answer("503 Service Unavailable", "application/json", report);
        let sample = check(metrics(), report).unwrap();
        assert_eq!(sample.metrics.sum("gateway_ready"), Some(0.0));
        let readiness = sample.readiness.unwrap();
        assert!(!readiness.ready);
        assert_eq!(readiness.problems, ["the journal is full"]);
    }

    #[test]
    fn a_gateway_without_such_a_report_is_looked_at_all_the_same() {
        for none in [
            answer("404 Not Found", "application/problem+json", "{}"),
            answer("200 OK", "application/json", r#"{"up":true}"#),
        ] {
            assert_eq!(check(metrics(), none).unwrap().readiness, None);
        }
    }

    #[test]
    fn a_proxy_without_a_gateway_behind_is_unreachable() {
        let gone = || answer("502 Bad Gateway", "text/html", "<h1>502</h1>");
        assert_eq!(check(gone(), gone()).unwrap_err(), 3);
        assert_eq!(check(metrics(), gone()).unwrap_err(), 3);
    }

    #[test]
    fn a_gateway_that_goes_away_within_an_answer_is_unreachable() {
        let whole = metrics();
        let cut = whole.strip_suffix(" 0\n").unwrap().to_owned();
        assert_eq!(check(cut, String::new()).unwrap_err(), 3);
    }

    #[test]
    fn a_refused_token_is_final() {
        let refused = answer("401 Unauthorized", "text/plain", "");
        assert_eq!(check(refused, String::new()).unwrap_err(), 1);
    }
}
