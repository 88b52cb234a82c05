//! `refusals`: the last requests that were turned away, the newest first.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    arguments::RefusalsOptions,
    client::Client,
    failure::{Ending, Failure},
    moment,
    output::Output,
};

const ACTION: &str = "read the refusals";

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
}

/// One request. Tolerant: a client of another version shows what it knows.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Refused {
    time: Value,
    reason: String,
    address: String,
    skew_seconds: Option<i64>,
}

pub(super) fn run(
    client: &Client,
    options: &RefusalsOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let reason = options.reason.clone();
    let query: Vec<_> = reason
        .map(|reason| ("reason", reason))
        .into_iter()
        .collect();
    let page: Page = client.get(ACTION, "/v1/refusals", &query)?;
    if output.wants_json() {
        for refused in &page.data {
            output.json_text(refused.get())?;
        }
        return Ok(Ending::Done);
    }
    if page.data.is_empty() {
        output.line("nothing was refused")?;
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = page.data.iter().map(|one| row(one.get())).collect();
    output.table(&["TIME", "REASON", "FROM", "CLOCK"], &rows)?;
    Ok(Ending::Done)
}

fn row(refused: &str) -> Vec<String> {
    let refused: Refused = serde_json::from_str(refused).unwrap_or_default();
    let skew = refused.skew_seconds.map(|skew| format!("{skew:+} s"));
    vec![
        moment::show(&refused.time),
        refused.reason,
        refused.address,
        skew.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::{
        arguments::AdminOptions,
        test_server::{self, TestServer, answer},
    };

    fn check(server: &TestServer, reason: Option<&str>, json: bool) -> String {
        let options = RefusalsOptions {
            reason: reason.map(str::to_owned),
            admin: AdminOptions {
                url: Some(server.url.clone()),
                ..AdminOptions::default()
            },
        };
        let client = Client::new(&options.admin, &crate::config::load(None, []).unwrap()).unwrap();
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, json, false);
        run(&client, &options, &mut output).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    fn serve(data: &Value) -> TestServer {
        let page = json!({ "data": data, "next": null }).to_string();
        test_server::serve(vec![answer("200 OK", "application/json", &page)])
    }

    #[test]
    fn a_table_for_people() {
        let server = serve(&json!([
            { "time": "2026-01-31T08:00:00.250Z", "reason": "stale", "address": "192.0.2.1", "skew_seconds": -90 },
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
