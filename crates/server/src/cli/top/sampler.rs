//! Looks at the gateway again and again, over every loss of it.

use std::time::{Duration, Instant};

use super::sample::Sample;
use crate::cli::{backoff::Backoff, client::Client, failure::Failure};

/// Asks one gateway.
#[derive(Debug)]
pub(super) struct Sampler {
    client: Client,
    interval: Duration,
    backoff: Backoff,
    was_reached: bool,
}

/// What one attempt to look has brought.
#[derive(Debug)]
pub(super) struct Look {
    /// Or why the gateway can't be reached, at present.
    pub found: Result<Sample, String>,
    /// To be waited before the next one.
    pub pause: Duration,
}

// === impl Sampler ===

impl Sampler {
    pub(super) fn new(client: Client, interval: Duration) -> Self {
        Self {
            client,
            interval,
            backoff: Backoff::default(),
            was_reached: false,
        }
    }

    /// From one look to the next.
    pub(super) fn interval(&self) -> Duration {
        self.interval
    }

    /// Blocks until there is an answer or none.
    ///
    /// # Errors
    ///
    /// When the gateway refuses, or was never there.
    pub(super) fn look(&mut self) -> Result<Look, Failure> {
        let start = Instant::now();
        match Sample::take(&self.client) {
            Ok(sample) => {
                self.was_reached = true;
                self.backoff.reset();
                Ok(Look {
                    found: Ok(sample),
                    pause: self.interval.saturating_sub(start.elapsed()),
                })
            }
            // A gateway that was never there is an error; one that restarts is waited for.
            Err(Failure::Unreachable(reason)) if self.was_reached => Ok(Look {
                found: Err(reason),
                pause: self.backoff.next(),
            }),
            Err(failure) => Err(failure),
        }
    }
}
