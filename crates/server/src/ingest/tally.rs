//! The counting of one callback: exactly one outcome, also when its connection ends before the answer. Its span and its
//! line in the log end with it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{EventId, Installed, Phase, Refusal};
use tracing::debug;

use super::verdict::micros;
use crate::{
    metrics::{AppMetrics, Metrics, OTHER, Outcome},
    traces::Span,
};

/// A callback that has been let in and has no outcome yet. Dropped without one, it was not answered.
pub(super) struct Tally<'a> {
    metrics: &'a Metrics,
    app: Arc<AppMetrics>,
    index: Option<usize>,
    command: &'static str,
    phase: Phase,
    first_byte: Instant,
    span: Span,
    is_over: bool,
}

/// The status of every ack.
const ANSWERED: u16 = 200;

/// The outcome of a callback that is refused after all.
const REJECTED: &str = "rejected";

/// The command's name where only names from a closed set may stand.
pub(super) fn closed_name(installed: Option<&Installed>) -> &'static str {
    installed.map_or(OTHER, |installed| installed.descriptor().command)
}

impl<'a> Tally<'a> {
    pub(super) fn new(
        metrics: &'a Metrics,
        app: Arc<AppMetrics>,
        installed: Option<&Installed>,
        phase: Phase,
        first_byte: Instant,
        span: Span,
    ) -> Self {
        Self {
            metrics,
            app,
            index: installed.map(|installed| installed.descriptor().index),
            command: closed_name(installed),
            phase,
            first_byte,
            span,
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

    /// The callback's span.
    pub(super) fn span(&mut self) -> &mut Span {
        &mut self.span
    }

    /// Counts the outcome; `event` is what it was journaled as, where that is known by now.
    pub(super) fn end(mut self, outcome: Outcome, event: Option<EventId>) {
        self.app.count(self.index, outcome);
        if outcome == Outcome::Unanswered {
            self.close(outcome.label(), None, event);
            return;
        }
        self.metrics
            .answered(self.phase, self.index, self.elapsed());
        self.close(outcome.label(), Some(ANSWERED), event);
    }

    /// The callback is refused after all, and counted as that.
    pub(super) fn refuse(mut self, refusal: Refusal) {
        self.span.set("callback.refusal", refusal.reason());
        if refusal.status() >= 500 {
            self.span.fail(refusal.reason());
        }
        self.close(REJECTED, Some(refusal.status()), None);
    }

    fn close(&mut self, outcome: &'static str, status: Option<u16>, event: Option<EventId>) {
        self.is_over = true;
        self.span.set("callback.outcome", outcome);
        self.span.set_event(event);
        match status {
            Some(status) => self
                .span
                .set("http.response.status_code", i64::from(status)),
            None => self.span.fail(outcome),
        }
        debug!(
            app = self.app.name,
            command = self.command,
            outcome,
            event = event.map(display),
            trace = self.span.trace_id().map(display),
            elapsed_us = micros(self.elapsed()),
            "a callback has ended"
        );
    }
}

impl Drop for Tally<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.app.count(self.index, Outcome::Unanswered);
            self.close(Outcome::Unanswered.label(), None, None);
        }
    }
}
