//! Events are run through their plug-ins once more: what failed and succeeds now is done, what was done stays so.

use std::thread;

use gateway_test_support::Connection;
use serde_json::Value;

use super::harness::{Gateway, Setup, eventually};

/// The status and the answer of a replay.
fn replay(gateway: &Gateway, id: &str) -> (u16, Value) {
    let mut connection = Connection::open(gateway.admin).unwrap();
    let target = format!("/v1/events/{id}/replay");
    let json = [("Content-Type", "application/json")];
    let answer = connection.request("POST", &target, &json, b"{}").unwrap();
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, body)
}

/// Makes a callback and returns its event's id.
fn event(gateway: &Gateway, command: &str, body: &str) -> String {
    gateway.call(command, body);
    eventually("the event is journaled", || {
        let mut events = gateway.events(&format!("command={command}"));
        events.pop().map(|event| event.id)
    })
}

fn comes_to(gateway: &Gateway, id: &str, status: &str) {
    eventually(&format!("the event is {status}"), || {
        (gateway.event(id).outcome["status"] == status).then_some(())
    });
}

#[test]
fn what_failed_is_done_once_its_handler_is_mended() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let id = event(&gateway, "Faulty.Err", r#"{"id":"broken"}"#);
    eventually("it has failed twice", || {
        (gateway.event(&id).outcome["attempts"] == 2).then_some(())
    });
    let (status, replayed) = replay(&gateway, &id);
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["succeeded"], false);
    assert_eq!(replayed["reason"], "error");
    assert_eq!(replayed["error"], "attempt 3 failed");
    assert_eq!(replayed["before"]["attempts"], 2);
    // More of them than it has attempts: those that are left to it are not used up.
    for _ in 0..6 {
        let (_, replayed) = replay(&gateway, &id);
        assert_eq!(replayed["after"]["status"], "parked", "{replayed}");
        assert_eq!(replayed["after"]["attempts"], 2);
        let due = |when: &str| replayed[when]["next_attempt_at"].as_str().unwrap();
        assert_eq!(due("after"), due("before"));
    }
    assert!(gateway.stop().success());

    // Its next attempt is due in several seconds: nobody else makes it succeed.
    let setup = setup.variable("FAULTY_FIXED", "1");
    let gateway = setup.start();
    let url = format!("http://{}", gateway.admin);
    let arguments = |more: &[&'static str]| -> Vec<String> {
        let all = [
            "replay",
            "--command",
            "Faulty.Err",
            "--outcome",
            "failed",
            "--admin-url",
            &url,
        ];
        all.iter().chain(more).map(ToString::to_string).collect()
    };
    let run = |more: &[&'static str]| {
        let arguments = arguments(more);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let output = setup.run(&arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(
        run(&["--dry-run"]),
        format!("{id}  Faulty.Err  parked (error)\n1 would be replayed\n")
    );
    assert_eq!(
        run(&[]),
        format!("{id}  Faulty.Err  parked (error) → done\n1 succeeded, 0 failed\n")
    );
    assert_eq!(gateway.event(&id).outcome["status"], "done");
    assert_eq!(run(&[]), "0 succeeded, 0 failed\n");
    gateway.kill();
    let gateway = setup.start();
    comes_to(&gateway, &id, "done");
}

#[test]
fn what_was_done_stays_so() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let id = event(&gateway, "Faulty.Note", r#"{"id":"twice"}"#);
    comes_to(&gateway, &id, "done");
    let story = gateway.event(&id).story;
    let (status, replayed) = replay(&gateway, &id);
    assert_eq!((status, &replayed["succeeded"]), (200, &Value::Bool(true)));
    assert_eq!(setup.ran("Faulty.Note"), ["twice", "twice"]);
    assert_eq!(replayed["after"]["status"], "done");
    assert_eq!(gateway.event(&id).story, story, "when it was handled first");

    let id = event(&gateway, "Faulty.ErrOnce", r#"{"id":"once"}"#);
    comes_to(&gateway, &id, "done");
    // A first attempt again, which fails.
    let (status, replayed) = replay(&gateway, &id);
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["succeeded"], false);
    assert_eq!(replayed["after"]["status"], "done");
}

#[test]
fn what_is_replayed_at_once_is_done_for_whoever_looks() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    for number in 0..10 {
        let body = format!(r#"{{"id":"quick-{number}"}}"#);
        gateway.call("Faulty.Note", &body);
        let id = eventually("the event is journaled", || {
            let query = format!("account=quick-{number}");
            Some(gateway.events(&query).pop()?.id)
        });
        let (_, replayed) = eventually("its first attempt is over", || {
            Some(replay(&gateway, &id)).filter(|(status, _)| *status == 200)
        });
        assert_eq!(replayed["after"]["status"], "done", "{replayed}");
    }
}

#[test]
fn a_before_callback_tells_what_it_would_be_answered_now() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let id = event(&gateway, "Faulty.Ask", r#"{"id":"asked","act":"refuse"}"#);
    let (status, replayed) = replay(&gateway, &id);
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["succeeded"], true);
    assert_eq!(replayed["ack_before"]["ErrorCode"], 1);
    assert_eq!(replayed["ack_after"]["ErrorCode"], 1);

    gateway.call("Faulty.Ask", r#"{"id":"strays","act":"stray"}"#);
    let id = eventually("the event is journaled", || {
        Some(gateway.events("account=strays").pop()?.id)
    });
    assert_eq!(gateway.event(&id).verdict.unwrap()["reason"], "code");
    let (status, problem) = replay(&gateway, &id);
    assert_eq!(status, 422, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("`ErrorCode` is not a code"), "{detail}");
}

#[test]
fn what_could_not_be_read_is_done_once_its_type_is_mended() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let id = event(&gateway, "Faulty.Unreadable", r#"{"id":"odd"}"#);
    comes_to(&gateway, &id, "dead");
    assert_eq!(replay(&gateway, &id).0, 422);
    let found = |gateway: &Gateway| gateway.events("account=odd").pop().map(|event| event.id);
    assert_eq!(found(&gateway), None);
    assert!(gateway.stop().success());

    let setup = setup.variable("FAULTY_FIXED", "1");
    let gateway = setup.start();
    let (status, replayed) = replay(&gateway, &id);
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["before"]["reason"], "undecodable");
    assert_eq!(replayed["after"]["status"], "done");
    assert_eq!(setup.ran("Faulty.Unreadable"), ["odd"]);
    assert_eq!(found(&gateway).as_ref(), Some(&id));
    gateway.kill();
    let gateway = setup.start();
    comes_to(&gateway, &id, "done");
}

