//! The state: how far each command's handler has come, the events that are parked or dead, and what of the bodies
//! differed from the types (`state.db`). Written without a sync: a crash repeats the last second.
//!
//! Beside them, how far subscriptions have come ([`Deliveries`](deliveries::Deliveries)).
//!
//! Not here: when an event is tried again or given up; the follower decides and this remembers. Past a command's cursor
//! nothing is known; up to it, an event without an outcome is done. Start at [`State::save`].

mod deliveries;
mod drift;
mod file;
mod row;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use gateway_core::Drift;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    Sequence,
    sqlite::{ReadPool, Share, open_to_read, restored, stored},
};

use self::drift::Kinds;
pub use self::{
    deliveries::{
        Change, DeadLetter, Deliveries, Delivery, DeliveryFilter, DeliveryPage, DeliveryReason,
        DeliveryStatus, FirstAttempt, Gone, Pause, PauseReason, Subscription,
    },
    drift::DriftKind,
};

/// Cursors, outcomes and drift, for the one follower. Every method but [`State::note_drift`] blocks on the disk, none
/// waits for a sync except when the write-ahead file is moved into `state.db`, every few megabytes.
#[derive(Debug)]
pub struct State {
    path: Arc<Path>,
    connection: Connection,
    readers: Arc<ReadPool>,
    drift: Kinds,
}

/// Reads what was saved, for anyone. Blocks on the disk. Clones share a few connections.
#[derive(Debug, Clone)]
pub struct StateReader {
    path: Arc<Path>,
    share: Arc<Share>,
}

/// An event whose handler has not succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The event.
    pub sequence: Sequence,
    /// Whose handler.
    pub command: String,
    /// Waiting for another attempt, or given up.
    pub status: Status,
    /// How many attempts were started.
    pub attempts: u32,
    /// When the next attempt is due, in milliseconds since the Unix epoch; meaningless when dead.
    pub due_ms: u64,
    /// What went wrong last.
    pub reason: Reason,
    /// The handler's own words, cut to 1 KiB; may name accounts, so never logged.
    pub error: Option<String>,
    /// When it went wrong last, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// Where a failed event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Will be tried again.
    Parked,
    /// Given up.
    Dead,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The handler returned an error.
    Error,
    /// The handler panicked.
    Panic,
    /// The handler took too long.
    Timeout,
    /// The body could not be decoded.
    Undecodable,
}

/// The state could not be opened, written or read. Names the file.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// At start: the disk or its permissions.
    #[error("the state {path} can't be opened; check the disk and the file's permissions")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the disk or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// At start: a database of another program.
    #[error("{path} is not a gateway's state; move it away or choose another `journal.path`")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// At start: written by a later version of the gateway.
    #[error(
        "the state {path} has version {found}, this gateway knows {known}; start a newer gateway"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The latest version that is understood.
        known: i64,
    },
    /// Nothing was written: a failed `save` changes nothing and may be repeated.
    #[error(
        "the state {path} can't be written; check the disk's space, or restart the gateway if it is damaged"
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// What the disk or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A read failed.
    #[error(
        "the state {path} can't be read; check the disk, or restart the gateway if it is damaged"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

// === impl State ===

impl State {
    /// Opens or creates `state.db` in `dir`. One of another log starts anew. A damaged one is set aside
    /// (`state.db.damaged-` and the time in Unix seconds) and named in the log; cursors and subscriptions then start at the log's end.
    /// Reads the whole file.
    ///
    /// # Errors
    ///
    /// [`StateError::Open`], [`StateError::Foreign`], [`StateError::Newer`], [`StateError::Read`].
    pub fn open(dir: &Path, log_id: Uuid) -> Result<Self, StateError> {
        let path: Arc<Path> = dir.join("state.db").into();
        let connection = file::open(&path, log_id)?;
        Ok(Self {
            drift: Kinds::load(&connection).map_err(|error| read_error(&path, error))?,
            readers: Arc::new(ReadPool::new(&path, open_to_read)),
            path,
            connection,
        })
    }

    /// Counts what of an event's body differed from the types; on disk with the next save. At most 1,000 kinds are
    /// kept, 64 of each command; further ones of a command are added up in one kind, [`DriftKind::FURTHER`]. Commands
    /// must come from a closed set, e.g. the installed ones. Does not block.
    pub fn note_drift(&mut self, command: &str, drift: Vec<Drift>, journaled_ms: u64) {
        for drift in drift {
            self.drift.note(command, drift, journaled_ms);
        }
    }

