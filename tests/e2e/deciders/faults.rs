//! Every policy against every fault, and the circuit breaker.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use gateway_test_support::{ChatApp, Manner, Sink};
use serde_json::{Value, json};

use super::{C2C, FRIENDS, ack, answering, json_of, message, recorded, setup};
use crate::harness::{Gateway, SHOP, SHOP_TOKEN, Setup, eventually};

/// A short deadline, since many callbacks wait for it here.
const DEADLINE: Duration = Duration::from_millis(400);

/// An app for each policy: its number, the policy, and what it answers.
fn policies() -> [(u64, &'static str, Value); 3] {
    let refused = ack(1, json!({}));
    [
        (1, "\"allow\"", ack(0, json!({}))),
        (2, "\"refuse\"", refused),
        (
            3,
            "{ ErrorCode = 120001, ErrorInfo = \"later\" }",
            ack(120_001, json!({ "ErrorInfo": "later" })),
        ),
    ]
}

/// The apps with their policies for a command.
fn apps(command: &str, policies: &[(u64, &'static str, Value)]) -> String {
    let apps = policies.iter().map(|(id, policy, _)| {
        format!(
            "[apps.app{id}]\nsdk_app_id = {id}\nunsigned = true\n\
             [apps.app{id}.commands.\"{command}\"]\npolicy = {policy}\n"
        )
    });
    apps.collect()
}

/// Calls as one of the apps, and tells the ack with the verdict that is recorded.
fn call(gateway: &Gateway, id: u64, command: &str, body: &str) -> (Value, Value) {
    let app = ChatApp {
        sdk_app_id: id,
        token: None,
    };
    let query = format!("command={command}&app=app{id}&limit=1");
    let newest = |gateway: &Gateway| gateway.page(&query).data.pop();
    let before = newest(gateway).map(|event| event.id);
    let answer = json_of(&gateway.call_as(&app, command, body));
    let event = eventually("the verdict is recorded", || {
        newest(gateway).filter(|event| before.as_ref() != Some(&event.id))
    });
    (answer, event.verdict.unwrap())
}

#[test]
fn every_policy_answers_for_every_fault_of_a_decider() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let mut rest = apps(C2C, &policies());
    rest.push_str("[callbacks]\ndeadline = \"400ms\"\n");
    let setup = setup(&sink, "breaker_failures = 1000000", &rest);
    let gateway = setup.start();
    let head =
        |status: &str, more: &str| format!("HTTP/1.1 {status} Told\r\n{more}\r\n").into_bytes();
    let told = |body: Value| Manner::Answer(200, body.to_string());
    let faults = [
        ("deadline", Manner::Silence),
        (
            "deadline",
            Manner::Raw(head("200", "Content-Length: 9\r\n")),
        ),
        ("deadline", Manner::Raw(b"HTTP/1.1 200 To".to_vec())),
        ("unreachable", Manner::Close),
        ("unreachable", Manner::Reset),
        (
            "unreachable",
            Manner::Raw(b"SSH-2.0-OpenSSH\r\n\r\n".to_vec()),
        ),
        ("redirect", Manner::Answer(302, String::new())),
        ("status", Manner::Answer(500, ack(0, json!({})).to_string())),
        ("status", Manner::Answer(204, String::new())),
        (
            "too_large",
            Manner::Answer(200, " ".repeat(70_000) + &ack(0, json!({})).to_string()),
        ),
        (
            "too_large",
            Manner::Raw([head("200", ""), vec![b' '; 70_000]].concat()),
        ),
        ("invalid", Manner::Answer(200, "<html>".to_owned())),
        ("invalid", Manner::Answer(200, String::new())),
        ("invalid", Manner::Answer(200, "[]".to_owned())),
        ("invalid", told(json!({ "ActionStatus": "OK" }))),
        (
            "too_large",
            Manner::Raw(head("200", "Content-Length: 99999999999\r\n")),
        ),
        ("invalid", told(ack(0, json!({ "ErrorCode": "0" })))),
        ("invalid", told(ack(0, json!({ "ErrorInfo": null })))),
        ("invalid", told(ack(0, json!({ "MsgBody": "hi" })))),
        ("code", told(ack(3, json!({})))),
        ("code", told(ack(10_100, json!({})))),
        (
            "failed",
            told(json!({ "ActionStatus": "FAIL", "ErrorCode": 1, "ErrorInfo": "" })),
        ),
    ];
    let mut counts = std::collections::BTreeMap::new();
    for (reason, manner) in &faults {
        sink.behave(manner.clone());
        for (id, policy, expected) in policies() {
            let (answer, verdict) = call(&gateway, id, C2C, &message("alice"));
            let case = format!("{policy} for {reason} by {manner:.80?}: {verdict}");
            assert_eq!(answer, expected, "{case}");
            assert_eq!(verdict["ack"], expected, "{case}");
            assert_eq!(
                (&verdict["by"], &verdict["reason"]),
                (&json!("policy"), &json!(reason)),
                "{case}"
            );
            let word = policy.trim_matches('"');
            let word = if word.starts_with('{') { "ack" } else { word };
            assert_eq!(
                (&verdict["policy"], &verdict["decider"]),
                (&json!(word), &json!("sink")),
                "{case}"
            );
            let elapsed = Duration::from_micros(verdict["elapsed_us"].as_u64().unwrap());
            assert!(elapsed < DEADLINE, "{case}");
            *counts.entry(*reason).or_insert(0) += 1;
        }
    }
    for (reason, count) in counts {
        let labels = [("command", C2C), ("reason", reason)];
        assert_eq!(
            gateway.metric("gateway_policy_total", &labels),
            count,
            "{reason}"
        );
        let labels = [("decider", "sink"), ("outcome", reason)];
        assert_eq!(
            gateway.metric("gateway_decider_requests_total", &labels),
            count,
            "{reason}"
        );
    }
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "policy")]),
        3 * faults.len() as u64
    );
}

