//! Order where it is asked for: one after another within a lane, and lanes side by side.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use super::*;

const PAIRS: [(&str, &str); 4] = [("a", "b"), ("c", "d"), ("e", "f"), ("g", "h")];

/// Events of all pairs in turns, of a pair from either side.
fn send_of_all_pairs(gateway: &Gateway, rounds: usize) {
    for round in 0..rounds {
        for (one, other) in PAIRS {
            let (from, to) = if round % 2 == 0 {
                (one, other)
            } else {
                (other, one)
            };
            gateway.acked(FRIEND_DELETE, friend_delete(from, to));
        }
    }
}

/// The places in the log of what the pair's attempts were about, as they came.
fn places(gateway: &Gateway, subscriber: &Subscriber, one: &str) -> Vec<u64> {
    let events = gateway.events("");
    let places: BTreeMap<&str, u64> = events
        .iter()
        .map(|event| (event.id.as_str(), event.sequence))
        .collect();
    let heard = subscriber.sink.so_far();
    let heard = heard
        .iter()
        .filter(|heard| heard.text().contains(&format!("\"{one}\"")));
    heard.map(|heard| places[&*id(heard)]).collect()
}

fn are_in_order(gateway: &Gateway, subscriber: &Subscriber, rounds: usize) {
    for (one, _) in PAIRS {
        let mut places = places(gateway, subscriber, one);
        assert!(places.is_sorted(), "{one}: {places:?}");
        places.dedup();
        assert_eq!(places.len(), rounds);
    }
}

#[test]
fn a_pair_s_events_wait_for_its_first_and_other_pairs_go_on() {
    let failed = AtomicUsize::new(0);
    let manner = Manner::each(move |heard| {
        let is_held_up = heard.text().contains("\"From_Account\":\"a\"");
        if is_held_up && failed.fetch_add(1, Ordering::Relaxed) < 5 {
            return Manner::status(500);
        }
        Manner::status(200)
    });
    let billing = Subscriber::new("billing", manner, "order = \"accounts\"\n");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send_of_all_pairs(&gateway, 8);
    all_delivered(&gateway, &[&billing]);
    are_in_order(&gateway, &billing, 8);
    let heard = billing.sink.so_far();
    let times = |one: &str| -> Vec<Instant> {
        let is_of = |heard: &&Heard| heard.text().contains(&format!("\"{one}\""));
        let of = heard.iter().filter(is_of);
        of.map(|heard| heard.at).collect()
    };
    let (held_up, other) = (times("a"), times("c"));
    assert!(
        other.iter().max() < held_up.get(6),
        "the others did not wait"
    );
}

#[test]
fn the_order_holds_over_kills_and_failures() {
    let asked = AtomicUsize::new(0);
    let manner = Manner::each(move |_| {
        let is_failing = asked.fetch_add(1, Ordering::Relaxed).is_multiple_of(3);
        Manner::status(if is_failing { 503 } else { 200 })
    });
    let keys = "order = \"accounts\"\ntimeout = \"300ms\"\n";
    let mut billing = Subscriber::new("billing", manner, "");
    billing.keys = format!("{keys}retries = [\"100ms\"]\n");
    let setup = Setup::new();
    configure(&setup, &[&billing]);
    for _ in 0..3 {
        let gateway = setup.start();
        send_of_all_pairs(&gateway, 4);
        gateway.kill();
    }
    let gateway = setup.start();
    all_delivered(&gateway, &[&billing]);
    are_in_order(&gateway, &billing, 12);
}
