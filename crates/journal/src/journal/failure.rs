//! What a failed write means for the writer.

use rusqlite::ErrorCode;

use super::AppendError;

/// How the log failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Failure {
    /// No space; nothing was written.
    Full,
    /// Writes are refused; nothing was written.
    Refused(String),
    /// Nobody knows what was written: the log must be reopened and prove itself.
    Broken(String),
}

// === impl Failure ===

impl Failure {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error_code() else {
            return Self::Broken(error.to_string());
        };
        match code {
            ErrorCode::DiskFull => Self::Full,
            ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::OutOfMemory
            | ErrorCode::TooBig => Self::Refused(error.to_string()),
            _ => Self::Broken(error.to_string()),
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
            Self::Refused(reason) | Self::Broken(reason) => reason,
        }
    }
}
