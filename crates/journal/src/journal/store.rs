//! The writer's two connections to `log.db`, and every statement that changes it.
//!
//! Appends are synced. Deletions go through a connection of their own that does not sync its commits: what a power cut
//! takes back of them is deleted again, and no append waits for them.

#[cfg(test)]
pub(super) mod faults;

use std::{path::PathBuf, time::Duration};

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use uuid::Uuid;

use super::{
    JournalError,
    file::{Identity, Purpose, connect, identify},
    queue::Pending,
};
use crate::{
    Sequence,
    event::{RECORD_COLUMNS, Record},
    sqlite::{restored, stored},
};

/// More frames than this are copied back at once, which keeps the write-ahead file small and each copy short.
const CHECKPOINT_PAGES: i64 = 200;
/// Enough for the file to grow if it has no free pages.
const PROBE_BYTES: i64 = 256 << 10;
/// One step of deletion: about a millisecond.
const TRIM_EVENTS_MAX: i64 = 256;
const TRIM_BYTES_MAX: u64 = 1 << 20;

#[derive(Debug)]
pub(super) struct Store {
    appending: Connection,
    trimming: Connection,
    #[cfg(test)]
    faults: std::sync::Arc<faults::Faults>,
}

/// How to open a store, the first time and again.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) path: PathBuf,
    pub(super) append: Purpose,
    /// Deletions that make room hold up the next batch no longer than this and one step.
    pub(super) make_room_max: Duration,
    #[cfg(test)]
    pub(super) faults: std::sync::Arc<faults::Faults>,
}

/// The place of a batch's first event, and the time that all its events share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    pub(super) first: Sequence,
    pub(super) journaled_ms: u64,
}

/// An acknowledged event by which the log proves itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Witness {
    pub(super) sequence: Sequence,
    pub(super) crc: u32,
}

/// What may be deleted.
#[derive(Debug, Clone, Copy)]
pub(super) struct TrimLimit {
    /// Nobody needs the events up to here.
    pub(super) released: Sequence,
    /// Only events journaled before; `None`: all.
    pub(super) before_ms: Option<u64>,
    /// Given to an event or passed over: the next one is higher.
    pub(super) last: Sequence,
    /// The time of the last event.
    pub(super) clock_ms: u64,
}

/// What a step of deletion did.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trimmed {
    pub(super) events: u64,
    /// There may be more to delete.
    pub(super) more: bool,
}

/// What lies at the end of the log.
#[derive(Debug, Default)]
pub(super) struct End {
    pub(super) last: Sequence,
    pub(super) clock_ms: u64,
    pub(super) witness: Option<Witness>,
    pub(super) damaged: Vec<Sequence>,
}

// === impl Stamp ===

impl Stamp {
    /// The events of a batch with the checksums of their places.
    pub(super) fn witnesses<'b>(
        &self,
        batch: &'b [Pending],
    ) -> impl Iterator<Item = (&'b Pending, Witness)> + use<'b> {
        let Self {
            first,
            journaled_ms,
        } = *self;
        (first..).zip(batch).map(move |(sequence, event)| {
            let crc = event.crc(sequence, journaled_ms);
            (event, Witness { sequence, crc })
        })
    }
}

// === impl Store ===

impl Store {
    /// Opens an existing log.
    pub(super) fn open(options: &Options) -> Result<(Self, Identity), JournalError> {
        let path = &options.path;
        let of = |source| JournalError::of(path, source);
        let appending = connect(path, options.append).map_err(of)?;
        // Before the first change: a foreign file stays as it is.
        let identity = identify(&appending, path)?;
        let mode = appending
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
            .map_err(of)?;
        if mode != "wal" {
            let reason = format!("a write-ahead file is not possible here, only `{mode}`");
            return Err(JournalError::Store {
                path: path.clone(),
                source: reason.into(),
            });
        }
        let trim = match options.append {
            Purpose::Unsynced => Purpose::Unsynced,
            _ => Purpose::Trim,
        };
        let store = Self {
            appending,
            trimming: connect(path, trim).map_err(of)?,
            #[cfg(test)]
            faults: options.faults.clone(),
        };
        Ok((store, identity))
    }

    /// Appends a batch in one synced transaction; returns the bytes in use.
    pub(super) fn append(&mut self, stamp: Stamp, batch: &[Pending]) -> rusqlite::Result<u64> {
        self.run("BEGIN IMMEDIATE")?;
        let appended = self.insert(stamp, batch).and_then(|()| self.bytes());
        let committed = appended.and_then(|bytes| self.commit().map(|()| bytes));
        if committed.is_err() && !self.appending.is_autocommit() {
            self.run("ROLLBACK")?;
        }
        committed
    }

    fn insert(&self, stamp: Stamp, batch: &[Pending]) -> rusqlite::Result<()> {
        let mut insert = self
            .appending
            .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?;
        for (event, witness) in stamp.witnesses(batch) {
            insert.execute(params![
                stored(witness.sequence),
                stored(stamp.journaled_ms),
                event.app,
                event.command,
                event.envelope,
                &event.body[..],
                witness.crc,
            ])?;
        }
        Ok(())
    }

    fn commit(&self) -> rusqlite::Result<()> {
        #[cfg(test)]
        self.faults.before_commit()?;
        self.run("COMMIT")?;
        #[cfg(test)]
        self.faults.after_commit()?;
        Ok(())
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.appending.prepare_cached(sql)?.execute([]).map(drop)
    }

    /// The bytes of the pages in use.
    pub(super) fn bytes(&self) -> rusqlite::Result<u64> {
        let pragma = |sql| -> rusqlite::Result<u64> {
            self.appending
                .prepare_cached(sql)?
                .query_row([], |row| row.get(0))
                .map(restored)
        };
        let pages = pragma("PRAGMA page_count")?.saturating_sub(pragma("PRAGMA freelist_count")?);
        Ok(pages * pragma("PRAGMA page_size")?)
    }