#[test]
fn every_policy_answers_for_every_fault_of_a_plug_in() {
    const ASK: &str = "Faulty.Ask";
    let own = (
        3,
        "{ ErrorCode = 1, ErrorInfo = \"later\" }",
        ack(1, json!({ "ErrorInfo": "later" })),
    );
    let [allow, refuse, _] = policies();
    // The plug-in's own refusal has another text.
    let refuse = (
        refuse.0,
        refuse.1,
        ack(1, json!({ "ErrorInfo": "refused" })),
    );
    let policies = [allow, refuse, own];
    let setup = Setup::faulty();
    setup.configure(&format!(
        "[callbacks]\ndeadline = \"400ms\"\n{}",
        apps(ASK, &policies)
    ));
    let gateway = setup.start();
    for (act, reason) in [
        ("err", "error"),
        ("panic", "panic"),
        ("hang", "deadline"),
        // Each blocks a thread for good, of which a command has four.
        ("block", "deadline"),
    ] {
        for (id, policy, expected) in &policies {
            let body = format!(r#"{{"id":"{act}","act":"{act}"}}"#);
            let (answer, verdict) = call(&gateway, *id, ASK, &body);
            assert_eq!(answer, *expected, "{policy} for {act}");
            assert_eq!(verdict["reason"], reason, "{policy} for {act}");
            // A thread that was blocked is given up; the next case wants a new one.
            eventually("the plug-in decides again", || {
                let (_, verdict) = call(&gateway, *id, ASK, r#"{"id":"next","act":"allow"}"#);
                (verdict["by"] == "plug-in").then_some(())
            });
        }
    }
    let (answer, verdict) = call(&gateway, 2, ASK, "not JSON");
    assert_eq!(answer, ack(1, json!({})));
    assert_eq!(verdict["reason"], "undecodable");
}

#[test]
fn a_refusal_of_friend_requests_names_every_account() {
    let policies = [(1, "\"refuse\"", Value::Null)];
    let sink = Sink::start(Manner::Close).unwrap();
    let commands = format!(
        "[commands.\"{FRIENDS}\"]\ndecider = \"sink\"\n{}",
        apps(FRIENDS, &policies)
    );
    let setup = setup(&sink, "", &commands);
    let gateway = setup.start();
    let body = r#"{"Requester_Account":"alice","From_Account":"alice","FriendItem":[{"To_Account":"bob"},{"To_Account":"carol"}],"AddType":"Add_Type_Both","ForceAddFlags":0,"EventTime":1631777344870}"#;
    let (answer, _) = call(&gateway, 1, FRIENDS, body);
    let item = |account: &str| json!({ "To_Account": account, "ResultCode": 38_000, "ResultInfo": "not allowed" });
    let items = json!({ "ResultItem": [item("bob"), item("carol")] });
    assert_eq!(answer, ack(0, items));
    let (answer, _) = call(&gateway, 1, FRIENDS, "not JSON");
    assert_eq!(answer, ack(1, json!({})));
}

#[test]
fn a_decider_that_cannot_be_reached_is_answered_for() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "", "policy = \"refuse\"\n");
    drop(sink);
    let gateway = setup.start();
    assert_eq!(
        json_of(&gateway.call(C2C, message("alice")))["ErrorCode"],
        1
    );
    let verdict = recorded(&gateway, "account=alice").verdict.unwrap();
    assert_eq!(verdict["reason"], "unreachable");
    assert!(
        verdict["detail"].as_str().unwrap().contains("refused"),
        "{verdict}"
    );
}

