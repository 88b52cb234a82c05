//! An error with its causes on one line. Our errors print themselves only; what SQLite or the system says is in their
//! `source`.

use std::{error::Error, fmt};

/// Prints an error, then each cause, parted by `: `.
pub(crate) struct Chain<'a>(pub(crate) &'a dyn Error);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to start")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("no thread")]
    struct Inner(#[source] std::io::Error);

    #[test]
    fn prints_every_cause() {
        let error = Outer(Inner(std::io::Error::other("too many")));
        assert_eq!(
            Chain(&error).to_string(),
            "failed to start: no thread: too many"
        );
    }
}
