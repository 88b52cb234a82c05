//! An event as the log keeps it.

mod record;

use bytes::Bytes;
use gateway_core::Envelope;

use crate::Sequence;

pub(crate) use record::{Checksum, RECORD_COLUMNS, ROUTE_COLUMNS, Record, Route};

/// An event as read from the log.
#[derive(Debug, Clone)]
pub struct StoredEvent {
    /// Where it stands.
    pub sequence: Sequence,
    /// When it was journaled, in milliseconds since the Unix epoch; never less than that of an earlier event.
    pub journaled_ms: u64,
    /// Where it came from.
    pub envelope: Envelope,
    /// The body as received.
    pub body: Bytes,
}

/// What a row of the log holds.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every row is an event: a box would only add an allocation"
)]
pub enum Row {
    /// A whole event.
    Event(StoredEvent),
    /// A row whose checksum or envelope is wrong.
    Damaged(Sequence),
}

// === impl Row ===

impl Row {
    /// Where the row stands.
    pub fn sequence(&self) -> Sequence {
        match self {
            Self::Event(event) => event.sequence,
            Self::Damaged(sequence) => *sequence,
        }
    }
}
