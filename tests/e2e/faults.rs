//! Plug-ins that block their thread, panic and err: nobody else slows down, nothing is lost, and a before-callback is
//! answered all the same.

use serde_json::Value;

use super::harness::{ACK, Event, Gateway, Setup, eventually};

fn body(id: &str) -> String {
    format!("{{\"id\":\"{id}\"}}")
}

/// Sends an event whose body names its id; returns the event's own.
fn tell(gateway: &Gateway, command: &str, id: &str) -> String {
    gateway.acked(command, body(id));
    gateway
        .page(&format!("command={command}&account={id}"))
        .data
        .remove(0)
        .id
}

/// Waits until an event has come to a status.
fn comes_to(gateway: &Gateway, id: &str, status: &str) -> Event {
    eventually(status, || {
        let event = gateway.event(id);
        (event.status() == status).then_some(event)
    })
}

/// Asks, and tells the verdict: the ack's code, and by whom and why it is recorded.
fn ask(gateway: &Gateway, id: &str, act: &str) -> (i64, String) {
    let answer = gateway.call(
        "Faulty.Ask",
        format!("{{\"id\":\"{id}\",\"act\":\"{act}\"}}"),
    );
    assert_eq!(answer.status, 200, "{act}");
    let ack: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(ack["ActionStatus"], "OK");
    // It is recorded behind the answer.
    let recorded = eventually("the verdict is recorded", || {
        gateway
            .page(&format!("command=Faulty.Ask&account={id}"))
            .data
            .pop()
    });
    let verdict = recorded.verdict.unwrap();
    assert_eq!(verdict["ack"], ack);
    let reason = verdict["reason"].as_str().unwrap_or_default();
    let by = verdict["by"].as_str().unwrap();
    (
        ack["ErrorCode"].as_i64().unwrap(),
        format!("{by} {reason}").trim().to_owned(),
    )
}

#[test]
fn others_go_on_while_handlers_block_panic_and_err() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let mut faulty = Vec::new();
    for number in 0..20 {
        for command in ["Faulty.Block", "Faulty.Panic", "Faulty.Err", "Faulty.Slow"] {
            faulty.push(tell(&gateway, command, &format!("{command}-{number}")));
        }
    }
    eventually("a handler blocks its thread", || {
        (!setup.ran("Faulty.Block").is_empty()).then_some(())
    });
    let noted: Vec<String> = (0..50).map(|number| format!("n{number}")).collect();
    let ids: Vec<String> = noted
        .iter()
        .map(|id| tell(&gateway, "Faulty.Note", id))
        .collect();
    for id in &ids {
        comes_to(&gateway, id, "done");
    }
    assert_eq!(setup.ran("Faulty.Note"), noted, "once each");
    let labels = |outcome| [("command", "Faulty.Note"), ("outcome", outcome)];
    assert_eq!(
        gateway.metric("gateway_handler_outcomes_total", &labels("ok")),
        50
    );
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "ok")]),
        130
    );
    assert_eq!(
        setup.ran("Faulty.Block").len(),
        1,
        "one blocks, the others of its command wait"
    );
}

#[test]
fn a_failed_event_is_parked_with_its_attempts_and_tried_again() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let once = tell(&gateway, "Faulty.ErrOnce", "once");
    let errs = tell(&gateway, "Faulty.Err", "errs");
    let panics = tell(&gateway, "Faulty.Panic", "panics");
    for (id, reason) in [(&errs, "error"), (&panics, "panic")] {
        let parked = eventually("it has failed twice", || {
            let event = gateway.event(id);
            (event.status() == "parked" && event.outcome["attempts"] == 2).then_some(event)
        });
        assert_eq!(parked.reason(), reason);
    }
    comes_to(&gateway, &once, "done");
    assert_eq!(setup.ran("Faulty.ErrOnce"), ["once", "once"]);
    assert_eq!(
        setup.ran("Faulty.Err").len(),
        2,
        "the next attempt is not due"
    );
    eventually("the handler's own words are with the event", || {
        (gateway.event(&errs).outcome["error"] == "attempt 2 failed").then_some(())
    });
    assert!(
        !setup.logs().contains("attempt 2 failed"),
        "and not in the log"
    );
    let parked = [("command", "Faulty.Err")];
    gateway.reaches("gateway_handler_parked_events", &parked, 1);

    assert!(gateway.stop().success());
    let gateway = setup.start();
    let event = gateway.event(&errs);
    assert_eq!(event.status(), "parked", "also after a restart");
    assert!(event.outcome["attempts"].as_u64().unwrap() >= 2);
}

