//! Pages, intersections, and searches beside a busy filler.

use std::sync::atomic::{AtomicBool, Ordering};

use gateway_core::Agreement;

use super::*;

#[test]
fn pages_follow_each_other_without_a_gap() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 5_000);
    index.shared.flush().unwrap();
    fill(&index, "alice", 5_100);

    let mut query = account("alice");
    let mut all = Vec::new();
    loop {
        let found = index.find(&query, 77).unwrap();
        all.extend(found.sequences);
        match found.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    assert_eq!(all, (1..=5_100).rev().collect::<Vec<_>>());
}

#[test]
fn events_are_found_by_how_a_shadow_compares() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    let [disagreed, agreed] = [Agreement::Disagreed, Agreement::Agreed].map(Key::Shadow);
    let alice = Key::Account("alice");
    let entries = [
        (disagreed, 1),
        (alice, 2),
        (agreed, 2),
        (alice, 3),
        (disagreed, 3),
    ];
    index.add(entries, 3).unwrap();
    index.shared.flush().unwrap();

    let query = |account| IndexQuery {
        account,
        shadow: Some(Agreement::Disagreed),
        ..IndexQuery::default()
    };
    assert_eq!(find(&index, &query(None), 10).unwrap(), [3, 1]);
    assert_eq!(find(&index, &query(Some("alice")), 10).unwrap(), [3]);
}

#[test]
fn a_page_of_an_intersection_is_bounded_work_and_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    // They alternate and meet only in the oldest event.
    let mut entries = vec![(Key::Account("alice"), 1), (Key::Group("chess"), 1)];
    entries.extend((2..=200_000).map(|sequence| match sequence % 2 {
        0 => (Key::Account("alice"), sequence),
        _ => (Key::Group("chess"), sequence),
    }));
    index.add(entries, 200_000).unwrap();
    index.shared.flush().unwrap();

    let page = index.find(&both("alice", "chess"), 10).unwrap();
    assert!(page.sequences.is_empty());
    assert!(page.next.is_some_and(|next| (2..200_000).contains(&next)));
    assert_eq!(find(&index, &both("alice", "chess"), 10).unwrap(), [1]);
}

#[test]
fn searches_are_whole_while_buffers_fill_and_flush() {
    let dir = tempfile::tempdir().unwrap();
    let limits = Limits {
        buffer_entries: 500,
        ..BY_HAND
    };
    let index = open(&dir, limits);
    let ended = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !ended.load(Ordering::Relaxed) {
                    let cursor = index.cursor();
                    let found = find(&index, &account("alice"), 50).unwrap();
                    let newest = found.first().copied().unwrap_or_default();
                    assert!(newest >= cursor, "{newest} was found, {cursor} was added");
                    let expected: Vec<_> = (1..=newest).rev().take(50).collect();
                    assert_eq!(found, expected);
                }
            });
        }
        for through in (10..=50_000).step_by(10) {
            fill(&index, "alice", through);
        }
        ended.store(true, Ordering::Relaxed);
    });
    let all = find(&index, &account("alice"), usize::MAX).unwrap();
    assert_eq!(all, (1..=50_000).rev().collect::<Vec<_>>());
}
