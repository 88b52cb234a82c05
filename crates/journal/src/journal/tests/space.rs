//! Promises 2 and 7: the log is bounded, and no event that is still needed is deleted for it.

use std::{sync::atomic::Ordering, time::Duration};

use bytesize::ByteSize;

use super::fixture::{Fixture, body_of, envelope, eventually};
use crate::{AppendError, Health, Journal};

#[test]
fn only_released_events_are_deleted_after_the_retention() {
    let fixture = Fixture::with(|config| config.retention = Duration::ZERO);
    fixture.append(&["a", "b", "c", "d"]);
    fixture.release(2);
    eventually(|| fixture.sequences() == [3, 4]);
    assert_eq!(fixture.counts.trimmed.load(Ordering::SeqCst), 2);
    assert_eq!(fixture.journal().reader().bounds().unwrap(), Some((3, 4)));
}

#[test]
fn released_events_are_kept_for_the_retention() {
    let mut fixture = Fixture::new();
    let now = fixture.append(&["a", "b"])[1].journaled_ms();
    fixture.stop();
    // Both are older than an hour, the next one is not.
    fixture.set_times(|_| now - 3_700_000);
    fixture.start();
    fixture.append(&["c"]);
    fixture.release(3);
    eventually(|| fixture.sequences() == [3]);
}

#[test]
fn sequences_grow_over_an_emptied_log() {
    let mut fixture = Fixture::with(|config| config.retention = Duration::ZERO);
    let last = fixture.append(&["a", "b", "c"])[2];
    fixture.release(u64::MAX);
    eventually(|| fixture.sequences().is_empty());
    assert_eq!(fixture.journal().reader().bounds().unwrap(), None);
    fixture.restart();
    assert_eq!(fixture.journal().head().borrow().sequence, 3);
    let next = fixture.append(&["d"])[0];
    assert_eq!(next.sequence(), 4);
    assert!(next.journaled_ms() >= last.journaled_ms());
}

#[test]
fn a_full_log_refuses_until_events_are_released() {
    let fixture = Fixture::with(|config| config.bytes_max = ByteSize::kib(256));
    let body = "x".repeat(3000);
    let accepted = fixture.run(async |appender| {
        let mut accepted = 0_u64;
        loop {
            match appender.append(envelope("demo"), body_of(&body)).await {
                Ok(_) => accepted += 1,
                Err(error) => {
                    assert_eq!(error, AppendError::Full);
                    break accepted;
                }
            }
        }
    });
    fixture.wait_for(|health| *health == Health::Full);
    // Nothing was deleted that is needed.
    assert_eq!(fixture.sequences(), (1..=accepted).collect::<Vec<_>>());
    assert!(fixture.journal().usage().log_bytes < 256 * 1024 + 3 * 4096);

    fixture.release(accepted / 2);
    fixture.wait_for(|health| *health == Health::Writable);
    fixture.append(&["next"]);
    let kept = fixture.sequences();
    assert!(kept.contains(&(accepted / 2 + 1)), "{kept:?}");
}

#[test]
fn a_released_log_stays_below_its_limit_under_load() {
    let fixture = Fixture::with(|config| config.bytes_max = ByteSize::kib(512));
    let body = "x".repeat(6000);
    fixture.run(async |appender| {
        for _ in 0..400 {
            let id = appender
                .append(envelope("demo"), body_of(&body))
                .await
                .unwrap();
            fixture.release(id.sequence());
        }
    });
    eventually(|| fixture.journal().usage().log_bytes <= 512 * 1024);
    let size = std::fs::metadata(fixture.log()).unwrap().len();
    assert!(size < 1024 * 1024, "free pages are used again: {size}");
}

#[test]
fn a_log_far_over_its_limit_refuses_while_it_deletes() {
    let mut fixture = Fixture::with(|config| config.bytes_max = ByteSize::kib(64));
    fixture.stop();
    fixture.make_room_max = Duration::ZERO;
    fixture.start();
    fixture.release(u64::MAX);
    let gatekeeper = fixture.gate();
    record_at_once(&fixture, 1500);
    // At the latest behind the first large batch; if it were deleted as a whole, nobody would come any more.
    loop {
        gatekeeper.wait();
        if *fixture.journal().health().borrow() == Health::Full {
            break;
        }
        gatekeeper.pass();
    }
    assert_eq!(fixture.try_append("refused"), Err(AppendError::Full));
    drop(gatekeeper);
    fixture.wait_for(|health| *health == Health::Writable);
    fixture.append(&["next"]);
}

#[test]
fn deletion_does_not_hold_up_the_end() {
    let mut fixture = Fixture::new();
    record_at_once(&fixture, 1500);
    fixture.restart();
    assert_eq!(fixture.sequences().len(), 1500);
    fixture.stop();
    fixture.config.bytes_max = ByteSize::kib(64);
    fixture.make_room_max = Duration::ZERO;
    fixture.start();
    let gatekeeper = fixture.gate();
    fixture.release(u64::MAX);
    gatekeeper.wait();
    fixture.abandon();
    drop(gatekeeper);
    eventually(|| fixture.try_open().and_then(Journal::close).is_ok());
    assert!(fixture.counts.trimmed.load(Ordering::SeqCst) < 1000);
}

/// Queues events of 4 KiB while the writer can't write, so that they share few batches.
fn record_at_once(fixture: &Fixture, events: usize) {
    let mut other = fixture.sql();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let (appender, _completions) = fixture.journal().appender();
    let body = body_of(&"x".repeat(4096));
    for _ in 0..events {
        assert!(appender.record(envelope("demo"), body.clone()));
    }
    drop(lock);
}

#[test]
fn the_write_ahead_file_stays_small() {
    let fixture = Fixture::new();
    let body = "x".repeat(2000);
    let mut largest = 0;
    fixture.run(async |appender| {
        for _ in 0..600 {
            assert!(appender.record(envelope("demo"), body_of(&body)));
            appender
                .append(envelope("demo"), body_of(&body))
                .await
                .unwrap();
            largest = largest.max(fixture.journal().usage().wal_bytes);
        }
    });
    assert!(largest < 2 << 20, "{largest}");
}

#[test]
fn an_event_is_kept_until_every_holder_has_released_it() {
    let fixture = Fixture::with(|config| config.retention = Duration::ZERO);
    let slow = fixture.journal().holder();
    fixture.append(&["a", "b", "c"]);
    fixture.release(3);
    slow.release(1);
    eventually(|| fixture.sequences() == [2, 3]);
    // Whoever goes back keeps what is still there.
    slow.release(0);
    fixture.append(&["d"]);
    fixture.release(4);
    slow.release(2);
    eventually(|| fixture.sequences() == [3, 4]);
}
