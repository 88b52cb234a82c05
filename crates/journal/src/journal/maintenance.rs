//! Tools that work beside a running gateway: they take no lock, and read in short transactions.

use std::{
    fs::{DirEntry, File},
    io,
    path::{Path, PathBuf},
};

use gateway_core::Causes;
use rusqlite::{Connection, params_from_iter, types::Value};

use super::{
    JournalError,
    file::{self, Identity, LOG, Purpose, connect, identify},
};
use crate::{
    ReadLimit, Row, Sequence,
    event::{RECORD_COLUMNS, Record},
    sqlite::{restored, stored},
};

/// Rows of one read.
const STEP_EVENTS: u32 = 256;
/// The name of a copy until it is whole.
const UNFINISHED: &str = "log.db.unfinished";
/// More findings of SQLite's own check help nobody.
const PROBLEMS_MAX: u32 = 100;

/// What `check` found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckReport {
    /// Rows read.
    pub events: u64,
    /// The first and the last.
    pub bounds: Option<(Sequence, Sequence)>,
    /// Rows whose checksum or envelope is wrong.
    pub damaged: Vec<Sequence>,
    /// What SQLite's own check says; empty when all is well.
    pub problems: Vec<String>,
}

/// A log that is read from one end to the other.
struct Source {
    path: PathBuf,
    connection: Connection,
    identity: Identity,
    /// The last event when the reading began.
    last: i64,
}

/// Reads every row and runs SQLite's own check; works while a gateway runs.
///
/// SQLite's check is one long read: while it runs, the write-ahead file of a busy gateway grows.
///
/// # Errors
///
/// There is no log, or it can't be opened as one. Damage that is found is no error.
pub fn check(path: &Path) -> Result<CheckReport, JournalError> {
    let source = Source::open(path)?;
    let mut report = source.read_from(0);
    let checked = quick_check(&source.connection, &mut report);
    checked.map_err(|error| JournalError::of(&source.path, error))?;
    Ok(report)
}

/// Reads the newest rows up to a limit, without SQLite's own check: the quick look that [`check`] is not.
///
/// # Errors
///
/// As for [`check`], and [`JournalError::Lost`].
pub fn check_newest(path: &Path, limit: ReadLimit) -> Result<CheckReport, JournalError> {
    let source = match Source::open(path) {
        Err(JournalError::Missing { path: log }) if file::is_lost(path, &log) => {
            return Err(JournalError::Lost { path: log });
        }
        source => source?,
    };
    let after = source.place_before(limit);
    let after = after.map_err(|error| JournalError::of(&source.path, error))?;
    Ok(source.read_from(after))
}

/// Copies the log of the journal at `path` into the new directory `to`; works while a gateway runs.
///
/// Copies events up to the last one when it begins, the oldest first. Those that the gateway deletes meanwhile, because
/// of retention or size, may be missing, also between others that were copied. The first [`Journal::open`](super::Journal::open) of the copy
/// gives it a `log_id` of its own: cursors and ids of the original do not fit it. Damaged rows are copied as they are,
/// and are named in the report.
///
/// # Errors
///
/// There is no log, `to` is not empty, or the disk refuses. An unfinished copy is not called `log.db`, and does not stand
/// in the way of the next backup into the same directory, which begins anew.
pub fn backup(path: &Path, to: &Path) -> Result<CheckReport, JournalError> {
    let source = Source::open(path)?;
    let directory = JournalError::directory;
    file::create_directory(to).map_err(directory(to))?;
    clear(to)?;
    let unfinished = to.join(UNFINISHED);
    let report = source.copy(&unfinished)?;
    File::open(&unfinished)
        .and_then(|copy| copy.sync_all())
        .and_then(|()| std::fs::rename(&unfinished, to.join(LOG)))
        .and_then(|()| file::sync_directory(to))
        .map_err(directory(to))?;
    Ok(report)
}

/// Removes what a failed backup has left in the directory.
fn clear(to: &Path) -> Result<(), JournalError> {
    let entries = to
        .read_dir()
        .and_then(Iterator::collect::<io::Result<Vec<_>>>)
        .map_err(JournalError::directory(to))?;
    // Its own name, and with what SQLite adds to it.
    let is_ours = |entry: &DirEntry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(UNFINISHED.as_bytes())
    };
    if !entries.iter().all(is_ours) {
        return Err(JournalError::NotEmpty {
            path: to.to_owned(),
        });
    }
    for entry in entries {
        std::fs::remove_file(entry.path()).map_err(JournalError::directory(to))?;
    }
    Ok(())
}

// === impl Source ===

