//! `state.db`: its format, and opening it whatever lies there.
//!
//! ```sql
//! meta(only INTEGER PRIMARY KEY, log_id BLOB)
//! cursors(command TEXT PRIMARY KEY, sequence INTEGER)
//! outcomes(sequence INTEGER, command TEXT, status TEXT, attempts INTEGER, due_ms INTEGER, reason TEXT, error TEXT,
//!          since_ms INTEGER, PRIMARY KEY (sequence, command))
//! counts(command TEXT, status TEXT, events INTEGER, PRIMARY KEY (command, status))   -- kept by triggers
//! drift(command TEXT, path TEXT, expected TEXT, found TEXT, count INTEGER, first_ms INTEGER, last_ms INTEGER,
//!       PRIMARY KEY (command, path, expected, found))                                -- since version 2
//! ```
//!
//! and since version 3, with indexes and triggers in `deliveries/tables.rs`:
//!
//! ```sql
//! subscriptions(name TEXT PRIMARY KEY, cursor INTEGER, delivered INTEGER, filtered INTEGER, dead INTEGER,
//!               expired INTEGER, paused TEXT, paused_ms INTEGER)
//! deliveries(subscription TEXT, sequence INTEGER, command TEXT, status TEXT, attempts INTEGER, first_ms INTEGER,
//!            due_ms INTEGER, lane INTEGER, reason TEXT, detail TEXT, since_ms INTEGER, waits INTEGER, copied INTEGER,
//!            PRIMARY KEY (subscription, sequence))
//! copies(subscription TEXT, sequence INTEGER, …, PRIMARY KEY (subscription, sequence))  -- as `events` of the log
//! delivery_counts(subscription TEXT, status TEXT, deliveries INTEGER,
//!                 PRIMARY KEY (subscription, status))                                   -- kept by triggers
//! first_attempts(subscription TEXT, sequence INTEGER, command TEXT, first_ms INTEGER, due_ms INTEGER,
//!                PRIMARY KEY (subscription, sequence))                                  -- since version 4
//! ```
//!
//! An older file gets what it lacks when it is opened, in place; what it says stays. There is no way back: a gateway
//! that knows an older version only refuses it then.
//!
//! Write-ahead mode with `synchronous=NORMAL`: a commit syncs nothing and survives the process; a power cut takes the
//! last commits and never tears the file.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use gateway_core::Causes;
use rusqlite::{Connection, params};
use tracing::warn;
use uuid::Uuid;

use super::{StateError, deliveries::tables};
use crate::sqlite::{create_private, is_damage, shm_path, wal_path, with_suffix};

/// "TCCs": tells the file from other programs'.
const APPLICATION_ID: i64 = 0x5443_4373;

/// Raised when the tables change; a lower one is then migrated.
const VERSION: i64 = 4;

/// How long the follower waits for a lock: the fan-out writes in short transactions.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What version 1 has.
const SCHEMA: &str = "
    CREATE TABLE meta (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        log_id BLOB NOT NULL
    );
    CREATE TABLE cursors (
        command TEXT PRIMARY KEY,
        sequence INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE outcomes (
        sequence INTEGER NOT NULL,
        command TEXT NOT NULL,
        status TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        due_ms INTEGER NOT NULL,
        reason TEXT NOT NULL,
        error TEXT,
        since_ms INTEGER NOT NULL,
        PRIMARY KEY (sequence, command)
    ) WITHOUT ROWID;
    CREATE INDEX outcomes_due ON outcomes (command, due_ms) WHERE status = 'parked';
    CREATE INDEX outcomes_parked ON outcomes (command, sequence) WHERE status = 'parked';
    CREATE TABLE counts (
        command TEXT NOT NULL,
        status TEXT NOT NULL,
        events INTEGER NOT NULL,
        PRIMARY KEY (command, status)
    ) WITHOUT ROWID;
    CREATE TRIGGER outcome_added AFTER INSERT ON outcomes BEGIN
        INSERT INTO counts VALUES (new.command, new.status, 1)
        ON CONFLICT DO UPDATE SET events = events + 1;
    END;
    CREATE TRIGGER outcome_forgotten AFTER DELETE ON outcomes BEGIN
        UPDATE counts SET events = events - 1 WHERE command = old.command AND status = old.status;
    END;
    CREATE TRIGGER outcome_changed AFTER UPDATE OF status ON outcomes WHEN old.status <> new.status BEGIN
        UPDATE counts SET events = events - 1 WHERE command = old.command AND status = old.status;
        INSERT INTO counts VALUES (new.command, new.status, 1)
        ON CONFLICT DO UPDATE SET events = events + 1;
    END;
";

/// What version 2 adds.
const DRIFT: &str = "
    CREATE TABLE drift (
        command TEXT NOT NULL,
        path TEXT NOT NULL,
        expected TEXT NOT NULL,
        found TEXT NOT NULL,
        count INTEGER NOT NULL,
        first_ms INTEGER NOT NULL,
        last_ms INTEGER NOT NULL,
        PRIMARY KEY (command, path, expected, found)
    ) WITHOUT ROWID;
";

/// Why a file was not simply opened.
enum Trouble {
    /// Not ours to mend.
    Refused(StateError),
    /// SQLite's own check complains.
    Damaged(String),
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        if is_damage(&error) {
            Self::Damaged(Causes(&error).to_string())
        } else {
            Self::Sqlite(error)
        }
    }
}

