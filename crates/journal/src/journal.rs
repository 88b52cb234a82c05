//! The log and its one writer.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use gateway_core::{Envelope, EventId};
use tokio::sync::watch;
use uuid::Uuid;

use crate::{Config, Reader, Sequence};

/// The log and its writer thread.
#[derive(Debug)]
pub struct Journal {}

/// What the writer tells the metrics. Called on the writer's thread: must not block.
pub trait Observer: Send + Sync + 'static {
    /// A batch was synced.
    fn committed(&self, events: usize, took: Duration);
    /// Before-events that were dropped before they reached the disk.
    fn unrecorded(&self, events: usize);
    /// Old events were deleted.
    fn trimmed(&self, events: u64);
}

/// The newest synced event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which log; renewed when a backup is restored.
    pub log_id: Uuid,
    /// 0 when nothing was ever journaled.
    pub sequence: Sequence,
}

/// Whether after-callbacks can be acked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Yes.
    Writable,
    /// No space left, on the disk or below `journal.bytes_max`.
    Full,
    /// The file system is read-only, or the log can't be written for another reason; the text says which.
    Unwritable(String),
    /// A sync failed; the log is being reopened.
    Recovering(String),
}

/// Appends events, for one runtime. Cheap to clone within it.
#[derive(Debug, Clone)]
pub struct Appender {}

/// Answers the appenders of one runtime: one wake-up for each batch. Spawn `run` on that runtime.
#[derive(Debug)]
pub struct Completions {}

/// Why an event was not journaled, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// No space.
    #[error("the journal is full")]
    Full,
    /// The store refuses writes or is recovering.
    #[error("the journal can't be written")]
    Unwritable,
    /// Too much waits for the disk already.
    #[error("too many events wait for the journal")]
    Overloaded,
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// The journal could not be opened, checked or backed up. Names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct JournalError;

/// The writer ended.
#[derive(Debug)]
pub struct Closed;

/// Sizes for the metrics, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The log's pages in use, the index and the state.
    pub bytes: u64,
    /// The log's write-ahead file.
    pub wal_bytes: u64,
}

/// What `check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Rows read.
    pub events: u64,
    /// The first and the last.
    pub bounds: Option<(Sequence, Sequence)>,
    /// Rows whose checksum or envelope is wrong.
    pub damaged: Vec<Sequence>,
    /// What SQLite's own check says; empty when all is well.
    pub problems: Vec<String>,
}

impl Journal {
    /// Opens or creates the log in `config.path`, takes its lock and starts the writer.
    pub fn open(_config: &Config, _observer: Arc<dyn Observer>) -> Result<Self, JournalError> {
        unimplemented!()
    }
    /// A pair for one runtime.
    pub fn appender(&self) -> (Appender, Completions) {
        unimplemented!()
    }
    /// Changes after every synced batch.
    pub fn head(&self) -> watch::Receiver<Head> {
        unimplemented!()
    }
    /// Changes when writing fails or works again.
    pub fn health(&self) -> watch::Receiver<Health> {
        unimplemented!()
    }
    /// Reads on connections of its own.
    pub fn reader(&self) -> Reader {
        unimplemented!()
    }
    /// Every cursor has passed the events up to `through`; they may be deleted when space or age ask for it.
    pub fn release(&self, _through: Sequence) {
        unimplemented!()
    }
    /// For the metrics; reads file sizes.
    pub fn usage(&self) -> Usage {
        unimplemented!()
    }
    /// Writes what is queued, syncs, checkpoints, closes. Blocks.
    pub fn close(self) -> Result<(), JournalError> {
        unimplemented!()
    }
}

impl Appender {
    /// Journals an event; returns after the sync. Dropping the future does not take the event back.
    pub async fn append(&self, _envelope: Envelope, _body: Bytes) -> Result<EventId, AppendError> {
        unimplemented!()
    }
    /// Puts a before-event with its verdict into the next batch; nobody waits for it. `false`, and
    /// `Observer::unrecorded`, when there is no room.
    pub fn record(&self, _envelope: Envelope, _body: Bytes) -> bool {
        unimplemented!()
    }
}

impl Completions {
    /// Runs until the journal is closed.
    pub async fn run(self) {
        unimplemented!()
    }
}

/// Reads every row and runs SQLite's own check; works while a gateway runs.
pub fn check(_path: &Path) -> Result<CheckReport, JournalError> {
    unimplemented!()
}

/// Copies the log of the journal at `path` into the new directory `to`; works while a gateway runs.
pub fn backup(_path: &Path, _to: &Path) -> Result<CheckReport, JournalError> {
    unimplemented!()
}
