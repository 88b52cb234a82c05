//! Promise 8: after an error of the store nothing is acknowledged until the log has proved itself.

use std::sync::atomic::Ordering;

use rusqlite::ffi::{SQLITE_FULL, SQLITE_IOERR_FSYNC, SQLITE_READONLY};

use super::fixture::{EVERYTHING, Fixture, block_on, body_of, envelope, eventually};
use crate::{AppendError, Health, JournalError, journal::store::faults::Fault};

const ALWAYS: usize = usize::MAX;

#[test]
fn a_lost_batch_of_unknown_outcome_is_refused_and_its_sequences_are_not_given_again() {
    let fixture = Fixture::new();
    fixture.append(&["a"]);
    fixture.fail(Fault::Lost(SQLITE_IOERR_FSYNC), 1);
    assert_eq!(fixture.try_append("lost"), Err(AppendError::Unwritable));
    fixture.wait_for(|health| *health == Health::Writable);
    assert_eq!(fixture.append(&["b"])[0].sequence(), 3);
    assert_eq!(fixture.bodies(), ["a", "b"]);
}

#[test]
fn a_written_batch_of_unknown_outcome_is_acknowledged_once_the_log_has_proved_itself() {
    let fixture = Fixture::new();
    fixture.append(&["a"]);
    fixture.fail(Fault::Written(SQLITE_IOERR_FSYNC), 1);
    let id = fixture.try_append("written").unwrap();
    assert_eq!(id.sequence(), 2);
    assert_eq!(fixture.append(&["b"])[0].sequence(), 3);
    assert_eq!(fixture.bodies(), ["a", "written", "b"]);
}

#[test]
fn nothing_is_acknowledged_or_read_while_the_disk_fails() {
    let fixture = Fixture::new();
    fixture.append(&["a"]);
    fixture.fail(Fault::Written(SQLITE_IOERR_FSYNC), ALWAYS);
    let reader = fixture.journal().reader();
    fixture.run(async |appender| {
        let unknown = tokio::spawn({
            let appender = appender.clone();
            async move { appender.append(envelope("demo"), body_of("unknown")).await }
        });
        let mut health = fixture.journal().health();
        health
            .wait_for(|health| *health == Health::Recovering("a sync failed"))
            .await
            .unwrap();
        for _ in 0..3 {
            let refused = appender.append(envelope("demo"), body_of("refused")).await;
            assert_eq!(refused, Err(AppendError::Unwritable));
        }
        assert!(!appender.record(envelope("demo"), body_of("refused")));
        // Readers go on, and see nothing that is not known to be synced.
        assert_eq!(reader.after(0, EVERYTHING).unwrap().len(), 1);
        assert_eq!(fixture.journal().head().borrow().sequence, 1);
        assert!(!unknown.is_finished());
        fixture.faults.clear();
        assert_eq!(unknown.await.unwrap().unwrap().sequence(), 2);
    });
    assert_eq!(fixture.counts.unrecorded.load(Ordering::SeqCst), 1);
    fixture.append(&["b"]);
    assert_eq!(fixture.bodies(), ["a", "unknown", "b"]);
}

#[test]
fn an_acknowledged_event_that_is_missing_keeps_the_log_closed() {
    let fixture = Fixture::new();
    fixture.append(&["a", "b"]);
    let other = fixture.sql();
    other
        .execute("DELETE FROM events WHERE sequence = 2", [])
        .unwrap();
    fixture.fail(Fault::Lost(SQLITE_IOERR_FSYNC), 1);
    let stays = |health: &Health| matches!(health, Health::Recovering(reason) if reason.contains("last acknowledged"));
    fixture.run(async |appender| {
        tokio::spawn(async move { appender.append(envelope("demo"), body_of("c")).await });
        fixture.journal().health().wait_for(stays).await.unwrap();
    });
    assert_eq!(fixture.try_append("d"), Err(AppendError::Unwritable));
}

#[test]
fn a_full_disk_refuses_until_a_probe_succeeds() {
    let fixture = Fixture::new();
    fixture.append(&["a"]);
    fixture.fail(Fault::Lost(SQLITE_FULL), ALWAYS);
    assert_eq!(fixture.try_append("refused"), Err(AppendError::Full));
    fixture.wait_for(|health| *health == Health::Full);
    assert_eq!(fixture.try_append("refused"), Err(AppendError::Full));
    fixture.faults.clear();
    fixture.wait_for(|health| *health == Health::Writable);
    fixture.append(&["b"]);
    assert_eq!(fixture.bodies(), ["a", "b"]);
    assert_eq!(fixture.sequences(), [1, 2]);
}

#[test]
fn a_read_only_disk_refuses_with_a_reason() {
    let fixture = Fixture::new();
    fixture.fail(Fault::Lost(SQLITE_READONLY), ALWAYS);
    assert_eq!(fixture.try_append("refused"), Err(AppendError::Unwritable));
    fixture.wait_for(|health| *health == Health::Unwritable("read-only"));
    fixture.faults.clear();
    fixture.wait_for(|health| *health == Health::Writable);
    fixture.append(&["a"]);
}

#[test]
fn closing_while_recovering_answers_everyone_and_says_so() {
    let mut fixture = Fixture::new();
    fixture.append(&["a"]);
    fixture.fail(Fault::Lost(SQLITE_IOERR_FSYNC), ALWAYS);
    let (appender, completions) = fixture.journal().appender();
    let append = std::thread::spawn(move || {
        block_on(async {
            tokio::spawn(completions.run());
            appender.append(envelope("demo"), body_of("unknown")).await
        })
    });
    fixture.wait_for(|health| matches!(health, Health::Recovering(_)));
    let error = fixture.close().unwrap_err();
    assert!(matches!(error, JournalError::NotClosed { .. }), "{error:?}");
    assert_eq!(append.join().unwrap(), Err(AppendError::Unwritable));
    fixture.faults.clear();
    fixture.start();
    assert_eq!(fixture.bodies(), ["a"]);
}

#[test]
fn a_dead_writer_is_seen_and_refuses() {
    let mut fixture = Fixture::new();
    assert!(!fixture.journal().is_dead());
    fixture.counts.panics.store(true, Ordering::SeqCst);
    fixture.append(&["a"]);
    eventually(|| fixture.journal().is_dead());
    assert!(matches!(
        *fixture.journal().health().borrow(),
        Health::Unwritable(_)
    ));
    assert_eq!(fixture.try_append("b"), Err(AppendError::Closed));
    let error = fixture.close().unwrap_err();
    assert!(matches!(error, JournalError::NotClosed { .. }), "{error:?}");
}
