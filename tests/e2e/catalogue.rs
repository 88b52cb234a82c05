//! The catalogue: which commands there are, what Chat honours in their acks, and what became of their callbacks.

use std::process::Output;

use gateway_test_support::ChatApp;
use serde_json::{Value, json};

use super::harness::{Gateway, SHOP, Setup};

/// What the admin API says of a command.
fn listed(gateway: &Gateway, command: &str) -> Value {
    let answer = gateway.get("/v1/commands");
    assert_eq!(answer.status, 200);
    let mut list: Value = serde_json::from_slice(&answer.body).unwrap();
    let mut commands = list["data"].as_array_mut().unwrap().drain(..);
    commands.find(|one| one["command"] == command).unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The printed line about a command.
fn line<'a>(output: &'a Output, command: &str) -> &'a str {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut lines = text(&output.stdout).lines();
    lines.find(|line| line.contains(command)).unwrap()
}

#[test]
fn commands_are_listed_with_what_became_of_their_callbacks() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    for act in ["allow", "refuse", "refuse", "err"] {
        gateway.call("Faulty.Ask", format!(r#"{{"id":"1","act":"{act}"}}"#));
    }
    gateway.acked("Faulty.Note", r#"{"id":"1"}"#);
    // Nothing that is refused counts.
    let forged = ChatApp::new(SHOP, "a-guess");
    assert_eq!(gateway.call_as(&forged, "Faulty.Note", "{}").status, 401);

    let ask = listed(&gateway, "Faulty.Ask");
    assert_eq!(ask["received"], 4);
    assert_eq!(
        ask["outcomes"],
        json!({
            "ok": 1, "refused": 2, "dropped": 0, "rewritten": 0, "policy": 1, "repeated": 0, "unanswered": 0,
        })
    );
    let honours = json!({ "refuse": true, "drop": false, "fields": [] });
    assert_eq!(ask["honours"], honours);
    let note = listed(&gateway, "Faulty.Note");
    assert_eq!(note["received"], 1);
    assert_eq!(
        note["outcomes"],
        json!({ "ok": 1, "repeated": 0, "unanswered": 0 })
    );
    assert_eq!(note.get("honours"), None);

    let url = format!("http://{}", gateway.admin);
    let table = setup.run(&["commands", "--admin-url", &url]);
    let row = line(&table, "Faulty.Ask");
    assert!(row.contains("  4 (1 policy, 2 refused)  "), "{row}");
    let lines = setup.run(&["commands", "--json", "--admin-url", &url]);
    let mut printed: Value = serde_json::from_str(line(&lines, "Faulty.Ask")).unwrap();
    let mut facts = ask;
    facts.as_object_mut().unwrap().remove("sample");
    printed.sort_all_objects();
    facts.sort_all_objects();
    assert_eq!(printed.to_string(), facts.to_string());

    assert!(gateway.stop().success());
    let table = setup.run(&["commands", "--admin-url", &url]);
    let row = line(&table, "Faulty.Ask");
    assert!(row.starts_with("Faulty.Ask"), "{row}");
    assert!(!row.contains('4'), "{row}");
    assert_eq!(text(&table.stderr).lines().count(), 1);
    assert!(text(&table.stderr).contains("is the gateway running?"));
}
