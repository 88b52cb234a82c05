//! The index: which events are about an account or a group. Derived data in a file of its own (`index.db`), never
//! synced for an ack, rebuilt when missing, damaged or built with other commands.
//!
//! Not here: the events, and who reads them into the index. Entries collect in memory, where they are found at once; a
//! thread writes them sorted and in bulk, since single entries in random places would cost more with every million.
//! Start at [`Index::add`] and [`Index::find`]; then `shared.rs` for how the two meet the flush thread.

mod buffer;
mod file;
mod flusher;
mod key;
mod search;
mod shared;
#[cfg(test)]
mod tests;
mod trim;

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use gateway_core::{Agreement, Causes};
use tracing::{info, warn};
use uuid::Uuid;

pub use self::search::Found;
use self::{
    file::{FileError, IndexFile, Origin},
    search::Search,
    shared::{Limits, Memory, Shared, Stage},
};
use crate::{
    Sequence,
    sqlite::{PoolError, is_damage},
};

/// Finds events by subject. Shared: `add` is called by one thread, `find` by any. Dropped without [`Index::close`], it
/// forgets what was not flushed, like a crash; opened again, its cursor says where to go on. The cursor on the disk lags
/// behind by two buffers of 256 thousand entries at most, and by five seconds when little is added; after a power cut it
/// may be an earlier one.
///
/// A file that turns out damaged while in use is replaced by an empty one: [`Index::cursor`] drops to 0, and the next
/// `add` errs with [`IndexError::Restarted`] and adds nothing, so that no gap can arise. Its caller goes on from the
/// log's beginning.
#[derive(Debug)]
pub struct Index {
    shared: Arc<Shared>,
    flusher: Mutex<Option<JoinHandle<()>>>,
}

/// What an event is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// A user id.
    Account(&'a str),
    /// A group id.
    Group(&'a str),
    /// How a shadow decider's answer compares.
    Shadow(Agreement),
}

/// A question to the index. With several keys, events that at least two of them find; with none, no events.
#[derive(Debug, Clone, Copy, Default)]
pub struct IndexQuery<'a> {
    /// A user id.
    pub account: Option<&'a str>,
    /// A group id.
    pub group: Option<&'a str>,
    /// How a shadow decider's answer compares.
    pub shadow: Option<Agreement>,
    /// Only events with a lower sequence.
    pub before: Option<Sequence>,
}

/// The index could not be opened, written or read. Names the file. After an error from [`Index::add`] nothing was
/// added: ask [`Index::cursor`] where to go on.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// At start: the disk or its permissions; damage is no error.
    #[error("the index {path} can't be opened; check the disk and the file's permissions")]
    Open {
        /// The file.
        path: PathBuf,
        /// What the disk or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Both buffers are full and the last flush failed. It is tried again every second; wait before the next `add`.
    #[error("the index {path} can't be written; check the disk's space and the file's permissions")]
    Write {
        /// The file.
        path: PathBuf,
        /// What the disk or SQLite says.
        source: Arc<dyn std::error::Error + Send + Sync>,
    },
    /// `add`: both buffers are full, and one of them is on its way to the disk; nothing was added. `find`: too many
    /// searches at one time. Try again in a moment.
    #[error("the index {path} is busy; try again in a moment")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// A search failed; after damage the next one works, on an index that starts anew.
    #[error("the index {path} can't be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the disk or SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file was damaged and an empty one took its place: add all events from the log's beginning.
    #[error("the index {path} was damaged and starts anew; read the log from its beginning")]
    Restarted {
        /// The file.
        path: PathBuf,
    },
    /// [`Index::close`] was called, or the flush thread panicked.
    #[error("the index {path} is closed")]
    Closed {
        /// The file.
        path: PathBuf,
    },
}

impl Index {
    /// Opens `index.db` in `dir`. Starts empty (cursor 0) when there is none, when it is damaged, or when it belongs to
    /// another log or was built with other commands (`built_with`: a fingerprint). Starts its flush thread.
    ///
    /// # Errors
    ///
    /// When the disk, its space or its permissions are at fault.
    pub fn open(dir: &Path, log_id: Uuid, built_with: &str) -> Result<Self, IndexError> {
        Self::open_with(dir, log_id, built_with, Limits::default())
    }

