//! A journal that is full because a subscriber takes nothing.

use super::*;

/// Sends until an event is refused; tells how many were acked.
fn fill(gateway: &Gateway, body: &str) -> usize {
    let mut connection = gateway.connect();
    for acked in 0.. {
        let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        let answer = answer.unwrap();
        if answer.status != 200 {
            assert_eq!(answer.status, 503, "{}", answer.text());
            return acked;
        }
        assert!(acked < 10_000, "it is never full");
    }
    0
}

#[test]
fn a_dead_subscriber_fills_the_journal_and_frees_it_when_it_is_back() {
    let mut billing = Subscriber::new("billing", Manner::status(200), "");
    let setup = Setup::new().variable("GATEWAY_JOURNAL__BYTES_MAX", "1 MiB");
    configure(&setup, &[&billing]);
    let address = billing.sink.address();
    drop(billing.sink);
    let gateway = setup.start();
    let body = friend_delete("alice", &"b".repeat(8_000));
    let mut acked = fill(&gateway, &body);
    assert!(acked > 50, "{acked}");
    let why = eventually("it is unready", || {
        let answer = gateway.get("/readyz");
        (answer.status == 503).then(|| answer.text())
    });
    assert!(why.contains("full"), "{why}");
    sum_holds(&gateway, "billing");

    billing.sink = Sink::start_at(address, Manner::status(200)).unwrap();
    billing.gets(acked);
    eventually("acks go on", || {
        (gateway.call(FRIEND_DELETE, &body).status == 200).then_some(())
    });
    eventually("it is ready", || {
        (gateway.get("/readyz").status == 200).then_some(())
    });
    // More than there is room for: what is delivered makes room.
    for _ in 0..300 {
        eventually("it is acked", || {
            (gateway.call(FRIEND_DELETE, &body).status == 200).then_some(())
        });
    }
    acked += 301;
    billing.gets(acked);
    stands_at(&gateway, "billing", "delivered", acked as u64);
    stands_at(&gateway, "billing", "behind", 0);
    assert_eq!(billing.ids().len(), acked);
}

#[test]
fn a_dead_letter_outlives_its_event_in_the_log() {
    let odd = Manner::each(|heard| {
        let is_odd = heard.text().contains("\"odd\"");
        Manner::status(if is_odd { 400 } else { 200 })
    });
    let billing = Subscriber::new("billing", odd, "give_up_after = \"200ms\"\n");
    let setup = Setup::new().variable("GATEWAY_JOURNAL__BYTES_MAX", "1 MiB");
    configure(&setup, &[&billing]);
    let gateway = setup.start();
    let odd = friend_delete("alice", "odd");
    gateway.acked(FRIEND_DELETE, &odd);
    stands_at(&gateway, "billing", "dead", 1);
    let event = gateway.events("").remove(0);
    let body = friend_delete("alice", &"b".repeat(8_000));
    eventually("its event is deleted", || {
        let acked = gateway.call(FRIEND_DELETE, &body).status == 200;
        let is_left = acked && gateway.get(&format!("/v1/events/{}", event.id)).status == 200;
        (!is_left).then_some(())
    });

    billing.sink.behave(Manner::status(200));
    let text = format!("{{\"sequences\":[{}]}}", event.sequence);
    let answer = Connection::open(gateway.admin).unwrap().request(
        "POST",
        "/v1/subscriptions/billing/retry",
        &[("Content-Type", "application/json")],
        text.as_bytes(),
    );
    assert_eq!(answer.unwrap().status, 200);
    stands_at(&gateway, "billing", "dead", 0);
    stands_at(&gateway, "billing", "pending", 0);
    let by_id = billing.by_id();
    let last = by_id[&event.id].last().unwrap();
    assert_eq!(last.text(), odd);
    assert_eq!(
        last.header("webhook-signature"),
        Some(&*signature(last, KEY))
    );
}
