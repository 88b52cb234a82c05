//! What is shown, on the screen and to scripts: pure, from two looks at a gateway.
//!
//! The names are an interface that scripts read (`docs/operating.md`). What a gateway does not say is null. Start at
//! [`View`]; [`History`] makes one of each look.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;

use super::{
    change::{Change, Count, Latency, START_TIME, rounded, whole},
    sample::Sample,
};
use crate::cli::exposition::{Exposition, Labels};
use crate::time;

/// A gateway at one moment. Rates and latencies are of the time since the look before.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct View {
    /// RFC 3339, by this machine's clock.
    pub time: Option<String>,
    /// Since the look before; null at the first.
    pub seconds: Option<f64>,
    pub version: Option<String>,
    pub uptime_seconds: Option<i64>,
    pub ready: Option<bool>,
    /// Why it is not ready.
    pub problems: Vec<String>,
    pub requests: Option<Count>,
    pub refused: Option<Count>,
    /// Those that there were since the start, by reason.
    pub refused_reasons: BTreeMap<String, Count>,
    pub probes: Option<Count>,
    /// By listener.
    pub connections: BTreeMap<String, i64>,
    pub lag_events: Option<i64>,
    pub journal: Journal,
    /// Of after-callbacks: from the first byte to the ack.
    pub after: Latency,
    /// Of before-callbacks: from the first byte to the verdict.
    pub before: Latency,
    /// Of one core, over about half a minute: the gateway counts whole seconds.
    pub cpu_percent: Option<f64>,
    pub resident_bytes: Option<i64>,
    /// By how much Chat's clock is ahead of the gateway's.
    pub skew_seconds: Option<i64>,
    /// By name.
    pub commands: Vec<Command>,
    /// By name.
    pub deciders: Vec<Decider>,
    /// By name.
    pub subscriptions: Vec<Subscription>,
}

/// The event log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Journal {
    pub writable: Option<bool>,
    pub bytes: Option<i64>,
    pub max_bytes: Option<i64>,
    pub wal_bytes: Option<i64>,
    pub commit: Latency,
}

/// A callback command, of all apps.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Command {
    #[serde(rename = "command")]
    pub name: String,
    pub callbacks: Count,
    /// Those that there were since the start.
    pub outcomes: BTreeMap<String, Count>,
    /// Of before-commands only.
    pub latency: Latency,
    pub parked_events: Option<i64>,
    pub dead_events: Option<i64>,
    pub drift: Option<Count>,
}

/// A service that decides.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Decider {
    #[serde(rename = "decider")]
    pub name: String,
    /// Whether its circuit breaker is open.
    pub open: Option<bool>,
    pub asked: Count,
    pub failed: Count,
    pub latency: Latency,
}

/// A service that events are passed on to.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Subscription {
    #[serde(rename = "subscription")]
    pub name: String,
    pub paused: Option<bool>,
    /// Whether it failed so often that it is only probed.
    pub down: Option<bool>,
    /// Attempts.
    pub ok: Count,
    pub failed: Count,
    pub pending_events: Option<i64>,
    pub dead_events: Option<i64>,
    /// Past its cursor.
    pub behind_events: Option<i64>,
    /// The age of the oldest event that it has not got.
    pub oldest_seconds: Option<i64>,
}

/// The looks that the next view needs.
#[derive(Debug, Default)]
pub(super) struct History {
    /// The oldest first, as far back as the CPU's share is taken.
    samples: VecDeque<Sample>,
}

/// Over so long the CPU's share is taken, and over less than the second it is unknown.
const CPU_SECONDS: f64 = 30.0;
const CPU_SECONDS_MIN: f64 = 5.0;

const CPU: &str = "process_cpu_seconds_total";
const DURATION: &str = "gateway_callback_duration_seconds";
const DECISIONS: &str = "gateway_decider_requests_total";

// === impl History ===

impl History {
    /// What is to be shown after one more look.
    pub(super) fn push(&mut self, sample: Sample) -> View {
        let mut view = View::between(self.samples.back(), &sample);
        self.samples.push_back(sample);
        self.forget();
        view.cpu_percent = self.cpu_percent();
        view
    }

