//! Events on their way to subscriptions: attempts by what came of them, and how the subscriptions stand.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use gateway_fanout::{DeliverError, DeliverFailure, Delivered, Observer, Standing};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{Registration, signed};

/// The metrics of all subscriptions, which come with the configuration.
#[derive(Debug)]
pub(crate) struct FanoutMetrics {
    attempts: IntCounterVec,
    durations: HistogramVec,
    events: IntGaugeVec,
    behind: IntGaugeVec,
    overdue: IntGaugeVec,
    under_way: IntGaugeVec,
    paused: IntGaugeVec,
    down: IntGaugeVec,
    subscriptions: Mutex<BTreeMap<String, SubscriptionMetrics>>,
}

#[derive(Debug)]
struct SubscriptionMetrics {
    ok: IntCounter,
    /// At the places of [`FAILURES`].
    failures: Vec<IntCounter>,
    duration: Histogram,
    /// At the places of [`STATES`].
    events: Vec<IntGauge>,
    behind: IntGauge,
    overdue: IntGauge,
    under_way: IntGauge,
    paused: IntGauge,
    down: IntGauge,
}

/// Edges in seconds: from a service next door to the longest timeout.
const DURATION_SECONDS: [f64; 11] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0,
];

const OK: &str = "ok";

const FAILURES: [&str; 9] = [
    "status",
    "gone",
    "redirect",
    "timeout",
    "connect",
    "tls",
    "refused",
    "reset",
    "unreadable",
];

const STATES: [&str; 4] = ["delivered", "filtered", "dead", "pending"];

// === impl FanoutMetrics ===

impl FanoutMetrics {
    pub(super) fn new(registration: &Registration) -> Self {
        let gauges = |name, help| registration.gauges(name, help, &["subscription"]);
        Self {
            attempts: registration.counters(
                "gateway_delivery_attempts_total",
                "Attempts to deliver an event to a subscription, by what came of them: `ok`, or why the subscriber may not have it.",
                &["subscription", "outcome"],
            ),
            durations: registration.histograms(
                "gateway_delivery_duration_seconds",
                "From the start of an attempt to its end.",
                &["subscription"],
                &DURATION_SECONDS,
            ),
            events: registration.gauges(
                "gateway_subscription_events",
                "Events that a subscription was shown, by what became of them: delivered, filtered, dead, or pending. Kept over restarts; their sum is all that it has passed.",
                &["subscription", "state"],
            ),
            behind: gauges(
                "gateway_subscription_behind_events",
                "Events between a subscription's cursor and the log's end.",
            ),
            overdue: gauges(
                "gateway_subscription_oldest_seconds",
                "Age of the oldest event that a subscription has not got, since it was journaled; 0 when it has all.",
            ),
            under_way: gauges(
                "gateway_subscription_under_way",
                "Attempts under way.",
            ),
            paused: gauges(
                "gateway_subscription_paused",
                "1 while a subscription is paused, by somebody or because it answered 410.",
            ),
            down: gauges(
                "gateway_subscription_down",
                "1 while a subscription has failed so often in a row that it is only probed.",
            ),
            subscriptions: Mutex::default(),
        }
    }

    fn subscription(&self, name: &str) -> SubscriptionMetrics {
        let attempt = |outcome: &str| self.attempts.with_label_values(&[name, outcome]);
        let gauge = |gauges: &IntGaugeVec| gauges.with_label_values(&[name]);
        SubscriptionMetrics {
            ok: attempt(OK),
            failures: FAILURES.iter().map(|outcome| attempt(outcome)).collect(),
            duration: self.durations.with_label_values(&[name]),
            events: STATES
                .iter()
                .map(|state| self.events.with_label_values(&[name, state]))
                .collect(),
            behind: gauge(&self.behind),
            overdue: gauge(&self.overdue),
            under_way: gauge(&self.under_way),
            paused: gauge(&self.paused),
            down: gauge(&self.down),
        }
    }

    /// Removes the series of a subscription that is no longer configured.
    fn forget(&self, name: &str) {
        // What is not there need not be removed.
        for outcome in FAILURES.iter().chain([&OK]) {
            self.attempts.remove_label_values(&[name, outcome]).ok();
        }
        for state in STATES {
            self.events.remove_label_values(&[name, state]).ok();
        }
        self.durations.remove_label_values(&[name]).ok();
        let gauges = [
            &self.behind,
            &self.overdue,
            &self.under_way,
            &self.paused,
            &self.down,
        ];
        for gauges in gauges {
            gauges.remove_label_values(&[name]).ok();
        }
    }
}

impl Observer for FanoutMetrics {
    fn attempted(
        &self,
        subscription: &str,
        ended: &Result<Delivered, DeliverError>,
        took: Duration,
    ) {
        let subscriptions = self.subscriptions.lock();
        let subscriptions = subscriptions.unwrap_or_else(PoisonError::into_inner);
        let Some(metrics) = subscriptions.get(subscription) else {
            return;
        };
        metrics.duration.observe(took.as_secs_f64());
        match ended {
            Ok(_) => metrics.ok.inc(),
            Err(error) => {
                if let Some(counter) = metrics.failures.get(place(error.reason)) {
                    counter.inc();
                }
            }
        }
    }

    fn stands(&self, standings: &[Standing]) {
        let subscriptions = self.subscriptions.lock();
        let mut subscriptions = subscriptions.unwrap_or_else(PoisonError::into_inner);
        subscriptions.retain(|name, _| {
            let is_left = standings.iter().any(|standing| standing.name == *name);
            if !is_left {
                self.forget(name);
            }
            is_left
        });
        for standing in standings {
            let name = standing.name.clone();
            let metrics = subscriptions
                .entry(name)
                .or_insert_with_key(|name| self.subscription(name));
            metrics.set(standing);
        }
    }
}

/// The place in [`FAILURES`].
const fn place(reason: DeliverFailure) -> usize {
    match reason {
        DeliverFailure::Status(_) => 0,
        DeliverFailure::Gone => 1,
        DeliverFailure::Redirect => 2,
        DeliverFailure::Timeout => 3,
        DeliverFailure::Connect => 4,
        DeliverFailure::Tls => 5,
        DeliverFailure::Refused => 6,
        DeliverFailure::Reset => 7,
        DeliverFailure::Invalid => 8,
    }
}

// === impl SubscriptionMetrics ===

impl SubscriptionMetrics {
    fn set(&self, standing: &Standing) {
        let counts = [
            standing.delivered,
            standing.filtered,
            standing.dead,
            standing.pending,
        ];
        for (gauge, count) in self.events.iter().zip(counts) {
            gauge.set(signed(count));
        }
        self.behind.set(signed(standing.behind));
        self.overdue.set(signed(standing.oldest_ms / 1000));
        self.under_way.set(signed(standing.under_way));
        self.paused.set(i64::from(standing.paused.is_some()));
        self.down.set(i64::from(standing.is_down));
    }
}
