//! The journal as it is seen from outside: every acked event once, in order, under one id, also after a restart.

use std::collections::BTreeSet;

use super::harness::{FRIEND_DELETE, Setup, friend_delete};

#[test]
fn every_acked_event_is_found_once_in_order_and_survives_a_restart() {
    let setup = Setup::new();
    let gateway = setup.start();
    let bodies: Vec<String> = (0..300)
        .map(|number| friend_delete("alice", &format!("friend-{number}")))
        .collect();
    let mut connection = gateway.connect();
    for body in &bodies {
        let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
    let told = |gateway: &super::harness::Gateway| {
        let events = gateway.events("");
        let told = events
            .into_iter()
            .map(|event| (event.text(), event.id, event.sequence));
        told.collect::<Vec<_>>()
    };
    let before = told(&gateway);
    let stored: Vec<&String> = before.iter().map(|(body, ..)| body).collect();
    assert_eq!(
        stored,
        bodies.iter().collect::<Vec<_>>(),
        "in order, once each"
    );
    assert!(before.is_sorted_by(|one, next| one.2 < next.2 && one.1 < next.1));
    let ids: BTreeSet<&String> = before.iter().map(|(_, id, _)| id).collect();
    assert_eq!(ids.len(), bodies.len());

    assert!(gateway.stop().success());
    let gateway = setup.start();
    assert_eq!(told(&gateway), before, "the same under the same ids");
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "after the restart"));
    let newest = gateway.page("limit=1").data.remove(0);
    assert!(
        newest.sequence > before.last().unwrap().2,
        "the sequence goes on"
    );
}

#[test]
fn events_of_many_connections_are_synced_together_and_none_is_missing() {
    let setup = Setup::new();
    let gateway = setup.start();
    std::thread::scope(|scope| {
        for sender in 0..16 {
            let gateway = &gateway;
            scope.spawn(move || {
                let mut connection = gateway.connect();
                for number in 0..25 {
                    let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
                    let body = friend_delete(&format!("s{sender}"), &number.to_string());
                    let answer = connection.request("POST", &target, &[], body.as_bytes());
                    assert_eq!(answer.unwrap().status, 200);
                }
            });
        }
    });
    let bodies: Vec<String> = gateway.texts("");
    let unique: BTreeSet<&String> = bodies.iter().collect();
    assert_eq!((bodies.len(), unique.len()), (400, 400));
    assert_eq!(gateway.metric("gateway_journal_batch_events_sum", &[]), 400);
    assert!(gateway.metric("gateway_journal_batch_events_count", &[]) <= 400);
}
