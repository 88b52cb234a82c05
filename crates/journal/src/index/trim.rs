//! Trimming: entries of events that the log no longer has are found no more at once (a floor in memory) and leave the
//! disk later, in rounds over the whole table.
//!
//! Entries lie by key, so old ones are everywhere. A round walks the table once in bounded steps and remembers its
//! place, also over a restart. It starts only when a quarter of what the index spans is old, so each entry deleted
//! costs a look at four or five, and the file holds a quarter more than it must, or a little more under load.

use rusqlite::{Connection, params};

use super::file::IndexFile;
use crate::{
    Sequence,
    sqlite::{restored, stored},
};

/// Entries that one step looks at: about a millisecond.
pub(super) const STEP_ENTRIES: usize = 8_192;

/// Entries that trimming looks at for each entry flushed while a round is under way, so that it ends before the index
/// has grown by an eighth.
pub(super) const LOOKS_FOR_EACH_ENTRY: usize = 8;

/// So many sequences must be old before a round starts, however small the index.
pub(super) const ROUND_SEQUENCES_MIN: u64 = 16_384;

/// How far trimming is: stored with every step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Round {
    /// Entries up to here are gone from the disk.
    pub(super) trimmed: Sequence,
    /// The round deletes entries up to here; 0 when no round is under way.
    pub(super) target: Sequence,
    /// The entry that the last step ended with.
    pub(super) key: i64,
    pub(super) sequence: i64,
}

impl Round {
    /// Events up to here were trimmed, as far as the disk knows.
    pub(super) fn floor(&self) -> Sequence {
        self.trimmed.max(self.target)
    }

    /// Whether a step would find work, with the index reaching from `floor` to `cursor`.
    fn is_due(&self, floor: Sequence, cursor: Sequence, sequences_min: u64) -> bool {
        let old = floor.saturating_sub(self.trimmed);
        self.target > 0 || (old >= sequences_min && old >= cursor.saturating_sub(floor) / 4)
    }
}

impl IndexFile {
    /// One step; whether the round goes on. Nothing when no round is under way and none is due.
    pub(super) fn trim_step(
        &mut self,
        floor: Sequence,
        sequences_min: u64,
    ) -> Result<bool, rusqlite::Error> {
        let mut round = self.round;
        if !round.is_due(floor, self.cursor, sequences_min) {
            return Ok(false);
        }
        if round.target == 0 {
            round = Round {
                trimmed: round.trimmed,
                target: floor,
                key: i64::MIN,
                sequence: -1,
            };
        }
        let transaction = self.connection.transaction()?;
        let goes_on = delete_old(&transaction, &mut round)?;
        if !goes_on {
            round = Round {
                trimmed: round.target,
                ..Round::default()
            };
        }
        transaction
            .prepare_cached(
                "UPDATE meta SET trimmed = ?1, trim_target = ?2, trim_key = ?3, trim_sequence = ?4",
            )?
            .execute(params![
                stored(round.trimmed),
                stored(round.target),
                round.key,
                round.sequence
            ])?;
        transaction.commit()?;
        self.round = round;
        Ok(goes_on)
    }
}

/// Looks at the next [`STEP_ENTRIES`], deletes the old among them and moves the place; whether more follow.
fn delete_old(connection: &Connection, round: &mut Round) -> Result<bool, rusqlite::Error> {
    let mut select = connection.prepare_cached(
        "SELECT key, sequence FROM entries WHERE (key, sequence) > (?1, ?2)
         ORDER BY key, sequence LIMIT ?3",
    )?;
    let step = params![round.key, round.sequence, stored(STEP_ENTRIES as u64)];
    let looked_at = select
        .query_map(step, |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<Vec<(i64, i64)>, _>>()?;

    let mut delete =
        connection.prepare_cached("DELETE FROM entries WHERE key = ?1 AND sequence = ?2")?;
    for (key, sequence) in &looked_at {
        if restored(*sequence) <= round.target {
            delete.execute(params![key, sequence])?;
        }
    }
    if let Some(&(key, sequence)) = looked_at.last() {
        (round.key, round.sequence) = (key, sequence);
    }
    Ok(looked_at.len() == STEP_ENTRIES)
}