    /// Everything up to a command's cursor was attempted.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn cursors(&self) -> Result<BTreeMap<String, Sequence>, StateError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT command, sequence FROM cursors")?
                .query_map([], |row| Ok((row.get(0)?, restored(row.get(1)?))))?
                .collect()
        })
    }

    /// In one transaction: moves cursors (also back), writes outcomes over what is known of the same events, forgets
    /// the outcomes of events that are done, writes the drift that was noted. An error's text is cut to 1 KiB.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; nothing was changed then, and the drift is written with the next save.
    pub fn save(
        &mut self,
        cursors: &[(&str, Sequence)],
        outcomes: &[Outcome],
        done: &[(Sequence, &str)],
    ) -> Result<(), StateError> {
        let drift = &self.drift;
        write(&mut self.connection, &self.path, |connection| {
            let mut move_cursor =
                connection.prepare_cached("INSERT OR REPLACE INTO cursors VALUES (?1, ?2)")?;
            for &(command, sequence) in cursors {
                move_cursor.execute(params![command, stored(sequence)])?;
            }
            for outcome in outcomes {
                row::upsert(connection, outcome)?;
            }
            let mut forget = connection
                .prepare_cached("DELETE FROM outcomes WHERE sequence = ?1 AND command = ?2")?;
            for &(sequence, command) in done {
                forget.execute(params![stored(sequence), command])?;
            }
            drift.write(connection)
        })?;
        self.drift.saved();
        Ok(())
    }

    /// Parked outcomes of a command that are due at `now_ms`, the longest due first, `limit` at most.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn due(
        &self,
        command: &str,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<Outcome>, StateError> {
        self.read(|connection| row::due(connection, command, now_ms, limit))
    }

    /// The oldest event that is still parked for a command: it must not be trimmed.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn oldest_parked(&self, command: &str) -> Result<Option<Sequence>, StateError> {
        self.read(|connection| {
            let oldest: Option<i64> = connection
                .prepare_cached(row::OLDEST_PARKED)?
                .query_row([command], |row| row.get(0))?;
            Ok(oldest.map(restored))
        })
    }

    /// How many are parked and dead, by command: for the metrics. Counted on writing, so as cheap with a million. What
    /// fell to 0 is listed with 0.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn counts(&self) -> Result<BTreeMap<(String, Status), u64>, StateError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT command, status, events FROM counts")?
                .query_map([], |row| {
                    Ok(((row.get(0)?, row.get(1)?), restored(row.get(2)?)))
                })?
                .collect()
        })
    }

    /// Syncs what was saved: it survives a power cut from here on. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`].
    pub fn sync(&self) -> Result<(), StateError> {
        sync(&self.connection, &self.path)
    }

    /// Forgets dead outcomes of events up to `through`, which the log no longer has.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`].
    pub fn trim(&mut self, through: Sequence) -> Result<(), StateError> {
        write(&mut self.connection, &self.path, |connection| {
            connection
                .prepare_cached("DELETE FROM outcomes WHERE sequence <= ?1 AND status = 'dead'")?
                .execute([stored(through)])
                .map(drop)
        })
    }

    /// Reads on connections of its own.
    pub fn reader(&self) -> StateReader {
        StateReader {
            path: Arc::clone(&self.path),
            share: Arc::new(self.readers.share()),
        }
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        read(&self.connection).map_err(|error| read_error(&self.path, error))
    }
}

// === impl StateReader ===

impl StateReader {
    /// The outcome of one event; `None` when it is done, or not yet attempted (past the command's cursor).
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn outcome(&self, sequence: Sequence) -> Result<Option<Outcome>, StateError> {
        self.read(|connection| row::of_event(connection, sequence))
    }

    /// Events whose handler has not succeeded, with one status or with any: newest first, those below `before`,
    /// `limit` at most.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn failed(
        &self,
        status: Option<Status>,
        before: Sequence,
        limit: usize,
    ) -> Result<Vec<Sequence>, StateError> {
        self.read(|connection| row::failed(connection, status, before, limit))
    }

    /// One command's cursor.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn cursor(&self, command: &str) -> Result<Option<Sequence>, StateError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT sequence FROM cursors WHERE command = ?1")?
                .query_row([command], |row| row.get(0).map(restored))
                .optional()
        })
    }

    /// The kinds of drift that were saved, or those of one command; the last seen first.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn drift(&self, command: Option<&str>) -> Result<Vec<DriftKind>, StateError> {
        self.read(|connection| drift::read(connection, command))
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        let answer = self.share.read(read);
        answer.map_err(|error| read_error(&self.path, error))
    }
}

/// Writes in one transaction. It takes the lock at once: one that reads first may find the other connection's write in
/// its way, and then waits for nothing.
fn write<T>(
    connection: &mut Connection,
    path: &Path,
    write: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> Result<T, StateError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate);
    let written = transaction.and_then(|transaction| {
        let answer = write(&transaction)?;
        transaction.commit()?;
        Ok(answer)
    });
    written.map_err(|error| write_error(path, error))
}

/// Moves the write-ahead file into the database, which syncs both.
fn sync(connection: &Connection, path: &Path) -> Result<(), StateError> {
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    let synced = connection.query_row(checkpoint, [], |row| {
        let (log_frames, moved_frames): (i64, i64) = (row.get(1)?, row.get(2)?);
        // Another writer, or a reader of the past, may keep some back: no error to SQLite.
        if moved_frames < log_frames {
            let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
            return Err(rusqlite::Error::SqliteFailure(busy, None));
        }
        Ok(())
    });
    synced.map_err(|error| write_error(path, error))
}

fn write_error(path: &Path, error: rusqlite::Error) -> StateError {
    StateError::Write {
        path: path.to_owned(),
        source: error.into(),
    }
}

fn read_error(
    path: &Path,
    error: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> StateError {
    StateError::Read {
        path: path.to_owned(),
        source: error.into(),
    }
}
