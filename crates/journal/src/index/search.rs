//! Search: the entries of a key, from memory and disk, as one descending stream; two streams, intersected.

use rusqlite::{Connection, params};

use super::{IndexQuery, Key, buffer::Buffer, key};
use crate::{
    Sequence,
    sqlite::{restored, stored},
};

/// The first read of an intersection's stream, in rows; doubled while the stream is read on without a jump.
const READ_ROWS_MIN: usize = 16;

/// Rows that one read returns at most.
const READ_ROWS_MAX: usize = 1_024;

/// Rows and comparisons in one search, some ten milliseconds; then the caller goes on from where it ended.
pub(super) const WORK_MAX: usize = 65_536;

/// The hashed query: what all matches are about, and above and below which sequence they lie.
#[derive(Debug)]
pub(super) struct Search {
    first: i64,
    second: Option<i64>,
    floor: Sequence,
    below: Sequence,
    limit: usize,
}

/// What a search found in memory, for each of its keys: newest first.
#[derive(Debug)]
pub(super) struct InMemory {
    first: Vec<Sequence>,
    second: Vec<Sequence>,
}

/// What a search found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Newest first.
    pub sequences: Vec<Sequence>,
    /// Ask again with `before` at this for what follows; `None` when nothing does.
    pub next: Option<Sequence>,
}

/// The entries of one key below a bound that only falls.
struct Stream<'a> {
    memory: Vec<Sequence>,
    disk: Option<DiskStream<'a>>,
}

struct DiskStream<'a> {
    connection: &'a Connection,
    key: i64,
    floor: Sequence,
    read: Vec<Sequence>,
    /// Nothing below what was read.
    ended: bool,
    rows: usize,
    rows_total: usize,
}

// === impl Search ===

impl Search {
    /// `None` when the query has no key. Only sequences above `floor` are found.
    pub(super) fn new(query: &IndexQuery<'_>, floor: Sequence, limit: usize) -> Option<Self> {
        let keys = [
            query.account.map(Key::Account),
            query.group.map(Key::Group),
            query.shadow.map(Key::Shadow),
        ];
        // Callers check the events anyway, and a third key, the least telling, would hardly leave out more.
        let mut keys = keys.into_iter().flatten().map(key::hash);
        Some(Self {
            first: keys.next()?,
            second: keys.next(),
            floor,
            below: query.before.unwrap_or(Sequence::MAX),
            limit,
        })
    }

    /// The part that needs the buffers to stand still. An intersection takes all of a key's entries, a single key as
    /// many as can be answered.
    pub(super) fn in_memory(&self, buffers: &[&Buffer]) -> InMemory {
        // One more than is answered tells whether something follows.
        let most = self
            .second
            .map_or(self.limit.saturating_add(1), |_| usize::MAX);
        let collect = |key| {
            let mut sequences: Vec<_> = buffers
                .iter()
                .flat_map(|buffer| {
                    let late = self.within(buffer.late_newest_first(key)).take(most);
                    self.within(buffer.newest_first(key)).take(most).chain(late)
                })
                .collect();
            sequences.sort_unstable_by(|a, b| b.cmp(a));
            sequences
        };
        InMemory {
            first: collect(self.first),
            second: self.second.map(collect).unwrap_or_default(),
        }
    }

    /// Those that can be found, of sequences that are newest first.
    fn within(
        &self,
        newest_first: impl Iterator<Item = Sequence>,
    ) -> impl Iterator<Item = Sequence> {
        newest_first
            .skip_while(|&sequence| sequence >= self.below)
            .take_while(|&sequence| sequence > self.floor)
    }

    /// The rest: merges what memory had with what the disk has. Memory must have been looked at first, since entries
    /// move from there to the disk; those seen in both count once.
    pub(super) fn run(
        &self,
        memory: InMemory,
        disk: Option<&Connection>,
    ) -> rusqlite::Result<Found> {
        let stream = |key, memory, rows| Stream {
            memory,
            disk: disk.map(|connection| DiskStream::new(connection, key, self.floor, rows)),
        };
        match self.second {
            None => {
                let rows = self.limit.saturating_add(1).min(READ_ROWS_MAX);
                self.walk(stream(self.first, memory.first, rows))
            }
            Some(second) => self.intersect(
                stream(self.first, memory.first, READ_ROWS_MIN),
                stream(second, memory.second, READ_ROWS_MIN),
            ),
        }
    }

