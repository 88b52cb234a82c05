//! Drift as rows of `drift`: which kinds there are, how often each came, and when.
//!
//! Their number is bounded; what is over is added up in one row a command, so that the counts add up whatever comes.
//! The rows are in memory, too: noting needs no disk, and a known kind is told from a new one whoever floods the table.
//! Start at [`Kinds::note`].

use std::collections::{BTreeMap, btree_map::Entry};

use gateway_core::Drift;
use rusqlite::{Connection, Row, params};

use crate::sqlite::{restored, stored};

/// One way in which bodies of a command differ from its types, and how often they did. Never holds a value of a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftKind {
    /// The events' command.
    pub command: String,
    /// What differs. With the path [`DriftKind::FURTHER`] it stands for all kinds that found no place of their own.
    pub drift: Drift,
    /// How often it came: once an event, but for further kinds, of which an event can have several.
    pub count: u64,
    /// When the first of the events was journaled, in milliseconds since the Unix epoch.
    pub first_ms: u64,
    /// When the last one was.
    pub last_ms: u64,
}

/// Every kind of drift, as the table has it or is to have it.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    by_command: BTreeMap<String, BTreeMap<Drift, Tally>>,
    /// Without those of further kinds.
    total: usize,
}

#[derive(Debug)]
struct Tally {
    count: u64,
    first_ms: u64,
    last_ms: u64,
    is_saved: bool,
}

/// Kinds of all commands together.
const KINDS_MAX: usize = 1_000;

/// Kinds of one command.
const COMMAND_KINDS_MAX: usize = 64;

// === impl DriftKind ===

impl DriftKind {
    /// The path of further kinds. No other path has this character: core lets only letters, digits, spaces and ASCII
    /// into a field's name.
    pub const FURTHER: &'static str = "…";
}

// === impl Kinds ===

impl Kinds {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let mut kinds = Self::default();
        for kind in read(connection, None)? {
            let tally = Tally {
                count: kind.count,
                first_ms: kind.first_ms,
                last_ms: kind.last_ms,
                is_saved: true,
            };
            kinds.total += usize::from(!is_further(&kind.drift));
            let of_command = kinds.by_command.entry(kind.command).or_default();
            of_command.insert(kind.drift, tally);
        }
        Ok(kinds)
    }

    /// Counts a drift of an event that was journaled then, under its own kind or, without room, under further kinds.
    pub(super) fn note(&mut self, command: &str, drift: Drift, journaled_ms: u64) {
        let of_command = self.by_command.entry(command.to_owned()).or_default();
        // That of further kinds may be among them: not before there is no room, which never comes back.
        let has_room = of_command.len() < COMMAND_KINDS_MAX && self.total < KINDS_MAX;
        let drift = if has_room || of_command.contains_key(&drift) {
            drift
        } else {
            further()
        };
        match of_command.entry(drift) {
            Entry::Occupied(known) => known.into_mut().add(journaled_ms),
            Entry::Vacant(new) => {
                self.total += usize::from(!is_further(new.key()));
                new.insert(Tally::first(journaled_ms));
            }
        }
    }

    /// Writes what the table does not have yet.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        let mut write = connection
            .prepare_cached("INSERT OR REPLACE INTO drift VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for (command, of_command) in &self.by_command {
            for (drift, tally) in of_command.iter().filter(|(_, tally)| !tally.is_saved) {
                write.execute(params![
                    command,
                    drift.path,
                    drift.expected,
                    drift.found,
                    stored(tally.count),
                    stored(tally.first_ms),
                    stored(tally.last_ms),
                ])?;
            }
        }
        Ok(())
    }

    /// The table has everything.
    pub(super) fn saved(&mut self) {
        let tallies = self.by_command.values_mut().flat_map(BTreeMap::values_mut);
        tallies.for_each(|tally| tally.is_saved = true);
    }
}

// === impl Tally ===

impl Tally {
    fn first(journaled_ms: u64) -> Self {
        Self {
            count: 1,
            first_ms: journaled_ms,
            last_ms: journaled_ms,
            is_saved: false,
        }
    }

    fn add(&mut self, journaled_ms: u64) {
        self.count = self.count.saturating_add(1);
        self.first_ms = self.first_ms.min(journaled_ms);
        self.last_ms = self.last_ms.max(journaled_ms);
        self.is_saved = false;
    }
}

/// Every kind, or those of one command; the last seen first.
pub(super) fn read(
    connection: &Connection,
    command: Option<&str>,
) -> rusqlite::Result<Vec<DriftKind>> {
    connection
        .prepare_cached(
            "SELECT * FROM drift WHERE ?1 IS NULL OR command = ?1
             ORDER BY last_ms DESC, command, path, expected, found",
        )?
        .query_map([command], kind)?
        .collect()
}

fn kind(row: &Row<'_>) -> rusqlite::Result<DriftKind> {
    Ok(DriftKind {
        command: row.get("command")?,
        drift: Drift {
            path: row.get("path")?,
            expected: row.get("expected")?,
            found: row.get("found")?,
        },
        count: restored(row.get("count")?),
        first_ms: restored(row.get("first_ms")?),
        last_ms: restored(row.get("last_ms")?),
    })
}

fn further() -> Drift {
    Drift {
        path: DriftKind::FURTHER.to_owned(),
        expected: DriftKind::FURTHER.to_owned(),
        found: "further kinds".to_owned(),
    }
}

fn is_further(drift: &Drift) -> bool {
    drift.path == DriftKind::FURTHER
}
