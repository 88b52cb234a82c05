//! Batches: a callback that tells of several things is one event, found by each of them and handled once.

use serde_json::{Value, json};

use super::harness::{Gateway, Setup};

const COMMAND: &str = "Faulty.Batch";

const BODY: &str = r#"{"parts":[
    {"account":"alice","group":"lobby","at":1769846400},
    {"account":"bob","group":"attic","at":1769846461},
    {"account":"carol","group":"lobby"}
]}"#;

/// Whom the batch is about, as queries.
const QUERIES: [&str; 5] = [
    "account=alice",
    "account=bob",
    "account=carol",
    "group=lobby",
    "group=attic",
];

/// The one event that every query finds.
fn found_by_all(gateway: &Gateway) -> String {
    let mut ids = QUERIES.map(|query| {
        let mut events = gateway.events(query);
        assert_eq!(events.len(), 1, "{query}");
        events.remove(0).id
    });
    ids.sort();
    assert_eq!(ids.first(), ids.last());
    ids[0].clone()
}

#[test]
fn a_batch_is_found_by_each_of_its_items_and_handled_once() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    gateway.acked(COMMAND, BODY);
    let id = found_by_all(&gateway);
    let outcome = |outcome| [("command", COMMAND), ("outcome", outcome)];
    gateway.reaches("gateway_handler_outcomes_total", &outcome("ok"), 1);
    assert_eq!(found_by_all(&gateway), id, "also from the index");
    assert_eq!(setup.ran(COMMAND), ["alice+bob+carol"]);
    assert_eq!(gateway.events("").len(), 1);
}

#[test]
fn the_items_of_a_batch_are_listed() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    gateway.acked(COMMAND, BODY);
    let id = gateway.events("").remove(0).id;
    let detail = |id: &str| -> Value {
        let answer = gateway.get(&format!("/v1/events/{id}"));
        serde_json::from_slice(&answer.body).unwrap()
    };
    assert_eq!(
        detail(&id)["items"],
        json!([
            {"accounts": ["alice"], "groups": ["lobby"], "event_time": "2026-01-31T08:00:00.000Z"},
            {"accounts": ["bob"], "groups": ["attic"], "event_time": "2026-01-31T08:01:01.000Z"},
            {"accounts": ["carol"], "groups": ["lobby"]},
        ])
    );
    let url = format!("http://{}", gateway.admin);
    let explained = setup.run(&["explain", &id, "--admin-url", &url]);
    let explained = String::from_utf8(explained.stdout).unwrap();
    let section = explained
        .split("\n\n")
        .find(|section| section.starts_with("items:"));
    assert_eq!(
        section,
        Some(
            "items:\n  2026-01-31 08:00:00.000Z  alice @lobby\n  2026-01-31 08:01:01.000Z  bob @attic\n  carol @lobby"
        )
    );

    gateway.acked("Faulty.Note", r#"{"id":"no batch"}"#);
    let id = gateway.events("command=Faulty.Note").remove(0).id;
    assert_eq!(detail(&id).get("items"), None);
}
