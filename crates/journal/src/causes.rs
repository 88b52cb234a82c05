//! An error's text for the log: with everything that caused it, on one line.

use std::{error::Error, fmt};

/// Displays an error and its sources, `: ` between them; one that only repeats the one before is left out.
pub(crate) struct Causes<'e>(pub(crate) &'e (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.0.to_string();
        f.write_str(&said)?;
        let mut next = self.0.source();
        while let Some(cause) = next {
            let text = cause.to_string();
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            next = cause.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;
    use crate::JournalError;

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
