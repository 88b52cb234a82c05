//! The index: which events are about an account or a group. Derived data in a file of its own (`index.db`), never
//! synced for an ack, rebuilt when missing, damaged or built with other commands.

use std::path::Path;

use uuid::Uuid;

use crate::Sequence;

/// Finds events by subject. Shared: `add` is called by one thread, `find` by any.
#[derive(Debug)]
pub struct Index {}

/// What an event is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// A user id.
    Account(&'a str),
    /// A group id.
    Group(&'a str),
}

/// A question to the index. With both subjects, events about both.
#[derive(Debug, Clone, Copy, Default)]
pub struct IndexQuery<'a> {
    /// A user id.
    pub account: Option<&'a str>,
    /// A group id.
    pub group: Option<&'a str>,
    /// Only events with a lower sequence.
    pub before: Option<Sequence>,
}

/// The index could not be opened, written or read. Names the file.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct IndexError;

impl Index {
    /// Opens `index.db` in `dir`. Starts empty (cursor 0) when there is none, when it is damaged, or when it belongs to
    /// another log or was built with other commands (`built_with`: a fingerprint). Starts its flush thread.
    pub fn open(_dir: &Path, _log_id: Uuid, _built_with: &str) -> Result<Self, IndexError> {
        unimplemented!()
    }
    /// Events up to here are found, in memory or on disk.
    pub fn cursor(&self) -> Sequence {
        unimplemented!()
    }
    /// Events up to here are on disk; after a crash indexing starts again behind it.
    pub fn durable_cursor(&self) -> Sequence {
        unimplemented!()
    }
    /// Adds the events of one read, oldest first, and moves the cursor to `through`. Hands a full buffer to the flush
    /// thread; blocks only while both buffers are full.
    pub fn add<'a>(
        &self,
        _entries: impl IntoIterator<Item = (Key<'a>, Sequence)>,
        _through: Sequence,
    ) -> Result<(), IndexError> {
        unimplemented!()
    }
    /// Sequences that match, newest first, `limit` at most. Keys are hashes: a caller checks the events.
    pub fn find(
        &self,
        _query: &IndexQuery<'_>,
        _limit: usize,
    ) -> Result<Vec<Sequence>, IndexError> {
        unimplemented!()
    }
    /// Forgets events up to `through`, which the log no longer has; a bounded piece of work for each call.
    pub fn trim(&self, _through: Sequence) -> Result<(), IndexError> {
        unimplemented!()
    }
    /// Bytes on disk.
    pub fn bytes(&self) -> u64 {
        unimplemented!()
    }
    /// Flushes and closes. Blocks.
    pub fn close(&self) -> Result<(), IndexError> {
        unimplemented!()
    }
}
