//! Promise 1: what is acknowledged is in the log, once, in order.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering},
};

use proptest::prelude::*;
use rusqlite::Connection;

use super::fixture::{EVERYTHING, Fixture, block_on, body_of, envelope, event, eventually};
use crate::{AppendError, Head, Journal, JournalError, Row};

#[test]
fn an_acknowledged_event_is_seen_by_another_connection() {
    let fixture = Fixture::new();
    let other = Connection::open(fixture.log()).unwrap();
    fixture.run(async |appender| {
        for number in 1..=20_i64 {
            let id = appender
                .append(envelope("demo"), body_of("{}"))
                .await
                .unwrap();
            let sql = "SELECT count(*), max(sequence) FROM events";
            let (count, last): (i64, i64) = other
                .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))
                .unwrap();
            assert_eq!((count, last), (number, id.sequence().cast_signed()));
            assert!(fixture.journal().head().borrow().sequence >= id.sequence());
        }
    });
}

#[test]
fn keeps_the_envelope_the_body_and_the_time() {
    let fixture = Fixture::new();
    let body = body_of("not JSON \u{0} at all");
    let id = fixture
        .run(async |appender| appender.append(envelope("shop"), body.clone()).await)
        .unwrap();
    let row = fixture.journal().reader().get(id.sequence()).unwrap();
    let stored = event(row.unwrap());
    assert_eq!(stored.envelope, envelope("shop"));
    assert_eq!(stored.body, body);
    assert_eq!(stored.journaled_ms, id.journaled_ms());
    assert!(id.may_be_of(fixture.journal().head().borrow().log_id));
}

#[test]
fn concurrent_appends_of_several_runtimes_are_each_kept_once() {
    const RUNTIMES: usize = 3;
    const EVENTS: usize = 400;
    let fixture = Arc::new(Fixture::new());
    let runtimes = (0..RUNTIMES).map(|runtime| {
        let fixture = fixture.clone();
        std::thread::spawn(move || {
            fixture.run(async |appender| {
                let appends = (0..EVENTS).map(|number| {
                    let appender = appender.clone();
                    let body = format!("{runtime}/{number}");
                    tokio::spawn(async move {
                        let id = appender.append(envelope("demo"), body_of(&body)).await;
                        (id.unwrap().sequence(), body)
                    })
                });
                let mut acknowledged = Vec::new();
                for append in appends.collect::<Vec<_>>() {
                    acknowledged.push(append.await.unwrap());
                }
                acknowledged
            })
        })
    });
    let acknowledged: HashMap<_, _> = runtimes
        .collect::<Vec<_>>()
        .into_iter()
        .flat_map(|runtime| runtime.join().unwrap())
        .collect();

    assert_eq!(acknowledged.len(), RUNTIMES * EVENTS);
    let stored = fixture.events();
    assert_eq!(stored.len(), RUNTIMES * EVENTS);
    for event in stored {
        assert_eq!(acknowledged[&event.sequence].as_bytes(), &event.body[..]);
    }
    // Far fewer syncs than events.
    assert!(fixture.counts.commits.load(Ordering::SeqCst) < RUNTIMES * EVENTS / 2);
}

#[test]
fn a_dropped_future_does_not_take_its_event_back() {
    let fixture = Fixture::new();
    fixture.run(async |appender| {
        let append = appender.append(envelope("demo"), body_of("dropped"));
        tokio::select! { biased; _ = append => {}, () = std::future::ready(()) => {} }
        appender
            .append(envelope("demo"), body_of("kept"))
            .await
            .unwrap();
    });
    assert_eq!(fixture.bodies(), ["dropped", "kept"]);
}

#[test]
fn answers_come_even_when_nobody_runs_the_completions() {
    let fixture = Fixture::new();
    let (appender, completions) = fixture.journal().appender();
    drop(completions);
    block_on(appender.append(envelope("demo"), body_of("{}"))).unwrap();
}

#[test]
fn a_blocked_runtime_does_not_stop_the_writer() {
    let fixture = Fixture::new();
    let (blocked, _completions) = fixture.journal().appender();
    let mut appends = Vec::new();
    for _ in 0..100 {
        let blocked = blocked.clone();
        let mut append =
            Box::pin(async move { blocked.append(envelope("demo"), body_of("blocked")).await });
        block_on(async {
            tokio::select! { biased; _ = &mut append => {}, () = std::future::ready(()) => {} }
        });
        appends.push(append);
        // Its answer lies with the runtime that takes none; others get theirs, each in a batch of its own.
        fixture.append(&["free"]);
    }
    // When no more batches fit, the writer answers by itself.
    assert!(block_on(appends.pop().unwrap()).is_ok());
    assert_eq!(fixture.events().len(), 200);
}

#[test]
fn a_recorded_event_joins_the_log() {
    let fixture = Fixture::new();
    fixture.run(async |appender| {
        assert!(appender.record(envelope("demo"), body_of("before")));
        appender
            .append(envelope("demo"), body_of("after"))
            .await
            .unwrap();
    });
    assert_eq!(fixture.bodies(), ["before", "after"]);
    assert_eq!(fixture.counts.unrecorded.load(Ordering::SeqCst), 0);
}

