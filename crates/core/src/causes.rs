//! An error's text for the log: with everything that caused it, on one line.

use std::{error::Error, fmt};

/// Displays an error and its sources, `: ` between them; one that only repeats the one before is left out.
#[derive(Debug)]
pub struct Causes<'e>(pub &'e (dyn Error + 'static));

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
            Causes(&error).to_string(),
            "failed to start: no thread: too many"
        );
    }
}