#[test]
fn a_replay_that_ends_while_the_gateway_stops_is_answered() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let id = event(&gateway, "Faulty.Slow", r#"{"id":"slow"}"#);
    comes_to(&gateway, &id, "done");
    let (status, replayed) = thread::scope(|scope| {
        let replayed = scope.spawn(|| replay(&gateway, &id));
        eventually("its handler runs again", || {
            (setup.ran("Faulty.Slow").len() == 2).then_some(())
        });
        gateway.signal("TERM");
        replayed.join().unwrap()
    });
    assert_eq!(status, 200, "{replayed}");
    assert_eq!(replayed["succeeded"], true);
    assert!(gateway.ended().success());
}

#[test]
fn a_body_that_asks_for_what_there_is_not_is_refused() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let id = event(&gateway, "Faulty.Note", r#"{"id":"once"}"#);
    comes_to(&gateway, &id, "done");
    let target = format!("/v1/events/{id}/replay");
    let json = [("Content-Type", "application/json")];
    let mut connection = Connection::open(gateway.admin).unwrap();
    let answer = connection.request("POST", &target, &json, br#"{"dry_run":true}"#);
    assert_eq!(answer.unwrap().status, 400);
    let mut connection = Connection::open(gateway.admin).unwrap();
    let long = [b" ".repeat(100_000), b"{}".to_vec()].concat();
    let answer = connection.request("POST", &target, &json, &long);
    assert_eq!(answer.unwrap().status, 413);
    assert_eq!(setup.ran("Faulty.Note"), ["once"]);
}

#[test]
fn what_can_not_be_replayed_is_refused_with_its_reason() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let slow = event(&gateway, "Faulty.Block", r#"{"id":"blocks"}"#);
    let unknown = event(&gateway, "No.Such", "{}");
    let unreadable = event(&gateway, "Faulty.Note", "not JSON");
    let missing = "0199ac60-9200-7a5f-8000-000000000001";
    for (id, expected) in [
        (slow.as_str(), (409, "still being handled")),
        (&unknown, (422, "no plug-in is installed for its command")),
        (&unreadable, (422, "its body can't be read by its plug-in;")),
        (missing, (404, "")),
        ("no-id", (400, "")),
    ] {
        let (status, problem) = replay(&gateway, id);
        assert_eq!(status, expected.0, "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains(expected.1), "{detail}");
    }
    // Of several, one that can't be replayed does not keep the others from it.
    event(&gateway, "Faulty.Note", r#"{"id":"fine"}"#);
    let url = format!("http://{}", gateway.admin);
    let all = ["replay", "--command", "Faulty.Note", "--admin-url", &url];
    let output = setup.run(&all);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with("1 succeeded, 1 failed\n"), "{text}");
    let failed = text.lines().find(|line| line.starts_with(&unreadable));
    let failed = failed.unwrap();
    assert_eq!(failed.matches(&unreadable).count(), 1, "{failed}");
    assert_eq!(output.status.code(), Some(1));
}
