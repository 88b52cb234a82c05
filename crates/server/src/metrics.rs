//! Every metric, with its handle resolved once: counting costs an addition, and an attacker can't make a new series.
//!
//! Labels come from closed sets and their series exist from the start with 0; commands that are not installed are
//! `other`. Names and labels are an interface: dashboards and alerts are made of them.

mod callbacks;
mod deciders;
mod described;
mod fanout;
mod handlers;
mod process;
mod registration;
mod spans;

use std::{sync::Arc, time::Duration};

use gateway_core::{Dispatcher, Phase, PolicyReason, Refusal};
use gateway_journal::{Observer, Usage};
use prometheus::{
    Encoder, Histogram, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry, TextEncoder,
};

use crate::listener::ConnectionFailures;

use callbacks::CallbackMetrics;
pub(crate) use callbacks::{AppMetrics, Outcome};
pub(crate) use deciders::DeciderMetrics;
use deciders::{DecidersMetrics, PolicyMetrics};
pub(crate) use described::{Described, described};
pub(crate) use fanout::FanoutMetrics;
pub(crate) use handlers::{HandlerMetrics, ProgressMetrics};
use registration::Registration;
pub(crate) use spans::SpanMetrics;

/// Every metric of the gateway.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    callbacks: CallbackMetrics,
    policies: PolicyMetrics,
    deciders: DecidersMetrics,
    rejected: Vec<IntCounter>,
    handlers: Vec<HandlerMetrics>,
    /// At the plug-ins' places; `None` for before-commands.
    progress: Vec<Option<ProgressMetrics>>,
    reloads: IntCounterVec,
    reload_ok: IntGauge,
    open_connections: IntGaugeVec,
    connection_failures: IntCounterVec,
    journal: Arc<JournalMetrics>,
    /// Requests on the callback port, but for checks of the process.
    pub requests: IntCounter,
    /// By how much Chat's clock was ahead of ours in the last genuine callback.
    pub skew_seconds: IntGauge,
    certificates: IntGaugeVec,
    /// Console checks of the URL.
    pub probes: IntCounter,
    /// Events between the log's end and the slowest of the index and the handlers' cursors.
    pub follower_lag: IntGauge,
    /// Events that were found damaged when the follower read them first.
    pub damaged: IntCounter,
    /// Lines that the log had no place for.
    pub log_lines_held_back: IntCounter,
    /// What became of spans.
    pub spans: SpanMetrics,
    /// Events on their way to subscriptions.
    pub fanout: Arc<FanoutMetrics>,
    /// 1 while `/readyz` says 200.
    pub ready: IntGauge,
}

/// What the journal's writer reports.
#[derive(Debug)]
struct JournalMetrics {
    commit: Histogram,
    batch: Histogram,
    unrecorded: IntCounter,
    trimmed: IntCounter,
    bytes: IntGauge,
    wal_bytes: IntGauge,
    index_bytes: IntGauge,
    state_bytes: IntGauge,
    bytes_max: IntGauge,
    disk_free_bytes: IntGauge,
    writable: IntGauge,
}

/// The label of each listener.
const LISTENERS: [&str; 2] = ["callbacks", "admin"];

/// The label of commands that are not installed.
pub(crate) const OTHER: &str = "other";

/// Edges in seconds: from a quick sync to one that makes callbacks late.
const COMMIT_SECONDS: [f64; 12] = [
    0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.125, 0.25, 0.5, 1.5,
];

const BATCH_EVENTS: [f64; 9] = [1.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 1024.0];

// === impl Metrics ===

