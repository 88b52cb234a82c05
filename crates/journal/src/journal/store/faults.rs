//! Errors that a test puts where the disk would have one: around a commit.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Errors for the next commits.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    next: Mutex<Option<Fault>>,
    failing: AtomicUsize,
}

/// An error of one commit, and of how many attempts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The commit fails and leaves nothing.
    Lost(i32),
    /// The commit succeeds and says that it failed.
    Written(i32),
}

// === impl Faults ===

impl Faults {
    /// Lets the next `count` commits fail.
    pub(crate) fn set(&self, fault: Fault, count: usize) {
        *self.lock() = Some(fault);
        self.failing.store(count, Ordering::SeqCst);
    }

    pub(crate) fn clear(&self) {
        *self.lock() = None;
    }

    pub(super) fn before_commit(&self) -> rusqlite::Result<()> {
        let fault = *self.lock();
        match fault {
            Some(Fault::Lost(code)) if self.strikes() => Err(error(code)),
            _ => Ok(()),
        }
    }

    pub(super) fn after_commit(&self) -> rusqlite::Result<()> {
        let fault = *self.lock();
        match fault {
            Some(Fault::Written(code)) if self.strikes() => Err(error(code)),
            _ => Ok(()),
        }
    }

    fn strikes(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        self.failing
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less)
            .is_ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Fault>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn error(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
}
