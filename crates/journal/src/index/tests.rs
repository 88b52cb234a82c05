//! The promises of the index, through its public interface, against a model that remembers everything; files damaged
//! by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::FileExt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use proptest::prelude::*;
use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

const LOG: Uuid = Uuid::from_u128(1);
const BUILT_WITH: &str = "Sns.CallbackFriendDelete";

/// Never flushes by itself.
const BY_HAND: Limits = Limits {
    buffer_entries: usize::MAX,
    flush_after: Duration::from_secs(3_600),
    retry_after: Duration::from_millis(1),
    trim_sequences_min: 1,
};

/// Flushes all the time.
const EAGER: Limits = Limits {
    buffer_entries: 4,
    ..BY_HAND
};

/// What an index must answer, from everything that was ever added.
#[derive(Debug, Default)]
struct Model {
    accounts: BTreeMap<String, BTreeSet<Sequence>>,
    groups: BTreeMap<String, BTreeSet<Sequence>>,
    trimmed: Sequence,
}

impl Model {
    fn add(&mut self, entries: &[(Key<'_>, Sequence)]) {
        for &(key, sequence) in entries {
            let (side, id) = match key {
                Key::Account(id) => (&mut self.accounts, id),
                Key::Group(id) => (&mut self.groups, id),
            };
            side.entry(id.to_owned()).or_default().insert(sequence);
        }
    }

    fn find(&self, query: &IndexQuery<'_>, limit: usize) -> Vec<Sequence> {
        let nothing = BTreeSet::new();
        let side = |side: &BTreeMap<String, _>, id: &str| -> BTreeSet<Sequence> {
            side.get(id).unwrap_or(&nothing).clone()
        };
        let matches = match (query.account, query.group) {
            (Some(account), Some(group)) => {
                &side(&self.accounts, account) & &side(&self.groups, group)
            }
            (Some(account), None) => side(&self.accounts, account),
            (None, Some(group)) => side(&self.groups, group),
            (None, None) => BTreeSet::new(),
        };
        matches
            .into_iter()
            .rev()
            .filter(|&sequence| query.before.is_none_or(|before| sequence < before))
            .filter(|&sequence| sequence > self.trimmed)
            .take(limit)
            .collect()
    }
}

fn open(dir: &TempDir, limits: Limits) -> Index {
    Index::open_with(dir.path(), LOG, BUILT_WITH, limits).unwrap()
}

fn account(id: &str) -> IndexQuery<'_> {
    IndexQuery {
        account: Some(id),
        ..IndexQuery::default()
    }
}

fn both<'a>(account: &'a str, group: &'a str) -> IndexQuery<'a> {
    IndexQuery {
        account: Some(account),
        group: Some(group),
        before: None,
    }
}

/// Adds one entry an event for `id`, from behind the cursor through `through`.
fn fill(index: &Index, id: &str, through: Sequence) {
    let entries = (index.cursor() + 1..=through).map(|sequence| (Key::Account(id), sequence));
    index.add(entries, through).unwrap();
}

fn rows_on_disk(dir: &TempDir) -> u64 {
    let connection = Connection::open(dir.path().join("index.db")).unwrap();
    let count = |row: &rusqlite::Row<'_>| row.get::<_, u32>(0);
    connection
        .query_row("SELECT count(*) FROM entries", [], count)
        .unwrap()
        .into()
}

/// Waits until a question to the index has the answer.
fn eventually(what: &str, question: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if question() {
            return;
        }
        std::thread::yield_now();
    }
    panic!("never came true: {what}");
}

#[test]
fn an_entry_is_found_before_and_after_its_flush() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    index
        .add([(Key::Account("alice"), 3), (Key::Group("alice"), 4)], 5)
        .unwrap();

    assert_eq!(index.cursor(), 5);
    assert_eq!(index.durable_cursor(), 0);
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [3]);

    index.shared.flush().unwrap();
    assert_eq!(index.durable_cursor(), 5);
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [3]);
    assert!(index.find(&account("bob"), 9).unwrap().is_empty());
    assert!(index.find(&IndexQuery::default(), 9).unwrap().is_empty());
    assert!(index.find(&account("alice"), 0).unwrap().is_empty());
    assert!(index.bytes() > 0);
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
fn close_keeps_everything_and_ends_the_index() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 3);
    index.close().unwrap();
    index.close().unwrap();
    assert!(matches!(index.add([], 4), Err(IndexError::Closed { .. })));
    assert!(matches!(
        index.find(&account("alice"), 1),
        Err(IndexError::Closed { .. })
    ));
    assert!(matches!(index.trim(1), Err(IndexError::Closed { .. })));

    let index = open(&dir, BY_HAND);
    assert_eq!(index.durable_cursor(), 3);
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [3, 2, 1]);
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
    assert_eq!((index.cursor(), index.durable_cursor()), (3, 3));
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [3, 2, 1]);
    fill(&index, "alice", 5);
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [5, 4, 3, 2, 1]);
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
        index.find(&account("alice"), 9).unwrap(),
        [6, 5, 4, 3, 2, 1]
    );
    index.shared.flush().unwrap();
    assert_eq!(
        index.find(&account("alice"), 9).unwrap(),
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
    assert_eq!(copy.find(&account("alice"), 9_999).unwrap(), expected);
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
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [2, 1]);
    index.add(entries, 3).unwrap();
    index.add([], 1).unwrap();
    assert_eq!(index.cursor(), 3);
    assert_eq!(index.find(&account("alice"), 9).unwrap(), [3, 2, 1]);
}

