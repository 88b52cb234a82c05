//! The counting of one callback: exactly one outcome, also when its connection ends before the answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{Descriptor, Installed, Phase};

use crate::metrics::{AppMetrics, Metrics, Outcome};

/// A callback that has been let in and has no outcome yet. Dropped without one, it was not answered.
pub(super) struct Tally<'a> {
    metrics: &'a Metrics,
    app: Arc<AppMetrics>,
    descriptor: Option<&'a Descriptor>,
    first_byte: Instant,
    is_over: bool,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        metrics: &'a Metrics,
        app: Arc<AppMetrics>,
        installed: Option<&'a Installed>,
        first_byte: Instant,
    ) -> Self {
        Self {
            metrics,
            app,
            descriptor: installed.map(Installed::descriptor),
            first_byte,
            is_over: false,
        }
    }

    /// Since the request's first byte.
    pub(super) fn elapsed(&self) -> Duration {
        self.first_byte.elapsed()
    }

    /// The command's; a command that is not installed is an after-command.
    pub(super) fn phase(&self) -> Phase {
        self.descriptor.map_or(Phase::After, |known| known.phase)
    }

    /// Counts the outcome.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.is_over = true;
        self.app.count(self.index(), outcome);
        if outcome != Outcome::Unanswered {
            self.metrics
                .answered(self.phase(), self.index(), self.elapsed());
        }
    }

    /// The callback is refused after all, and counted as that.
    pub(super) fn refuse(mut self) {
        self.is_over = true;
    }

    fn index(&self) -> Option<usize> {
        self.descriptor.map(|known| known.index)
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.count(self.index(), Outcome::Unanswered);
        }
    }
}
