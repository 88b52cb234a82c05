//! An outcome as a row of `outcomes`: the words for status and reason, and the statements that read and write rows.

use rusqlite::{
    Connection, OptionalExtension, Row, ToSql, params,
    types::{FromSql, FromSqlError, FromSqlResult, ToSqlOutput, ValueRef},
};

use super::{Outcome, Reason, Status};
use crate::{
    Sequence,
    sqlite::{restored, stored},
};

/// Bytes of an error's text that are kept.
const ERROR_BYTES_MAX: usize = 1_024;

pub(super) const DUE: &str = "SELECT * FROM outcomes
    WHERE status = 'parked' AND command = ?1 AND due_ms <= ?2 ORDER BY due_ms, sequence LIMIT ?3";

pub(super) const OLDEST_PARKED: &str =
    "SELECT min(sequence) FROM outcomes WHERE status = 'parked' AND command = ?1";

const STATUSES: [(Status, &str); 2] = [(Status::Parked, "parked"), (Status::Dead, "dead")];

const REASONS: [(Reason, &str); 4] = [
    (Reason::Error, "error"),
    (Reason::Panic, "panic"),
    (Reason::Timeout, "timeout"),
    (Reason::Undecodable, "undecodable"),
];

/// Writes an outcome over what is known of the same event and command.
pub(super) fn upsert(connection: &Connection, outcome: &Outcome) -> rusqlite::Result<()> {
    // Not REPLACE, which deletes without telling the triggers that count.
    let mut upsert = connection.prepare_cached(
        "INSERT INTO outcomes VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET status = excluded.status, attempts = excluded.attempts,
             due_ms = excluded.due_ms, reason = excluded.reason, error = excluded.error,
             since_ms = excluded.since_ms",
    )?;
    let error = outcome
        .error
        .as_ref()
        .map(|error| error.split_at(error.floor_char_boundary(ERROR_BYTES_MAX)).0);
    upsert.execute(params![
        stored(outcome.sequence),
        outcome.command,
        outcome.status,
        outcome.attempts,
        stored(outcome.due_ms),
        outcome.reason,
        error,
        stored(outcome.since_ms),
    ])?;
    Ok(())
}

/// Parked outcomes of a command that are due at `now_ms`, the longest due first; of several, the oldest event first.
pub(super) fn due(
    connection: &Connection,
    command: &str,
    now_ms: u64,
    limit: usize,
) -> rusqlite::Result<Vec<Outcome>> {
    connection
        .prepare_cached(DUE)?
        .query_map(
            params![command, stored(now_ms), stored(limit as u64)],
            outcome,
        )?
        .collect()
}

/// The outcome of an event, which belongs to one command.
pub(super) fn of_event(
    connection: &Connection,
    sequence: Sequence,
) -> rusqlite::Result<Option<Outcome>> {
    connection
        .prepare_cached("SELECT * FROM outcomes WHERE sequence = ?1 LIMIT 1")?
        .query_row([stored(sequence)], outcome)
        .optional()
}

/// Events with an outcome of one status, or of any, below `before`: newest first.
pub(super) fn failed(
    connection: &Connection,
    status: Option<Status>,
    before: Sequence,
    limit: usize,
) -> rusqlite::Result<Vec<Sequence>> {
    connection
        .prepare_cached(
            "SELECT sequence FROM outcomes WHERE sequence < ?1 AND (?2 IS NULL OR status = ?2)
             ORDER BY sequence DESC LIMIT ?3",
        )?
        .query_map(
            params![stored(before), status, stored(limit as u64)],
            |row| row.get(0).map(restored),
        )?
        .collect()
}

fn outcome(row: &Row<'_>) -> rusqlite::Result<Outcome> {
    Ok(Outcome {
        sequence: restored(row.get("sequence")?),
        command: row.get("command")?,
        status: row.get("status")?,
        attempts: row.get("attempts")?,
        due_ms: restored(row.get("due_ms")?),
        reason: row.get("reason")?,
        error: row.get("error")?,
        since_ms: restored(row.get("since_ms")?),
    })
}

impl ToSql for Status {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(word(&STATUSES, self).into())
    }
}

impl FromSql for Status {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&STATUSES, value)
    }
}

impl ToSql for Reason {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(word(&REASONS, self).into())
    }
}

impl FromSql for Reason {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        meaning(&REASONS, value)
    }
}

pub(super) fn word<T: PartialEq>(words: &[(T, &'static str)], wanted: &T) -> &'static str {
    let found = words.iter().find(|(meaning, _)| meaning == wanted);
    found.expect("every variant has a word").1
}

pub(super) fn meaning<T: Copy>(
    words: &[(T, &'static str)],
    value: ValueRef<'_>,
) -> FromSqlResult<T> {
    let text = value.as_str()?;
    let found = words.iter().find(|(_, word)| *word == text);
    found
        .map(|(meaning, _)| *meaning)
        .ok_or(FromSqlError::InvalidType)
}