impl Source {
    fn open(directory: &Path) -> Result<Self, JournalError> {
        file::check_sqlite()?;
        let path = directory.join(LOG);
        if !path.is_file() {
            return Err(JournalError::Missing { path });
        }
        let of = |source| JournalError::of(&path, source);
        let connection = connect(&path, Purpose::Read).map_err(of)?;
        let identity = identify(&connection, &path)?;
        let sql = "SELECT coalesce(max(sequence), 0) FROM events";
        let last = connection
            .query_row(sql, [], |row| row.get(0))
            .map_err(of)?;
        Ok(Self {
            path,
            connection,
            identity,
            last,
        })
    }

    /// Behind which row the newest ones begin that are within the limit, at least one.
    fn place_before(&self, limit: ReadLimit) -> rusqlite::Result<i64> {
        // The length of a body is in the row's head: it is not read for it.
        let sql = "SELECT sequence, length(body) FROM events ORDER BY sequence DESC LIMIT ?1";
        let mut statement = self.connection.prepare(sql)?;
        let events = i64::try_from(limit.events).unwrap_or(i64::MAX);
        let mut rows = statement.query([events])?;
        let (mut bytes, mut after) = (0_usize, self.last);
        while let Some(row) = rows.next()? {
            let length: Option<i64> = row.get(1)?;
            bytes =
                bytes.saturating_add(length.and_then(|bytes| bytes.try_into().ok()).unwrap_or(0));
            let sequence: i64 = row.get(0)?;
            if bytes > limit.bytes && after < self.last {
                break;
            }
            after = sequence - 1;
        }
        Ok(after)
    }

    /// Reads the rows behind `after`.
    fn read_from(&self, after: i64) -> CheckReport {
        let mut report = CheckReport::default();
        let read = self.each_step(after, |connection, after| {
            step(connection, after, self.last, &mut report, |_| Ok(()))
        });
        if let Err(error) = read {
            report.problems.push(Causes(&error).to_string());
        }
        report
    }

    /// Calls `step` with the sequence behind which it goes on, until it returns `None`.
    fn each_step(
        &self,
        mut after: i64,
        mut step: impl FnMut(&Connection, i64) -> rusqlite::Result<Option<i64>>,
    ) -> rusqlite::Result<()> {
        while let Some(read) = step(&self.connection, after)? {
            after = read;
        }
        Ok(())
    }

    /// Writes a new file with the same rows, not synced yet.
    fn copy(&self, to: &Path) -> Result<CheckReport, JournalError> {
        let identity = Identity {
            restored: true,
            high_water: self.identity.high_water.max(restored(self.last)),
            ..self.identity
        };
        file::create(to, &identity)?;
        let mut target =
            connect(to, Purpose::Unsynced).map_err(|source| JournalError::of(to, source))?;
        let mut report = CheckReport::default();
        self.each_step(0, |connection, after| {
            let transaction = target.transaction()?;
            let read = step(connection, after, self.last, &mut report, |row| {
                let columns = (0..7)
                    .map(|column| row.get::<_, Value>(column))
                    .collect::<rusqlite::Result<Vec<_>>>()?;
                transaction
                    .prepare_cached("INSERT INTO events VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
                    .execute(params_from_iter(columns))
                    .map(drop)
            })?;
            transaction.commit()?;
            Ok(read)
        })
        .and_then(|()| quick_check(&target, &mut report))
        .map_err(|source| JournalError::of(&self.path, source))?;
        Ok(report)
    }
}

/// Reads some rows into the report; returns the last sequence read.
fn step(
    connection: &Connection,
    after: i64,
    last: i64,
    report: &mut CheckReport,
    mut each: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<Option<i64>> {
    let sql = format!(
        "SELECT {RECORD_COLUMNS} FROM events WHERE sequence > ?1 AND sequence <= ?2
         ORDER BY sequence LIMIT {STEP_EVENTS}"
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query([after, last])?;
    let mut read = None;
    while let Some(row) = rows.next()? {
        let record = Record::read(row)?;
        let sequence = record.sequence;
        if matches!(record.decode(), Row::Damaged(_)) {
            report.damaged.push(sequence);
        }
        report.events += 1;
        let (first, _) = report.bounds.unwrap_or((sequence, sequence));
        report.bounds = Some((first, sequence));
        each(row)?;
        read = Some(stored(sequence));
    }
    Ok(read)
}

/// Adds what SQLite finds wrong with the file's structure.
fn quick_check(connection: &Connection, report: &mut CheckReport) -> rusqlite::Result<()> {
    let mut statement = connection.prepare(&format!("PRAGMA quick_check({PROBLEMS_MAX})"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let problem = row.get::<_, String>(0)?;
        if problem != "ok" {
            report.problems.push(problem);
        }
    }
    Ok(())
}
