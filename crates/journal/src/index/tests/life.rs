//! What was added is found, before and after flushes, restarts and crashes.

use std::fs;

use super::*;

#[test]
fn an_entry_is_found_before_and_after_its_flush() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    index
        .add([(Key::Account("alice"), 3), (Key::Group("alice"), 4)], 5)
        .unwrap();

    assert_eq!(index.cursor(), 5);
    assert_eq!(durable(&index), 0);
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [3]);

    index.shared.flush().unwrap();
    assert_eq!(durable(&index), 5);
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [3]);
    assert!(find(&index, &account("bob"), 9).unwrap().is_empty());
    assert!(find(&index, &IndexQuery::default(), 9).unwrap().is_empty());
    assert!(find(&index, &account("alice"), 0).unwrap().is_empty());
}

#[test]
fn events_without_subjects_move_the_cursor_to_the_disk_too() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    index.add([], 77).unwrap();
    index.close().unwrap();
    assert_eq!(open(&dir, BY_HAND).cursor(), 77);
}

#[test]
fn what_comes_late_is_found_among_the_others_and_moves_no_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 3);
    fill(&index, "bob", 7);
    index.shared.flush().unwrap();
    let late = [7, 5, 3, 8].map(|sequence| (Key::Account("alice"), sequence));
    index.add_late(late).unwrap();
    assert_eq!(index.cursor(), 7);
    let check = |index: &Index| {
        let found = find(index, &account("alice"), 9).unwrap();
        assert_eq!(found, [7, 5, 3, 2, 1], "the eighth event comes with `add`");
        assert_eq!(find(index, &account("alice"), 1).unwrap(), [7]);
    };
    check(&index);
    index.close().unwrap();
    let index = open(&dir, BY_HAND);
    assert_eq!(index.cursor(), 7);
    check(&index);
}

#[test]
fn what_comes_late_is_flushed_though_nothing_else_comes() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        flush_after: Duration::from_millis(1),
        ..BY_HAND
    };
    let index = open(&dir, limits);
    fill(&index, "alice", 3);
    eventually("it is on the disk", || durable(&index) == 3);
    index.add_late([(Key::Account("bob"), 2)]).unwrap();
    eventually("it is on the disk, too", || rows_on_disk(&dir) == 4);
}

#[test]
fn a_quiet_index_flushes_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        flush_after: Duration::from_millis(1),
        ..BY_HAND
    };
    let index = open(&dir, limits);
    fill(&index, "alice", 3);
    let mut memory = index.shared.memory();
    while memory.durable < 3 {
        memory = index.shared.wait_for_progress(memory);
    }
}

#[test]
fn adding_does_not_wait_for_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, EAGER);
    // A flush waits for the lock for seconds.
    let mut other = Connection::open(dir.path().join("index.db")).unwrap();
    let lock = other
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .unwrap();
    let add_one = || {
        let next = index.cursor() + 1;
        index.add([(Key::Account("alice"), next)], next)
    };
    let refused = (0..20).find_map(|_| add_one().err()).unwrap();
    assert!(matches!(refused, IndexError::Busy { .. }), "{refused}");
    assert_eq!(index.cursor(), 8);
    drop(lock);
    eventually("there is room again", || add_one().is_ok());
    assert_eq!(find(&index, &account("alice"), 9).unwrap().len(), 9);
}

#[test]
fn close_keeps_everything_and_ends_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 3);
    index.close().unwrap();
    index.close().unwrap();
    assert!(matches!(index.add([], 4), Err(IndexError::Closed { .. })));
    assert!(matches!(
        find(&index, &account("alice"), 1),
        Err(IndexError::Closed { .. })
    ));
    assert!(matches!(index.trim(1), Err(IndexError::Closed { .. })));

    let index = open(&dir, BY_HAND);
    assert_eq!(durable(&index), 3);
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [3, 2, 1]);
}

#[test]
fn a_crash_forgets_what_was_not_flushed_and_says_where_to_go_on() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 3);
    index.shared.flush().unwrap();
    fill(&index, "alice", 5);
    drop(index);

    let index = open(&dir, BY_HAND);
    assert_eq!((index.cursor(), durable(&index)), (3, 3));
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [3, 2, 1]);
    fill(&index, "alice", 5);
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [5, 4, 3, 2, 1]);
}

#[test]
fn a_killed_flush_is_repeated_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 3);
    index.close().unwrap();
    // The first transactions of a flush through 6 came to disk, the last one with its cursor didn't.
    let connection = Connection::open(dir.path().join("index.db")).unwrap();
    for sequence in [4, 6] {
        let entry = (key::hash(Key::Account("alice")), sequence);
        connection
            .execute("INSERT INTO entries VALUES (?1, ?2)", entry)
            .unwrap();
    }
    drop(connection);

    let index = open(&dir, BY_HAND);
    assert_eq!(index.cursor(), 3);
    fill(&index, "alice", 6);
    assert_eq!(
        find(&index, &account("alice"), 9).unwrap(),
        [6, 5, 4, 3, 2, 1]
    );
    index.shared.flush().unwrap();
    assert_eq!(
        find(&index, &account("alice"), 9).unwrap(),
        [6, 5, 4, 3, 2, 1]
    );
}

#[test]
fn a_copy_of_a_living_index_is_whole_up_to_its_cursor() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 2_000);
    index.shared.flush().unwrap();
    fill(&index, "alice", 3_000);

    let copied = tempfile::tempdir().unwrap();
    for name in ["index.db", "index.db-wal"] {
        fs::copy(dir.path().join(name), copied.path().join(name)).unwrap();
    }
    let copy = open(&copied, BY_HAND);
    assert_eq!(copy.cursor(), 2_000);
    let expected: Vec<_> = (1..=2_000).rev().collect();
    assert_eq!(find(&copy, &account("alice"), 9_999).unwrap(), expected);
}

#[test]
fn adding_again_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    let entries = [
        (Key::Account("alice"), 1),
        (Key::Account("alice"), 1),
        (Key::Account("alice"), 2),
        (Key::Account("alice"), 3),
    ];
    // The third event is not part of this read.
    index.add(entries, 2).unwrap();
    index.add(entries, 2).unwrap();
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [2, 1]);
    index.add(entries, 3).unwrap();
    index.add([], 1).unwrap();
    assert_eq!(index.cursor(), 3);
    assert_eq!(find(&index, &account("alice"), 9).unwrap(), [3, 2, 1]);
}

#[test]
fn the_index_of_another_log_or_other_commands_starts_empty() {
    for (log_id, built_with) in [(Uuid::from_u128(2), BUILT_WITH), (LOG, "other")] {
        let dir = tempfile::tempdir().unwrap();
        let index = open(&dir, BY_HAND);
        fill(&index, "alice", 3);
        index.close().unwrap();

        let index = Index::open(dir.path(), log_id, built_with).unwrap();
        assert_eq!((index.cursor(), durable(&index)), (0, 0));
        assert!(find(&index, &account("alice"), 9).unwrap().is_empty());
        fill(&index, "alice", 2);
        index.close().unwrap();
        let index = Index::open(dir.path(), log_id, built_with).unwrap();
        assert_eq!(find(&index, &account("alice"), 9).unwrap(), [2, 1]);
    }
}