    /// Whether there was a look.
    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Only what the CPU's share needs stays, and the last look.
    fn forget(&mut self) {
        while let (Some(second), Some(last)) = (self.samples.get(1), self.samples.back()) {
            if Change::new(Some(second), last).seconds() < Some(CPU_SECONDS) {
                break;
            }
            self.samples.pop_front();
        }
        // Of older looks only the CPU's share is made; a look at a gateway with many apps takes megabytes.
        let older = self.samples.len().saturating_sub(1);
        for sample in self.samples.iter_mut().take(older) {
            sample.metrics.keep(&[CPU, START_TIME]);
        }
    }

    fn cpu_percent(&self) -> Option<f64> {
        let change = Change::new(self.samples.front(), self.samples.back()?);
        let share = change.count(CPU)?.per_second?;
        (change.seconds() >= Some(CPU_SECONDS_MIN)).then(|| rounded(share * 100.0))
    }
}

// === impl View ===

impl View {
    /// All but the CPU's share.
    pub(super) fn between(before: Option<&Sample>, sample: &Sample) -> Self {
        let change = Change::new(before, sample);
        let now = change.now();
        let readiness = sample.readiness.as_ref();
        let mut phases = change.latencies_by(DURATION, |labels| label(labels, "phase"));
        Self {
            time: time::format(sample.unix_ms),
            seconds: change.seconds().map(rounded),
            version: version(now),
            uptime_seconds: uptime(now, sample.unix_ms),
            ready: readiness.map(|readiness| readiness.ready),
            problems: readiness.map_or_else(Vec::new, |readiness| readiness.problems.clone()),
            requests: change.count("gateway_requests_total"),
            refused: change.count("gateway_rejected_total"),
            refused_reasons: occurred(
                change.counts_by("gateway_rejected_total", |labels| label(labels, "reason")),
            ),
            probes: change.count("gateway_probes_total"),
            connections: gauges_by(now, "gateway_open_connections", "listener"),
            lag_events: gauge(now, "gateway_follower_lag_events"),
            journal: Journal::new(&change),
            after: phases.remove("after").unwrap_or_default(),
            before: phases.remove("before").unwrap_or_default(),
            cpu_percent: None,
            resident_bytes: gauge(now, "process_resident_memory_bytes"),
            skew_seconds: gauge(now, "gateway_clock_skew_seconds"),
            commands: commands(&change),
            deciders: deciders(&change),
            subscriptions: subscriptions(&change),
        }
    }
}

// === impl Journal ===

impl Journal {
    fn new(change: &Change<'_>) -> Self {
        let now = change.now();
        let commit = change.latencies_by("gateway_journal_commit_seconds", |_| Some(()));
        Self {
            writable: gauge(now, "gateway_journal_writable").map(|writable| writable != 0),
            bytes: gauge(now, "gateway_journal_bytes"),
            max_bytes: gauge(now, "gateway_journal_max_bytes"),
            wal_bytes: gauge(now, "gateway_journal_wal_bytes"),
            commit: commit.into_values().next().unwrap_or_default(),
        }
    }
}

// === impl Command ===

impl Command {
    /// Whether there is nothing to see: not called since the look before, or ever, and nothing left to do.
    pub(super) fn is_idle(&self) -> bool {
        let is_called = match self.callbacks.per_second {
            Some(rate) => rate > 0.0,
            None => self.callbacks.total > 0,
        };
        !is_called && self.backlog() == 0
    }

    /// Events that wait for another attempt, or were given up.
    pub(super) fn backlog(&self) -> i64 {
        let count = |events: Option<i64>| events.unwrap_or(0);
        count(self.parked_events).saturating_add(count(self.dead_events))
    }
}

