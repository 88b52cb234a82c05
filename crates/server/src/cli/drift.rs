//! `drift`: what of the bodies differs from our types, the last seen first.

use serde::Deserialize;
use serde_json::Value;

use super::{
    arguments::DriftOptions,
    client::Client,
    failure::{Ending, Failure},
    list::List,
    moment,
    output::Output,
};

const LIST: List<'_> = List {
    action: "read the drift",
    path: "/v1/drift",
    empty: "nothing drifted",
    heading: &[
        "LAST SEEN",
        "FIRST SEEN",
        "COUNT",
        "COMMAND",
        "PATH",
        "EXPECTED",
        "FOUND",
    ],
    row,
};

/// One kind. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Kind {
    pub(super) command: String,
    pub(super) path: String,
    expected: String,
    found: String,
    count: u64,
    first_seen: Value,
    pub(super) last_seen: Value,
}

pub(super) fn run(
    client: &Client,
    options: &DriftOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    LIST.print(client, "command", options.command.as_ref(), output)
}

/// A path for people: that of the whole body is empty.
pub(super) fn show_path(path: &str) -> &str {
    match path {
        "" => "the body",
        path => path,
    }
}

fn row(kind: &str) -> Vec<String> {
    let kind: Kind = serde_json::from_str(kind).unwrap_or_default();
    vec![
        moment::show(&kind.last_seen),
        moment::show(&kind.first_seen),
        kind.count.to_string(),
        kind.command,
        show_path(&kind.path).to_owned(),
        kind.expected,
        kind.found,
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::test_server::{self, TestServer, serve_list as serve};

    fn check(server: &TestServer, command: Option<&str>, json: bool) -> String {
        let options = DriftOptions {
            command: command.map(str::to_owned),
            admin: server.options(),
        };
        test_server::printed(&options.admin, json, |client, output| {
            run(client, &options, output)
        })
    }

    fn kind(path: &str, expected: &str, found: &str, count: u64) -> Value {
        json!({
            "command": "Sns.CallbackFriendDelete",
            "path": path,
            "expected": expected,
            "found": found,
            "count": count,
            "first_seen": "2026-01-31T08:00:00.000Z",
            "last_seen": "2026-01-31T08:15:00.250Z",
        })
    }

    #[test]
    fn a_table_for_people() {
        let server = serve(&json!([
            kind("PairList[].From_Account", "string", "number", 1_234),
            kind("", "JSON", "not JSON", 2),
            kind("\u{1b}[2J", "no such field", "unknown field", 1),
            kind("…", "…", "further kinds", 77),
        ]));
        insta::assert_snapshot!(check(&server, None, false));
    }

    #[test]
    fn a_line_of_json_a_kind_for_scripts() {
        let data = json!([kind("A", "string", "number", 1), { "command": "Later.Version" }]);
        let server = serve(&data);
        let lines = format!("{}\n{}\n", data[0], data[1]);
        assert_eq!(check(&server, None, true), lines);
        assert_eq!(check(&serve(&json!([])), None, true), "");
    }

    #[test]
    fn says_that_nothing_drifted_and_asks_for_one_command() {
        let server = serve(&json!([]));
        assert_eq!(check(&server, Some("A&B"), false), "nothing drifted\n");
        let request = server.request();
        assert!(
            request.starts_with("GET /v1/drift?command=A%26B HTTP/1.1"),
            "{request}"
        );
    }
}