impl Metrics {
    /// Creates every series for the installed plug-ins. `apps` come with [`Metrics::app`].
    pub(crate) fn new(dispatcher: &Dispatcher) -> Self {
        let registration = Registration::default();
        let rejected = registration.counters(
            "gateway_rejected_total",
            "Requests turned away, by reason; nothing of them was stored.",
            &["reason"],
        );
        let build = registration.gauges(
            "gateway_build_info",
            "Always 1; the version is in the label.",
            &["version"],
        );
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let reloads = registration.counters(
            "gateway_config_reloads_total",
            "Reloads of the configuration by SIGHUP; after a failed one the old configuration stays.",
            &["result"],
        );
        for result in ["ok", "failed"] {
            reloads.with_label_values(&[result]);
        }
        let reload_ok = registration.gauge(
            "gateway_config_reload_ok",
            "1 unless the last reload of the configuration was refused.",
        );
        reload_ok.set(1);
        let open_connections = registration.gauges(
            "gateway_open_connections",
            "Connections open now, by listener.",
            &["listener"],
        );
        let connection_failures = registration.counters(
            "gateway_connection_failures_total",
            "Connections that failed before there was a request: in the TLS handshake, or since what came is no HTTP/1.1 or has too long a head.",
            &["listener", "reason"],
        );
        for listener in LISTENERS {
            open_connections.with_label_values(&[listener]);
            failures(&connection_failures, listener);
        }
        Self {
            callbacks: CallbackMetrics::new(&registration, dispatcher),
            policies: PolicyMetrics::new(&registration, dispatcher),
            deciders: DecidersMetrics::new(&registration),
            rejected: Refusal::ALL
                .iter()
                .map(|refusal| rejected.with_label_values(&[refusal.reason()]))
                .collect(),
            handlers: handlers::for_all(&registration, dispatcher),
            progress: handlers::for_after_commands(&registration, dispatcher),
            reloads,
            reload_ok,
            open_connections,
            connection_failures,
            journal: Arc::new(JournalMetrics::new(&registration)),
            requests: registration.counter(
                "gateway_requests_total",
                "Requests on the callback port and simulated ones, but for /healthz.",
            ),
            skew_seconds: registration.gauge(
                "gateway_clock_skew_seconds",
                "By how much Chat's clock was ahead of this machine's in the last genuine callback; at 60 either way they are refused.",
            ),
            certificates: registration.gauges(
                "gateway_certificate_expires_seconds",
                "When the first certificate of a listener's chain expires, since 1970; there for listeners with TLS only.",
                &["listener"],
            ),
            probes: registration.counter(
                "gateway_probes_total",
                "Checks of the callback URL without app id and command, as consoles and load balancers make them.",
            ),
            follower_lag: registration.gauge(
                "gateway_follower_lag_events",
                "Events between the log's end and the slowest of the index and the handlers' cursors.",
            ),
            damaged: registration.counter(
                "gateway_journal_damaged_total",
                "Events that can't be read from the journal, which no handler gets; `journal check` names them.",
            ),
            log_lines_held_back: registration.counter(
                "gateway_log_lines_held_back_total",
                "Lines that are not in the log because there were too many of their kind.",
            ),
            spans: SpanMetrics::new(&registration),
            fanout: Arc::new(FanoutMetrics::new(&registration)),
            ready: registration.gauge("gateway_ready", "1 while /readyz answers 200."),
            registry: registration.finish(),
        }
    }

    /// The counters of one app, created with 0; the same for the same name.
    pub(crate) fn app(&self, name: &str) -> Arc<AppMetrics> {
        self.callbacks.app(name)
    }

    /// The counters of one decider, created with 0; the same for the same name.
    pub(crate) fn decider(&self, name: &str) -> DeciderMetrics {
        self.deciders.decider(name)
    }

    /// Removes the series of a decider that is no longer configured.
    pub(crate) fn forget_decider(&self, name: &str) {
        self.deciders.forget(name);
    }

    /// Counts a before-callback that the policy answered; `index` is the plug-in's, `None` for a command that is not
    /// installed.
    pub(crate) fn policy(&self, index: Option<usize>, reason: PolicyReason) {
        self.policies.count(index, reason);
    }

    /// How many callbacks of the plug-in at `index` ended in which way, of all apps: the outcomes that its phase can
    /// have, and their counts.
    pub(crate) fn outcomes(&self, index: usize) -> Vec<(&'static str, u64)> {
        self.callbacks.outcomes(index)
    }

    /// Counts a refused request.
    pub(crate) fn reject(&self, refusal: Refusal) {
        let position = Refusal::ALL.iter().position(|other| *other == refusal);
        if let Some(counter) = position.and_then(|position| self.rejected.get(position)) {
            counter.inc();
        }
    }