#[test]
fn a_blocked_thread_is_given_up_after_its_time() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let blocking = tell(&gateway, "Faulty.Block", "blocks");
    assert_eq!(gateway.event(&blocking).status(), "pending");
    let parked = comes_to(&gateway, &blocking, "parked");
    assert_eq!(parked.reason(), "timeout");
    gateway.reaches(
        "gateway_handler_abandoned_threads",
        &[("command", "Faulty.Block")],
        1,
    );
}

#[test]
fn a_plug_in_that_panics_at_a_body_gives_up_that_event_only() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    gateway.acked("Faulty.Unreadable", body("bad"));
    let event = eventually("it is given up", || {
        let page = gateway.page("command=Faulty.Unreadable");
        let event = gateway.event(&page.data.first()?.id);
        (event.status() == "dead").then_some(event)
    });
    assert_eq!(event.reason(), "undecodable");
    let labels = [("command", "Faulty.Unreadable")];
    assert_eq!(gateway.metric("gateway_decode_drift_total", &labels), 1);
    let noted = tell(&gateway, "Faulty.Note", "after");
    comes_to(&gateway, &noted, "done");

    assert!(gateway.stop().success());
    let gateway = setup.start();
    let noted = tell(&gateway, "Faulty.Note", "again");
    comes_to(&gateway, &noted, "done");
}

#[test]
fn what_is_pending_at_a_kill_runs_after_it() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let slow: Vec<String> = (0..40).map(|number| format!("s{number}")).collect();
    let ids: Vec<String> = slow
        .iter()
        .map(|id| tell(&gateway, "Faulty.Slow", id))
        .collect();
    gateway.kill();
    let gateway = setup.start();
    for id in &ids {
        comes_to(&gateway, id, "done");
    }
    let ran = setup.ran("Faulty.Slow");
    assert!(slow.iter().all(|id| ran.contains(id)), "{ran:?}");
}

#[test]
fn a_before_callback_gets_its_plug_ins_verdict() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    assert_eq!(ask(&gateway, "a", "allow"), (0, "plug-in".to_owned()));
    assert_eq!(ask(&gateway, "r", "refuse"), (1, "plug-in".to_owned()));
    let count = |outcome| {
        gateway.metric(
            "gateway_callbacks_total",
            &[("command", "Faulty.Ask"), ("outcome", outcome)],
        )
    };
    assert_eq!((count("ok"), count("refused"), count("policy")), (1, 1, 0));
    assert_eq!(gateway.metric("gateway_unrecorded_total", &[]), 0);
}

#[test]
fn a_before_callback_is_answered_whatever_its_plug_in_does() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let policy = |reason: &str| (0, format!("policy {reason}"));
    assert_eq!(ask(&gateway, "panics", "panic"), policy("panic"));
    assert_eq!(ask(&gateway, "errs", "err"), policy("error"));
    assert_eq!(ask(&gateway, "hangs", "hang"), policy("deadline"));
    assert_eq!(ask(&gateway, "next", "refuse"), (1, "plug-in".to_owned()));
    let mut number = 0;
    for act in ["block", "stick"] {
        assert_eq!(ask(&gateway, act, act), policy("deadline"));
        eventually("the plug-in decides again", || {
            number += 1;
            (ask(&gateway, &format!("after-{number}"), "refuse") == (1, "plug-in".to_owned()))
                .then_some(())
        });
    }
    // What the plug-in can't read gets the policy's answer, too.
    let answer = gateway.call("Faulty.Ask", "not JSON");
    assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
    let policies = [("command", "Faulty.Ask"), ("outcome", "policy")];
    assert!(gateway.metric("gateway_callbacks_total", &policies) >= 5);
}

#[test]
fn before_callbacks_that_hang_do_not_hold_up_after_callbacks() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    std::thread::scope(|scope| {
        let hanging: Vec<_> = (0..30)
            .map(|number| {
                let gateway = &gateway;
                scope.spawn(move || ask(gateway, &format!("h{number}"), "hang"))
            })
            .collect();
        for number in 0..50 {
            gateway.acked("Faulty.Note", body(&format!("n{number}")));
        }
        for hanging in hanging {
            let (code, by) = hanging.join().unwrap();
            assert_eq!(code, 0);
            assert!(
                ["policy deadline", "policy busy"].contains(&by.as_str()),
                "{by}"
            );
        }
    });
}