    /// Copies the write-ahead file back when it has grown long enough.
    pub(super) fn checkpoint_when_long(&self) -> rusqlite::Result<()> {
        let (frames, copied) = self
            .appending
            .prepare_cached("PRAGMA wal_checkpoint(NOOP)")?
            .query_row([], |row| Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))?;
        if frames - copied >= CHECKPOINT_PAGES {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Copies back what readers allow.
    pub(super) fn checkpoint(&self) -> rusqlite::Result<()> {
        self.appending
            .prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?
            .query_row([], |_| Ok(()))
    }

    /// Copies everything back, syncs it and empties the write-ahead file; `false` when a reader stands in the way.
    pub(super) fn checkpoint_all(&self) -> rusqlite::Result<bool> {
        self.appending
            .prepare_cached("PRAGMA wal_checkpoint(TRUNCATE)")?
            .query_row([], |row| row.get::<_, i64>(0))
            .map(|busy| busy == 0)
    }

    /// Writes, syncs and copies back something that makes the file grow.
    pub(super) fn probe(&self) -> rusqlite::Result<()> {
        for bytes in [PROBE_BYTES, 0] {
            let sql = "UPDATE log SET probe = zeroblob(?1)";
            self.run("BEGIN IMMEDIATE")?;
            let probed = self
                .appending
                .prepare_cached(sql)?
                .execute([bytes])
                .and_then(|_| self.commit());
            if probed.is_err() && !self.appending.is_autocommit() {
                self.run("ROLLBACK")?;
            }
            probed?;
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Gives the log, a restored backup, an identity of its own.
    pub(super) fn rename(&self, log_id: Uuid) -> rusqlite::Result<()> {
        self.appending
            .execute(
                "UPDATE log SET log_id = ?1, restored = 0",
                [log_id.as_bytes()],
            )
            .map(drop)
    }

    /// Reads the last `count` rows.
    pub(super) fn end(&self, identity: &Identity, count: u32) -> rusqlite::Result<End> {
        let mut end = End {
            last: identity.high_water,
            clock_ms: identity.clock_ms,
            ..End::default()
        };
        let sql =
            format!("SELECT {RECORD_COLUMNS} FROM events ORDER BY sequence DESC LIMIT {count}");
        let mut statement = self.appending.prepare(&sql)?;
        let mut rows = statement.query([])?;
        let mut newest = true;
        while let Some(row) = rows.next()? {
            let record = Record::read(row)?;
            end.last = end.last.max(record.sequence);
            match (record.verified_crc(), record.journaled_ms()) {
                (Some(crc), Some(journaled_ms)) => {
                    end.clock_ms = end.clock_ms.max(journaled_ms);
                    if newest {
                        end.witness = Some(Witness {
                            sequence: record.sequence,
                            crc,
                        });
                    }
                }
                _ => end.damaged.push(record.sequence),
            }
            newest = false;
        }
        Ok(end)
    }

    /// Whether an event is in the log as it was written.
    pub(super) fn holds(&self, witness: Witness) -> rusqlite::Result<bool> {
        let sql = format!("SELECT {RECORD_COLUMNS} FROM events WHERE sequence = ?1");
        let found = self
            .appending
            .prepare_cached(&sql)?
            .query_row([stored(witness.sequence)], |row| {
                Ok(Record::read(row)?.verified_crc())
            })
            .optional()?;
        Ok(found.flatten() == Some(witness.crc))
    }

    /// Deletes some of the oldest events within the limit. The event with the highest sequence may be among them: the
    /// log's row then remembers it.
    pub(super) fn trim(&mut self, limit: TrimLimit) -> rusqlite::Result<Trimmed> {
        let (cut, more) = self.cut(limit)?;
        let Some(cut) = cut else {
            return Ok(Trimmed::default());
        };
        let transaction = self
            .trimming
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let events = transaction
            .prepare_cached("DELETE FROM events WHERE sequence <= ?1")?
            .execute([cut])?;
        if restored(cut) >= limit.last {
            transaction.execute(
                "UPDATE log SET high_water = max(high_water, ?1), clock_ms = max(clock_ms, ?2)",
                [stored(limit.last), stored(limit.clock_ms)],
            )?;
        }
        transaction.commit()?;
        Ok(Trimmed {
            events: events as u64,
            more,
        })
    }

    /// Up to where one step deletes, and whether another may follow. The times of the rows never fall, so one old row
    /// speaks for those before it, even if they are damaged.
    fn cut(&self, limit: TrimLimit) -> rusqlite::Result<(Option<i64>, bool)> {
        let mut oldest = self.trimming.prepare_cached(
            "SELECT sequence, journaled_ms, length(envelope) + length(body) FROM events
             WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2",
        )?;
        let mut rows = oldest.query([stored(limit.released), TRIM_EVENTS_MAX])?;
        let (mut cut, mut bytes, mut read) = (None, 0, 0);
        while let Some(row) = rows.next()? {
            // A damaged time says nothing.
            let journaled_ms = row.get_ref(1)?.as_i64().ok();
            let journaled_ms = journaled_ms.and_then(|time| u64::try_from(time).ok());
            let is_old = |before| journaled_ms.is_some_and(|journaled_ms| journaled_ms < before);
            if limit.before_ms.is_none_or(is_old) {
                cut = Some(row.get(0)?);
            }
            read += 1;
            bytes += restored(row.get_ref(2)?.as_i64().unwrap_or_default());
            if bytes >= TRIM_BYTES_MAX {
                return Ok((cut, true));
            }
        }
        Ok((cut, read == TRIM_EVENTS_MAX))
    }
}