#[test]
fn the_index_of_another_log_or_other_commands_starts_empty() {
    for (log_id, built_with) in [(Uuid::from_u128(2), BUILT_WITH), (LOG, "other")] {
        let dir = tempfile::tempdir().unwrap();
        let index = open(&dir, BY_HAND);
        fill(&index, "alice", 3);
        index.close().unwrap();

        let index = Index::open(dir.path(), log_id, built_with).unwrap();
        assert_eq!((index.cursor(), index.durable_cursor()), (0, 0));
        assert!(index.find(&account("alice"), 9).unwrap().is_empty());
        fill(&index, "alice", 2);
        index.close().unwrap();
        let index = Index::open(dir.path(), log_id, built_with).unwrap();
        assert_eq!(index.find(&account("alice"), 9).unwrap(), [2, 1]);
    }
}

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
        assert_eq!(index.find(&account("alice"), 9).unwrap(), [2, 1]);
    }
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
        index.find(&query, 9).is_ok()
    });
    assert!(index.find(&query, 9).unwrap().is_empty());
    fill(index, "alice", 9_501);
    index.shared.flush().unwrap();
    assert_eq!(index.durable_cursor(), 9_501);
    assert_eq!(index.find(&query, 2).unwrap(), [9_501, 9_500]);
    assert_eq!(index.find(&query, 10_000).unwrap().len(), 9_501);
}

#[test]
fn damage_met_by_a_search_starts_the_index_anew() {
    let dir = tempfile::tempdir().unwrap();
    let index = reopened(&dir);
    damage_open_file(&dir);

    assert!(matches!(
        index.find(&account("alice"), 9_000),
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
    let refused = (0..20).find_map(|_| add_one().err()).unwrap();

    assert!(matches!(refused, IndexError::Write { .. }));
    assert_eq!((index.cursor(), index.durable_cursor()), (9, 1));
    let expected: Vec<_> = (1..=9).rev().collect();
    assert_eq!(index.find(&account("alice"), 20).unwrap(), expected);

    other.execute_batch("DROP TRIGGER refuse").unwrap();
    eventually("there is room again", || add_one().is_ok());
    index.close().unwrap();
    assert_eq!(rows_on_disk(&dir), 10);
}

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
            index.find(&query, 99_999).unwrap(),
            model.find(&query, 99_999)
        );
    }

    // More calls than steps: the rest of the rows is let alone.
    for _ in 0..100 {
        index.trim(30_000).unwrap();
        let trim_done = || !index.shared.memory().trim_wanted;
        eventually("the step is done", trim_done);
    }
    index.close().unwrap();
    let expected: usize = ids
        .iter()
        .map(|id| model.find(&account(id), 99_999).len())
        .sum();
    assert_eq!(rows_on_disk(&dir), expected as u64);

    let index = open(&dir, BY_HAND);
    assert_eq!(index.cursor(), 40_000);
    assert_eq!(index.find(&account("user0"), 1).unwrap(), [40_000]);
}

#[test]
fn a_round_of_trimming_goes_on_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let index = open(&dir, BY_HAND);
    fill(&index, "alice", 40_000);
    index.shared.flush().unwrap();
    index.trim(35_000).unwrap();
    eventually("one step is done", || !index.shared.memory().trim_wanted);
    index.close().unwrap();
    let left = rows_on_disk(&dir);
    assert!((5_001..40_000).contains(&left), "one step left {left} rows");

    let index = open(&dir, BY_HAND);
    let all = index.find(&account("alice"), 99_999).unwrap();
    assert_eq!(all.len(), 5_000);
    for _ in 0..10 {
        index.trim(35_000).unwrap();
        eventually("the step is done", || !index.shared.memory().trim_wanted);
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
        let found = index.find_page(&query, 77).unwrap();
        all.extend(found.sequences);
        match found.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    assert_eq!(all, (1..=5_100).rev().collect::<Vec<_>>());
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

    let page = index.find_page(&both("alice", "chess"), 10).unwrap();
    assert!(page.sequences.is_empty());
    assert!(page.next.is_some_and(|next| (2..200_000).contains(&next)));
    assert_eq!(index.find(&both("alice", "chess"), 10).unwrap(), [1]);
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
                    let found = index.find(&account("alice"), 50).unwrap();
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
    let all = index.find(&account("alice"), usize::MAX).unwrap();
    assert_eq!(all, (1..=50_000).rev().collect::<Vec<_>>());
}

