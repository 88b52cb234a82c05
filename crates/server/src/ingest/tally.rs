//! The counting of one callback: exactly one outcome, also when its connection ends before the answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{Installed, Phase};

use crate::metrics::{AppMetrics, Metrics, Outcome};

/// A callback that has been let in and has no outcome yet. Dropped without one, it was not answered.
pub(super) struct Tally<'a> {
    metrics: &'a Metrics,
    app: Arc<AppMetrics>,
    index: Option<usize>,
    phase: Phase,
    first_byte: Instant,
    is_over: bool,
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        metrics: &'a Metrics,
        app: Arc<AppMetrics>,
        installed: Option<&Installed>,
        phase: Phase,
        first_byte: Instant,
    ) -> Self {
        Self {
            metrics,
            app,
            index: installed.map(|installed| installed.descriptor().index),
            phase,
            first_byte,
            is_over: false,
        }
    }

    /// Since the request's first byte.
    pub(super) fn elapsed(&self) -> Duration {
        self.first_byte.elapsed()
    }

    /// Whether Chat asks or tells.
    pub(super) fn phase(&self) -> Phase {
        self.phase
    }

    /// The plug-in's place; `None` for a command that is not installed.
    pub(super) fn index(&self) -> Option<usize> {
        self.index
    }

    /// Counts the outcome.
    pub(super) fn end(mut self, outcome: Outcome) {
        self.is_over = true;
        self.app.count(self.index, outcome);
        if outcome != Outcome::Unanswered {
            self.metrics
                .answered(self.phase, self.index, self.elapsed());
        }
    }

    /// The callback is refused after all, and counted as that.
    pub(super) fn refuse(mut self) {
        self.is_over = true;
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.count(self.index, Outcome::Unanswered);
        }
    }
}
