//! What the users of an index and its flush thread share: the two buffers, how far they reach, and the signals between
//! them. One mutex guards it all and is never held over the disk. Lock order: a reader's connection, then this.

use std::{
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    IndexError,
    buffer::{Buffer, Entry},
    file::Origin,
    trim,
};
use crate::{
    Sequence,
    sqlite::{ReadPool, Share, open_to_read},
};

/// The sizes and times that shape an index; tests make them small.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Entries at which a buffer is flushed: fewer cost more for each entry, more take memory (50 bytes each, twice).
    pub(super) buffer_entries: usize,
    /// A buffer that doesn't fill is flushed this long after the last flush: so much is read again after a crash.
    pub(super) flush_after: Duration,
    /// How long the flush thread waits before it tries again what failed.
    pub(super) retry_after: Duration,
    /// See [`trim::ROUND_SEQUENCES_MIN`].
    pub(super) trim_sequences_min: u64,
}

#[derive(Debug)]
pub(super) struct Shared {
    pub(super) path: PathBuf,
    pub(super) origin: Origin,
    pub(super) limits: Limits,
    pub(super) readers: Arc<ReadPool>,
    /// For searches.
    pub(super) share: Share,
    memory: Mutex<Memory>,
    /// For the flush thread: there may be something to do.
    work: Condvar,
    /// For everyone else: a flush ended, well or not, or the flush thread did.
    progress: Condvar,
}

#[derive(Debug)]
pub(super) struct Memory {
    /// Takes new entries.
    pub(super) active: Buffer,
    /// Full, and on its way to the disk.
    pub(super) flushing: Option<Arc<Buffer>>,
    /// Everything up to here is on the disk.
    pub(super) durable: Sequence,
    /// Events up to here are not found any more.
    pub(super) floor: Sequence,
    /// A step of trimming was asked for.
    pub(super) trim_wanted: bool,
    /// Flush now, without waiting for more.
    pub(super) flush_wanted: bool,
    /// There is a file to read from.
    pub(super) on_disk: bool,
    /// A reader met damage; the text says which.
    pub(super) damage: Option<String>,
    /// How often the index started anew since it was opened.
    pub(super) restarts: u64,
    /// Of these restarts the caller of `add` was told.
    pub(super) restarts_told: u64,
    /// Why the last flush failed.
    pub(super) failure: Option<Arc<dyn std::error::Error + Send + Sync>>,
    pub(super) stage: Stage,
}

/// The life of the flush thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Running,
    /// Flush what is left, then end.
    Closing,
    /// End at once; what is in memory is lost, as in a crash.
    Abandoned,
    Ended,
}

// === impl Shared ===

