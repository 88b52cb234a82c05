//! Read-only connections to one file, lent for one read at a time. Start at [`ReadPool::share`].
//!
//! Each consumer has a share of its own, so that however much one of them reads, the others get their turn. All of them
//! can be suspended together, when the file must be reopened or replaced.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use rusqlite::Connection;

/// Reads of one consumer at one time: as many as the disk and two cores have a use for.
const READS_MAX: usize = 4;

/// How long a read waits for its turn.
const WAIT_MAX: Duration = Duration::from_secs(5);

/// How a pool opens a connection.
pub(crate) type Open = fn(&Path) -> rusqlite::Result<Connection>;

/// The connections to a file, opened when first needed, and who reads on them.
#[derive(Debug)]
pub(crate) struct ReadPool {
    path: PathBuf,
    open: Open,
    state: Mutex<State>,
    changed: Condvar,
}

/// One consumer's part of a pool: as many reads as it may have, whatever the others do.
#[derive(Debug)]
pub(crate) struct Share {
    pool: Arc<ReadPool>,
    /// Changed under the pool's lock only.
    lent: AtomicUsize,
}

/// Nobody reads, and no connection is open, until this is dropped.
#[derive(Debug)]
pub(crate) struct Suspended<'a>(&'a ReadPool);

/// A read did not take place, or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PoolError {
    #[error("too many reads at one time: try again")]
    Busy,
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
}

#[derive(Debug, Default)]
struct State {
    idle: Vec<Connection>,
    lent: usize,
    suspended: bool,
}

/// A lent connection; also its place, given back whatever happens to the read.
struct Lease<'a> {
    share: &'a Share,
    connection: Option<Connection>,
}

// === impl ReadPool ===

impl ReadPool {
    pub(crate) fn new(path: &Path, open: Open) -> Self {
        Self {
            path: path.to_owned(),
            open,
            state: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    /// A share for one more consumer.
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share {
            pool: Arc::clone(self),
            lent: AtomicUsize::new(0),
        }
    }

    /// Waits for the reads under way and closes every connection; reads that come meanwhile wait. `None` when a read
    /// does not end in time: then all goes on as before.
    pub(crate) fn suspend(&self, timeout: Duration) -> Option<Suspended<'_>> {
        let until = Instant::now() + timeout;
        let mut state = self.lock();
        state.suspended = true;
        let suspended = Suspended(self);
        while state.lent > 0 {
            let (next, in_time) = self.wait(state, until);
            state = next;
            if !in_time {
                // Before the guard, whose end takes the lock.
                drop(state);
                return None;
            }
        }
        state.idle.clear();
        drop(state);
        Some(suspended)
    }

    /// Waits for a change; `false` when it is too late for that.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Instant,
    ) -> (MutexGuard<'a, State>, bool) {
        let Some(left) = until.checked_duration_since(Instant::now()) else {
            return (state, false);
        };
        let waited = self.changed.wait_timeout(state, left);
        (waited.unwrap_or_else(PoisonError::into_inner).0, true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Share ===

impl Share {
    /// Runs one read. Waits some seconds for a free connection, also while the pool is suspended. A connection whose
    /// read failed is closed.
    ///
    /// # Errors
    ///
    /// [`PoolError::Busy`] when no turn came, and what opening or reading says.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, PoolError> {
        self.read_within(WAIT_MAX, read)
    }

    fn read_within<T>(
        &self,
        wait_max: Duration,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, PoolError> {
        let mut lease = self.lend(wait_max)?;
        let connection = match lease.connection.take() {
            Some(connection) => connection,
            None => (self.pool.open)(&self.pool.path)?,
        };
        let answer = read(&connection)?;
        lease.connection = Some(connection);
        Ok(answer)
    }

    fn lend(&self, wait_max: Duration) -> Result<Lease<'_>, PoolError> {
        let until = Instant::now() + wait_max;
        let mut state = self.pool.lock();
        while state.suspended || self.lent.load(Ordering::Relaxed) == READS_MAX {
            let (next, in_time) = self.pool.wait(state, until);
            state = next;
            if !in_time {
                return Err(PoolError::Busy);
            }
        }
        state.lent += 1;
        self.lent.fetch_add(1, Ordering::Relaxed);
        Ok(Lease {
            share: self,
            connection: state.idle.pop(),
        })
    }
}

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.0.lock().suspended = false;
        self.0.changed.notify_all();
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut state = self.share.pool.lock();
        state.lent -= 1;
        self.share.lent.fetch_sub(1, Ordering::Relaxed);
        state.idle.extend(self.connection.take());
        self.share.pool.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Arc<ReadPool> {
        Arc::new(ReadPool::new(Path::new(":memory:"), |path| {
            Connection::open(path)
        }))
    }

    /// Runs `inside` while the share has all the reads that it may have.
    fn occupy(share: &Share, reads: usize, inside: &mut dyn FnMut()) {
        if reads == 0 {
            return inside();
        }
        let occupied = share.read(|_| {
            occupy(share, reads - 1, inside);
            Ok(())
        });
        occupied.unwrap();
    }

    #[test]
    fn a_busy_consumer_does_not_keep_another_from_reading() {
        let pool = pool();
        let (greedy, modest) = (pool.share(), pool.share());
        occupy(&greedy, READS_MAX, &mut || {
            let refused = greedy.read_within(Duration::ZERO, |_| Ok(()));
            assert!(matches!(refused, Err(PoolError::Busy)));
            modest.read_within(Duration::ZERO, |_| Ok(())).unwrap();
        });
        greedy.read_within(Duration::ZERO, |_| Ok(())).unwrap();
    }

    #[test]
    fn a_suspended_pool_has_no_connection_and_no_reader() {
        let pool = pool();
        let share = pool.share();
        let reading = share.read(|_| {
            assert!(pool.suspend(Duration::ZERO).is_none());
            Ok(())
        });
        reading.unwrap();
        let suspended = pool.suspend(Duration::ZERO).unwrap();
        assert!(pool.lock().idle.is_empty());
        let refused = share.read_within(Duration::ZERO, |_| Ok(()));
        assert!(matches!(refused, Err(PoolError::Busy)));
        drop(suspended);
        share.read_within(Duration::ZERO, |_| Ok(())).unwrap();
    }
}
