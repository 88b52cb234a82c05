//! Why a journal could not be opened, checked, copied or closed.

use std::{
    io,
    path::{Path, PathBuf},
};

/// The journal could not be opened, checked or backed up. Names the file and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The directory could not be made or used.
    #[error("failed to use the directory `{}`: check that it can be made and written by this user", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the journal open.
    #[error("another process uses the journal `{}`: stop it, or give this one a journal.path of its own", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The log is gone, and what was derived from it is still there.
    #[error("the log `{}` is gone, though index.db or state.db beside it tell of one: restore a backup, or remove them, too, to begin with an empty journal", path.display())]
    Lost {
        /// The file.
        path: PathBuf,
    },
    /// There is no log.
    #[error("there is no log `{}`: check the path", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file is not a log of this program.
    #[error("`{}` is not a log of this gateway: move it away, or choose another journal.path", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// A newer program has written the log.
    #[error("the log `{}` has schema {found}, this program knows {known}: use a newer program, or another journal.path", path.display())]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// The newest schema that this program reads.
        known: i64,
    },
    /// The file is damaged beyond a single row.
    #[error("the log `{}` is damaged: see what `journal check` says, and restore a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Reading or writing failed.
    #[error("failed to use the log `{}`: check disk space, permissions and the system's log", path.display())]
    Store {
        /// The file.
        path: PathBuf,
        /// What SQLite or the system says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The SQLite in this program can lose data.
    #[error("SQLite {found} can lose committed events: build with {needed} or newer")]
    OldSqlite {
        /// The version in this program.
        found: &'static str,
        /// The oldest that is safe.
        needed: &'static str,
    },
    /// A backup would overwrite something.
    #[error("the directory `{}` is not empty: give the backup a new one", path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The writer ended in another way than by `close`, or could not write at the end.
    #[error("the log `{}` was not closed in order ({reason}): what was acknowledged is checked at the next start", path.display())]
    NotClosed {
        /// The file.
        path: PathBuf,
        /// What stood in the way.
        reason: String,
    },
}

// === impl JournalError ===

impl JournalError {
    /// Chooses the variant by what SQLite says of `path`.
    pub(super) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign { path },
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged {
                path,
                source: source.into(),
            },
            _ => Self::Store {
                path,
                source: source.into(),
            },
        }
    }

    /// For what the system says of the directory `path`.
    pub(super) fn directory(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::Directory { path, source }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::Causes;
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn names_each_cause_once() {
        let full = ffi::Error::new(ffi::SQLITE_FULL);
        let source = rusqlite::Error::SqliteFailure(full, None);
        let error = JournalError::Store {
            path: "log.db".into(),
            source: source.into(),
        };
        let text = Causes(&error).to_string();
        let expected = format!("{error}: {full}");
        assert_eq!(text, expected);
    }
}