impl Shared {
    pub(super) fn new(path: PathBuf, origin: Origin, limits: Limits, memory: Memory) -> Self {
        let readers = Arc::new(ReadPool::new(&path, open_to_read));
        Self {
            share: readers.share(),
            readers,
            path,
            origin,
            limits,
            memory: Mutex::new(memory),
            work: Condvar::new(),
            progress: Condvar::new(),
        }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn wake_flusher(&self) {
        self.work.notify_one();
    }

    pub(super) fn wake_waiters(&self) {
        self.progress.notify_all();
    }

    pub(super) fn wait_for_work<'a>(
        &self,
        memory: MutexGuard<'a, Memory>,
        most: Duration,
    ) -> MutexGuard<'a, Memory> {
        let waited = self.work.wait_timeout(memory, most);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }

    pub(super) fn wait_for_progress<'a>(
        &self,
        memory: MutexGuard<'a, Memory>,
    ) -> MutexGuard<'a, Memory> {
        self.progress
            .wait(memory)
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The buffers, when the active one has room.
    pub(super) fn room(&self) -> Result<MutexGuard<'_, Memory>, IndexError> {
        let mut memory = self.memory();
        self.make_room(&mut memory)?;
        Ok(memory)
    }

    /// Sees that the active buffer has room.
    pub(super) fn make_room(&self, memory: &mut Memory) -> Result<(), IndexError> {
        if memory.stage != Stage::Running {
            return Err(self.closed());
        }
        if memory.restarts_told < memory.restarts {
            memory.restarts_told = memory.restarts;
            return Err(IndexError::Restarted {
                path: self.path.clone(),
            });
        }
        if memory.active.len() < self.limits.buffer_entries {
            return Ok(());
        }
        if memory.flushing.is_none() {
            memory.hand_over();
            self.wake_flusher();
            return Ok(());
        }
        Err(match &memory.failure {
            Some(failure) => self.write_error(Arc::clone(failure)),
            None => self.busy(),
        })
    }

    /// Adds entries to the active buffer and hands it over when it is full.
    pub(super) fn extend(&self, memory: &mut Memory, entries: &[Entry], through: Sequence) {
        memory.active.extend(entries, through);
        if memory.active.len() >= self.limits.buffer_entries && memory.flushing.is_none() {
            memory.hand_over();
            self.wake_flusher();
        }
    }

    /// Waits until everything added so far is on the disk, or can't be.
    pub(super) fn flush(&self) -> Result<(), IndexError> {
        let mut memory = self.memory();
        let through = memory.active.through();
        let restarts = memory.restarts;
        while memory.is_behind(through) && memory.restarts == restarts {
            if memory.stage == Stage::Ended {
                return Err(self.closed());
            }
            memory.flush_wanted = true;
            self.wake_flusher();
            memory = self.wait_for_progress(memory);
            if let Some(failure) = &memory.failure {
                return Err(self.write_error(Arc::clone(failure)));
            }
        }
        Ok(())
    }

    pub(super) fn closed(&self) -> IndexError {
        IndexError::Closed {
            path: self.path.clone(),
        }
    }

    pub(super) fn busy(&self) -> IndexError {
        IndexError::Busy {
            path: self.path.clone(),
        }
    }

    fn write_error(&self, source: Arc<dyn std::error::Error + Send + Sync>) -> IndexError {
        IndexError::Write {
            path: self.path.clone(),
            source,
        }
    }
}

// === impl Memory ===

impl Memory {
    /// Nothing in memory, and everything up to `durable` on the disk.
    pub(super) fn empty(durable: Sequence, floor: Sequence) -> Self {
        Self {
            active: Buffer::after(durable),
            flushing: None,
            durable,
            floor,
            trim_wanted: false,
            flush_wanted: false,
            on_disk: true,
            damage: None,
            restarts: 0,
            restarts_told: 0,
            failure: None,
            stage: Stage::Running,
        }
    }

    /// Whether the disk lacks anything of the events up to `through`.
    fn is_behind(&self, through: Sequence) -> bool {
        let flushing = self.flushing.as_deref();
        self.durable < through || self.active.has_late() || flushing.is_some_and(Buffer::has_late)
    }

    /// Makes the active buffer the one to flush; there must be none on its way.
    pub(super) fn hand_over(&mut self) {
        let next = Buffer::after(self.active.through());
        let full = std::mem::replace(&mut self.active, next);
        self.flushing = Some(Arc::new(full));
    }

    /// Forgets all entries, which must be added again from the log's beginning.
    pub(super) fn start_anew(&mut self) {
        let knows_already = self.active.through() == 0 && self.restarts_told == self.restarts;
        self.restarts += 1;
        if knows_already {
            self.restarts_told = self.restarts;
        }
        self.active = Buffer::default();
        self.flushing = None;
        self.durable = 0;
        self.damage = None;
        self.on_disk = false;
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            buffer_entries: 256 << 10,
            flush_after: Duration::from_secs(5),
            retry_after: Duration::from_secs(1),
            trim_sequences_min: trim::ROUND_SEQUENCES_MIN,
        }
    }
}
