//! The counters of answered callbacks, as tables that are looked up by position.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use gateway_core::{Dispatcher, Phase};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use super::{OTHER, Registration};

/// What became of a callback that was let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Acked; a before-callback was allowed.
    Ok,
    /// A before-callback was refused.
    Refused,
    /// A message was dropped without telling its sender.
    Dropped,
    /// A message was allowed in another form.
    Rewritten,
    /// The failure policy answered.
    Policy,
    /// The same callback came before, and got the same ack again.
    Repeated,
    /// No answer in time, and the connection was closed; or the caller closed it before the answer.
    Unanswered,
}

/// The counters of one app: a row for each installed plug-in, and one for the other commands.
#[derive(Debug)]
pub(crate) struct AppMetrics {
    /// The app's name.
    pub name: String,
    rows: Vec<[Option<IntCounter>; Outcome::ALL.len()]>,
}

#[derive(Debug)]
pub(super) struct CallbackMetrics {
    total: IntCounterVec,
    commands: Vec<(&'static str, Phase)>,
    /// Every app that there has been, by its name.
    apps: Mutex<BTreeMap<String, Arc<AppMetrics>>>,
    after: Histogram,
    /// At the plug-ins' places; last the commands without a plug-in.
    before: Vec<Option<Histogram>>,
}

/// Edges in seconds, from 0.25 ms; the last two are the gateway's deadline and Chat's.
pub(super) const DURATION_SECONDS: [f64; 12] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.25, 0.5, 1.5, 2.0,
];

/// What is not installed: told, or asked about where a decider or a policy is configured for it.
const ANY: (&str, Phase) = (OTHER, Phase::Before);

// === impl Outcome ===

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Ok,
        Self::Refused,
        Self::Dropped,
        Self::Rewritten,
        Self::Policy,
        Self::Repeated,
        Self::Unanswered,
    ];

    /// The label's value.
    pub(crate) const fn label(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::Rewritten => "rewritten",
            Self::Policy => "policy",
            Self::Repeated => "repeated",
            Self::Unanswered => "unanswered",
        }
    }

    /// Whether a callback of this phase can end so; only then there is a series for it.
    const fn is_possible(self, phase: Phase) -> bool {
        match (self, phase) {
            (Self::Ok | Self::Repeated | Self::Unanswered, _) => true,
            (_, phase) => matches!(phase, Phase::Before),
        }
    }
}

// === impl AppMetrics ===

impl AppMetrics {
    /// Counts a callback; `index` is the plug-in's, `None` for a command that is not installed.
    pub(crate) fn count(&self, index: Option<usize>, outcome: Outcome) {
        let last = self.rows.len().saturating_sub(1);
        if let Some(counter) = self.counter(index.unwrap_or(last), outcome) {
            counter.inc();
        }
    }

    /// `None` for an outcome that the row's phase can't have.
    fn counter(&self, row: usize, outcome: Outcome) -> Option<&IntCounter> {
        self.rows.get(row)?.get(outcome as usize)?.as_ref()
    }
}

// === impl CallbackMetrics ===

impl CallbackMetrics {
    pub(super) fn new(registration: &Registration, dispatcher: &Dispatcher) -> Self {
        let durations: HistogramVec = registration.histograms(
            "gateway_callback_duration_seconds",
            "From a callback's first byte to its answer; by command for before-callbacks, where a user waits.",
            &["phase", "command"],
            &DURATION_SECONDS,
        );
        let commands: Vec<(&'static str, Phase)> = dispatcher
            .iter()
            .map(|installed| (installed.descriptor().command, installed.descriptor().phase))
            .collect();
        let before = commands.iter().chain([&ANY]).map(|(command, phase)| {
            (*phase == Phase::Before)
                .then(|| durations.with_label_values(&[phase.as_str(), command]))
        });
        Self {
            total: registration.counters(
                "gateway_callbacks_total",
                "Genuine callbacks, by what became of them.",
                &["app", "command", "outcome"],
            ),
            after: durations.with_label_values(&[Phase::After.as_str(), ""]),
            before: before.collect(),
            commands,
            apps: Mutex::default(),
        }
    }

    pub(super) fn app(&self, name: &str) -> Arc<AppMetrics> {
        let mut apps = self.apps();
        let app = apps
            .entry(name.to_owned())
            .or_insert_with(|| Arc::new(self.new_app(name)));
        Arc::clone(app)
    }

    fn new_app(&self, name: &str) -> AppMetrics {
        let rows = self.commands.iter().chain([&ANY]).map(|(command, phase)| {
            Outcome::ALL.map(|outcome| {
                outcome.is_possible(*phase).then(|| {
                    self.total
                        .with_label_values(&[name, command, outcome.label()])
                })
            })
        });
        AppMetrics {
            name: name.to_owned(),
            rows: rows.collect(),
        }
    }

    /// How often each outcome that the plug-in at `index` can have was counted, of all apps.
    pub(super) fn outcomes(&self, index: usize) -> Vec<(&'static str, u64)> {
        let Some((_, phase)) = self.commands.get(index) else {
            return Vec::new();
        };
        let apps = self.apps();
        let possible = Outcome::ALL
            .into_iter()
            .filter(|outcome| outcome.is_possible(*phase));
        let counted = possible.map(|outcome| {
            let counters = apps.values().filter_map(|app| app.counter(index, outcome));
            (outcome.label(), counters.map(IntCounter::get).sum())
        });
        counted.collect()
    }

    fn apps(&self) -> MutexGuard<'_, BTreeMap<String, Arc<AppMetrics>>> {
        // Nothing in here panics half-way through a change.
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn answered(&self, phase: Phase, index: Option<usize>, elapsed: Duration) {
        let histogram = match phase {
            Phase::After => Some(&self.after),
            Phase::Before => {
                let last = self.before.len().saturating_sub(1);
                let histogram = self.before.get(index.unwrap_or(last));
                histogram.and_then(Option::as_ref)
            }
        };
        if let Some(histogram) = histogram {
            histogram.observe(elapsed.as_secs_f64());
        }
    }
}