#[test]
fn three_hundred_thousand_entries_are_found_as_in_the_model() {
    let dir = tempfile::tempdir().unwrap();
    let index = Index::open(dir.path(), LOG, BUILT_WITH).unwrap();
    let accounts: Vec<_> = (0..5_000).map(|id| format!("user{id}")).collect();
    let groups: Vec<_> = (0..40).map(|id| format!("group{id}")).collect();
    let mut model = Model::default();
    let mut random = 1_u64;
    let mut pick = |from: usize| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        usize::try_from(random >> 33).unwrap() % from
    };
    for first in (1..=100_000).step_by(1_000) {
        let entries: Vec<_> = (first..first + 1_000)
            .flat_map(|sequence| {
                [
                    (Key::Account(&accounts[pick(5_000)]), sequence),
                    (Key::Account(&accounts[pick(50)]), sequence),
                    (Key::Group(&groups[pick(40)]), sequence),
                ]
            })
            .collect();
        model.add(&entries);
        index.add(entries, first + 999).unwrap();
    }
    let check = |index: &Index| {
        for step in 0..100 {
            let account = Some(accounts[step * step % 5_000].as_str());
            let group = Some(groups[step % 40].as_str());
            let before = (step % 3 > 0).then_some(step as u64 * 1_000);
            for (account, group) in [(account, None), (None, group), (account, group)] {
                let query = IndexQuery {
                    account,
                    group,
                    before,
                };
                assert_eq!(index.find(&query, 60).unwrap(), model.find(&query, 60));
            }
        }
    };
    check(&index);
    eventually("the first buffer is on disk", || index.durable_cursor() > 0);
    check(&index);
    index.close().unwrap();
    check(&Index::open(dir.path(), LOG, BUILT_WITH).unwrap());
}

/// What happens to an index.
#[derive(Debug, Clone)]
enum Step {
    /// Events with these accounts and groups, some without any.
    Add(Vec<(Vec<u8>, Vec<u8>)>),
    Flush,
    Trim(u64),
    Close,
    /// Drop without a close, then add again what the durable cursor doesn't cover.
    Crash,
    Find {
        account: Option<u8>,
        group: Option<u8>,
        back: Option<u64>,
        limit: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let subjects = || prop::collection::vec(0..4_u8, 0..3);
    let events = prop::collection::vec((subjects(), subjects()), 0..12);
    prop_oneof![
        4 => events.prop_map(Step::Add),
        1 => Just(Step::Flush),
        1 => (0..30_u64).prop_map(Step::Trim),
        1 => Just(Step::Close),
        1 => Just(Step::Crash),
        6 => (
            prop::option::of(0..4_u8),
            prop::option::of(0..4_u8),
            prop::option::of(0..60_u64),
            0..20_usize,
        )
            .prop_map(|(account, group, back, limit)| Step::Find { account, group, back, limit }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn answers_as_the_model_whatever_happens(
        steps in prop::collection::vec(step(), 1..60),
        eager in any::<bool>(),
    ) {
        const IDS: [&str; 4] = ["a", "b", "c", "d"];
        let dir = tempfile::tempdir().unwrap();
        let limits = if eager { EAGER } else { BY_HAND };
        let mut index = open(&dir, limits);
        let mut model = Model::default();
        let mut log: Vec<(Key<'_>, Sequence)> = Vec::new();
        let mut head = 0;
        for step in steps {
            match step {
                Step::Add(events) => {
                    let start = log.len();
                    for (accounts, groups) in events {
                        head += 1;
                        log.extend(accounts.iter().map(|&id| (Key::Account(IDS[usize::from(id)]), head)));
                        log.extend(groups.iter().map(|&id| (Key::Group(IDS[usize::from(id)]), head)));
                    }
                    model.add(&log[start..]);
                    index.add(log[start..].iter().copied(), head).unwrap();
                }
                Step::Flush => index.shared.flush().unwrap(),
                Step::Trim(kept) => {
                    model.trimmed = model.trimmed.max(head.saturating_sub(kept));
                    index.trim(model.trimmed).unwrap();
                }
                Step::Close => {
                    index.close().unwrap();
                    index = open(&dir, limits);
                    prop_assert_eq!(index.cursor(), head);
                    index.trim(model.trimmed).unwrap();
                }
                Step::Crash => {
                    let durable = index.durable_cursor();
                    drop(index);
                    index = open(&dir, limits);
                    prop_assert!(index.cursor() >= durable);
                    let cursor = index.cursor();
                    let lost = log.iter().copied().filter(|&(_, sequence)| sequence > cursor);
                    index.add(lost, head).unwrap();
                    index.trim(model.trimmed).unwrap();
                }
                Step::Find { account, group, back, limit } => {
                    let query = IndexQuery {
                        account: account.map(|id| IDS[usize::from(id)]),
                        group: group.map(|id| IDS[usize::from(id)]),
                        before: back.map(|back| (head + 1).saturating_sub(back)),
                    };
                    prop_assert_eq!(index.find(&query, limit).unwrap(), model.find(&query, limit));
                }
            }
        }
    }
}