    fn walk(&self, mut stream: Stream<'_>) -> rusqlite::Result<Found> {
        let mut found = Found::default();
        let mut below = self.below;
        while let Some(sequence) = stream.next_below(below)? {
            if found.sequences.len() == self.limit || stream.work() > WORK_MAX {
                found.next = Some(below);
                break;
            }
            found.sequences.push(sequence);
            below = sequence;
        }
        Ok(found)
    }

    /// Each stream in turn jumps to where the other one stands.
    fn intersect(&self, mut one: Stream<'_>, mut other: Stream<'_>) -> rusqlite::Result<Found> {
        let mut found = Found::default();
        let mut below = self.below;
        let mut turns = 0;
        while let Some(candidate) = one.next_below(below)? {
            if found.sequences.len() == self.limit || turns + one.work() + other.work() > WORK_MAX {
                found.next = Some(below);
                break;
            }
            turns += 1;
            let Some(counterpart) = other.next_below(candidate.saturating_add(1))? else {
                break;
            };
            if counterpart == candidate {
                found.sequences.push(candidate);
                below = candidate;
            } else {
                below = counterpart.saturating_add(1);
            }
        }
        Ok(found)
    }
}

// === impl Stream ===

impl Stream<'_> {
    /// The newest entry below `bound`, which never rises from call to call.
    fn next_below(&mut self, bound: Sequence) -> rusqlite::Result<Option<Sequence>> {
        let passed = self.memory.partition_point(|&sequence| sequence >= bound);
        let in_memory = self.memory.get(passed).copied();
        let on_disk = match &mut self.disk {
            Some(disk) => disk.next_below(bound)?,
            None => None,
        };
        Ok(in_memory.max(on_disk))
    }

    fn work(&self) -> usize {
        self.disk.as_ref().map_or(0, |disk| disk.rows_total)
    }
}

impl<'a> DiskStream<'a> {
    fn new(connection: &'a Connection, key: i64, floor: Sequence, rows: usize) -> Self {
        Self {
            connection,
            key,
            floor,
            read: Vec::new(),
            ended: false,
            rows: rows.max(1),
            rows_total: 0,
        }
    }

    fn next_below(&mut self, bound: Sequence) -> rusqlite::Result<Option<Sequence>> {
        let passed = self.read.partition_point(|&sequence| sequence >= bound);
        if let Some(&sequence) = self.read.get(passed) {
            return Ok(Some(sequence));
        }
        if self.ended {
            return Ok(None);
        }
        // Who jumps far beyond what was read has no use for long reads.
        if let (Some(&first), Some(&last)) = (self.read.first(), self.read.last()) {
            let near = last.saturating_sub(bound) <= first - last;
            self.rows = if near {
                (self.rows * 2).min(READ_ROWS_MAX)
            } else {
                READ_ROWS_MIN
            };
        }
        self.fill(bound)?;
        Ok(self.read.first().copied())
    }

    fn fill(&mut self, bound: Sequence) -> rusqlite::Result<()> {
        let mut select = self.connection.prepare_cached(
            "SELECT sequence FROM entries WHERE key = ?1 AND sequence < ?2 AND sequence > ?3
             ORDER BY sequence DESC LIMIT ?4",
        )?;
        let rows = select.query_map(
            params![
                self.key,
                stored(bound),
                stored(self.floor),
                stored(self.rows as u64)
            ],
            |row| row.get(0).map(restored),
        )?;
        self.read = rows.collect::<Result<_, _>>()?;
        self.ended = self.read.len() < self.rows;
        self.rows_total += self.read.len() + 1;
        Ok(())
    }
}
