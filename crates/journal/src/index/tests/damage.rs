//! A damaged file is replaced, whoever finds the damage; a failing one recovers.

use std::{fs, os::unix::fs::FileExt};

use super::*;

#[test]
fn a_file_damaged_at_its_start_is_replaced_on_opening() {
    let damages: [fn(&mut Vec<u8>); 4] = [
        |bytes| bytes[..64].fill(0xA5),
        |bytes| bytes[100..4_096].fill(0xA5),
        |bytes| bytes.truncate(5_000),
        |bytes| *bytes = b"not a database, though long enough to be read as one".repeat(9),
    ];
    for damage in damages {
        let dir = tempfile::tempdir().unwrap();
        let index = open(&dir, BY_HAND);
        fill(&index, "alice", 9_000);
        index.close().unwrap();
        let path = dir.path().join("index.db");
        let mut bytes = fs::read(&path).unwrap();
        damage(&mut bytes);
        fs::write(&path, bytes).unwrap();

        let index = open(&dir, BY_HAND);
        assert_eq!(index.cursor(), 0);
        fill(&index, "alice", 2);
        assert_eq!(find(&index, &account("alice"), 9).unwrap(), [2, 1]);
    }
}

#[test]
fn a_directory_that_is_not_there_is_an_error_with_its_path() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("missing");
    let error = Index::open(&missing, LOG, BUILT_WITH).unwrap_err();
    assert!(matches!(error, IndexError::Open { .. }));
    assert!(error.to_string().contains("missing/index.db"), "{error}");
}

/// Overwrites all pages but the first two while the index is open, so that it finds out in use.
fn damage_open_file(dir: &TempDir) {
    let path = dir.path().join("index.db");
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    let garbage = vec![0xA5; usize::try_from(length).unwrap() - 8_192];
    file.write_all_at(&garbage, 8_192).unwrap();
}

/// An index through 9,000 with many pages of many accounts, none of them in its write-ahead file or a cache.
fn reopened(dir: &TempDir) -> Index {
    let index = open(dir, BY_HAND);
    let ids: Vec<_> = (0..100).map(|id| format!("user{id}")).collect();
    let entries = (1..=9_000)
        .zip(ids.iter().cycle())
        .flat_map(|(sequence, id)| {
            [
                (Key::Account(id), sequence),
                (Key::Account("alice"), sequence),
            ]
        });
    index.add(entries, 9_000).unwrap();
    index.close().unwrap();
    open(dir, BY_HAND)
}

/// The index noticed damage: its filler is told once, and fills it again.
fn check_rebuilt(index: &Index) {
    let query = account("alice");
    eventually("the index starts anew", || index.cursor() == 0);
    assert!(matches!(
        index.add([(Key::Account("alice"), 9_500)], 9_500),
        Err(IndexError::Restarted { .. })
    ));
    assert_eq!(index.cursor(), 0);
    eventually("the new index can be read", || {
        find(index, &query, 9).is_ok()
    });
    assert!(find(index, &query, 9).unwrap().is_empty());
    fill(index, "alice", 9_501);
    index.shared.flush().unwrap();
    assert_eq!(durable(index), 9_501);
    assert_eq!(find(index, &query, 2).unwrap(), [9_501, 9_500]);
    assert_eq!(find(index, &query, 10_000).unwrap().len(), 9_501);
}

#[test]
fn damage_met_by_a_search_starts_the_index_anew() {
    let dir = tempfile::tempdir().unwrap();
    let index = reopened(&dir);
    damage_open_file(&dir);

    assert!(matches!(
        find(&index, &account("alice"), 9_000),
        Err(IndexError::Read { .. })
    ));

    check_rebuilt(&index);
    index.close().unwrap();
    assert_eq!(rows_on_disk(&dir), 9_501);
}

#[test]
fn damage_met_by_a_flush_starts_the_index_anew() {
    let dir = tempfile::tempdir().unwrap();
    let index = reopened(&dir);
    damage_open_file(&dir);

    let ids: Vec<_> = (0..100).map(|id| format!("user{id}")).collect();
    let entries = ids.iter().map(|id| (Key::Account(id), 9_001));
    index.add(entries, 9_001).unwrap();
    index.shared.flush().unwrap();

    check_rebuilt(&index);
}

#[test]
fn damage_met_by_trimming_starts_the_index_anew() {
    let dir = tempfile::tempdir().unwrap();
    let index = reopened(&dir);
    damage_open_file(&dir);

    index.trim(8_000).unwrap();

    eventually("the index starts anew", || index.cursor() == 0);
}

#[test]
fn an_index_that_cannot_be_written_errs_when_full_and_recovers() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, EAGER);
    fill(&index, "alice", 1);
    index.shared.flush().unwrap();
    // As a full disk would: every write is refused, and nothing is damaged.
    let other = Connection::open(dir.path().join("index.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON entries BEGIN SELECT raise(ROLLBACK, 'no'); END",
        )
        .unwrap();

    let add_one = || {
        let next = index.cursor() + 1;
        index.add([(Key::Account("alice"), next)], next)
    };
    eventually("both buffers are full and can't be flushed", || {
        matches!(add_one(), Err(IndexError::Write { .. }))
    });
    assert_eq!((index.cursor(), durable(&index)), (9, 1));
    let expected: Vec<_> = (1..=9).rev().collect();
    assert_eq!(find(&index, &account("alice"), 20).unwrap(), expected);

    other.execute_batch("DROP TRIGGER refuse").unwrap();
    eventually("there is room again", || add_one().is_ok());
    index.close().unwrap();
    assert_eq!(rows_on_disk(&dir), 10);
}
