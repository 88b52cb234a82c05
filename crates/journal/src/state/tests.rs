//! The promises of the state, through its public interface, files damaged by hand.

mod drift;

use std::{
    fs,
    time::{Duration, SystemTime},
};

use rusqlite::Connection;
use tempfile::TempDir;

use self::drift::{kind, kinds, note};
use super::*;

const LOG: Uuid = Uuid::from_u128(1);
const REMOVED: &str = "Sns.CallbackFriendDelete";
const ADDED: &str = "Sns.CallbackFriendAdd";

fn open(dir: &TempDir) -> State {
    State::open(dir.path(), LOG).unwrap()
}

fn parked(sequence: Sequence, command: &str, due_ms: u64) -> Outcome {
    Outcome {
        sequence,
        command: command.to_owned(),
        status: Status::Parked,
        attempts: 1,
        due_ms,
        reason: Reason::Error,
        error: Some("no route".to_owned()),
        since_ms: due_ms.saturating_sub(1_000),
    }
}

fn dead(sequence: Sequence, command: &str) -> Outcome {
    Outcome {
        status: Status::Dead,
        attempts: 6,
        ..parked(sequence, command, 0)
    }
}

fn files(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn keeps_cursors_and_outcomes_over_a_restart_without_a_close() {
    let dir = tempfile::tempdir().unwrap();
    let outcome = Outcome {
        sequence: 7,
        command: REMOVED.to_owned(),
        status: Status::Parked,
        attempts: 3,
        due_ms: 1_700_000_000_123,
        reason: Reason::Timeout,
        error: None,
        since_ms: 1_700_000_000_000,
    };
    let mut state = open(&dir);
    state
        .save(
            &[(REMOVED, 9), (ADDED, 8)],
            std::slice::from_ref(&outcome),
            &[],
        )
        .unwrap();

    // As after a kill: a copy of what the first process wrote, which never closed it.
    let copied = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(dir.path().join(name), copied.path().join(name)).unwrap();
    }
    let state = open(&copied);
    let cursors = BTreeMap::from([(ADDED.to_owned(), 8), (REMOVED.to_owned(), 9)]);
    assert_eq!(state.cursors().unwrap(), cursors);
    assert_eq!(state.reader().outcome(7).unwrap(), Some(outcome));
    assert_eq!(state.reader().outcome(8).unwrap(), None);
    assert_eq!(state.reader().cursor(REMOVED).unwrap(), Some(9));
    assert_eq!(state.reader().cursor("Bot.Unknown").unwrap(), None);
}

#[test]
fn every_status_and_reason_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let reasons = [
        Reason::Error,
        Reason::Panic,
        Reason::Timeout,
        Reason::Undecodable,
    ];
    for (sequence, reason) in (1..).zip(reasons) {
        for status in [Status::Parked, Status::Dead] {
            let outcome = Outcome {
                status,
                reason,
                ..parked(sequence, REMOVED, 5)
            };
            state
                .save(&[], std::slice::from_ref(&outcome), &[])
                .unwrap();
            assert_eq!(state.reader().outcome(sequence).unwrap(), Some(outcome));
        }
    }
}

#[test]
fn lists_what_is_due_the_longest_due_first() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let outcomes = [
        parked(1, REMOVED, 300),
        parked(2, REMOVED, 100),
        parked(3, ADDED, 200),
        parked(4, ADDED, 100),
        parked(5, ADDED, 301),
        dead(6, ADDED),
    ];
    state.save(&[], &outcomes, &[]).unwrap();

    let due = |command, now, limit| -> Vec<_> {
        let due = state.due(command, now, limit).unwrap();
        due.iter().map(|outcome| outcome.sequence).collect()
    };
    assert_eq!(due(REMOVED, 300, 10), [2, 1]);
    assert_eq!(due(ADDED, 300, 10), [4, 3]);
    assert_eq!(due(ADDED, 300, 1), [4]);
    assert!(due(REMOVED, 99, 10).is_empty());
    assert_eq!(state.oldest_parked(REMOVED).unwrap(), Some(1));
    assert_eq!(state.oldest_parked(ADDED).unwrap(), Some(3));
}

