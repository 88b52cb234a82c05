//! Repeats: the same callback again within minutes is one event; without a `RequestId` nothing is a repeat.

use super::harness::{ACK, FRIEND_DELETE, Gateway, Setup, friend_delete};

fn call(gateway: &Gateway, request_id: Option<&str>, body: &str) {
    let mut target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
    if let Some(request_id) = request_id {
        target = format!("{target}&RequestId={request_id}");
    }
    let answer = gateway
        .connect()
        .request("POST", &target, &[], body.as_bytes())
        .unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
}

#[test]
fn the_same_callback_again_is_one_event_and_gets_the_same_ack() {
    let setup = Setup::new();
    let gateway = setup.start();
    let body = friend_delete("alice", "bob");
    for _ in 0..3 {
        call(&gateway, Some("e1f9"), &body);
    }
    assert_eq!(gateway.events("").len(), 1);
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "repeated")]),
        2
    );
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "ok")]),
        1
    );
}

#[test]
fn repeats_at_the_same_time_are_one_event() {
    let setup = Setup::new();
    let gateway = setup.start();
    let body = friend_delete("alice", "bob");
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| call(&gateway, Some("e1f9"), &body));
        }
    });
    assert_eq!(gateway.events("").len(), 1);
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "repeated")]),
        7
    );
}

#[test]
fn another_body_or_no_request_id_is_another_event() {
    let setup = Setup::new();
    let gateway = setup.start();
    call(&gateway, Some("e1f9"), &friend_delete("alice", "bob"));
    call(&gateway, Some("e1f9"), &friend_delete("alice", "carol"));
    call(&gateway, Some("e1fa"), &friend_delete("alice", "bob"));
    call(&gateway, None, &friend_delete("alice", "bob"));
    call(&gateway, None, &friend_delete("alice", "bob"));
    assert_eq!(gateway.events("").len(), 5);
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &[("outcome", "repeated")]),
        0
    );
}
