//! A pause for one part of the work after a failure; the other parts go on.

use std::time::{Duration, Instant};

/// How long a part waits before it tries again.
const STALL: Duration = Duration::from_secs(1);

/// Whether a part waits.
#[derive(Debug, Default)]
pub(super) struct Stall {
    until: Option<Instant>,
}

impl Stall {
    pub(super) fn begin(&mut self) {
        self.until = Some(Instant::now() + STALL);
    }

    pub(super) fn is_on(&self) -> bool {
        self.until.is_some_and(|until| Instant::now() < until)
    }
}