fn commands(change: &Change<'_>) -> Vec<Command> {
    let by_command = |labels: &Labels| label(labels, "command");
    let callbacks = change.counts_by("gateway_callbacks_total", by_command);
    let outcomes = change.counts_by("gateway_callbacks_total", |labels| {
        Some((label(labels, "command")?, label(labels, "outcome")?))
    });
    let latencies = change.latencies_by(DURATION, by_command);
    let drift = change.counts_by("gateway_decode_drift_total", by_command);
    let parked = gauges_by(change.now(), "gateway_handler_parked_events", "command");
    let dead = gauges_by(change.now(), "gateway_handler_dead_events", "command");
    let mut by_name: BTreeMap<String, BTreeMap<String, Count>> = BTreeMap::new();
    for ((command, outcome), count) in outcomes {
        by_name.entry(command).or_default().insert(outcome, count);
    }
    let commands = callbacks.into_iter().map(|(name, callbacks)| Command {
        callbacks,
        outcomes: occurred(by_name.remove(&name).unwrap_or_default()),
        latency: latencies.get(&name).copied().unwrap_or_default(),
        parked_events: parked.get(&name).copied(),
        dead_events: dead.get(&name).copied(),
        drift: drift.get(&name).copied(),
        name,
    });
    commands.collect()
}

fn deciders(change: &Change<'_>) -> Vec<Decider> {
    let by_decider = |labels: &Labels| label(labels, "decider");
    let asked = change.counts_by(DECISIONS, by_decider);
    // A caller that hung up says nothing of the decider.
    let failed = change.counts_by(DECISIONS, |labels| {
        let is_failure = !["ok", "abandoned"].contains(&labels.value("outcome"));
        by_decider(labels).filter(|_| is_failure)
    });
    let latencies = change.latencies_by("gateway_decider_duration_seconds", by_decider);
    let open = gauges_by(change.now(), "gateway_decider_open", "decider");
    let deciders = asked.into_iter().map(|(name, asked)| Decider {
        open: open.get(&name).map(|open| *open != 0),
        asked,
        failed: failed.get(&name).copied().unwrap_or_default(),
        latency: latencies.get(&name).copied().unwrap_or_default(),
        name,
    });
    deciders.collect()
}

fn subscriptions(change: &Change<'_>) -> Vec<Subscription> {
    let attempts = |is_counted: &dyn Fn(&str) -> bool| {
        change.counts_by("gateway_delivery_attempts_total", |labels| {
            let name = label(labels, "subscription");
            name.filter(|_| is_counted(labels.value("outcome")))
        })
    };
    let ok = attempts(&|outcome| outcome == "ok");
    let failed = attempts(&|outcome| outcome != "ok");
    let gauges = |name| gauges_by(change.now(), name, "subscription");
    let in_state = |state: &str| {
        let series = change.now().series("gateway_subscription_events");
        let series = series.filter(|(labels, _)| labels.value("state") == state);
        let named = series.filter_map(|(labels, value)| {
            let name = label(labels, "subscription")?;
            Some((name, whole(value)))
        });
        named.collect::<BTreeMap<_, _>>()
    };
    let (pending, dead) = (in_state("pending"), in_state("dead"));
    let paused = gauges("gateway_subscription_paused");
    let down = gauges("gateway_subscription_down");
    let oldest = gauges("gateway_subscription_oldest_seconds");
    let behind = gauges("gateway_subscription_behind_events").into_iter();
    let subscriptions = behind.map(|(name, behind)| Subscription {
        paused: paused.get(&name).map(|paused| *paused != 0),
        down: down.get(&name).map(|down| *down != 0),
        ok: ok.get(&name).copied().unwrap_or_default(),
        failed: failed.get(&name).copied().unwrap_or_default(),
        pending_events: pending.get(&name).copied(),
        dead_events: dead.get(&name).copied(),
        behind_events: Some(behind),
        oldest_seconds: oldest.get(&name).copied(),
        name,
    });
    subscriptions.collect()
}

fn occurred(counts: BTreeMap<String, Count>) -> BTreeMap<String, Count> {
    let counts = counts.into_iter();
    counts.filter(|(_, count)| count.total > 0).collect()
}

/// A label's value, where there is one.
fn label(labels: &Labels, name: &str) -> Option<String> {
    Some(labels.value(name).to_owned()).filter(|value| !value.is_empty())
}

