//! How a command ends: the exit codes, and the one line on standard error.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use super::escape::escape;
use crate::{config::Problems, run::ServeError};

/// A command did what it was asked, and this is what it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// All is well: 0.
    Done,
    /// Refused or damaged, and said so already: 1.
    Bad,
    /// The doctor has found a problem, and said so: 2, as monitoring systems expect it of a check.
    Worst,
}

/// Why a command did not do what it was asked. Texts begin with "failed to" and say what to do; they hold no secret.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// Refused, not found, or another failure: 1.
    #[error("{0}")]
    Failed(String),
    /// A wrong command line: 2.
    #[error("{0}")]
    Usage(String),
    /// A wrong configuration: 2. The only text of several lines.
    #[error("{0}")]
    Configuration(#[from] Problems),
    /// The gateway can't be reached, or is there and can't serve: 3.
    #[error("{0}")]
    Unreachable(String),
    /// Nobody reads the output any more, as in `… | head`: 0.
    #[error("the output was closed")]
    Closed,
}

// === impl Ending ===

impl Ending {
    pub(super) fn exit_code(self) -> ExitCode {
        match self {
            Self::Done => ExitCode::SUCCESS,
            Self::Bad => ExitCode::from(1),
            Self::Worst => ExitCode::from(2),
        }
    }
}

// === impl Failure ===

impl Failure {
    pub(super) const fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::Failed(_) => 1,
            Self::Usage(_) | Self::Configuration(_) => 2,
            Self::Unreachable(_) => 3,
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code())
    }

    /// Writes `error: …`. If even that can't be written, the exit code has to tell.
    pub(super) fn print(&self, stderr: &mut dyn Write) {
        let text = match self {
            Self::Closed => return,
            Self::Configuration(problems) => {
                let lines = problems.to_string();
                let lines: Vec<String> = lines.lines().map(escape).collect();
                lines.join("\n")
            }
            other => escape(&other.to_string()),
        };
        let _written: io::Result<()> = writeln!(stderr, "error: {text}");
    }
}

/// The gateway did not start, or did not end well.
impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        match error {
            ServeError::Configuration(problems) => Self::Configuration(problems),
            ServeError::Failed(error) => Self::Failed(format!("{error:#}")),
        }
    }
}

/// A failure to write the output.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Closed
        } else {
            Self::Failed(format!("failed to write the output: {error}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Problem;

    fn check(failure: &Failure, code: u8, expected: &str) {
        let mut stderr = Vec::new();
        failure.print(&mut stderr);
        assert_eq!(String::from_utf8(stderr).unwrap(), expected);
        assert_eq!(failure.code(), code);
    }

    #[test]
    fn every_failure_has_its_exit_code_and_one_line() {
        check(
            &Failure::Failed("failed to x".into()),
            1,
            "error: failed to x\n",
        );
        check(
            &Failure::Usage("a\nb\u{1b}[2J".into()),
            2,
            "error: a\\nb\\u{1b}[2J\n",
        );
        check(&Failure::Unreachable("y".into()), 3, "error: y\n");
        check(&Failure::Closed, 0, "");
    }

    #[test]
    fn a_wrong_configuration_names_every_problem() {
        let problems = Problems(vec![
            Problem::new("a.b", "wrong"),
            Problem::new("c", "missing"),
        ]);
        check(
            &problems.into(),
            2,
            "error: the configuration has problems\n  a.b: wrong\n  c: missing\n",
        );
    }

    #[test]
    fn a_gateway_that_fails_is_told_in_one_line() {
        let error = anyhow::anyhow!("no\nspace").context("failed to open the log");
        let expected = "error: failed to open the log: no\\nspace\n";
        check(&ServeError::Failed(error).into(), 1, expected);
    }

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = io::Error::from(io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).code(), 0);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(Failure::from(full).code(), 1);
    }
}