#[test]
fn the_breaker_opens_answers_at_once_probes_and_closes() {
    let sink = Sink::start(Manner::Answer(503, String::new())).unwrap();
    let decider = "breaker_failures = 3\nbreaker_pause = \"200ms\"";
    let setup = setup(&sink, decider, "policy = \"refuse\"\n");
    let gateway = setup.start();
    let code = |name: &str| json_of(&gateway.call(C2C, message(name)))["ErrorCode"].clone();
    let breaker = || {
        let deciders: Value = serde_json::from_slice(&gateway.get("/v1/deciders").body).unwrap();
        deciders["data"][0]["breaker"].as_str().unwrap().to_owned()
    };
    for _ in 0..3 {
        assert_eq!(breaker(), "closed");
        assert_eq!(code("down"), 1);
    }
    assert_eq!(sink.heard().len(), 3);
    assert_eq!(breaker(), "open");
    let gauge = || gateway.metric("gateway_decider_open", &[("decider", "sink")]);
    eventually("the gauge follows", || (gauge() == 1).then_some(()));
    // One that hangs would cost everybody the deadline; nobody waits for a probe either.
    sink.behave(Manner::Silence);
    eventually("it is probed", || {
        let asked = Instant::now();
        assert_eq!(code("open"), 1);
        assert!(asked.elapsed() < Duration::from_secs(1), "nobody waits");
        (!sink.heard().is_empty()).then_some(())
    });
    let verdict = recorded(&gateway, "account=open&limit=1").verdict.unwrap();
    assert_eq!(verdict["reason"], "breaker");

    sink.behave(answering(&ack(0, json!({}))));
    eventually("it decides again", || (code("up") == 0).then_some(()));
    assert_eq!(breaker(), "closed");
    eventually("the gauge follows", || (gauge() == 0).then_some(()));
    let logs = setup.logs();
    let told = logs.matches("has failed too often in a row").count();
    assert_eq!(told, 1, "{logs}");
}

#[test]
fn what_answers_in_time_does_not_open_the_breaker() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "breaker_failures = 1", "");
    let gateway = setup.start();
    for (status, body) in [(200, "nonsense"), (404, ""), (500, ""), (302, "")] {
        sink.behave(Manner::Answer(status, body.to_owned()));
        gateway.acked(C2C, message("alice"));
    }
    assert_eq!(sink.heard().len(), 4);
}

#[test]
fn a_flood_from_one_decider_holds_up_nobody_else() {
    let flood = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = flood.local_addr().unwrap();
    // Endless interim answers keep whoever reads them busy; the thread ends with the connection.
    std::thread::spawn(move || {
        let block = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(40_000);
        for mut stream in flood.incoming().map_while(Result::ok) {
            while stream.write_all(&block).is_ok() {}
        }
    });
    let sink = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let commands = format!(
        "[deciders.flood]\nurl = \"http://{address}/\"\n\
         [commands.\"{FRIENDS}\"]\ndecider = \"flood\"\n"
    );
    let setup = setup(&sink, "", &commands);
    let gateway = setup.start();
    std::thread::scope(|scope| {
        let flooded = scope.spawn(|| gateway.call(FRIENDS, "{}").status);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(1) {
            let called = Instant::now();
            assert_eq!(
                json_of(&gateway.call(C2C, message("alice"))),
                ack(1, json!({}))
            );
            assert!(
                called.elapsed() < Duration::from_secs(1),
                "{:?}",
                called.elapsed()
            );
        }
        assert_eq!(flooded.join().unwrap(), 200);
    });
    let event = recorded(&gateway, &format!("command={FRIENDS}"));
    let elapsed = event.verdict.unwrap()["elapsed_us"].as_u64().unwrap();
    assert!(elapsed < 1_600_000, "{elapsed}");
}