#[test]
fn what_exceeds_the_queue_is_refused_at_once() {
    let fixture = Fixture::with(|config| config.queue_events = 2);
    // Nothing is written while another connection holds the write lock.
    let mut other = Connection::open(fixture.log()).unwrap();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let recorded = fixture.run(async |appender| {
        let recorded = (0..3)
            .map(|_| appender.record(envelope("demo"), body_of("{}")))
            .collect::<Vec<_>>();
        let refused = appender.append(envelope("demo"), body_of("{}")).await;
        assert_eq!(refused, Err(AppendError::Overloaded));
        recorded
    });
    assert_eq!(recorded, [true, true, false]);
    assert_eq!(fixture.counts.unrecorded.load(Ordering::SeqCst), 1);
    drop(lock);
    eventually(|| fixture.bodies().len() == 2);
    // There is room again.
    fixture.append(&["next"]);
}

#[test]
fn what_exceeds_the_bytes_of_the_queue_is_refused() {
    let fixture = Fixture::with(|config| config.queue_bytes = bytesize::ByteSize::kib(64));
    let mut other = Connection::open(fixture.log()).unwrap();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    fixture.run(async |appender| {
        let large = "x".repeat(40 << 10);
        assert!(appender.record(envelope("demo"), body_of(&large)));
        assert!(!appender.record(envelope("demo"), body_of(&large)));
    });
    drop(lock);
    eventually(|| fixture.bodies().len() == 1);
    // A single one may be larger than the queue.
    fixture.append(&[&"x".repeat(100 << 10)]);
}

#[test]
fn closing_writes_what_is_queued_and_ends_the_completions() {
    let mut fixture = Fixture::new();
    let (appender, completions) = fixture.journal().appender();
    for number in 0..3000 {
        assert!(appender.record(envelope("demo"), body_of(&number.to_string())));
    }
    fixture.stop();
    block_on(completions.run());
    let refused = block_on(appender.append(envelope("demo"), body_of("late")));
    assert_eq!(refused, Err(AppendError::Closed));
    fixture.start();
    let expected: Vec<_> = (0..3000).map(|number| number.to_string()).collect();
    assert_eq!(fixture.bodies(), expected);
}

#[test]
fn a_log_keeps_its_identity_and_its_place() {
    let mut fixture = Fixture::new();
    fixture.append(&["a", "b"]);
    let head: Head = *fixture.journal().head().borrow();
    assert_eq!(head.sequence, 2);
    fixture.restart();
    assert_eq!(*fixture.journal().head().borrow(), head);
    assert_eq!(fixture.append(&["c"])[0].sequence(), 3);
}

#[test]
fn the_time_never_falls() {
    let mut fixture = Fixture::new();
    let first = fixture.append(&["a"])[0];
    fixture.stop();
    // As if the clock had been an hour ahead when the log was written last.
    let ahead = first.journaled_ms() + 3_600_000;
    fixture
        .sql()
        .execute("UPDATE log SET clock_ms = ?1", [ahead.cast_signed()])
        .unwrap();
    fixture.start();
    assert_eq!(fixture.append(&["b"])[0].journaled_ms(), ahead);
    fixture.restart();
    assert!(fixture.append(&["c"])[0].journaled_ms() >= ahead);
}

#[test]
fn a_second_process_is_told_who_is_in_its_way() {
    let fixture = Fixture::new();
    let error = fixture.try_open().unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error}");
    let path = fixture.config.path.display().to_string();
    assert!(error.to_string().contains(&path), "{error}");
}

#[test]
fn only_this_user_may_enter_the_directory() {
    use std::os::unix::fs::PermissionsExt;
    let fixture = Fixture::new();
    let metadata = std::fs::metadata(&fixture.config.path).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o700);
}

#[test]
fn an_unsynced_journal_works_otherwise() {
    let mut fixture = Fixture::new();
    fixture.stop();
    let journal = Journal::open_unsynced(&fixture.config, fixture.counts.clone()).unwrap();
    let (appender, completions) = journal.appender();
    block_on(async {
        tokio::spawn(completions.run());
        appender
            .append(envelope("demo"), body_of("{}"))
            .await
            .unwrap();
    });
    journal.close().unwrap();
}

#[test]
fn dropping_a_journal_writes_what_is_queued() {
    let mut fixture = Fixture::new();
    let (appender, _completions) = fixture.journal().appender();
    assert!(appender.record(envelope("demo"), body_of("{}")));
    let reader = fixture.journal().reader();
    let dropped = std::mem::replace(&mut fixture, Fixture::new());
    let directory = dropped.into_directory();
    eventually(|| matches!(reader.after(0, EVERYTHING).unwrap()[..], [Row::Event(_)]));
    drop(directory);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn reads_back_any_bodies(bodies in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 1..12)) {
        let fixture = Fixture::new();
        fixture.run(async |appender| {
            for body in &bodies {
                appender.append(envelope("demo"), body.clone().into()).await.unwrap();
            }
        });
        let stored: Vec<_> = fixture.events().into_iter().map(|event| event.body.to_vec()).collect();
        prop_assert_eq!(stored, bodies);
    }
}