    fn open_with(
        dir: &Path,
        log_id: Uuid,
        built_with: &str,
        limits: Limits,
    ) -> Result<Self, IndexError> {
        let path = dir.join("index.db");
        let origin = Origin {
            log_id,
            built_with: built_with.to_owned(),
        };
        let open_error = |error: FileError| IndexError::Open {
            path: path.clone(),
            source: error.into(),
        };
        let file = open_or_rebuild(&path, &origin).map_err(open_error)?;
        let memory = Memory::empty(file.cursor, file.round.floor());
        let shared = Arc::new(Shared::new(path.clone(), origin, limits, memory));
        let flusher = thread::Builder::new()
            .name("index-flush".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || flusher::run(&shared, file)
            })
            .map_err(|error| open_error(error.into()))?;
        Ok(Self {
            shared,
            flusher: Mutex::new(Some(flusher)),
        })
    }

    /// Events up to here are found, in memory or on disk. Drops to 0 when a damaged index starts anew.
    pub fn cursor(&self) -> Sequence {
        self.shared.memory().active.through()
    }

    /// Adds the events of one read, oldest first, and moves the cursor to `through`. Hands a full buffer to the flush
    /// thread and does not wait for it. Entries outside of what lies above the cursor and up to
    /// `through` are passed over, so a repeated call changes nothing.
    ///
    /// # Errors
    ///
    /// [`IndexError::Busy`] while both buffers are full, [`IndexError::Write`] when they can't be flushed,
    /// [`IndexError::Restarted`] once after the index started anew, [`IndexError::Closed`]. Nothing was added then.
    pub fn add<'a>(
        &self,
        entries: impl IntoIterator<Item = (Key<'a>, Sequence)>,
        through: Sequence,
    ) -> Result<(), IndexError> {
        let mut entries: Vec<_> = entries
            .into_iter()
            .map(|(key, sequence)| (key::hash(key), sequence))
            .collect();
        if !entries.is_sorted_by_key(|&(_, sequence)| sequence) {
            entries.sort_by_key(|&(_, sequence)| sequence);
        }
        let mut memory = self.shared.room()?;
        let cursor = memory.active.through();
        let first = entries.partition_point(|&(_, sequence)| sequence <= cursor);
        let end = entries.partition_point(|&(_, sequence)| sequence <= through);
        let new = entries.get(first..end).unwrap_or_default();
        self.shared.extend(&mut memory, new, through.max(cursor));
        Ok(())
    }

    /// Adds entries of events that were passed before they could be read, and moves nothing. Those above the cursor are
    /// left out: they come with [`Index::add`]. What a crash takes before it is flushed, within five seconds, is not
    /// asked for again.
    ///
    /// # Errors
    ///
    /// [`IndexError::Busy`], [`IndexError::Write`], [`IndexError::Closed`] as for [`Index::add`]. Nothing was added then.
    pub fn add_late<'a>(
        &self,
        entries: impl IntoIterator<Item = (Key<'a>, Sequence)>,
    ) -> Result<(), IndexError> {
        let mut entries: Vec<_> = entries
            .into_iter()
            .map(|(key, sequence)| (key::hash(key), sequence))
            .collect();
        let mut memory = self.shared.memory();
        // After a restart this leaves none until `add` was told of it, so that it is `add` who is told.
        let cursor = memory.active.through();
        entries.retain(|&(_, sequence)| sequence <= cursor);
        if entries.is_empty() {
            return Ok(());
        }
        self.shared.make_room(&mut memory)?;
        memory.active.extend_late(entries);
        Ok(())
    }

    /// Sequences that match, newest first, in a bounded time of some ten milliseconds: may return fewer than `limit`, even
    /// none, and say where to go on. Keys are hashes: a caller checks the events. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`IndexError::Read`], [`IndexError::Busy`], [`IndexError::Closed`].
    pub fn find(&self, query: &IndexQuery<'_>, limit: usize) -> Result<Found, IndexError> {
        let shared = &self.shared;
        let in_memory = || {
            let memory = shared.memory();
            let search = Search::new(query, memory.floor, limit)?;
            let flushing = memory.flushing.as_deref();
            let buffers: Vec<_> = [&memory.active].into_iter().chain(flushing).collect();
            let found = search.in_memory(&buffers);
            Some((search, found))
        };
        let (stage, on_disk, restarts) = {
            let memory = shared.memory();
            (memory.stage, memory.on_disk, memory.restarts)
        };
        if stage != Stage::Running {
            return Err(shared.closed());
        }
        let found = if on_disk {
            // With a connection in hand the index can't start anew between the two looks.
            shared.share.read(|connection| match in_memory() {
                Some((search, found)) => search.run(found, Some(connection)),
                None => Ok(Found::default()),
            })
        } else {
            let found = match in_memory() {
                Some((search, found)) => search.run(found, None),
                None => Ok(Found::default()),
            };
            found.map_err(PoolError::from)
        };
        found.map_err(|error| match error {
            PoolError::Busy => shared.busy(),
            PoolError::Sqlite(error) => self.read_error(error, restarts),
        })
    }

    /// Forgets events up to `through`, which the log no longer has: they are found no more at once and leave the disk
    /// later, a bounded piece of work for each call and each flush, on the flush thread. Doesn't block on the disk.
    ///
    /// # Errors
    ///
    /// [`IndexError::Closed`].
    pub fn trim(&self, through: Sequence) -> Result<(), IndexError> {
        let mut memory = self.shared.memory();
        if memory.stage != Stage::Running {
            return Err(self.shared.closed());
        }
        memory.floor = memory.floor.max(through);
        memory.trim_wanted = true;
        self.shared.wake_flusher();
        Ok(())
    }

    /// Flushes and closes. Blocks. Again, it does nothing.
    ///
    /// # Errors
    ///
    /// [`IndexError::Write`] when not everything could be flushed; the index is closed all the same.
    pub fn close(&self) -> Result<(), IndexError> {
        let Some(flusher) = self.take_flusher() else {
            return Ok(());
        };
        let result = self.shared.flush();
        self.end(flusher, Stage::Closing);
        result
    }

    fn take_flusher(&self) -> Option<JoinHandle<()>> {
        self.flusher
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    fn end(&self, flusher: JoinHandle<()>, stage: Stage) {
        {
            let mut memory = self.shared.memory();
            if memory.stage == Stage::Running {
                memory.stage = stage;
            }
        }
        self.shared.wake_flusher();
        self.shared.wake_waiters();
        if flusher.join().is_err() {
            warn!(path = %self.shared.path.display(), "the index's flush thread panicked");
        }
    }

    /// Has a damaged index replaced, unless that was done since the search began.
    fn read_error(&self, error: rusqlite::Error, restarts: u64) -> IndexError {
        let mut memory = self.shared.memory();
        if is_damage(&error) && memory.restarts == restarts {
            memory.damage = Some(Causes(&error).to_string());
            self.shared.wake_flusher();
        }
        IndexError::Read {
            path: self.shared.path.clone(),
            source: error.into(),
        }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        if let Some(flusher) = self.take_flusher() {
            self.end(flusher, Stage::Abandoned);
        }
    }
}

fn open_or_rebuild(path: &Path, origin: &Origin) -> Result<IndexFile, FileError> {
    match IndexFile::open(path, origin) {
        // Nothing is wrong: the commands have changed, or the log.
        Err(FileError::Stale(reason)) => {
            info!(path = %path.display(), reason, "the index is built anew");
            IndexFile::anew(path, origin)
        }
        Err(error) if error.asks_for_rebuild() => {
            warn!(path = %path.display(), reason = %Causes(&error), "the index is built anew");
            IndexFile::anew(path, origin)
        }
        other => other,
    }
}