    /// Observes an answered callback; `index` is the plug-in's, `None` for a command that is not installed.
    pub(crate) fn answered(&self, phase: Phase, index: Option<usize>, elapsed: Duration) {
        self.callbacks.answered(phase, index, elapsed);
    }

    /// The metrics of the handler of the plug-in at `index`.
    pub(crate) fn handler(&self, index: usize) -> &HandlerMetrics {
        self.handlers.get(index).expect("every plug-in has metrics")
    }

    /// What became of the events of the after-command at `index`.
    ///
    /// # Panics
    ///
    /// When a before-command is there.
    pub(crate) fn progress(&self, index: usize) -> &ProgressMetrics {
        let progress = self.progress.get(index).and_then(Option::as_ref);
        progress.expect("only after-commands are followed")
    }

    /// The gauge of one listener: `callbacks` or `admin`.
    pub(crate) fn open_connections(&self, listener: &str) -> IntGauge {
        self.open_connections.with_label_values(&[listener])
    }

    /// The counters of one listener's connections that came to nothing.
    pub(crate) fn connection_failures(&self, listener: &str) -> ConnectionFailures {
        failures(&self.connection_failures, listener)
    }

    /// Sets when a listener's certificate expires, in seconds since the Unix epoch.
    pub(crate) fn certificate_expires(&self, listener: &str, seconds: i64) {
        self.certificates
            .with_label_values(&[listener])
            .set(seconds);
    }

    /// Counts a reload.
    pub(crate) fn reloaded(&self, succeeded: bool) {
        let result = if succeeded { "ok" } else { "failed" };
        self.reloads.with_label_values(&[result]).inc();
        self.reload_ok.set(i64::from(succeeded));
    }

    /// What the journal reports to.
    pub(crate) fn observer(&self) -> Arc<dyn Observer> {
        Arc::clone(&self.journal) as Arc<dyn Observer>
    }

    /// Sets the journal's gauges.
    pub(crate) fn journal(&self, usage: Usage, is_writable: bool) {
        self.journal.bytes.set(signed(usage.log_bytes));
        self.journal.wal_bytes.set(signed(usage.wal_bytes));
        self.journal.index_bytes.set(signed(usage.index_bytes));
        self.journal.state_bytes.set(signed(usage.state_bytes));
        self.journal
            .disk_free_bytes
            .set(signed(usage.disk_free_bytes));
        self.journal.writable.set(i64::from(is_writable));
    }

    /// Sets the bound of the log.
    pub(crate) fn journal_bytes_max(&self, bytes: u64) {
        self.journal.bytes_max.set(signed(bytes));
    }

    /// The text format.
    pub(crate) fn render(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .expect("a vector takes every byte, and every family has a sample");
        String::from_utf8(text).expect("the text format is UTF-8")
    }
}

/// A count for a gauge.
pub(crate) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

// === impl JournalMetrics ===

impl JournalMetrics {
    fn new(registration: &Registration) -> Self {
        Self {
            commit: registration.histogram(
                "gateway_journal_commit_seconds",
                "From the begin of a batch's transaction to its sync.",
                &COMMIT_SECONDS,
            ),
            batch: registration.histogram(
                "gateway_journal_batch_events",
                "Events in a batch: what one sync was shared by.",
                &BATCH_EVENTS,
            ),
            unrecorded: registration.counter(
                "gateway_unrecorded_total",
                "Answered before-callbacks that could not be recorded in the journal.",
            ),
            trimmed: registration.counter(
                "gateway_journal_trimmed_total",
                "Old events deleted because of retention or size.",
            ),
            bytes: registration.gauge(
                "gateway_journal_bytes",
                "Bytes that the log uses; compare with gateway_journal_max_bytes.",
            ),
            bytes_max: registration.gauge(
                "gateway_journal_max_bytes",
                "Bytes that the log may use: journal.bytes_max.",
            ),
            disk_free_bytes: registration.gauge(
                "gateway_journal_disk_free_bytes",
                "Bytes that are left on the journal's disk.",
            ),
            wal_bytes: registration.gauge(
                "gateway_journal_wal_bytes",
                "Size of the log's write-ahead file; it grows while a reader holds a snapshot.",
            ),
            index_bytes: registration.gauge(
                "gateway_journal_index_bytes",
                "Size of the index by account and group, which comes on top of the log.",
            ),
            state_bytes: registration.gauge(
                "gateway_journal_state_bytes",
                "Size of the handlers' cursors and outcomes, which comes on top of the log.",
            ),
            writable: registration.gauge(
                "gateway_journal_writable",
                "1 while after-callbacks can be acked.",
            ),
        }
    }
}

