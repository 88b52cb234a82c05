//! What the files beside the log (`index.db`, `state.db`) share: how an error tells damage from trouble, how 64-bit
//! numbers are stored, and a pool of readers. The log itself is not opened through here.

mod read_pool;

use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

pub(crate) use self::read_pool::ReadPool;

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
