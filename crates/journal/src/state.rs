//! The state: how far each command's handler has come, and the events that are parked or dead (`state.db`). Written
//! without a sync: a crash repeats the last second.

use std::{collections::BTreeMap, path::Path};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Sequence;

/// Cursors and outcomes, for the one follower.
#[derive(Debug)]
pub struct State {}

/// Reads outcomes, for anyone. Blocks on the disk.
#[derive(Debug, Clone)]
pub struct StateReader {}

/// An event whose handler has not succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// The event.
    pub sequence: Sequence,
    /// Whose handler.
    pub command: String,
    /// Waiting for another attempt, or given up.
    pub status: Status,
    /// How many attempts were started.
    pub attempts: u32,
    /// When the next attempt is due, in milliseconds since the Unix epoch; meaningless when dead.
    pub due_ms: u64,
    /// What went wrong last.
    pub reason: Reason,
    /// The handler's own words, cut to 1 KiB; may name accounts, so never logged.
    pub error: Option<String>,
    /// When it went wrong last, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// Where a failed event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Will be tried again.
    Parked,
    /// Given up.
    Dead,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reason {
    /// The handler returned an error.
    Error,
    /// The handler panicked.
    Panic,
    /// The handler took too long.
    Timeout,
    /// The body could not be decoded.
    Undecodable,
}

/// The state could not be opened, written or read. Names the file.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct StateError;

impl State {
    /// Opens or creates `state.db` in `dir`. One of another log starts anew. A damaged one is set aside
    /// (`state.db.damaged-…`) and named in the log; cursors then start at the log's end.
    pub fn open(_dir: &Path, _log_id: Uuid) -> Result<Self, StateError> {
        unimplemented!()
    }
    /// Everything up to a command's cursor was attempted.
    pub fn cursors(&self) -> Result<BTreeMap<String, Sequence>, StateError> {
        unimplemented!()
    }
    /// In one transaction: moves cursors, writes outcomes, forgets the outcomes of events that are done.
    pub fn save(
        &mut self,
        _cursors: &[(&str, Sequence)],
        _outcomes: &[Outcome],
        _done: &[(Sequence, &str)],
    ) -> Result<(), StateError> {
        unimplemented!()
    }
    /// Parked outcomes that are due at `now_ms`, the longest due first, `limit` at most.
    pub fn due(&self, _now_ms: u64, _limit: usize) -> Result<Vec<Outcome>, StateError> {
        unimplemented!()
    }
    /// When the next parked outcome is due.
    pub fn next_due(&self) -> Result<Option<u64>, StateError> {
        unimplemented!()
    }
    /// The oldest event that is still parked: it must not be trimmed.
    pub fn oldest_parked(&self) -> Result<Option<Sequence>, StateError> {
        unimplemented!()
    }
    /// How many are parked and dead, by command: for the metrics.
    pub fn counts(&self) -> Result<BTreeMap<(String, Status), u64>, StateError> {
        unimplemented!()
    }
    /// Forgets dead outcomes of events up to `through`, which the log no longer has.
    pub fn trim(&mut self, _through: Sequence) -> Result<(), StateError> {
        unimplemented!()
    }
    /// Reads on a connection of its own.
    pub fn reader(&self) -> StateReader {
        unimplemented!()
    }
}

impl StateReader {
    /// The outcome of one event; `None` when it is done, or not yet attempted (past the command's cursor).
    pub fn outcome(&self, _sequence: Sequence) -> Result<Option<Outcome>, StateError> {
        unimplemented!()
    }
    /// One command's cursor.
    pub fn cursor(&self, _command: &str) -> Result<Option<Sequence>, StateError> {
        unimplemented!()
    }
}
