//! What became of events at their plug-ins, by command.

use gateway_core::{Dispatcher, Phase};
use prometheus::{IntCounter, IntGauge};

use super::registration::Registration;

/// What every command's handler has.
#[derive(Debug)]
pub(crate) struct HandlerMetrics {
    /// Events whose body differs from the types.
    pub drift: IntCounter,
    /// Threads given up because a handler blocked them.
    pub abandoned_threads: IntGauge,
}

/// What became of the events of one after-command.
#[derive(Debug)]
pub(crate) struct ProgressMetrics {
    /// The handler did its work.
    pub ok: IntCounter,
    /// It returned an error; the event is parked.
    pub error: IntCounter,
    /// It panicked; the event is parked.
    pub panic: IntCounter,
    /// It took too long; the event is parked.
    pub timeout: IntCounter,
    /// The body could not be decoded; the event is dead at once.
    pub undecodable: IntCounter,
    /// The event is dead: its last attempt failed, or it can't be read any more.
    pub dead: IntCounter,
    /// Events that wait for another attempt.
    pub parked_events: IntGauge,
    /// Events that were given up and are still in the journal.
    pub dead_events: IntGauge,
}

/// One for each plug-in, at its place.
pub(super) fn for_all(registration: &Registration, dispatcher: &Dispatcher) -> Vec<HandlerMetrics> {
    let drift = registration.counters(
        "gateway_decode_drift_total",
        "Events whose body differs from what the plug-in's types expect.",
        &["command"],
    );
    let abandoned = registration.gauges(
        "gateway_handler_abandoned_threads",
        "Threads that a handler has blocked for longer than its time limit.",
        &["command"],
    );
    let installed = dispatcher.iter().map(|installed| {
        let command = installed.descriptor().command;
        HandlerMetrics {
            drift: drift.with_label_values(&[command]),
            abandoned_threads: abandoned.with_label_values(&[command]),
        }
    });
    installed.collect()
}

/// One for each after-command, at its plug-in's place.
pub(super) fn for_after_commands(
    registration: &Registration,
    dispatcher: &Dispatcher,
) -> Vec<Option<ProgressMetrics>> {
    let outcomes = registration.counters(
        "gateway_handler_outcomes_total",
        "Attempts of handlers for after-commands, and events given up (`undecodable`, `dead`).",
        &["command", "outcome"],
    );
    let parked = registration.gauges(
        "gateway_handler_parked_events",
        "Events that wait for another attempt of their handler.",
        &["command"],
    );
    let dead = registration.gauges(
        "gateway_handler_dead_events",
        "Events whose handler was given up, and that are still in the journal.",
        &["command"],
    );
    let installed = dispatcher.iter().map(|installed| {
        let command = installed.descriptor().command;
        let outcome = |outcome| outcomes.with_label_values(&[command, outcome]);
        (installed.descriptor().phase == Phase::After).then(|| ProgressMetrics {
            ok: outcome("ok"),
            error: outcome("error"),
            panic: outcome("panic"),
            timeout: outcome("timeout"),
            undecodable: outcome("undecodable"),
            dead: outcome("dead"),
            parked_events: parked.with_label_values(&[command]),
            dead_events: dead.with_label_values(&[command]),
        })
    });
    installed.collect()
}
