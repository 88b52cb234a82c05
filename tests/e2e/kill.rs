//! kill -9 under load: what was acked is there, nothing twice, and its handler ran.
//!
//! `E2E_KILL_ROUNDS` sets the number of rounds for a long run.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use super::harness::{Gateway, Setup, eventually};

/// Connections that send at once.
const SENDERS: usize = 8;

/// So many more acks are waited for before each kill.
const ACKS_PER_ROUND: usize = 300;

/// Sends until the gateway is gone; notes what was acked.
fn send(gateway: &Gateway, prefix: &str, acked: &Mutex<Vec<String>>, count: &AtomicUsize) {
    let mut connection = gateway.connect();
    for number in 0.. {
        let id = format!("{prefix}-{number}");
        let target = format!("/callback?{}", gateway.app.query("Faulty.Note"));
        let body = format!("{{\"id\":\"{id}\"}}");
        match connection.request("POST", &target, &[], body.as_bytes()) {
            Ok(answer) if answer.status == 200 => {
                acked.lock().unwrap().push(id);
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok(answer) => panic!("{}: {}", answer.status, answer.text()),
            Err(_) => return,
        }
    }
}

#[test]
fn no_acked_event_is_lost_or_doubled_and_every_handler_ran() {
    let rounds = std::env::var_os("E2E_KILL_ROUNDS").map_or(10, |rounds| {
        rounds.to_str().unwrap().parse::<usize>().unwrap()
    });
    let setup = Setup::faulty();
    let acked = Mutex::new(Vec::new());
    for round in 0..rounds {
        let gateway = setup.start();
        let count = AtomicUsize::new(0);
        thread::scope(|scope| {
            for sender in 0..SENDERS {
                let (gateway, acked, count) = (&gateway, &acked, &count);
                scope.spawn(move || send(gateway, &format!("{round}-{sender}"), acked, count));
            }
            eventually("enough is acked", || {
                (count.load(Ordering::Relaxed) >= ACKS_PER_ROUND).then_some(())
            });
            gateway.signal("KILL");
        });
        gateway.kill();
    }

    let gateway = setup.start();
    let acked = acked.into_inner().unwrap();
    assert!(acked.len() >= rounds * ACKS_PER_ROUND);
    let mut stored = BTreeMap::<String, usize>::new();
    for event in gateway.events("") {
        let body: serde_json::Value = serde_json::from_slice(&event.body()).unwrap();
        *stored
            .entry(body["id"].as_str().unwrap().to_owned())
            .or_default() += 1;
    }
    let twice: Vec<_> = stored.iter().filter(|(_, times)| **times > 1).collect();
    assert!(twice.is_empty(), "stored twice: {twice:?}");
    let lost: Vec<_> = acked
        .iter()
        .filter(|id| !stored.contains_key(*id))
        .collect();
    assert!(
        lost.is_empty(),
        "lost {} of {}: {lost:?}",
        lost.len(),
        acked.len()
    );
    eventually("every handler ran", || {
        let ran: BTreeSet<String> = setup.ran("Faulty.Note").into_iter().collect();
        stored.keys().all(|id| ran.contains(id)).then_some(())
    });
}
