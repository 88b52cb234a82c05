//! The flush thread: the only writer of `index.db`. Writes full buffers, trims, and starts the index anew when its file
//! is damaged. It never gives up: what fails is tried again, and meanwhile the buffers fill and `add` errs.

use std::{
    sync::{Arc, MutexGuard},
    time::{Duration, Instant},
};

use gateway_core::Causes;
use tracing::{info, warn};

use super::{
    buffer::Buffer,
    file::IndexFile,
    shared::{Memory, Shared, Stage},
    trim::{LOOKS_FOR_EACH_ENTRY, STEP_ENTRIES},
};
use crate::sqlite::is_damage;

/// How long searches may take to end before the file is replaced or closed.
const READS_MAX: Duration = Duration::from_secs(2);

/// Runs until the index is closed or abandoned.
pub(super) fn run(shared: &Shared, file: IndexFile) {
    let _ended = Ended(shared);
    let mut flusher = Flusher {
        shared,
        file: Some(file),
        flushed_at: Instant::now(),
        retry_at: None,
    };
    while let Some(work) = flusher.next_work() {
        match work {
            Work::Restart(reason) => flusher.restart(&reason),
            Work::Create => flusher.create(),
            Work::Flush(buffer) => flusher.flush(&buffer),
            Work::Trim => {
                flusher.trim();
            }
        }
    }
    // The writer goes last: it moves the write-ahead file into the index and removes it.
    let _suspended = shared.readers.suspend(READS_MAX);
    drop(flusher);
}

struct Flusher<'a> {
    shared: &'a Shared,
    /// `None` while an index that was damaged could not be made anew.
    file: Option<IndexFile>,
    flushed_at: Instant,
    retry_at: Option<Instant>,
}

enum Work {
    Restart(String),
    Create,
    Flush(Arc<Buffer>),
    Trim,
}

/// Tells those who wait that the thread has ended, even when it panicked.
struct Ended<'a>(&'a Shared);

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        self.0.memory().stage = Stage::Ended;
        self.0.wake_waiters();
    }
}

impl Flusher<'_> {
    /// Waits for something to do; `None` when it is time to end.
    fn next_work(&mut self) -> Option<Work> {
        let mut memory = self.shared.memory();
        loop {
            let closing = memory.stage == Stage::Closing;
            if memory.stage == Stage::Abandoned {
                return None;
            }
            if let Some(reason) = memory.damage.take() {
                return Some(Work::Restart(reason));
            }
            let now = Instant::now();
            match self.retry_at {
                Some(_) if closing => return None,
                Some(at) if now < at => {
                    memory = self.shared.wait_for_work(memory, at - now);
                    continue;
                }
                _ => {}
            }
            if self.file.is_none() {
                return Some(Work::Create);
            }
            if let Some(work) = self.pending(&mut memory, now, closing) {
                return Some(work);
            }
            if closing {
                return None;
            }
            memory = self.rest(memory, now);
        }
    }

    fn pending(&self, memory: &mut Memory, now: Instant, closing: bool) -> Option<Work> {
        if let Some(buffer) = &memory.flushing {
            return Some(Work::Flush(Arc::clone(buffer)));
        }
        let full = memory.active.len() >= self.shared.limits.buffer_entries;
        let late = now >= self.flushed_at + self.shared.limits.flush_after;
        let wanted = std::mem::take(&mut memory.flush_wanted);
        let active = &memory.active;
        let has_news = active.through() > memory.durable || active.has_late();
        if (full || late || wanted || closing) && has_news {
            memory.hand_over();
            return memory.flushing.clone().map(Work::Flush);
        }
        std::mem::take(&mut memory.trim_wanted).then_some(Work::Trim)
    }

    /// Waits for a signal, and no longer than until the active buffer is due.
    fn rest<'m>(&self, memory: MutexGuard<'m, Memory>, now: Instant) -> MutexGuard<'m, Memory> {
        let flush_after = self.shared.limits.flush_after;
        let due = self.flushed_at + flush_after;
        let most = match due.saturating_duration_since(now) {
            Duration::ZERO => flush_after,
            until_due => until_due,
        };
        self.shared.wait_for_work(memory, most)
    }

    fn flush(&mut self, buffer: &Buffer) {
        let Some(file) = &mut self.file else { return };
        let floor = self.shared.memory().floor;
        let sorted = buffer.sorted(floor);
        if let Err(error) = file.write(&sorted, buffer.through()) {
            self.failed(error);
            return;
        }
        self.flushed_at = Instant::now();
        self.recovered();
        {
            let mut memory = self.shared.memory();
            memory.flushing = None;
            memory.durable = buffer.through();
        }
        self.shared.wake_waiters();
        for _ in 0..(sorted.len() * LOOKS_FOR_EACH_ENTRY).div_ceil(STEP_ENTRIES) {
            if !self.trim() {
                break;
            }
        }
    }

    /// One step; whether another one would find work.
    fn trim(&mut self) -> bool {
        let Some(file) = &mut self.file else {
            return false;
        };
        let floor = self.shared.memory().floor;
        match file.trim_step(floor, self.shared.limits.trim_sequences_min) {
            Ok(goes_on) => goes_on,
            Err(error) => {
                self.failed(error);
                false
            }
        }
    }

    fn failed(&mut self, error: rusqlite::Error) {
        if is_damage(&error) {
            self.restart(&Causes(&error).to_string());
        } else {
            self.try_again_later(error);
        }
    }

    /// Puts an empty index in the place of a damaged one. Readers are kept out until the new one is there; while one of
    /// them does not end, this is tried again.
    fn restart(&mut self, reason: &str) {
        // SQLite deletes write-ahead files by name: a reader of the old file would take the new one's with it.
        let Some(suspended) = self.shared.readers.suspend(READS_MAX) else {
            self.shared.memory().damage = Some(reason.to_owned());
            return;
        };
        let path = self.shared.path.display();
        warn!(%path, reason, "the index is damaged and starts anew");
        self.shared.memory().start_anew();
        self.file = None;
        self.create();
        drop(suspended);
        self.shared.wake_waiters();
    }

    fn create(&mut self) {
        match IndexFile::anew(&self.shared.path, &self.shared.origin) {
            Ok(file) => {
                self.file = Some(file);
                self.recovered();
                self.shared.memory().on_disk = true;
            }
            Err(error) => self.try_again_later(error),
        }
    }

    fn recovered(&mut self) {
        self.retry_at = None;
        if self.shared.memory().failure.take().is_some() {
            info!(path = %self.shared.path.display(), "the index can be written again");
        }
    }

    fn try_again_later(&mut self, error: impl std::error::Error + Send + Sync + 'static) {
        self.retry_at = Some(Instant::now() + self.shared.limits.retry_after);
        let mut memory = self.shared.memory();
        if memory.failure.is_none() {
            let path = self.shared.path.display();
            warn!(%path, error = %Causes(&error), "the index can't be written; it is tried again");
        }
        memory.failure = Some(Arc::new(error));
        drop(memory);
        self.shared.wake_waiters();
    }
}
