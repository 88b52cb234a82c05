//! `commands`: what is installed, and how often the running gateway was called for it.
//!
//! The list is this binary's own; the counts are the gateway's, and stay blank when it can't be reached. Start at
//! [`run`]; `markdown.rs` writes `docs/commands.md`.

mod markdown;

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use gateway_core::{Descriptor, Dispatcher, Installed};
use serde::{Deserialize, Serialize};

use super::{
    arguments::CommandsOptions,
    client::Client,
    configuration::Loader,
    escape::escape,
    failure::{Ending, Failure},
    output::Output,
};
use crate::admin::HonouredAck;

/// What scripts get of a command.
#[derive(Serialize)]
struct Line<'a> {
    command: &'a str,
    phase: &'a str,
    feature: &'a str,
    summary: &'a str,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    honours: Option<HonouredAck>,
    #[serde(flatten)]
    counts: Counts,
}

/// An entry of the gateway's list of commands, as far as it is read here.
#[derive(Deserialize)]
struct Counted {
    command: String,
    #[serde(flatten)]
    counts: Counts,
}

/// How often a command was called; empty when nobody says it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Counts {
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<u64>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    outcomes: BTreeMap<String, u64>,
}

const ACTION: &str = "read the counts";

/// The outcome that needs no word.
const OK: &str = "ok";

/// `notices` is standard error.
pub(super) fn run(
    options: &CommandsOptions,
    dispatcher: &Dispatcher,
    loader: &Loader,
    output: &mut Output<'_>,
    notices: &mut dyn Write,
) -> Result<Ending, Failure> {
    if options.markdown {
        output.raw(markdown::page(dispatcher).trim_end())?;
        return Ok(Ending::Done);
    }
    let client = Client::new(&options.admin, &loader.load()?)?;
    let counts = match read(&client) {
        Ok(counts) => counts,
        Err(Failure::Unreachable(reason)) => {
            // If standard error is closed, nobody is there to be told.
            let _written: io::Result<()> = writeln!(notices, "commands: {}", escape(&reason));
            BTreeMap::new()
        }
        Err(failure) => return Err(failure),
    };
    print(dispatcher, &counts, output)?;
    Ok(Ending::Done)
}

/// Asks the gateway; its counts by command.
fn read(client: &Client) -> Result<BTreeMap<String, Counts>, Failure> {
    let counted: Vec<Counted> = client.list(ACTION, "/v1/commands", &[])?;
    let counted = counted.into_iter();
    Ok(counted.map(|one| (one.command, one.counts)).collect())
}

fn print(
    dispatcher: &Dispatcher,
    counts: &BTreeMap<String, Counts>,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let descriptors = dispatcher.iter().map(Installed::descriptor);
    let mut lines = descriptors.map(|descriptor| {
        let counts = counts.get(descriptor.command).cloned();
        Line::new(descriptor, counts.unwrap_or_default())
    });
    if output.wants_json() {
        return lines.try_for_each(|line| output.json(&line));
    }
    let rows: Vec<Vec<String>> = lines.map(|line| line.row()).collect();
    output.table_fitted(
        &["COMMAND", "PHASE", "RECEIVED", "FEATURE", "SUMMARY"],
        &rows,
    )
}

// === impl Line ===

impl<'a> Line<'a> {
    fn new(descriptor: &'a Descriptor, counts: Counts) -> Self {
        Self {
            command: descriptor.command,
            phase: descriptor.phase.as_str(),
            feature: descriptor.feature,
            summary: descriptor.summary,
            source: descriptor.source,
            honours: HonouredAck::of(descriptor),
            counts,
        }
    }

    fn row(&self) -> Vec<String> {
        vec![
            self.command.to_owned(),
            self.phase.to_owned(),
            self.counts.short(),
            self.feature.to_owned(),
            self.summary.to_owned(),
        ]
    }
}

// === impl Counts ===

impl Counts {
    /// How many, and those that did not simply end well: `15 (3 refused, 1 policy)`.
    fn short(&self) -> String {
        let Some(received) = self.received else {
            return String::new();
        };
        let others = self.outcomes.iter();
        let others: Vec<String> = others
            .filter(|(outcome, count)| *outcome != OK && **count > 0)
            .map(|(outcome, count)| format!("{count} {outcome}"))
            .collect();
        if others.is_empty() {
            received.to_string()
        } else {
            format!("{received} ({})", others.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use callback_friend_delete::FriendDelete;
    use gateway_core::Callbacks;
    use serde_json::{Value, json};

    use super::*;
    use crate::cli::{
        arguments::AdminOptions,
        test_server::{self, answer},
    };

    /// What it says on standard output and standard error.
    fn check(url: &str, json: bool) -> Result<(String, String), Failure> {
        let dispatcher = Dispatcher::new(Callbacks::new().with(FriendDelete)).unwrap();
        let options = CommandsOptions {
            markdown: false,
            admin: AdminOptions {
                url: Some(url.to_owned()),
                ..AdminOptions::default()
            },
        };
        let loader = Loader::new(None, Vec::new());
        let (mut bytes, mut notices) = (Vec::new(), Vec::new());
        let mut output = Output::new(&mut bytes, json, true);
        run(&options, &dispatcher, &loader, &mut output, &mut notices)?;
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Ok((text(bytes), text(notices)))
    }

    fn listed(commands: &Value) -> String {
        let list = json!({ "data": commands, "next": null }).to_string();
        answer("200 OK", "application/json", &list)
    }

    #[test]
    fn lists_what_is_installed_and_how_often_it_was_called() {
        let list = listed(&json!([
            {
                "command": "Sns.CallbackFriendDelete", "feature": "another version's",
                "received": 7, "outcomes": { "ok": 3, "repeated": 0, "unanswered": 4 },
            },
            { "command": "Not.InstalledHere", "received": 1, "outcomes": {} },
        ]));
        let server = test_server::serve(vec![list.clone(), list]);
        let (table, _) = check(&server.url, false).unwrap();
        let (lines, notices) = check(&server.url, true).unwrap();
        insta::assert_snapshot!(format!("{table}\n{lines}"));
        assert_eq!(notices, "");
        assert!(server.request().starts_with("GET /v1/commands HTTP/1.1"));
    }

    #[test]
    fn a_gateway_that_does_not_count_leaves_the_column_blank() {
        let list = listed(&json!([{ "command": "Sns.CallbackFriendDelete" }]));
        let server = test_server::serve(vec![list]);
        let (table, notices) = check(&server.url, false).unwrap();
        let row = "Sns.CallbackFriendDelete  after            Friends  Friends were removed";
        assert!(table.contains(row), "{table}");
        assert_eq!(notices, "");
    }

    #[test]
    fn without_a_gateway_the_list_has_no_counts_and_says_so() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", free.local_addr().unwrap());
        drop(free);
        let (lines, notices) = check(&url, true).unwrap();
        let line: Value = serde_json::from_str(&lines).unwrap();
        assert_eq!(line["command"], "Sns.CallbackFriendDelete");
        assert_eq!((line.get("received"), line.get("outcomes")), (None, None));
        assert_eq!(notices.lines().count(), 1);
        let said = "commands: failed to read the counts: no answer from http://127.0.0.1:";
        assert!(notices.starts_with(said), "{notices}");
    }

    #[test]
    fn a_gateway_that_refuses_is_a_failure() {
        let server = test_server::serve(vec![answer("401 Unauthorized", "text/plain", "x")]);
        let failure = check(&server.url, false).unwrap_err();
        assert_eq!(failure.code(), 1);
    }
}
