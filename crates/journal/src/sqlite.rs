//! What the three files (`log.db`, `index.db`, `state.db`) share: how 64-bit numbers are stored, a pool of readers, and
//! how an error of a derived file tells damage from trouble.

mod read_pool;

use std::{
    fs::File,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

pub(crate) use self::read_pool::{PoolError, ReadPool, Share};

/// How long a read waits for a lock. In a write-ahead log readers wait for nobody but a recovery.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Page cache of each connection, in KiB: reads are short and touch few pages.
const CACHE_KIB: i64 = 512;

/// Makes an empty file that only its owner may read, where there is none. What SQLite adds to it (`-wal`, `-shm`) gets
/// the same mode. An error is left to SQLite, which can't open the file then and says so.
pub(crate) fn create_private(path: &Path) {
    let mut options = File::options();
    options.write(true).create_new(true).mode(0o600);
    options.open(path).map(drop).ok();
}

/// Opens `index.db` or `state.db` for reading.
pub(crate) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

/// Whether the file's content is at fault, so that trying again can't help. Trouble with the disk, its space, its
/// permissions or a lock is not damage.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code().is_none_or(|code| {
        matches!(
            code,
            ErrorCode::DatabaseCorrupt
                | ErrorCode::NotADatabase
                // A table or a column is missing.
                | ErrorCode::Unknown
                | ErrorCode::TypeMismatch
        )
    })
}

/// A number as SQLite stores it. Those over `i64::MAX`, which no sequence and no clock reaches, become `i64::MAX`.
pub(crate) fn stored(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A number as it was stored; a negative one, which is never written, becomes 0.
pub(crate) fn restored(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The file's write-ahead file.
pub(crate) fn wal_path(path: &Path) -> PathBuf {
    with_suffix(path, "-wal")
}

/// The file's shared-memory file.
pub(crate) fn shm_path(path: &Path) -> PathBuf {
    with_suffix(path, "-shm")
}

/// `path` with `suffix` appended to its last part.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
