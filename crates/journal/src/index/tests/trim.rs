//! Trimmed events are found no more and leave the disk in bounded steps.

use super::{model::Model, *};

#[test]
fn old_events_are_forgotten_at_once_and_leave_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    let ids: Vec<_> = (0..50).map(|id| format!("user{id}")).collect();
    let entries = (1..=40_000)
        .flat_map(|sequence| [(sequence % 50, sequence), (sequence % 7, sequence)])
        .map(|(id, sequence)| {
            (
                Key::Account(ids[usize::try_from(id).unwrap()].as_str()),
                sequence,
            )
        });
    let mut model = Model::default();
    let entries: Vec<_> = entries.collect();
    model.add(&entries);
    index.add(entries, 40_000).unwrap();
    index.shared.flush().unwrap();

    index.trim(30_000).unwrap();
    model.trimmed = 30_000;
    for id in &ids {
        let query = account(id);
        assert_eq!(
            find(&index, &query, 99_999).unwrap(),
            model.find(&query, 99_999)
        );
    }

    // More calls than steps: the rest of the rows is let alone.
    for _ in 0..100 {
        index.trim(30_000).unwrap();
        let begun = || !index.shared.memory().trim_wanted;
        eventually("the step has begun", begun);
    }
    index.close().unwrap();
    let expected: usize = ids
        .iter()
        .map(|id| model.find(&account(id), 99_999).len())
        .sum();
    assert_eq!(rows_on_disk(&dir), expected as u64);

    let index = open(&dir, BY_HAND);
    assert_eq!(index.cursor(), 40_000);
    assert_eq!(find(&index, &account("user0"), 1).unwrap(), [40_000]);
}

#[test]
fn a_round_of_trimming_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 40_000);
    index.close().unwrap();
    // Opened again, it has no flush to trim after: one call is one step.
    let index = open(&dir, BY_HAND);
    index.trim(35_000).unwrap();
    eventually("the step has begun", || !index.shared.memory().trim_wanted);
    index.close().unwrap();
    let left = rows_on_disk(&dir);
    assert!((5_001..40_000).contains(&left), "one step left {left} rows");

    let index = open(&dir, BY_HAND);
    let all = find(&index, &account("alice"), 99_999).unwrap();
    assert_eq!(all.len(), 5_000);
    for _ in 0..10 {
        index.trim(35_000).unwrap();
        eventually("the step has begun", || !index.shared.memory().trim_wanted);
    }
    index.close().unwrap();
    assert_eq!(rows_on_disk(&dir), 5_000);
}

#[test]
fn trimming_keeps_up_with_flushes_alone() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        buffer_entries: 1_000,
        ..BY_HAND
    };
    let index = open(&dir, limits);
    for through in (100..=100_000).step_by(100) {
        fill(&index, "alice", through);
        if through % 1_000 == 0 {
            index.trim(through.saturating_sub(10_000)).unwrap();
        }
    }
    index.close().unwrap();
    let rows = rows_on_disk(&dir);
    assert!(
        (10_000..16_000).contains(&rows),
        "{rows} rows for 10,000 events"
    );
}
