//! A row of the table `events`, and the checksum that guards it.
//!
//! | column         | type    | what                                                     |
//! |----------------|---------|----------------------------------------------------------|
//! | `sequence`     | INTEGER | the row's id                                             |
//! | `journaled_ms` | INTEGER | milliseconds since the Unix epoch, never falling         |
//! | `app`          | TEXT    | as in the envelope, so that filters need not read it     |
//! | `command`      | TEXT    | as in the envelope                                       |
//! | `envelope`     | BLOB    | JSON                                                     |
//! | `body`         | BLOB    | as received                                              |
//! | `crc`          | INTEGER | [`Checksum`] of all of the above                         |
//!
//! A damaged file can hold anything in any column, so nothing here trusts a type.

use bytes::Bytes;
use rusqlite::types::ValueRef;

use super::{Row, StoredEvent};
use crate::Sequence;

/// The columns of a [`Record`], in the order in which it reads them.
pub(crate) const RECORD_COLUMNS: &str = "sequence, journaled_ms, app, command, envelope, body, crc";

/// The columns of a [`Route`]. SQLite knows a blob's length without reading it.
pub(crate) const ROUTE_COLUMNS: &str =
    "sequence, journaled_ms, app, command, length(envelope), length(body)";

/// CRC32C of what an event says, before it has its place in the log: the callers of the writer compute it in parallel,
/// and the one writer adds the place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Checksum(u32);

/// A row as it lies in the file, borrowed from it.
#[derive(Debug)]
pub(crate) struct Record<'row> {
    pub(crate) sequence: Sequence,
    columns: Option<Columns<'row>>,
}

/// What a filter asks of a row, borrowed from the file; without a look at envelope, body and checksum, so it may be
/// damaged.
#[derive(Debug)]
pub(crate) struct Route<'row> {
    pub(crate) sequence: Sequence,
    /// `None` when it can't be read.
    pub(crate) journaled_ms: Option<u64>,
    /// `None` when it can't be read.
    pub(crate) app: Option<&'row str>,
    /// `None` when it can't be read.
    pub(crate) command: Option<&'row str>,
    pub(crate) envelope_bytes: usize,
    pub(crate) body_bytes: usize,
}

#[derive(Debug)]
struct Columns<'row> {
    journaled_ms: u64,
    app: &'row str,
    command: &'row str,
    envelope: &'row [u8],
    body: &'row [u8],
    crc: u32,
}

// === impl Checksum ===

impl Checksum {
    /// Of the parts; their lengths are part of it, so that no byte can move from one to the next.
    pub(crate) fn of(app: &str, command: &str, envelope: &[u8], body: &[u8]) -> Self {
        let parts = [app.as_bytes(), command.as_bytes(), envelope, body];
        Self(parts.into_iter().fold(0, |crc, part| {
            crc32c::crc32c_append(crc32c::crc32c_append(crc, &part.len().to_le_bytes()), part)
        }))
    }

    /// The value that is stored with an event at its place.
    pub(crate) fn at(self, sequence: Sequence, journaled_ms: u64) -> u32 {
        let crc = crc32c::crc32c_append(self.0, &sequence.to_le_bytes());
        crc32c::crc32c_append(crc, &journaled_ms.to_le_bytes())
    }
}

// === impl Record ===

impl<'row> Record<'row> {
    /// Reads a row of [`RECORD_COLUMNS`].
    ///
    /// # Errors
    ///
    /// Only when the statement has other columns, or none of the row's bytes can be read.
    pub(crate) fn read(row: &'row rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let sequence = number(row, 0)?.unwrap_or_default();
        Ok(Self {
            sequence,
            columns: Columns::read(row)?,
        })
    }

    /// When it was journaled, if that can be read; without a look at the checksum.
    pub(crate) fn journaled_ms(&self) -> Option<u64> {
        Some(self.columns.as_ref()?.journaled_ms)
    }

