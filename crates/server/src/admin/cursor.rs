//! Cursors: where a reader stands in a log, as an opaque text that knows which log it is of.
//!
//! 24 bytes in URL-safe base64: 16 of the log's id, 8 of the sequence, big-endian. Pages go on *below* their cursor,
//! streams *behind* theirs.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use gateway_journal::Sequence;
use uuid::Uuid;

/// A place in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// Which log.
    pub(crate) log_id: Uuid,
    /// Where in it.
    pub(crate) sequence: Sequence,
}

/// A text that is no place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CursorError {
    /// No cursor looks like it.
    #[error(
        "the cursor is not one of this API's; use `next` of a list, or an `id` of the stream, as it was given"
    )]
    Malformed,
    /// A cursor, but of another log.
    #[error(
        "the cursor is of another journal, perhaps of the one before a restore; start again without it"
    )]
    OtherLog,
}

impl Cursor {
    /// Reads a cursor that must be of the log `log_id`.
    ///
    /// # Errors
    ///
    /// When it is none, or of another log.
    pub(crate) fn parse_of(log_id: Uuid, text: &str) -> Result<Self, CursorError> {
        let cursor: Self = text.parse()?;
        if cursor.log_id == log_id {
            Ok(cursor)
        } else {
            Err(CursorError::OtherLog)
        }
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.log_id.as_u128().to_be_bytes();
        let all: Vec<u8> = bytes
            .into_iter()
            .chain(self.sequence.to_be_bytes())
            .collect();
        f.write_str(&URL_SAFE_NO_PAD.encode(all))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| CursorError::Malformed)?;
        let (log_id, sequence) = bytes
            .split_first_chunk::<16>()
            .ok_or(CursorError::Malformed)?;
        let sequence: [u8; 8] = sequence.try_into().map_err(|_| CursorError::Malformed)?;
        Ok(Self {
            log_id: Uuid::from_bytes(*log_id),
            sequence: Sequence::from_be_bytes(sequence),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read_again(log_id: u128, sequence: u64) {
            let cursor = Cursor { log_id: Uuid::from_u128(log_id), sequence };
            let text = cursor.to_string();
            prop_assert_eq!(text.len(), 32);
            prop_assert_eq!(text.parse(), Ok(cursor));
        }

        #[test]
        fn anything_else_is_refused(text in ".{0,40}") {
            let parsed: Result<Cursor, _> = text.parse();
            prop_assert!(parsed.is_err() || text.len() == 32);
        }
    }

    #[test]
    fn a_cut_cursor_is_refused() {
        let text = Cursor {
            log_id: Uuid::nil(),
            sequence: 7,
        }
        .to_string();
        for length in 0..text.len() {
            assert_eq!(
                text[..length].parse::<Cursor>(),
                Err(CursorError::Malformed)
            );
        }
    }

    #[test]
    fn a_cursor_of_another_log_is_told_apart() {
        let cursor = Cursor {
            log_id: Uuid::from_u128(5),
            sequence: 7,
        };
        let text = cursor.to_string();
        assert_eq!(Cursor::parse_of(cursor.log_id, &text), Ok(cursor));
        assert_eq!(
            Cursor::parse_of(Uuid::from_u128(6), &text),
            Err(CursorError::OtherLog)
        );
        assert_eq!(
            Cursor::parse_of(cursor.log_id, "next"),
            Err(CursorError::Malformed)
        );
    }
}
