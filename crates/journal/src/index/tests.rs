//! The promises of the index, through its public interface. Here: what the tests share; each module attacks one promise.

mod damage;
mod life;
mod model;
mod search;
mod trim;

use std::time::{Duration, Instant};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;

const LOG: Uuid = Uuid::from_u128(1);
const BUILT_WITH: &str = "Sns.CallbackFriendDelete";

/// Never flushes by itself.
const BY_HAND: Limits = Limits {
    buffer_entries: usize::MAX,
    flush_after: Duration::from_hours(1),
    retry_after: Duration::from_millis(1),
    trim_sequences_min: 1,
};

/// Flushes all the time.
const EAGER: Limits = Limits {
    buffer_entries: 4,
    ..BY_HAND
};

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
        ..IndexQuery::default()
    }
}

/// Adds one entry an event for `id`, from behind the cursor through `through`.
fn fill(index: &Index, id: &str, through: Sequence) {
    let entries = (index.cursor() + 1..=through).map(|sequence| (Key::Account(id), sequence));
    add(index, &entries.collect::<Vec<_>>(), through);
}

/// Adds, when the flush thread has made room.
fn add(index: &Index, entries: &[(Key<'_>, Sequence)], through: Sequence) {
    eventually("there is room", || {
        match index.add(entries.iter().copied(), through) {
            Err(IndexError::Busy { .. }) => false,
            added => {
                added.unwrap();
                true
            }
        }
    });
}

/// Adds late entries, when the flush thread has made room.
fn add_late(index: &Index, entries: &[(Key<'_>, Sequence)]) {
    eventually("there is room", || {
        match index.add_late(entries.iter().copied()) {
            Err(IndexError::Busy { .. }) => false,
            added => {
                added.unwrap();
                true
            }
        }
    });
}

/// All pages of an answer, `limit` sequences at most.
fn find(index: &Index, query: &IndexQuery<'_>, limit: usize) -> Result<Vec<Sequence>, IndexError> {
    let mut sequences = Vec::new();
    let mut query = *query;
    loop {
        let found = index.find(&query, limit - sequences.len())?;
        sequences.extend(found.sequences);
        if found.next.is_none() || sequences.len() == limit {
            return Ok(sequences);
        }
        query.before = found.next;
    }
}

/// Events up to here are on disk.
fn durable(index: &Index) -> Sequence {
    index.shared.memory().durable
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
    let give_up = Instant::now() + Duration::from_mins(1);
    while !question() {
        assert!(Instant::now() < give_up, "never came true: {what}");
        std::thread::yield_now();
    }
}
