//! The file `log.db`: its schema, how connections to it are set up, and what makes it ours.
//!
//! Two tables: `events` (see `event/record.rs`), and `log` with one row that names the log and remembers what an emptied
//! table of events would forget. Nothing but this crate may open the file through the system while a journal is open:
//! closing any descriptor of it would drop SQLite's locks.

use std::{
    fs::{DirBuilder, File},
    io,
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, params};
use uuid::Uuid;

use super::JournalError;
use crate::{
    Sequence,
    sqlite::{create_private, restored, stored},
};

/// The log's name in the journal's directory.
pub(crate) const LOG: &str = "log.db";
/// The letters `CBgl`, in the file's header.
const APPLICATION_ID: i64 = 0x4342_676c;
const SCHEMA_VERSION: i64 = 1;
/// Older ones can lose committed data when a checkpoint resets the write-ahead file beside another process.
const SQLITE_NEEDED: (i32, &str) = (3_051_003, "3.51.3");
/// Another process holds a lock on the log only for moments.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Beyond this the write-ahead file is cut when it starts again.
const WAL_BYTES_MAX: u32 = 4 << 20;

const SCHEMA: &str = "
    CREATE TABLE log (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        log_id BLOB NOT NULL,
        high_water INTEGER NOT NULL,
        clock_ms INTEGER NOT NULL,
        restored INTEGER NOT NULL,
        probe BLOB
    );
    CREATE TABLE events (
        sequence INTEGER PRIMARY KEY,
        journaled_ms INTEGER NOT NULL,
        app TEXT NOT NULL,
        command TEXT NOT NULL,
        envelope BLOB NOT NULL,
        body BLOB NOT NULL,
        crc INTEGER NOT NULL
    );";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Appending: a commit returns after the sync.
    Append,
    /// Deleting: a commit that is lost in a power cut is repeated.
    Trim,
    /// Appending without any sync, to prove that a test of durability would notice.
    Unsynced,
    /// Reading.
    Read,
}

/// The row of the table `log`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) log_id: Uuid,
    /// Sequences up to here were given to events that are deleted.
    pub(crate) high_water: Sequence,
    /// The newest time of journaling among them.
    pub(crate) clock_ms: u64,
    /// The log is a backup that was never opened.
    pub(crate) restored: bool,
}

/// Whether the log is gone or empty, and what was derived from it is still there.
pub(super) fn is_lost(directory: &Path, log: &Path) -> bool {
    let has_content = |path: &Path| path.metadata().is_ok_and(|file| file.len() > 0);
    let is_derived = |name| has_content(&directory.join(name));
    !has_content(log) && (is_derived("index.db") || is_derived("state.db"))
}

/// Makes the directory, for this user alone, and syncs the entry in its parent.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    match path.canonicalize()?.parent() {
        Some(parent) => sync_directory(parent),
        None => Ok(()),
    }
}

/// Makes new entries of a directory survive a power cut.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Refuses to work with an SQLite that can lose data.
pub(super) fn check_sqlite() -> Result<(), JournalError> {
    let (number, needed) = SQLITE_NEEDED;
    if rusqlite::version_number() >= number {
        return Ok(());
    }
    Err(JournalError::OldSqlite {
        found: rusqlite::version(),
        needed,
    })
}

/// Opens an existing `log.db`.
pub(crate) fn connect(path: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    let access = match purpose {
        Purpose::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        _ => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // A checkpoint whose result nobody sees is none: the writer makes its own and looks at the result.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -1024)?;
    let synchronous = match purpose {
        Purpose::Append => "FULL",
        Purpose::Trim | Purpose::Read => "NORMAL",
        Purpose::Unsynced => "OFF",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    if purpose != Purpose::Read {
        connection.pragma_update(None, "journal_size_limit", WAL_BYTES_MAX)?;
    }
    Ok(connection)
}

/// Makes `log.db` where there is none, or only what a crash has left of making one.
pub(super) fn create(path: &Path, identity: &Identity) -> Result<(), JournalError> {
    let of = |source| JournalError::of(path, source);
    create_private(path);
    let mut connection = Connection::open(path).map_err(of)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(of)?;
    if !is_blank(&connection).map_err(of)? {
        return Ok(());
    }
    connection
        .pragma_update(None, "page_size", 4096)
        .map_err(of)?;
    let transaction = connection.transaction().map_err(of)?;
    transaction.execute_batch(SCHEMA).map_err(of)?;
    transaction
        .execute(
            "INSERT INTO log VALUES (1, ?1, ?2, ?3, ?4, NULL)",
            params![
                identity.log_id.as_bytes(),
                stored(identity.high_water),
                stored(identity.clock_ms),
                identity.restored,
            ],
        )
        .map_err(of)?;
    transaction
        .pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(of)?;
    transaction
        .pragma_update(None, "user_version", SCHEMA_VERSION)
        .map_err(of)?;
    transaction.commit().map_err(of)
}

/// Reads the log's identity, after a look at whether it is a log at all.
pub(crate) fn identify(connection: &Connection, path: &Path) -> Result<Identity, JournalError> {
    let of = |source| JournalError::of(path, source);
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    if pragma("application_id").map_err(of)? != APPLICATION_ID {
        return Err(JournalError::Foreign {
            path: path.to_owned(),
        });
    }
    let found = pragma("user_version").map_err(of)?;
    if found > SCHEMA_VERSION {
        return Err(JournalError::Newer {
            path: path.to_owned(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    let sql = "SELECT log_id, high_water, clock_ms, restored FROM log";
    connection
        .query_row(sql, [], |row| {
            Ok(Identity {
                log_id: Uuid::from_bytes(row.get(0)?),
                high_water: restored(row.get(1)?),
                clock_ms: restored(row.get(2)?),
                restored: row.get(3)?,
            })
        })
        .map_err(of)
}

/// Whether nothing was ever put into the database.
fn is_blank(connection: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT NOT EXISTS (SELECT 1 FROM sqlite_schema)
        AND (SELECT application_id FROM pragma_application_id()) = 0
        AND (SELECT user_version FROM pragma_user_version()) = 0";
    connection.query_row(sql, [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appends_are_synced_and_deletions_are_not() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(LOG);
        let identity = Identity {
            log_id: Uuid::nil(),
            high_water: 0,
            clock_ms: 0,
            restored: false,
        };
        create(&path, &identity).unwrap();
        for (purpose, expected) in [
            (Purpose::Append, 2),
            (Purpose::Trim, 1),
            (Purpose::Unsynced, 0),
        ] {
            let connection = connect(&path, purpose).unwrap();
            let synchronous: i64 = connection
                .pragma_query_value(None, "synchronous", |row| row.get(0))
                .unwrap();
            assert_eq!(synchronous, expected, "{purpose:?}");
        }
    }
}
