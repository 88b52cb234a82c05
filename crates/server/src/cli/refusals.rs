//! `refusals`: the last requests that were turned away, the newest first.

use serde::Deserialize;
use serde_json::Value;

use super::{
    arguments::RefusalsOptions,
    client::Client,
    failure::{Ending, Failure},
    list::List,
    moment,
    output::Output,
};

const LIST: List<'_> = List {
    action: "read the refusals",
    path: "/v1/refusals",
    empty: "nothing was refused",
    heading: &["TIME", "REASON", "FROM", "APP", "CLOCK"],
    row,
};

/// One request. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) time: Value,
    pub(super) reason: String,
    /// Empty for a simulated one.
    pub(super) address: String,
    /// The configured one that it named.
    pub(super) app: Option<String>,
    pub(super) skew_seconds: Option<i64>,
}

pub(super) fn run(
    client: &Client,
    options: &RefusalsOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    LIST.print(client, "reason", options.reason.as_ref(), output)
}

fn row(refused: &str) -> Vec<String> {
    let refused: Refused = serde_json::from_str(refused).unwrap_or_default();
    let skew = refused.skew_seconds.map(|skew| format!("{skew:+} s"));
    vec![
        moment::show(&refused.time),
        refused.reason,
        refused.address,
        refused.app.unwrap_or_default(),
        skew.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::test_server::{self, TestServer, serve_list as serve};

    fn check(server: &TestServer, reason: Option<&str>, json: bool) -> String {
        let options = RefusalsOptions {
            reason: reason.map(str::to_owned),
            admin: server.options(),
        };
        test_server::printed(&options.admin, json, |client, output| {
            run(client, &options, output)
        })
    }

    #[test]
    fn a_table_for_people() {
        let server = serve(&json!([
            { "time": "2026-01-31T08:00:00.250Z", "reason": "stale", "address": "192.0.2.1", "app": "shop", "skew_seconds": -90 },
            { "time": "2026-01-31T08:00:00.000Z", "reason": "not_found", "address": "2001:db8::1" },
        ]));
        insta::assert_snapshot!(check(&server, None, false));
    }

    #[test]
    fn a_line_of_json_for_scripts_and_a_word_for_nothing() {
        let data = json!([{ "reason": "stale" }]);
        assert_eq!(check(&serve(&data), None, true), format!("{}\n", data[0]));
        let server = serve(&json!([]));
        let said = check(&server, Some("bad_sign"), false);
        assert_eq!(said, "nothing was refused\n");
        let request = server.request();
        assert!(
            request.starts_with("GET /v1/refusals?reason=bad_sign HTTP/1.1"),
            "{request}"
        );
    }
}
