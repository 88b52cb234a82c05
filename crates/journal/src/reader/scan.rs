//! Walking over rows in one direction, and collecting them within a limit.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension};

use super::ReadLimit;
use crate::{
    Row, Sequence,
    event::{RECORD_COLUMNS, ROUTE_COLUMNS, Record, Route},
    sqlite::stored,
};

/// Which rows a read looks at, and in which order.
#[derive(Debug, Clone, Copy)]
pub(super) enum Range {
    /// After the first, up to the second; oldest first.
    Up(Sequence, Sequence),
    /// Before; newest first.
    Down(Sequence),
}

/// What a read has found, within its limit.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Vec<Row>,
    bytes: usize,
    limit: ReadLimit,
}

// === impl Found ===

impl Found {
    pub(super) fn new(limit: ReadLimit) -> Self {
        Self {
            rows: Vec::new(),
            bytes: 0,
            limit,
        }
    }

    /// Whether a row with a body of so many bytes may be taken.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        let room = self.rows.len() < self.limit.events && self.bytes + bytes <= self.limit.bytes;
        room || self.rows.is_empty()
    }

    pub(super) fn take(&mut self, bytes: usize, row: Row) {
        self.bytes += bytes;
        self.rows.push(row);
    }
}

/// Reads whole rows until told to stop; `true` when there was no further row.
pub(super) fn scan(
    connection: &Connection,
    range: Range,
    mut look: impl FnMut(&Record<'_>) -> ControlFlow<()>,
) -> rusqlite::Result<bool> {
    walk(connection, RECORD_COLUMNS, range, |row| {
        Ok(look(&Record::read(row)?))
    })
}

/// Looks at rows until told to stop, and touches neither their envelopes nor their bodies; `true` when there was no
/// further row.
pub(super) fn scan_routes(
    connection: &Connection,
    range: Range,
    mut look: impl FnMut(&Route<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<bool> {
    walk(connection, ROUTE_COLUMNS, range, |row| {
        look(&Route::read(row)?)
    })
}

fn walk(
    connection: &Connection,
    columns: &str,
    range: Range,
    mut look: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<ControlFlow<()>>,
) -> rusqlite::Result<bool> {
    let (sql, bounds) = match range {
        Range::Up(after, through) => (
            format!(
                "SELECT {columns} FROM events WHERE sequence > ?1 AND sequence <= ?2 ORDER BY sequence"
            ),
            [stored(after), stored(through)],
        ),
        Range::Down(before) => (
            format!(
                "SELECT {columns} FROM events WHERE sequence < ?1 AND sequence > ?2 ORDER BY sequence DESC"
            ),
            [stored(before), 0],
        ),
    };
    let mut statement = connection.prepare_cached(&sql)?;
    let mut rows = statement.query(bounds)?;
    while let Some(row) = rows.next()? {
        if look(row)?.is_break() {
            return Ok(false);
        }
    }
    Ok(true)
}

pub(super) fn get(connection: &Connection, sequence: Sequence) -> rusqlite::Result<Option<Row>> {
    let sql = format!("SELECT {RECORD_COLUMNS} FROM events WHERE sequence = ?1");
    connection
        .prepare_cached(&sql)?
        .query_row([stored(sequence)], |row| Ok(Record::read(row)?.decode()))
        .optional()
}

/// The first undamaged row and its time.
pub(super) fn next_whole(
    connection: &Connection,
    range: Range,
) -> rusqlite::Result<Option<(Sequence, u64)>> {
    let mut whole = None;
    scan(connection, range, |record| {
        whole = record
            .verified_crc()
            .and(record.journaled_ms())
            .map(|journaled_ms| (record.sequence, journaled_ms));
        match whole {
            Some(_) => ControlFlow::Break(()),
            None => ControlFlow::Continue(()),
        }
    })?;
    Ok(whole)
}