    /// The length of envelope and body, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.columns
            .as_ref()
            .map_or(0, |columns| columns.envelope.len() + columns.body.len())
    }

    /// The checksum, when it fits the row.
    pub(crate) fn verified_crc(&self) -> Option<u32> {
        let columns = self.columns.as_ref()?;
        let Columns {
            app,
            command,
            envelope,
            body,
            ..
        } = columns;
        let checksum = Checksum::of(app, command, envelope, body);
        (checksum.at(self.sequence, columns.journaled_ms) == columns.crc).then_some(columns.crc)
    }

    /// The event, when the checksum fits and the envelope can be read.
    pub(crate) fn decode(&self) -> Row {
        self.event().map_or(Row::Damaged(self.sequence), Row::Event)
    }

    fn event(&self) -> Option<StoredEvent> {
        self.verified_crc()?;
        let columns = self.columns.as_ref()?;
        Some(StoredEvent {
            sequence: self.sequence,
            journaled_ms: columns.journaled_ms,
            envelope: serde_json::from_slice(columns.envelope).ok()?,
            body: Bytes::copy_from_slice(columns.body),
        })
    }
}

// === impl Route ===

impl<'row> Route<'row> {
    /// Reads a row of [`ROUTE_COLUMNS`].
    ///
    /// # Errors
    ///
    /// Only when the statement has other columns, or none of the row's bytes can be read.
    pub(crate) fn read(row: &'row rusqlite::Row<'_>) -> rusqlite::Result<Self> {
        let bytes = |column| number(row, column).map(|bytes| bytes.and_then(|n| n.try_into().ok()));
        Ok(Self {
            sequence: number(row, 0)?.unwrap_or_default(),
            journaled_ms: number(row, 1)?,
            app: text(row, 2)?,
            command: text(row, 3)?,
            envelope_bytes: bytes(4)?.unwrap_or_default(),
            body_bytes: bytes(5)?.unwrap_or_default(),
        })
    }
}

// === impl Columns ===

impl<'row> Columns<'row> {
    /// `None` when a column holds what no writer of ours has put there.
    fn read(row: &'row rusqlite::Row<'_>) -> rusqlite::Result<Option<Self>> {
        let bytes = |column| row.get_ref(column).map(|value| value.as_blob().ok());
        let columns = (
            number(row, 1)?,
            text(row, 2)?,
            text(row, 3)?,
            bytes(4)?,
            bytes(5)?,
            number(row, 6)?,
        );
        let (Some(journaled_ms), Some(app), Some(command), Some(envelope), Some(body), Some(crc)) =
            columns
        else {
            return Ok(None);
        };
        Ok(u32::try_from(crc).ok().map(|crc| Self {
            journaled_ms,
            app,
            command,
            envelope,
            body,
            crc,
        }))
    }
}

fn text<'row>(row: &'row rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<&'row str>> {
    row.get_ref(column).map(|value| value.as_str().ok())
}

fn number(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    row.get_ref(column).map(|value| match value {
        ValueRef::Integer(number) => u64::try_from(number).ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_flipped_bit_changes_the_checksum(
            body in proptest::collection::vec(any::<u8>(), 1..300), bit in any::<prop::sample::Index>(), sequence in 1u64..,
        ) {
            let whole = Checksum::of("demo", "Sns.X", b"{}", &body).at(sequence, 7);
            let bit = bit.index(body.len() * 8);
            let mut flipped = body;
            flipped[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(Checksum::of("demo", "Sns.X", b"{}", &flipped).at(sequence, 7), whole);
        }
    }

    #[test]
    fn the_checksum_knows_place_and_borders() {
        let checksum = Checksum::of("demo", "Sns.X", b"{}", b"ab");
        assert_ne!(checksum.at(1, 7), checksum.at(2, 7));
        assert_ne!(checksum.at(1, 7), checksum.at(1, 8));
        assert_ne!(checksum, Checksum::of("demo", "Sns.X", b"{}a", b"b"));
    }
}
