//! What a failed write means for the writer.

use gateway_core::Causes;
use rusqlite::{ErrorCode, ffi};

use super::AppendError;

/// How the log failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No space; nothing was written.
    Full,
    /// Writes are refused; nothing was written.
    Refused(Trouble),
    /// Nobody knows what was written: the log must be reopened and prove itself.
    Broken(Trouble),
}

/// What is wrong, for two readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trouble {
    /// A few words for anyone who asks: no path and nothing of SQLite's own text.
    pub(super) kind: &'static str,
    /// All that is known, for the log.
    pub(super) text: String,
}

// === impl Failure ===

impl Failure {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let trouble = Trouble::of(error);
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full,
            Some(
                ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::DatabaseBusy
                | ErrorCode::DatabaseLocked
                | ErrorCode::OutOfMemory
                | ErrorCode::TooBig,
            ) => Self::Refused(trouble),
            _ => Self::Broken(trouble),
        }
    }

    /// What those who append are told.
    pub(super) fn refusal(&self) -> AppendError {
        match self {
            Self::Full => AppendError::Full,
            Self::Refused(_) | Self::Broken(_) => AppendError::Unwritable,
        }
    }

    pub(super) fn reason(&self) -> &str {
        match self {
            Self::Full => "no space left",
            Self::Refused(trouble) | Self::Broken(trouble) => &trouble.text,
        }
    }
}

// === impl Trouble ===

impl Trouble {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let kind = match error.sqlite_error() {
            Some(error) => kind(*error),
            None => "an error of SQLite",
        };
        Self {
            kind,
            text: Causes(error).to_string(),
        }
    }

    /// When there is no more to say than a few words.
    pub(super) fn known(kind: &'static str) -> Self {
        Self {
            kind,
            text: kind.to_owned(),
        }
    }
}

fn kind(error: ffi::Error) -> &'static str {
    match (error.code, error.extended_code) {
        (_, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) => "a sync failed",
        (_, ffi::SQLITE_IOERR_WRITE) => "a write failed",
        (ErrorCode::SystemIoFailure, _) => "an I/O error",
        (ErrorCode::ReadOnly, _) => "read-only",
        (ErrorCode::PermissionDenied, _) => "no permission",
        (ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked, _) => "locked by another process",
        (ErrorCode::OutOfMemory, _) => "out of memory",
        (ErrorCode::DiskFull, _) => "no space left",
        (ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase, _) => "a damaged file",
        (ErrorCode::CannotOpen, _) => "the file can't be opened",
        _ => "an error of SQLite",
    }
}