#[test]
fn knows_of_nothing_parked_in_an_empty_state() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir);
    assert_eq!(state.oldest_parked(REMOVED).unwrap(), None);
    assert!(state.due(REMOVED, u64::MAX, usize::MAX).unwrap().is_empty());
    assert!(state.counts().unwrap().is_empty());
}

#[test]
fn counts_follow_every_change() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let counts = |state: &State| {
        let counts = state.counts().unwrap();
        let count = |command: &str, status| {
            let key = (command.to_owned(), status);
            counts.get(&key).copied().unwrap_or_default()
        };
        [
            count(REMOVED, Status::Parked),
            count(REMOVED, Status::Dead),
            count(ADDED, Status::Parked),
            count(ADDED, Status::Dead),
        ]
    };
    let some = [
        parked(1, REMOVED, 1),
        parked(2, REMOVED, 1),
        parked(3, ADDED, 1),
    ];
    state.save(&[], &some, &[]).unwrap();
    assert_eq!(counts(&state), [2, 0, 1, 0]);
    // Parked again, given up, done.
    let more = [parked(1, REMOVED, 9), dead(2, REMOVED)];
    state.save(&[], &more, &[(3, ADDED), (4, ADDED)]).unwrap();
    assert_eq!(counts(&state), [1, 1, 0, 0]);
    state.trim(2).unwrap();
    assert_eq!(counts(&state), [1, 0, 0, 0]);
    drop(state);
    assert_eq!(counts(&open(&dir)), [1, 0, 0, 0]);
}

#[test]
fn trim_spares_what_is_parked_or_newer() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let outcomes = [dead(1, REMOVED), parked(2, REMOVED, 1), dead(3, REMOVED)];
    state.save(&[], &outcomes, &[]).unwrap();

    state.trim(2).unwrap();

    let reader = state.reader();
    assert_eq!(reader.outcome(1).unwrap(), None);
    assert!(reader.outcome(2).unwrap().is_some());
    assert!(reader.outcome(3).unwrap().is_some());
    assert_eq!(state.oldest_parked(REMOVED).unwrap(), Some(2));
}

#[test]
fn a_save_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    state.save(&[(REMOVED, 1)], &[], &[]).unwrap();
    // The last statement of the save fails.
    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE DELETE ON outcomes BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    state.save(&[], &[parked(1, REMOVED, 5)], &[]).unwrap();

    let failed = state.save(&[(REMOVED, 2)], &[parked(2, REMOVED, 5)], &[(1, REMOVED)]);

    assert!(matches!(failed, Err(StateError::Write { .. })));
    assert_eq!(state.reader().cursor(REMOVED).unwrap(), Some(1));
    assert_eq!(state.reader().outcome(2).unwrap(), None);
    assert!(state.reader().outcome(1).unwrap().is_some());

    other.execute_batch("DROP TRIGGER refuse").unwrap();
    state
        .save(&[(REMOVED, 2)], &[parked(2, REMOVED, 5)], &[(1, REMOVED)])
        .unwrap();
    assert_eq!(state.reader().cursor(REMOVED).unwrap(), Some(2));
    assert_eq!(state.reader().outcome(1).unwrap(), None);
}

#[test]
fn cuts_an_error_between_characters() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let outcome = Outcome {
        error: Some(format!("x{}", "户".repeat(500))),
        ..parked(1, REMOVED, 1)
    };
    state.save(&[], &[outcome], &[]).unwrap();

    let kept = state.reader().outcome(1).unwrap().unwrap().error.unwrap();
    assert_eq!(kept, format!("x{}", "户".repeat(341)));
}

#[test]
fn a_file_of_version_1_is_brought_up_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(include_str!("tests/version_1.sql"))
        .unwrap();
    drop(old);

    let mut state = open(&dir);
    assert_eq!(files(&dir), ["state.db", "state.db-shm", "state.db-wal"]);
    assert_eq!(
        state.cursors().unwrap(),
        BTreeMap::from([(REMOVED.to_owned(), 9)])
    );
    let outcome = state.reader().outcome(7).unwrap().unwrap();
    assert_eq!((outcome.status, outcome.attempts), (Status::Parked, 3));
    assert_eq!(
        state.counts().unwrap()[&(REMOVED.to_owned(), Status::Dead)],
        1
    );
    assert!(kinds(&state).is_empty());

    note(&mut state, REMOVED, "A", &[1]);
    state.save(&[(REMOVED, 10)], &[], &[(7, REMOVED)]).unwrap();
    drop(state);
    let state = open(&dir);
    assert_eq!(state.cursors().unwrap()[REMOVED], 10);
    assert_eq!(kinds(&state), [kind(REMOVED, "A", 1, 1, 1)]);
    let version: i64 = Connection::open(&path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 4);
}

