//! A few read-only connections, opened when needed, and closed for a moment when the writer must reopen the log.

use std::{
    path::PathBuf,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

use super::ReadError;
use crate::{
    Sequence,
    journal::file::{Purpose, connect},
};

/// Reads at one time; each connection keeps up to 1 MiB of pages.
const CONNECTIONS_MAX: usize = 4;
/// How long a read waits for a connection.
const WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Pool {
    path: PathBuf,
    /// The newest event that is known to be synced: no read looks further.
    synced: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
    paused: bool,
}

/// Counts a connection as lent, also while a read panics.
struct Lent<'pool>(&'pool Pool);

// === impl Pool ===

impl Pool {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            synced: AtomicU64::new(0),
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn set_synced(&self, sequence: Sequence) {
        self.synced.store(sequence, Ordering::Release);
    }

    pub(super) fn synced(&self) -> Sequence {
        self.synced.load(Ordering::Acquire)
    }

    /// Reads with a connection of the pool. One that fails is not used again.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let error = |source: rusqlite::Error| ReadError::Failed {
            path: self.path.clone(),
            source: source.into(),
        };
        let (idle, lent) = self.lend()?;
        let connection = idle
            .map_or_else(|| connect(&self.path, Purpose::Read), Ok)
            .map_err(error)?;
        let value = read(&connection).map_err(error)?;
        lent.0.lock().idle.push(connection);
        Ok(value)
    }

    /// Closes every connection, and keeps reads waiting until `resume`. `false` when a read does not end in time.
    pub(crate) fn pause(&self, timeout: Duration) -> bool {
        let mut state = self.lock();
        state.paused = true;
        let until = Instant::now() + timeout;
        loop {
            state.idle.clear();
            let now = Instant::now();
            if state.lent == 0 || now >= until {
                return state.lent == 0;
            }
            state = self.wait(state, until - now);
        }
    }

    pub(crate) fn resume(&self) {
        self.lock().paused = false;
        self.changed.notify_all();
    }

    fn lend(&self) -> Result<(Option<Connection>, Lent<'_>), ReadError> {
        let until = Instant::now() + WAIT_MAX;
        let mut state = self.lock();
        while state.paused || state.lent >= CONNECTIONS_MAX {
            let now = Instant::now();
            if now >= until {
                return Err(ReadError::Busy {
                    path: self.path.clone(),
                });
            }
            state = self.wait(state, until - now);
        }
        state.lent += 1;
        Ok((state.idle.pop(), Lent(self)))
    }

    fn wait<'pool>(
        &self,
        state: MutexGuard<'pool, State>,
        timeout: Duration,
    ) -> MutexGuard<'pool, State> {
        self.changed
            .wait_timeout(state, timeout)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Lent ===

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.lock().lent -= 1;
        self.0.changed.notify_all();
    }
}