impl Observer for JournalMetrics {
    fn committed(&self, events: usize, took: Duration) {
        self.commit.observe(took.as_secs_f64());
        let events = u32::try_from(events).unwrap_or(u32::MAX);
        self.batch.observe(f64::from(events));
    }

    fn unrecorded(&self, events: usize) {
        self.unrecorded.inc_by(events as u64);
    }

    fn trimmed(&self, events: u64) {
        self.trimmed.inc_by(events);
    }
}

fn failures(counters: &IntCounterVec, listener: &str) -> ConnectionFailures {
    ConnectionFailures {
        tls: counters.with_label_values(&[listener, "tls"]),
        http: counters.with_label_values(&[listener, "http"]),
    }
}

#[cfg(test)]
mod tests {
    use callback_blocklist::BlocklistAdd;
    use callback_friend_delete::FriendDelete;
    use gateway_core::Callbacks;

    use super::*;

    fn metrics() -> Metrics {
        let dispatcher = Dispatcher::new(crate::callbacks::installed()).unwrap();
        Metrics::new(&dispatcher)
    }

    #[test]
    fn every_series_exists_from_the_start() {
        let metrics = metrics();
        let _app = metrics.app("shop");
        let text = metrics.render();
        for line in [
            "gateway_callbacks_total{app=\"shop\",command=\"Sns.CallbackFriendDelete\",outcome=\"ok\"} 0",
            "gateway_callbacks_total{app=\"shop\",command=\"other\",outcome=\"unanswered\"} 0",
            "gateway_rejected_total{reason=\"bad_sign\"} 0",
            "gateway_handler_outcomes_total{command=\"Sns.CallbackFriendDelete\",outcome=\"dead\"} 0",
            "gateway_decode_drift_total{command=\"Sns.CallbackFriendDelete\"} 0",
            "gateway_unrecorded_total 0",
            "gateway_journal_damaged_total 0",
            "gateway_probes_total 0",
            "gateway_callback_duration_seconds_count{phase=\"after\"} 0",
        ] {
            assert!(
                text.lines()
                    .any(|found| found.replace("command=\"\",", "") == line),
                "{line} is missing in\n{text}"
            );
        }
    }

    #[test]
    fn an_after_command_has_no_series_for_verdicts() {
        let metrics = metrics();
        let _app = metrics.app("shop");
        let text = metrics.render();
        let refused = text
            .lines()
            .filter(|line| line.contains("outcome=\"refused\""));
        let before = ["Before", "Prev", "command=\"other\""];
        let mut commands = refused.map(|line| before.iter().any(|part| line.contains(part)));
        assert!(commands.clone().count() > 0 && commands.all(|is_before| is_before));
    }

    #[test]
    fn the_outcomes_of_a_command_are_those_of_all_apps() {
        let callbacks = Callbacks::new().with(FriendDelete).with(BlocklistAdd);
        let metrics = Metrics::new(&Dispatcher::new(callbacks).unwrap());
        let (shop, bank) = (metrics.app("shop"), metrics.app("bank"));
        shop.count(Some(0), Outcome::Ok);
        bank.count(Some(0), Outcome::Ok);
        bank.count(Some(0), Outcome::Unanswered);
        // Another command's, and an app that was taken out and in again.
        shop.count(Some(1), Outcome::Ok);
        metrics.app("shop").count(Some(0), Outcome::Repeated);
        assert_eq!(
            metrics.outcomes(0),
            [("ok", 2), ("repeated", 1), ("unanswered", 1)]
        );
    }

    #[test]
    fn an_empty_list_of_plug_ins_renders() {
        let dispatcher = Dispatcher::new(Callbacks::new()).unwrap();
        assert!(
            Metrics::new(&dispatcher)
                .render()
                .contains("gateway_build_info")
        );
    }
}
