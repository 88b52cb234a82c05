//! The log and its one writer.
//!
//! [`Journal`] starts the writer's thread (`writer.rs`) and hands out what others need: [`Appender`]s, which fill the
//! queue (`queue.rs`) that the writer drains, [`Reader`]s, and the watches on head and health. What is on disk:
//! `file.rs` and `store.rs`. Tools that work beside a running gateway: `maintenance.rs`.

mod appender;
mod error;
mod failure;
pub(crate) mod file;
mod holder;
mod maintenance;
mod open;
mod queue;
mod store;
#[cfg(test)]
pub(crate) mod tests;
mod writer;

use std::{
    fmt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::watch;
use uuid::Uuid;

use self::{appender::Runtimes, holder::Holders, queue::Queue};
use crate::{Config, Reader, Sequence, sqlite::ReadPool};

pub use self::{
    appender::{Append, Appender, Completions},
    error::JournalError,
    holder::Holder,
    maintenance::{CheckReport, backup, check, check_newest},
};

/// The log and its writer thread.
///
/// Dropped without [`Journal::close`], it writes what is queued in the background.
#[derive(Debug)]
pub struct Journal {
    directory: PathBuf,
    shared: Arc<Shared>,
    writer: Option<JoinHandle<Result<(), JournalError>>>,
}

/// What the writer tells the metrics: must not block.
pub trait Observer: Send + Sync + 'static {
    /// A batch was synced. Called on the writer's thread.
    fn committed(&self, events: usize, took: Duration);
    /// Before-events that were dropped before they reached the disk. Called on any thread.
    fn unrecorded(&self, events: usize);
    /// Old events were deleted. Called on the writer's thread.
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
    /// The file system is read-only, or the log can't be written for another reason: a few words that say which. The
    /// log of the program has the rest.
    Unwritable(&'static str),
    /// A sync or something else failed, in a few words; the log is being reopened.
    Recovering(&'static str),
}

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

/// Sizes for the metrics, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// The log's pages in use: what `journal.bytes_max` bounds. The file keeps the pages of deleted events for new ones.
    pub log_bytes: u64,
    /// The log's write-ahead file.
    pub wal_bytes: u64,
    /// The index, with its write-ahead file.
    pub index_bytes: u64,
    /// The state, with its write-ahead file.
    pub state_bytes: u64,
    /// What is left on the disk for a user without privileges; 0 as well when nobody knows.
    pub disk_free_bytes: u64,
}

/// What the writer's thread and everyone else share.
pub(crate) struct Shared {
    queue: Queue,
    runtimes: Runtimes,
    head: watch::Sender<Head>,
    health: watch::Sender<Health>,
    observer: Arc<dyn Observer>,
    holders: Holders,
    log_bytes: AtomicU64,
    readers: Arc<ReadPool>,
    synced: Arc<AtomicU64>,
}

// === impl Journal ===

impl Journal {
    /// Opens or creates the log in `config.path`, takes its lock and starts the writer.
    ///
    /// # Errors
    ///
    /// Another process has it open, it is not a log or a newer one's, it is damaged beyond single rows, or the disk
    /// refuses.
    pub fn open(config: &Config, observer: Arc<dyn Observer>) -> Result<Self, JournalError> {
        open::open(config, open::options(config), observer)
    }

    /// Opens a log whose acks mean nothing: it is never synced. A test of power cuts must see it lose events, or it
    /// proves nothing of the others.
    ///
    /// # Errors
    ///
    /// As [`Journal::open`].
    #[doc(hidden)]
    pub fn open_unsynced(
        config: &Config,
        observer: Arc<dyn Observer>,
    ) -> Result<Self, JournalError> {
        let mut options = open::options(config);
        options.append = file::Purpose::Unsynced;
        open::open(config, options, observer)
    }

    /// A pair for one runtime.
    pub fn appender(&self) -> (Appender, Completions) {
        Appender::pair(self.shared.clone())
    }

    /// Changes after every synced batch.
    pub fn head(&self) -> watch::Receiver<Head> {
        self.shared.head.subscribe()
    }

    /// Changes when writing fails or works again.
    pub fn health(&self) -> watch::Receiver<Health> {
        self.shared.health.subscribe()
    }

    /// Whether the writer's thread has ended before [`Journal::close`], that is, panicked. Nothing is journaled any
    /// more, and only a new process helps.
    pub fn is_dead(&self) -> bool {
        self.writer.as_ref().is_some_and(JoinHandle::is_finished)
    }

    /// Reads on connections of its own. Give one to each consumer, so that none waits for another's reads; clones
    /// share their connections.
    pub fn reader(&self) -> Reader {
        let shared = &self.shared;
        let path = self.directory.join(file::LOG);
        Reader::new(&path, shared.readers.share(), shared.synced.clone())
    }

    /// Somebody for whom events are kept until they are released. Without any, none is ever deleted.
    pub fn holder(&self) -> Holder {
        Holder::new(&self.shared)
    }

    /// For the metrics; reads file sizes.
    pub fn usage(&self) -> Usage {
        // Asked by name and never opened: see `file.rs`.
        let size = |name: &str| {
            std::fs::metadata(self.directory.join(name)).map_or(0, |metadata| metadata.len())
        };
        let disk = rustix::fs::statvfs(&self.directory);
        Usage {
            disk_free_bytes: disk.map_or(0, |disk| disk.f_bavail * disk.f_frsize),
            log_bytes: self.shared.log_bytes.load(Ordering::Relaxed),
            wal_bytes: size("log.db-wal"),
            index_bytes: size("index.db") + size("index.db-wal"),
            state_bytes: size("state.db") + size("state.db-wal"),
        }
    }

    /// Writes what is queued, syncs, checkpoints, closes. Blocks.
    ///
    /// # Errors
    ///
    /// The log could not be written to its end; what was acknowledged stays.
    pub fn close(mut self) -> Result<(), JournalError> {
        self.shared.queue.close();
        let Some(writer) = self.writer.take() else {
            return Ok(());
        };
        writer.join().unwrap_or_else(|_| {
            Err(JournalError::NotClosed {
                path: self.directory.join(file::LOG),
                reason: "the writer panicked".to_owned(),
            })
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.queue.close();
    }
}

// === impl Shared ===

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("head", &self.head)
            .field("health", &self.health)
            .finish_non_exhaustive()
    }
}
