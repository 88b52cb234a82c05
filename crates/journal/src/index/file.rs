//! `index.db`, the write side: its format, opening and starting anew, and writing sorted entries. What is trimmed from
//! it, and when, is in `trim.rs`; reading is in `search.rs`.
//!
//! One table holds the entries, ordered by key and sequence; one row says whose they are and how far they reach:
//!
//! ```sql
//! entries(key INTEGER, sequence INTEGER, PRIMARY KEY (key, sequence))
//! meta(only INTEGER PRIMARY KEY, format INTEGER, log_id BLOB, built_with TEXT, cursor INTEGER,
//!      trimmed INTEGER, trim_target INTEGER, trim_key INTEGER, trim_sequence INTEGER)
//! ```
//!
//! Write-ahead mode with `synchronous=NORMAL`: a commit syncs nothing, only a checkpoint does. A power cut takes the
//! last commits, entries and cursor alike, and never leaves a torn file, which could pass for a whole one.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, params};
use uuid::Uuid;

use super::{buffer::Entry, trim::Round};
use crate::{
    Sequence,
    sqlite::{create_private, is_damage, restored, shm_path, stored, wal_path},
};

/// Raised when the format, or what the hashes of keys mean, changes. Another one is rebuilt, not migrated.
const FORMAT: i64 = 1;

/// Entries in one transaction. Sorted entries of a large index touch a page each, so this also bounds the write-ahead
/// file, at 64 MiB in the worst case.
const TRANSACTION_ENTRIES: usize = 16_384;

/// Pages in the write-ahead file at which a commit moves them into the index and syncs: 16 MiB. Fewer would sync more
/// often, on the disk that acks wait for.
const CHECKPOINT_PAGES: i64 = 4_096;

/// Bytes that the write-ahead file keeps after a checkpoint.
const WAL_BYTES_KEPT: i64 = 16 << 20;

/// Page cache of the writer, in KiB. Sorted entries come back to no page they have left.
const CACHE_KIB: i64 = 2_048;

/// How long a write waits for a lock; nobody but a stray shell takes one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE entries (
        key INTEGER NOT NULL,
        sequence INTEGER NOT NULL,
        PRIMARY KEY (key, sequence)
    ) WITHOUT ROWID;
    CREATE TABLE meta (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        format INTEGER NOT NULL,
        log_id BLOB NOT NULL,
        built_with TEXT NOT NULL,
        cursor INTEGER NOT NULL,
        trimmed INTEGER NOT NULL DEFAULT 0,
        trim_target INTEGER NOT NULL DEFAULT 0,
        trim_key INTEGER NOT NULL DEFAULT 0,
        trim_sequence INTEGER NOT NULL DEFAULT 0
    );
";

/// What an index must have been built from to be of use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Origin {
    /// The log.
    pub(super) log_id: Uuid,
    /// A fingerprint of the commands.
    pub(super) built_with: String,
}

/// The one writing connection.
#[derive(Debug)]
pub(super) struct IndexFile {
    pub(super) connection: Connection,
    pub(super) cursor: Sequence,
    pub(super) round: Round,
}

/// The index can't be used, or not now.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// It belongs elsewhere; the text says why.
    #[error("{0}")]
    Stale(&'static str),
    #[error("SQLite: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("{0}")]
    Remove(#[from] io::Error),
}

impl IndexFile {
    /// Opens the index at `path`, or makes an empty one when there is none.
    pub(super) fn open(path: &Path, origin: &Origin) -> Result<Self, FileError> {
        if !path.try_exists()? {
            return Self::anew(path, origin);
        }
        let connection = connect(path)?;
        let (format, cursor, round): (i64, _, _) = connection.query_row(
            "SELECT format, cursor, trimmed, trim_target, trim_key, trim_sequence FROM meta",
            [],
            |row| {
                let round = Round {
                    trimmed: restored(row.get(2)?),
                    target: restored(row.get(3)?),
                    key: row.get(4)?,
                    sequence: row.get(5)?,
                };
                Ok((row.get(0)?, restored(row.get(1)?), round))
            },
        )?;
        if format != FORMAT {
            return Err(FileError::Stale("it was written by another version"));
        }
        check_origin(&connection, origin)?;
        // Both ends of the table must be readable.
        connection.query_row(
            "SELECT (SELECT min(key) FROM entries), (SELECT max(key) FROM entries)",
            [],
            |_| Ok(()),
        )?;
        Ok(Self {
            connection,
            cursor,
            round,
        })
    }

    /// Removes whatever is at `path` and makes an empty index.
    pub(super) fn anew(path: &Path, origin: &Origin) -> Result<Self, FileError> {
        for leftover in [path.to_owned(), wal_path(path), shm_path(path)] {
            remove(&leftover)?;
        }
        let mut connection = connect(path)?;
        let transaction = connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.execute(
            "INSERT INTO meta (only, format, log_id, built_with, cursor) VALUES (1, ?1, ?2, ?3, 0)",
            params![FORMAT, origin.log_id.as_bytes(), origin.built_with],
        )?;
        transaction.commit()?;
        Ok(Self {
            connection,
            cursor: 0,
            round: Round::default(),
        })
    }

    /// Writes sorted entries, then moves the cursor to `through`. Several transactions: after a crash between them the
    /// old cursor stands, and writing the same entries again changes nothing.
    pub(super) fn write(
        &mut self,
        sorted: &[Entry],
        through: Sequence,
    ) -> Result<(), rusqlite::Error> {
        for entries in sorted.chunks(TRANSACTION_ENTRIES) {
            let transaction = self.connection.transaction()?;
            {
                let mut insert =
                    transaction.prepare_cached("INSERT OR IGNORE INTO entries VALUES (?1, ?2)")?;
                for &(key, sequence) in entries {
                    insert.execute(params![key, stored(sequence)])?;
                }
            }
            transaction.commit()?;
        }
        let updated = self
            .connection
            .prepare_cached("UPDATE meta SET cursor = ?1")?
            .execute([stored(through)])?;
        if updated != 1 {
            return Err(rusqlite::Error::QueryReturnedNoRows);
        }
        self.cursor = through;
        Ok(())
    }
}

impl FileError {
    /// Whether only an index that starts anew helps.
    pub(super) fn asks_for_rebuild(&self) -> bool {
        match self {
            Self::Stale(_) => true,
            Self::Sqlite(error) => is_damage(error),
            Self::Remove(_) => false,
        }
    }
}

fn connect(path: &Path) -> Result<Connection, rusqlite::Error> {
    create_private(path);
    let connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", CHECKPOINT_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_BYTES_KEPT)?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    Ok(connection)
}

fn check_origin(connection: &Connection, origin: &Origin) -> Result<(), FileError> {
    let (log_id, built_with): (Vec<u8>, String) =
        connection.query_row("SELECT log_id, built_with FROM meta", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    if log_id != origin.log_id.as_bytes() {
        return Err(FileError::Stale("it belongs to another log"));
    }
    if built_with != origin.built_with {
        return Err(FileError::Stale("it was built with other commands"));
    }
    Ok(())
}

fn remove(path: &PathBuf) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