/// Opens the state at `path` for the log `log_id`; makes one when there is none, empties one of another log, sets a
/// damaged one aside.
pub(super) fn open(path: &Path, log_id: Uuid) -> Result<Connection, StateError> {
    let open_error = |source| StateError::Open {
        path: path.to_owned(),
        source,
    };
    let damage = match try_open(path, log_id) {
        Ok(connection) => return Ok(connection),
        Err(Trouble::Refused(error)) => return Err(error),
        Err(Trouble::Sqlite(error)) => return Err(open_error(error.into())),
        Err(Trouble::Damaged(damage)) => damage,
    };
    let aside = set_aside(path).map_err(|error| open_error(error.into()))?;
    warn!(
        path = %path.display(),
        set_aside = %aside.display(),
        damage,
        "the state is damaged and starts anew: parked and dead events, drift and deliveries are forgotten, handlers start \
         at the log's end, and subscriptions where their `start` says"
    );
    try_open(path, log_id).map_err(|trouble| match trouble {
        Trouble::Refused(error) => error,
        Trouble::Sqlite(error) => open_error(error.into()),
        Trouble::Damaged(damage) => open_error(damage.into()),
    })
}

fn try_open(path: &Path, log_id: Uuid) -> Result<Connection, Trouble> {
    create_private(path);
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Nothing is written before it is clear whose file this is.
    let is_new = identify(&connection, path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    if is_new {
        create(&mut connection, log_id)?;
    } else {
        check(&connection)?;
        migrate(&mut connection)?;
        adopt(&mut connection, path, log_id)?;
    }
    Ok(connection)
}

/// Whether the file is empty; an error when it is not a state that this version knows.
fn identify(connection: &Connection, path: &Path) -> Result<bool, Trouble> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application_id, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if (application_id, version, tables) == (0, 0, 0) {
        return Ok(true);
    }
    let path = path.to_owned();
    if application_id != APPLICATION_ID {
        return Err(Trouble::Refused(StateError::Foreign { path }));
    }
    if version > VERSION {
        let (found, known) = (version, VERSION);
        return Err(Trouble::Refused(StateError::Newer { path, found, known }));
    }
    Ok(false)
}

fn create(connection: &mut Connection, log_id: Uuid) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    transaction.execute_batch(DRIFT)?;
    transaction.execute_batch(tables::TABLES)?;
    transaction.execute_batch(tables::FIRST_ATTEMPTS)?;
    transaction.execute("INSERT INTO meta VALUES (1, ?1)", [log_id.as_bytes()])?;
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Reads every page: the file is small, and what it says can't be had from elsewhere.
fn check(connection: &Connection) -> Result<(), Trouble> {
    let finding: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    match finding.as_str() {
        "ok" => Ok(()),
        _ => Err(Trouble::Damaged(finding)),
    }
}

/// Brings an older file to this version.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == VERSION {
        return Ok(());
    }
    let transaction = connection.transaction()?;
    if version < 2 {
        transaction.execute_batch(DRIFT)?;
    }
    if version < 3 {
        transaction.execute_batch(tables::TABLES)?;
    }
    transaction.execute_batch(tables::FIRST_ATTEMPTS)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

/// Empties the state of another log.
fn adopt(connection: &mut Connection, path: &Path, log_id: Uuid) -> rusqlite::Result<()> {
    let found: Vec<u8> = connection.query_row("SELECT log_id FROM meta", [], |row| row.get(0))?;
    if found == log_id.as_bytes() {
        return Ok(());
    }
    warn!(path = %path.display(), "the state belongs to another log and starts anew");
    let transaction = connection.transaction()?;
    transaction.execute_batch(
        "DELETE FROM cursors; DELETE FROM outcomes; DELETE FROM counts; DELETE FROM drift;
         DELETE FROM subscriptions; DELETE FROM first_attempts; DELETE FROM deliveries; DELETE FROM delivery_counts;",
    )?;
    transaction.execute("UPDATE meta SET log_id = ?1", params![log_id.as_bytes()])?;
    transaction.commit()
}

/// Renames the file and what belongs to it, so that it can be looked at; returns the new name.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let mut seconds = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs());
    let mut aside = with_suffix(path, &format!(".damaged-{seconds}"));
    while aside.try_exists()? {
        seconds += 1;
        aside = with_suffix(path, &format!(".damaged-{seconds}"));
    }
    fs::rename(path, &aside)?;
    for (part, aside) in [
        (wal_path(path), wal_path(&aside)),
        (shm_path(path), shm_path(&aside)),
    ] {
        match fs::rename(part, aside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(aside)
}
