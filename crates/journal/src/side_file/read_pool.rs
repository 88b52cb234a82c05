//! A few read-only connections to one file, lent out one read at a time. Start at [`ReadPool::read`].

use std::{
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags};

/// As many reads as the disk and two cores have a use for; a further reader waits for its turn.
const CONNECTIONS_MAX: usize = 4;

/// How long a read waits for a lock. In a write-ahead log readers wait for nobody but a recovery.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache of each connection, in KiB: reads are short and touch few pages.
const CACHE_KIB: i64 = 512;

/// Lends read-only connections, which it opens when first needed.
#[derive(Debug)]
pub(crate) struct ReadPool {
    path: PathBuf,
    connections: Mutex<Connections>,
    returned: Condvar,
}

/// Nobody reads, and no connection is open, until this is dropped.
#[derive(Debug)]
pub(crate) struct Suspended<'a>(&'a ReadPool);

#[derive(Debug, Default)]
struct Connections {
    idle: Vec<Connection>,
    lent: usize,
    suspended: bool,
}

/// A lent connection; also its place, given back whatever happens to the read.
struct Lease<'a> {
    pool: &'a ReadPool,
    connection: Option<Connection>,
}

// === impl ReadPool ===

impl ReadPool {
    pub(crate) fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            connections: Mutex::default(),
            returned: Condvar::new(),
        }
    }

    /// Runs one read. Waits for a free connection, and while the pool is suspended. A connection whose read failed is
    /// closed.
    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let mut lease = self.lend();
        let connection = match lease.connection.take() {
            Some(connection) => connection,
            None => open(&self.path)?,
        };
        let answer = read(&connection)?;
        lease.connection = Some(connection);
        Ok(answer)
    }

    /// Waits for the reads under way and closes every connection, so that the file may be removed: SQLite deletes
    /// write-ahead files by name, and a reader of the old file would take the new file's with it.
    pub(crate) fn suspend(&self) -> Suspended<'_> {
        let mut connections = self.lock();
        connections.suspended = true;
        while connections.lent > 0 {
            connections = self
                .returned
                .wait(connections)
                .unwrap_or_else(PoisonError::into_inner);
        }
        connections.idle.clear();
        Suspended(self)
    }

    fn lend(&self) -> Lease<'_> {
        let mut connections = self.lock();
        while connections.suspended || connections.lent == CONNECTIONS_MAX {
            connections = self
                .returned
                .wait(connections)
                .unwrap_or_else(PoisonError::into_inner);
        }
        connections.lent += 1;
        Lease {
            pool: self,
            connection: connections.idle.pop(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Connections> {
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Suspended<'_> {
    fn drop(&mut self) {
        self.0.lock().suspended = false;
        self.0.returned.notify_all();
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut connections = self.pool.lock();
        connections.lent -= 1;
        connections.idle.extend(self.connection.take());
        self.pool.returned.notify_all();
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}
