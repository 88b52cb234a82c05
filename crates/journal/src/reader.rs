//! Reading the log.

use crate::{Row, Sequence, StoredEvent};

/// Reads the log on connections of its own. Every method blocks on the disk: call it on a thread that may.
#[derive(Debug, Clone)]
pub struct Reader {}

/// How much one read may return. At least one row is returned when there is one.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// Rows.
    pub events: usize,
    /// Bytes of bodies.
    pub bytes: usize,
}

/// Which events; an empty filter matches all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The app's name.
    pub app: Option<String>,
    /// The command.
    pub command: Option<String>,
    /// Journaled at or after, in milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// Journaled before.
    pub until_ms: Option<u64>,
}

/// A read with a filter: what matched, and how far the log was looked through.
#[derive(Debug, Clone)]
pub struct Page {
    /// What matched, in the order of reading.
    pub rows: Vec<Row>,
    /// Where to go on: the last sequence looked at; `None` when the log's end (reading down: its beginning) was reached.
    pub next: Option<Sequence>,
}

/// The log could not be read.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct ReadError;

impl Reader {
    /// One event; `None` when there is none at that sequence.
    pub fn get(&self, _sequence: Sequence) -> Result<Option<Row>, ReadError> {
        unimplemented!()
    }
    /// The rows after `sequence`, oldest first.
    pub fn after(&self, _sequence: Sequence, _limit: ReadLimit) -> Result<Vec<Row>, ReadError> {
        unimplemented!()
    }
    /// The rows after `sequence` that match, oldest first. Looks at `scan_max` rows at most. Damaged rows are included.
    pub fn after_matching(
        &self,
        _sequence: Sequence,
        _filter: &Filter,
        _limit: ReadLimit,
        _scan_max: usize,
    ) -> Result<Page, ReadError> {
        unimplemented!()
    }
    /// The rows before `sequence` that match, newest first. Looks at `scan_max` rows at most. Damaged rows are passed
    /// over.
    pub fn before(
        &self,
        _sequence: Sequence,
        _filter: &Filter,
        _limit: ReadLimit,
        _scan_max: usize,
    ) -> Result<Page, ReadError> {
        unimplemented!()
    }
    /// Several events by their sequences, in the order given; missing and damaged ones are left out.
    pub fn get_many(&self, _sequences: &[Sequence]) -> Result<Vec<StoredEvent>, ReadError> {
        unimplemented!()
    }
    /// The first and the last sequence; `None` when the log is empty.
    pub fn bounds(&self) -> Result<Option<(Sequence, Sequence)>, ReadError> {
        unimplemented!()
    }
    /// The first sequence journaled at or after a time; `None` when there is none.
    pub fn first_at(&self, _journaled_ms: u64) -> Result<Option<Sequence>, ReadError> {
        unimplemented!()
    }
}
