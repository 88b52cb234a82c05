//! What services answered that were asked about before-callbacks, and how often the policy answered in their place.

use gateway_core::{Agreement, CheckedAck, Dispatcher, Installed, Phase, PolicyReason};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{OTHER, Registration, callbacks::DURATION_SECONDS};
use crate::deciding::NoAnswer;

/// The metrics of one decider.
#[derive(Debug)]
pub(crate) struct DeciderMetrics {
    /// Answers that Chat honours.
    ok: IntCounter,
    /// At the places of [`PolicyReason::ALL`]; `None` where a decider can't fail so.
    failures: Vec<Option<IntCounter>>,
    /// At the places of [`Agreement::ALL`].
    agreements: Vec<IntCounter>,
    /// Questions whose caller hung up before there was an answer.
    pub abandoned: IntCounter,
    /// Questions that a shadow was spared, since memory for bodies was scarce.
    pub skipped: IntCounter,
    /// From the question to the answer, or to its end.
    pub duration: Histogram,
    /// 1 while it is left alone because it has failed too often.
    pub open: IntGauge,
}

/// How often the policy answered, by reason, at the plug-ins' places; last the commands without a plug-in.
#[derive(Debug)]
pub(super) struct PolicyMetrics {
    rows: Vec<Option<Vec<IntCounter>>>,
}

/// Makes the metrics of deciders, which come with the configuration.
#[derive(Debug)]
pub(super) struct DecidersMetrics {
    requests: IntCounterVec,
    durations: HistogramVec,
    open: IntGaugeVec,
    shadows: IntCounterVec,
}

/// In the place of a failure: an answer that Chat honours.
const OK: &str = "ok";
/// … and a question whose caller hung up.
const ABANDONED: &str = "abandoned";

/// In the place of an agreement: there was no question.
const SKIPPED: &str = "skipped";

/// The ways in which a decider can fail.
const FAILURES: [PolicyReason; 10] = [
    PolicyReason::Deadline,
    PolicyReason::Busy,
    PolicyReason::Unreachable,
    PolicyReason::Redirect,
    PolicyReason::Status,
    PolicyReason::TooLarge,
    PolicyReason::Invalid,
    PolicyReason::Code,
    PolicyReason::Failed,
    PolicyReason::Breaker,
];

// === impl DeciderMetrics ===

impl DeciderMetrics {
    /// Counts a question by what came of it.
    pub(crate) fn count(&self, answered: &Result<CheckedAck, NoAnswer>) {
        let Err(NoAnswer { reason, .. }) = answered else {
            self.ok.inc();
            return;
        };
        let failure = self.failures.get(*reason as usize);
        if let Some(counter) = failure.and_then(Option::as_ref) {
            counter.inc();
        }
    }

    /// Counts a shadow's answer by how it compares.
    pub(crate) fn compared(&self, agreement: Agreement) {
        if let Some(counter) = self.agreements.get(agreement as usize) {
            counter.inc();
        }
    }

    /// Questions answered as Chat honours it, and all others, since the start.
    pub(crate) fn answered_and_failed(&self) -> (u64, u64) {
        let failures = self.failures.iter().flatten();
        (self.ok.get(), failures.map(IntCounter::get).sum())
    }

    /// How the shadow's answers compared since the start, each with its count.
    pub(crate) fn agreements(&self) -> impl Iterator<Item = (Agreement, u64)> {
        let counts = self.agreements.iter().map(IntCounter::get);
        Agreement::ALL.into_iter().zip(counts)
    }
}

// === impl PolicyMetrics ===

impl PolicyMetrics {
    pub(super) fn new(registration: &Registration, dispatcher: &Dispatcher) -> Self {
        let total = registration.counters(
            "gateway_policy_total",
            "Before-callbacks that the failure policy answered, by why nobody else did.",
            &["command", "reason"],
        );
        let row = |command: &str| {
            let reasons = PolicyReason::ALL.iter();
            reasons
                .map(|reason| total.with_label_values(&[command, reason.as_str()]))
                .collect()
        };
        let mut rows: Vec<Option<Vec<IntCounter>>> = dispatcher
            .iter()
            .map(Installed::descriptor)
            .map(|known| (known.phase == Phase::Before).then(|| row(known.command)))
            .collect();
        rows.push(Some(row(OTHER)));
        Self { rows }
    }

    pub(super) fn count(&self, index: Option<usize>, reason: PolicyReason) {
        let row = match index {
            Some(index) => self.rows.get(index),
            None => self.rows.last(),
        };
        let row = row.and_then(Option::as_ref);
        if let Some(counter) = row.and_then(|row| row.get(reason as usize)) {
            counter.inc();
        }
    }
}

// === impl DecidersMetrics ===

impl DecidersMetrics {
    pub(super) fn new(registration: &Registration) -> Self {
        Self {
            requests: registration.counters(
                "gateway_decider_requests_total",
                "Questions to a decider, by what came of them: `ok`, why there was no answer that Chat honours, or `abandoned` by a caller that hung up.",
                &["decider", "outcome"],
            ),
            durations: registration.histograms(
                "gateway_decider_duration_seconds",
                "From a question to its answer, or to the end of waiting for it.",
                &["decider"],
                &DURATION_SECONDS,
            ),
            open: registration.gauges(
                "gateway_decider_open",
                "1 while a decider's circuit breaker is open, and the policy answers at once.",
                &["decider"],
            ),
            shadows: registration.counters(
                "gateway_shadow_total",
                "Questions to a shadow decider, by how its answer compares with the one given; `skipped` were never put, since memory for bodies was scarce.",
                &["decider", "agreement"],
            ),
        }
    }

    /// Removes the series of a decider that is no longer configured.
    pub(super) fn forget(&self, name: &str) {
        let outcomes = FAILURES.iter().map(|reason| reason.as_str());
        // What is not there need not be removed.
        for outcome in outcomes.chain([OK, ABANDONED]) {
            self.requests.remove_label_values(&[name, outcome]).ok();
        }
        let agreements = Agreement::ALL.iter().map(|agreement| agreement.as_str());
        for agreement in agreements.chain([SKIPPED]) {
            self.shadows.remove_label_values(&[name, agreement]).ok();
        }
        self.durations.remove_label_values(&[name]).ok();
        self.open.remove_label_values(&[name]).ok();
    }

    pub(super) fn decider(&self, name: &str) -> DeciderMetrics {
        let request = |outcome: &str| self.requests.with_label_values(&[name, outcome]);
        let failures = PolicyReason::ALL
            .iter()
            .map(|reason| FAILURES.contains(reason).then(|| request(reason.as_str())));
        let shadow = |agreement: &str| self.shadows.with_label_values(&[name, agreement]);
        let agreements = Agreement::ALL.iter();
        let agreements = agreements.map(|agreement| shadow(agreement.as_str()));
        DeciderMetrics {
            ok: request(OK),
            abandoned: request(ABANDONED),
            failures: failures.collect(),
            agreements: agreements.collect(),
            skipped: shadow(SKIPPED),
            duration: self.durations.with_label_values(&[name]),
            open: self.open.with_label_values(&[name]),
        }
    }
}
