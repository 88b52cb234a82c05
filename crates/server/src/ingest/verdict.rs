//! Before-callbacks: the plug-in's verdict, or the failure policy's when there is none in time.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gateway_core::{Ack, Decider, Envelope, Installed, PolicyReason, Prepared, Verdict, Work};
use gateway_journal::Appender;
use serde_json::Value;

use super::{Ingest, Received};
use crate::{
    handlers::{Failure, FailureReason},
    metrics::Outcome,
};

/// What is left of the deadline for the way back.
const MARGIN: Duration = Duration::from_millis(50);

/// An answer that is about to be sent.
struct Judgement {
    ack: Bytes,
    /// Why the policy answered; `None` when the plug-in did.
    reason: Option<PolicyReason>,
}

/// A before-event that is not recorded yet. Dropped so, because the caller has hung up, it is recorded without a
/// verdict. Nobody waits for the record; what the journal drops, it counts.
struct Unrecorded<'a> {
    appender: &'a Appender,
    event: Option<(Box<Envelope>, Bytes)>,
}

impl Ingest {
    /// Always answers within the deadline; the verdict is recorded without waiting for the journal.
    pub(super) async fn judge(&self, received: Received<'_>, installed: &Installed) -> Bytes {
        let Received {
            envelope,
            body,
            tally,
            ..
        } = received;
        let Prepared { work, .. } = installed.prepare(&body);
        let cx = Arc::new((*envelope).clone());
        let unrecorded = Unrecorded {
            appender: &self.appender,
            event: Some((envelope, body)),
        };
        let judgement = match work {
            None => Judgement {
                ack: Bytes::from_static(Ack::OK),
                reason: Some(PolicyReason::Undecodable),
            },
            Some(work) => {
                let deadline = self.shared.deadline;
                let left = deadline.saturating_sub(tally.elapsed() + MARGIN);
                self.ask(installed, work, cx, left).await
            }
        };
        let verdict = Verdict {
            ack: serde_json::from_slice(&judgement.ack).unwrap_or(Value::Null),
            by: judgement
                .reason
                .map_or(Decider::PlugIn, |_| Decider::Policy),
            reason: judgement.reason,
            elapsed_us: u64::try_from(tally.elapsed().as_micros()).unwrap_or(u64::MAX),
        };
        tally.end(outcome(&verdict));
        unrecorded.record(verdict);
        judgement.ack
    }

    async fn ask(
        &self,
        installed: &Installed,
        work: Work,
        envelope: Arc<Envelope>,
        left: Duration,
    ) -> Judgement {
        let allowed = Bytes::from(work.allow());
        let index = installed.descriptor().index;
        match self.shared.handlers.ask(index, work, envelope, left).await {
            Ok(ack) => Judgement {
                ack: ack.into(),
                reason: None,
            },
            Err(Failure { reason, .. }) => Judgement {
                ack: allowed,
                reason: Some(match reason {
                    FailureReason::Error => PolicyReason::Error,
                    FailureReason::Panic => PolicyReason::Panic,
                    FailureReason::Timeout => PolicyReason::Deadline,
                    FailureReason::Busy => PolicyReason::Busy,
                }),
            },
        }
    }
}

/// What a verdict counts as. Code 2 drops a message silently: <https://www.tencentcloud.com/document/product/1047/34364>.
fn outcome(verdict: &Verdict) -> Outcome {
    if verdict.by == Decider::Policy {
        return Outcome::Policy;
    }
    match verdict.ack.get("ErrorCode").and_then(Value::as_i64) {
        Some(0) | None if verdict.ack.get("MsgBody").is_some() => Outcome::Rewritten,
        Some(0) | None => Outcome::Ok,
        Some(2) => Outcome::Dropped,
        Some(_) => Outcome::Refused,
    }
}

// === impl Unrecorded ===

impl Unrecorded<'_> {
    fn record(mut self, verdict: Verdict) {
        if let Some((envelope, _)) = &mut self.event {
            envelope.verdict = Some(verdict);
        }
    }
}

impl Drop for Unrecorded<'_> {
    fn drop(&mut self) {
        if let Some((envelope, body)) = self.event.take() {
            self.appender.record(*envelope, body);
        }
    }
}