fn gauge(now: &Exposition, name: &str) -> Option<i64> {
    now.sum(name).map(whole)
}

fn gauges_by(now: &Exposition, name: &str, label: &str) -> BTreeMap<String, i64> {
    let sums = now.sums_by(name, label).into_iter();
    sums.map(|(value, sum)| (value, whole(sum))).collect()
}

fn version(now: &Exposition) -> Option<String> {
    let mut builds = now.series("gateway_build_info");
    label(builds.next()?.0, "version")
}

/// By this machine's clock, which may be another than the gateway's.
fn uptime(now: &Exposition, unix_ms: u64) -> Option<i64> {
    let started = gauge(now, START_TIME)?;
    let now = i64::try_from(unix_ms / 1000).ok()?;
    Some(now.saturating_sub(started).max(0))
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::Duration;

    use super::{super::change::tests::samples, *};
    use crate::cli::top::sample::Readiness;

    /// Two looks at a gateway with some traffic, of which the second is shown.
    pub(in crate::cli::top) fn busy() -> View {
        let [before, now] = [
            include_str!("testdata/before.txt"),
            include_str!("testdata/now.txt"),
        ];
        let mut samples = samples(&[before, now]);
        for sample in &mut samples {
            sample.readiness = Some(Readiness {
                ready: true,
                problems: Vec::new(),
            });
        }
        let mut view = View::between(Some(&samples[0]), &samples[1]);
        view.cpu_percent = Some(12.3);
        view
    }

    #[test]
    fn tells_scripts_what_there_is() {
        insta::assert_json_snapshot!(busy());
    }

    #[test]
    fn a_gateway_that_says_nothing_leaves_nulls() {
        let samples = samples(&["", ""]);
        let view = View::between(Some(&samples[0]), &samples[1]);
        insta::assert_json_snapshot!(view);
    }

    #[test]
    fn the_sum_over_apps_is_shown() {
        let text = |one: u8, other: u8| {
            format!(
                "gateway_callbacks_total{{app=\"a\",command=\"C\",outcome=\"ok\"}} {one}\n\
                 gateway_callbacks_total{{app=\"b\",command=\"C\",outcome=\"policy\"}} {other}\n\
                 gateway_callbacks_total{{app=\"b\",command=\"C\",outcome=\"refused\"}} 0\n"
            )
        };
        let samples = samples(&[&text(1, 0), &text(3, 4)]);
        let view = View::between(Some(&samples[0]), &samples[1]);
        let command = &view.commands[0];
        assert_eq!(
            (command.callbacks.total, command.callbacks.per_second),
            (7, Some(3.0))
        );
        let outcomes: Vec<&str> = command.outcomes.keys().map(String::as_str).collect();
        assert_eq!(outcomes, ["ok", "policy"]);
    }

    #[test]
    fn the_share_of_the_cpu_is_of_half_a_minute() {
        let texts: Vec<String> = (0..40)
            .map(|at| format!("{CPU} {}\n{START_TIME} 1", (at + 1) / 2))
            .collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let mut history = History::default();
        let samples = samples(&texts);
        let shares: Vec<Option<f64>> = samples
            .into_iter()
            .map(|sample| history.push(sample).cpu_percent)
            .collect();
        assert_eq!(shares[..3], [None, None, None]);
        let last = shares.last().unwrap().unwrap();
        assert!((23.0..27.0).contains(&last), "{last}");
        assert!(history.samples.len() < 20);
    }

    #[test]
    fn looks_that_are_far_apart_know_the_share_of_the_cpu() {
        let mut samples = samples(&[
            "process_cpu_seconds_total 1",
            "process_cpu_seconds_total 13",
        ]);
        samples[1].taken = samples[0].taken + Duration::from_mins(2);
        let mut history = History::default();
        let shares: Vec<_> = samples
            .into_iter()
            .map(|sample| history.push(sample).cpu_percent)
            .collect();
        assert_eq!(shares, [None, Some(10.0)]);
    }
}
