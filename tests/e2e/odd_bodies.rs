//! Genuine callbacks with bodies that our types don't expect: journaled byte for byte, acked, counted, survived.

use serde_json::json;

use super::harness::{FRIEND_DELETE, Gateway, Setup, eventually, friend_delete};

/// Sends a body that must be acked and stored as it is; returns the event's id.
fn check(gateway: &Gateway, command: &str, body: &[u8]) -> String {
    gateway.acked(command, body);
    let newest = gateway.page("limit=1").data.remove(0);
    assert_eq!(newest.command, command);
    assert!(newest.body() == body, "the body is stored byte for byte");
    newest.id
}

#[test]
fn whatever_is_genuine_is_acked_and_stored_as_it_is() {
    let setup = Setup::new();
    let gateway = setup.start();
    let pairs: Vec<_> = (0..10_000)
        .map(|number| json!({"From_Account": format!("a{number}"), "To_Account": "b"}))
        .collect();
    let deep = format!("{}1{}", "[".repeat(50_000), "]".repeat(50_000));
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"not JSON".to_vec(),
        b"{\"PairList\":[".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{\"PairList\":\"a text\"}".to_vec(),
        b"{\"PairList\":[{\"From_Account\":{},\"To_Account\":[]}]}".to_vec(),
        b"{\"PairList\":[{\"To_Account\":\"b\"}]}".to_vec(),
        b"{}".to_vec(),
        b"{\"a\":\"\0\"}".to_vec(),
        b"\0\0\0".to_vec(),
        b"{\"PairList\":[{\"From_Account\":\"\\u0000\",\"To_Account\":\"\\ud800\"}]}".to_vec(),
        b"\xff\xfe\x80".to_vec(),
        [b"\xef\xbb\xbf", friend_delete("alice", "bob").as_bytes()].concat(),
        serde_json::to_vec(&json!({"PairList": pairs})).unwrap(),
        deep.clone().into_bytes(),
        format!("{{\"PairList\":{deep}}}").into_bytes(),
        format!("{{\"PairList\":1{}}}", "0".repeat(10_000)).into_bytes(),
        b"{\"PairList\":[],\"PairList\":[]}".to_vec(),
        b"{\"PairList\":[],\"a\":1e999}".to_vec(),
    ];
    for body in &bodies {
        check(&gateway, FRIEND_DELETE, body);
        check(&gateway, "Nobody.KnowsThis", body);
    }
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "ok")]),
        2 * bodies.len() as u64
    );
    let other = [("command", "other"), ("outcome", "ok")];
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &other),
        bodies.len() as u64
    );
    assert!(!gateway.get("/metrics").text().contains("KnowsThis"));
    // The follower has been through all of it and goes on.
    let id = check(
        &gateway,
        FRIEND_DELETE,
        friend_delete("alice", "bob").as_bytes(),
    );
    eventually("the last one is handled", || {
        (gateway.event(&id).status() == "done").then_some(())
    });
    assert!(
        setup.logs().lines().all(|line| !line.contains("panic")),
        "{}",
        setup.logs()
    );
}

#[test]
fn what_our_types_do_not_expect_is_drift_and_never_shows_a_value() {
    let setup = Setup::new();
    let gateway = setup.start();
    let drifting = [
        r#"{"CallbackCommand":"Another.Command","PairList":[{"From_Account":"secret-a","To_Account":"secret-b"}]}"#,
        r#"{"PairList":[{"From_Account":77001,"To_Account":"secret-b"}]}"#,
        r#"{"PairList":[{"From_Account":"secret-a"}]}"#,
        r#"{"PairList":[],"Surprise":"secret-c"}"#,
        "secret-d",
    ];
    for body in drifting {
        let id = check(&gateway, FRIEND_DELETE, body.as_bytes());
        let drift = gateway.event(&id).drift;
        assert!(!drift.is_empty(), "{body}");
        let shown = serde_json::to_string(&drift).unwrap();
        assert!(
            !shown.contains("secret") && !shown.contains("77001"),
            "{shown}"
        );
    }
    let known = [("command", FRIEND_DELETE)];
    gateway.reaches("gateway_decode_drift_total", &known, drifting.len() as u64);
}

#[test]
fn what_can_not_be_decoded_is_dead_at_once_and_the_rest_goes_on() {
    let setup = Setup::new();
    let gateway = setup.start();
    let dead = check(&gateway, FRIEND_DELETE, b"not JSON");
    let fine = check(
        &gateway,
        FRIEND_DELETE,
        friend_delete("alice", "bob").as_bytes(),
    );
    eventually("both have come to their end", || {
        let dead = gateway.event(&dead);
        let fine = gateway.event(&fine);
        (dead.status() == "dead" && dead.reason() == "undecodable" && fine.status() == "done")
            .then_some(())
    });
}