#[test]
fn a_file_of_version_2_is_brought_up_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let old = Connection::open(dir.path().join("state.db")).unwrap();
    old.execute_batch(include_str!("tests/version_2.sql"))
        .unwrap();
    drop(old);

    for _ in 0..2 {
        let state = open(&dir);
        assert_eq!(files(&dir), ["state.db", "state.db-shm", "state.db-wal"]);
        assert_eq!(state.cursors().unwrap()[REMOVED], 9);
        assert_eq!(state.oldest_parked(REMOVED).unwrap(), Some(7));
        assert_eq!(kinds(&state), [kind(REMOVED, "A", 3, 5, 6)]);
        let mut deliveries = Deliveries::open(&state).unwrap();
        let subscriptions = vec![("billing", Subscription::default())];
        let change = Change {
            subscriptions,
            ..Change::default()
        };
        deliveries.save(&change).unwrap();
        assert_eq!(deliveries.subscriptions().unwrap().len(), 1);
    }
}

#[test]
fn a_file_of_version_3_is_brought_up_in_place() {
    let dir = tempfile::tempdir().unwrap();
    let old = Connection::open(dir.path().join("state.db")).unwrap();
    old.execute_batch(include_str!("tests/version_3.sql"))
        .unwrap();
    drop(old);

    for sequence in [10, 11] {
        let state = open(&dir);
        assert_eq!(files(&dir), ["state.db", "state.db-shm", "state.db-wal"]);
        assert_eq!(state.oldest_parked(REMOVED).unwrap(), Some(7));
        let mut deliveries = Deliveries::open(&state).unwrap();
        assert_eq!(deliveries.subscriptions().unwrap()["billing"].delivered, 4);
        assert_eq!(
            deliveries.due("billing", u64::MAX, 1).unwrap()[0].sequence,
            9
        );
        let counts = deliveries.counts().unwrap();
        let count = |status| counts[&("billing".to_owned(), status)];
        assert_eq!(count(DeliveryStatus::Pending), sequence - 9);
        assert_eq!(count(DeliveryStatus::Dead), 1);
        let attempt = FirstAttempt {
            subscription: "billing",
            sequence,
            command: REMOVED,
            began_ms: 1_700_000_000_200,
            due_ms: 1_700_000_000_300,
        };
        let change = Change {
            first_attempts: vec![attempt],
            ..Change::default()
        };
        deliveries.save(&change).unwrap();
    }
}

#[test]
fn the_state_of_another_log_starts_anew() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    note(&mut state, REMOVED, "A", &[1]);
    state
        .save(&[(REMOVED, 5)], &[parked(1, REMOVED, 1)], &[])
        .unwrap();
    drop(state);

    let other = State::open(dir.path(), Uuid::from_u128(2)).unwrap();
    assert!(other.cursors().unwrap().is_empty());
    assert!(other.counts().unwrap().is_empty());
    assert_eq!(other.reader().outcome(1).unwrap(), None);
    assert!(kinds(&other).is_empty());
    drop(other);
    let mut again = State::open(dir.path(), Uuid::from_u128(2)).unwrap();
    assert!(again.cursors().unwrap().is_empty());
    note(&mut again, REMOVED, "A", &[2]);
    again.save(&[], &[], &[]).unwrap();
    assert_eq!(kinds(&again), [kind(REMOVED, "A", 1, 2, 2)]);
}

