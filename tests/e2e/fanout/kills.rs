//! kill -9 under load: what was acked reaches each subscription, and what comes twice has one id.
//!
//! `E2E_FANOUT_ROUNDS` sets the number of rounds for a long run.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::*;

/// Connections that send at once.
const SENDERS: usize = 4;

/// So many more acks are waited for before each kill.
const ACKS_PER_ROUND: usize = 150;

const CONCURRENCY: usize = 8;

/// Sends until the gateway is gone; notes what was acked.
fn send_until_killed(gateway: &Gateway, prefix: &str, acked: &Mutex<Vec<String>>) {
    let mut connection = gateway.connect();
    for number in 0.. {
        let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
        let body = friend_delete("alice", &format!("{prefix}-{number}"));
        match connection.request("POST", &target, &[], body.as_bytes()) {
            Ok(answer) if answer.status == 200 => acked.lock().unwrap().push(body),
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => return,
        }
    }
}

#[test]
fn what_was_acked_reaches_all_and_twice_only_what_was_under_way() {
    let rounds = std::env::var_os("E2E_FANOUT_ROUNDS").map_or(10, |rounds| {
        rounds.to_str().unwrap().parse::<usize>().unwrap()
    });
    let keys = format!("concurrency = {CONCURRENCY}\n");
    let well = Subscriber::new("well", Manner::status(200), &keys);
    let attempts = AtomicUsize::new(0);
    // Fails often enough that rows wait for another attempt at each kill.
    let fails = Manner::each(
        move |_| match attempts.fetch_add(1, Ordering::Relaxed) % 5 {
            0 => Manner::status(500),
            _ => Manner::status(200),
        },
    );
    let ill = Subscriber::new("ill", fails, &keys);
    let (subscribers, setup) = ([&well, &ill], Setup::new());
    configure(&setup, &subscribers);
    let acked = Mutex::new(Vec::new());
    for round in 0..rounds {
        let gateway = setup.start();
        let before = acked.lock().unwrap().len();
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (gateway, acked) = (&gateway, &acked);
                scope.spawn(move || {
                    send_until_killed(gateway, &format!("{round}-{sender}"), acked);
                });
            }
            eventually("enough is acked", || {
                let acks = acked.lock().unwrap().len() - before;
                (acks >= ACKS_PER_ROUND).then_some(())
            });
            gateway.signal("KILL");
        });
        gateway.kill();
    }

    let gateway = setup.start();
    all_delivered(&gateway, &subscribers);
    let stored: BTreeSet<String> = gateway.texts("").into_iter().collect();
    let acked = acked.into_inner().unwrap();
    for subscriber in subscribers {
        let by_id = subscriber.by_id();
        let bodies: BTreeSet<String> = by_id.values().map(|all| all[0].text()).collect();
        assert_eq!(bodies.len(), by_id.len(), "one event has two ids");
        let lost: Vec<&String> = acked
            .iter()
            .filter(|body| !bodies.contains(*body))
            .collect();
        assert!(lost.is_empty(), "{} lost {lost:?}", subscriber.name);
        assert_eq!(
            bodies, stored,
            "what is stored is delivered, and nothing else"
        );
        assert!(subscriber.sink.at_once() <= CONCURRENCY);
    }
    let sent = well.sink.so_far().len();
    let twice = sent - stored.len();
    println!(
        "{rounds} kills: {} acked, {} stored, {sent} sent, {twice} twice",
        acked.len(),
        stored.len()
    );
    assert!(twice <= rounds * CONCURRENCY, "{twice} were sent twice");
}