#[test]
fn an_answer_that_nobody_asked_for_is_no_verdict() {
    let chatty = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = chatty.local_addr().unwrap();
    // Refuses, and lets the next one pass before it is asked about.
    let answer = |code: i64| {
        let body = ack(code, json!({})).to_string();
        format!(
            "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    let both = answer(1) + &answer(0);
    std::thread::spawn(move || {
        for mut stream in chatty.incoming().map_while(Result::ok) {
            let mut question = [0; 4096];
            while stream.read(&mut question).is_ok_and(|length| length > 0) {
                stream.write_all(both.as_bytes()).ok();
            }
        }
    });
    let setup = Setup::new();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.chatty]\nurl = \"http://{address}/\"\n\
         [commands.\"{C2C}\"]\ndecider = \"chatty\"\n"
    ));
    let gateway = setup.start();
    for name in ["first", "second", "third"] {
        let answered = json_of(&gateway.call(C2C, message(name)));
        assert_eq!(answered, ack(1, json!({})), "{name}");
    }
}

#[test]
fn who_gets_too_little_time_is_not_blamed() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "breaker_failures = 1", "");
    let gateway = setup.start();
    let body = message("late");
    let (first, last) = body.as_bytes().split_at(body.len() - 1);
    let mut connection = gateway.connect();
    let head = format!(
        "POST /callback?{} HTTP/1.1\r\nHost: chat\r\nContent-Length: {}\r\n\r\n",
        gateway.app.query(C2C),
        body.len()
    );
    connection.send(head.as_bytes()).unwrap();
    connection.send(first).unwrap();
    // The body ends after most of the deadline of 1.5 s: time itself is what is tested.
    let sent = Instant::now();
    eventually("most of the deadline is over", || {
        (sent.elapsed() > Duration::from_secs(1)).then_some(())
    });
    connection.send(last).unwrap();
    assert_eq!(
        json_of(&connection.answer(false).unwrap()),
        ack(0, json!({}))
    );
    assert_eq!(sink.heard().len(), 1);
    sink.behave(answering(&ack(1, json!({}))));
    assert_eq!(
        json_of(&gateway.call(C2C, message("next"))),
        ack(1, json!({}))
    );
}

#[test]
fn every_friend_wants_a_result() {
    let item = |account: &str| json!({ "To_Account": account, "ResultCode": 0, "ResultInfo": "" });
    let sink = Sink::start(Manner::Silence).unwrap();
    let commands = format!("[commands.\"{FRIENDS}\"]\ndecider = \"sink\"\npolicy = \"refuse\"\n");
    let setup = setup(&sink, "", &commands);
    let gateway = setup.start();
    let body =
        r#"{"From_Account":"alice","FriendItem":[{"To_Account":"bob"},{"To_Account":"carol"}]}"#;
    let code = |items: Value| {
        sink.behave(answering(&ack(0, json!({ "ResultItem": items }))));
        json_of(&gateway.call(FRIENDS, body))["ResultItem"][0]["ResultCode"].clone()
    };
    assert_eq!(code(json!([item("bob"), item("carol")])), 0);
    assert_eq!(code(json!([item("bob")])), 38_000, "the policy refuses");
    assert_eq!(code(json!([])), 38_000);
    for (outcome, count) in [("ok", 1), ("invalid", 2)] {
        let labels = [("decider", "sink"), ("outcome", outcome)];
        assert_eq!(
            gateway.metric("gateway_decider_requests_total", &labels),
            count
        );
    }
}

#[test]
fn a_connection_that_the_decider_closed_meanwhile_is_replaced() {
    let sink = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    let code = || json_of(&gateway.call(C2C, message("alice")))["ErrorCode"].clone();
    for manner in [Manner::Close, Manner::Reset] {
        assert_eq!(code(), 1);
        // The kept connection ends without an answer; the question is asked again on a new one.
        sink.behave(manner);
        assert_eq!(code(), 0, "both have ended: the policy allows");
        assert_eq!(sink.heard().len(), 3);
        sink.behave(answering(&ack(1, json!({}))));
    }
}

#[test]
fn an_empty_body_has_a_length_too() {
    let sink = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    assert_eq!(json_of(&gateway.call(C2C, "")), ack(1, json!({})));
    let asked = sink.heard().pop().unwrap();
    assert_eq!(asked.header("content-length"), Some("0"));
}