/// Opens after `damage` was done to the closed file: it is set aside whole, and a new one works.
fn check_damage(damage: impl FnOnce(&mut Vec<u8>)) {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    let outcomes: Vec<_> = (1..500).map(|sequence| dead(sequence, REMOVED)).collect();
    state.save(&[(REMOVED, 500)], &outcomes, &[]).unwrap();
    drop(state);
    let path = dir.path().join("state.db");
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, &bytes).unwrap();

    let before = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut state = open(&dir);
    assert!(state.cursors().unwrap().is_empty());
    state.save(&[(REMOVED, 1)], &[], &[]).unwrap();

    let names = files(&dir);
    let aside: Vec<_> = names
        .iter()
        .filter_map(|name| name.strip_prefix("state.db.damaged-"))
        .filter(|name| !name.contains('-'))
        .collect();
    assert_eq!(aside.len(), 1, "{names:?}");
    assert!(aside[0].parse::<u64>().unwrap() >= before);
    let kept = fs::read(dir.path().join(format!("state.db.damaged-{}", aside[0]))).unwrap();
    assert_eq!(kept, bytes);
}

#[test]
fn sets_a_file_with_a_broken_header_aside() {
    check_damage(|bytes| bytes[..64].fill(0xA5));
}

#[test]
fn sets_a_file_with_a_broken_page_aside() {
    check_damage(|bytes| {
        let last = bytes.len() - 4_096;
        bytes[last..].fill(0xA5);
    });
}

#[test]
fn sets_a_shortened_file_aside() {
    check_damage(|bytes| bytes.truncate(bytes.len() / 2));
}

#[test]
fn refuses_a_newer_version_and_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let path = dir.path().join("state.db");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 7)
        .unwrap();
    let before = fs::read(&path).unwrap();

    let error = State::open(dir.path(), LOG).unwrap_err();

    assert!(matches!(error, StateError::Newer { found: 7, .. }));
    assert!(error.to_string().contains("state.db has version 7"));
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn refuses_another_programs_file_and_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("state.db");
    Connection::open(&path)
        .unwrap()
        .execute_batch("CREATE TABLE theirs (x)")
        .unwrap();
    let before = fs::read(&path).unwrap();

    let error = State::open(dir.path(), LOG).unwrap_err();

    assert!(matches!(error, StateError::Foreign { .. }));
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(files(&dir), ["state.db"]);
}

#[test]
fn a_directory_that_is_not_there_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let error = State::open(&dir.path().join("missing"), LOG).unwrap_err();
    assert!(matches!(error, StateError::Open { .. }));
    assert!(error.to_string().contains("missing/state.db"), "{error}");
}

#[test]
fn what_the_follower_asks_every_second_reads_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let state = open(&dir);
    let check = |select: &str, expected: &str| {
        let explain = format!("EXPLAIN QUERY PLAN {select}");
        let mut statement = state.connection.prepare(&explain).unwrap();
        let plan: Vec<String> = statement
            .raw_query()
            .mapped(|row| row.get("detail"))
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(plan.iter().any(|step| step.contains(expected)), "{plan:?}");
        assert!(
            !plan
                .iter()
                .any(|step| step.contains("SORT") || step.contains("B-TREE")),
            "{plan:?}"
        );
    };
    check(row::DUE, "outcomes_due");
    check(row::OLDEST_PARKED, "outcomes_parked");
}

#[test]
fn many_threads_read_while_one_writes() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    state.save(&[(REMOVED, 0)], &[], &[]).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let reader = state.reader();
            scope.spawn(move || {
                let mut last = 0;
                while last < 200 {
                    let cursor = reader.cursor(REMOVED).unwrap().unwrap();
                    assert!(cursor >= last);
                    // Cursor and outcome were saved together.
                    if cursor > 0 {
                        assert!(reader.outcome(cursor).unwrap().is_some());
                    }
                    last = cursor;
                }
            });
        }
        for sequence in 1..=200 {
            state
                .save(&[(REMOVED, sequence)], &[dead(sequence, REMOVED)], &[])
                .unwrap();
        }
    });
}

#[test]
fn a_sync_that_a_reader_of_the_past_held_up_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let mut state = open(&dir);
    state.connection.busy_timeout(Duration::ZERO).unwrap();
    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other.execute_batch("BEGIN; SELECT * FROM cursors").unwrap();
    state.save(&[(REMOVED, 1)], &[], &[]).unwrap();

    assert!(matches!(state.sync(), Err(StateError::Write { .. })));

    other.execute_batch("COMMIT").unwrap();
    state.sync().unwrap();
}