#[test]
fn a_question_whose_caller_hangs_up_is_counted() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    let body = message("gone");
    let head = format!(
        "POST /callback?{} HTTP/1.1\r\nHost: chat\r\nContent-Length: {}\r\n\r\n",
        gateway.app.query(C2C),
        body.len()
    );
    let mut connection = gateway.connect();
    connection.send((head + &body).as_bytes()).unwrap();
    eventually("it is asked", || (!sink.heard().is_empty()).then_some(()));
    drop(connection);
    let labels = [("decider", "sink"), ("outcome", "abandoned")];
    gateway.reaches("gateway_decider_requests_total", &labels, 1);
    let labels = [("command", C2C), ("outcome", "unanswered")];
    assert_eq!(gateway.metric("gateway_callbacks_total", &labels), 1);
    assert_eq!(recorded(&gateway, "account=gone").verdict, None);
}

#[test]
fn a_connection_that_was_closed_between_questions_is_replaced() {
    let decider = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = decider.local_addr().unwrap();
    let (close, is_to_close) = std::sync::mpsc::channel::<()>();
    let (closed, is_closed) = std::sync::mpsc::channel();
    // One answer a connection, which then stays open until it is told otherwise.
    std::thread::spawn(move || {
        let body = ack(1, json!({})).to_string();
        let length = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}");
        for mut stream in decider.incoming().map_while(Result::ok) {
            let mut question = [0; 4096];
            while stream
                .read(&mut question)
                .is_ok_and(|length| length == question.len())
            {}
            stream.write_all(answer.as_bytes()).unwrap();
            if is_to_close.recv().is_err() {
                return;
            }
            drop(stream);
            closed.send(()).unwrap();
        }
    });
    let setup = Setup::new();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.brief]\nurl = \"http://{address}/\"\n\
         [commands.\"{C2C}\"]\ndecider = \"brief\"\n"
    ));
    let gateway = setup.start();
    for name in ["first", "second", "third", "fourth"] {
        let answered = json_of(&gateway.call(C2C, message(name)));
        assert_eq!(answered, ack(1, json!({})), "{name}");
        close.send(()).unwrap();
        is_closed.recv().unwrap();
    }
}

#[test]
fn too_many_questions_at_once_are_answered_for() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "concurrency = 1", "");
    let gateway = setup.start();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| gateway.acked(C2C, message("first")));
        eventually("the first one is asked", || {
            (!sink.heard().is_empty()).then_some(())
        });
        gateway.acked(C2C, message("second"));
        let verdict = recorded(&gateway, "account=second").verdict.unwrap();
        assert_eq!(verdict["reason"], "busy");
        first.join().unwrap();
    });
    let verdict = recorded(&gateway, "account=first").verdict.unwrap();
    assert_eq!(verdict["reason"], "deadline");
}

#[test]
fn a_body_counts_as_memory_as_long_as_it_is_asked_about() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "", "")
        .variable("GATEWAY_CALLBACKS__BODY_MAX", "3 KiB")
        .variable("GATEWAY_CALLBACKS__BODIES_MAX", "4 KiB");
    let gateway = setup.start();
    let long = message(&"a".repeat(1_400));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| gateway.acked(C2C, &long));
        eventually("the first one is asked", || {
            (!sink.heard().is_empty()).then_some(())
        });
        assert_eq!(gateway.call(C2C, &long).status, 503);
        first.join().unwrap();
    });
    eventually("there is room again", || {
        (gateway.call(C2C, &long).status == 200).then_some(())
    });
}

#[test]
fn before_callbacks_are_answered_while_the_journal_is_full() {
    let setup = Setup::faulty().variable("GATEWAY_JOURNAL__BYTES_MAX", "1 MiB");
    let gateway = setup.start();
    // Its handler never ends, so that nothing may be deleted.
    let body = format!("{{\"id\":\"{}\"}}", "x".repeat(100_000));
    eventually("the journal is full", || {
        (gateway.call("Faulty.Block", &body).status == 503).then_some(())
    });
    for number in 0..20 {
        let body = format!("{{\"id\":\"a{number}\",\"act\":\"refuse\"}}");
        assert_eq!(json_of(&gateway.call("Faulty.Ask", body))["ErrorCode"], 1);
    }
    gateway.reaches("gateway_unrecorded_total", &[], 1);
    assert_eq!(
        gateway.call("Faulty.Block", &body).status,
        503,
        "it is full still"
    );
}
