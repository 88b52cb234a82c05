//! Before-callbacks: the plug-in's verdict, or the failure policy's when there is none in time.

use std::time::Duration;

use bytes::Bytes;
use gateway_core::{Ack, Envelope, Installed, Prepared, Verdict, Work};
use serde_json::Value;
use std::sync::Arc;

use super::{Callback, Ingest};
use crate::{
    handlers::{Failure, FailureReason},
    metrics::Outcome,
};

/// What is left of the deadline for the way back.
const MARGIN: Duration = Duration::from_millis(50);

/// A verdict that is about to be sent.
struct Judgement {
    ack: Bytes,
    outcome: Outcome,
    /// Why the policy answered.
    reason: Option<&'static str>,
}

impl Ingest {
    /// Always answers within the deadline; the verdict is recorded without waiting for the journal.
    pub(super) async fn judge(&self, callback: Callback<'_>, installed: &Installed) -> Bytes {
        let Callback {
            mut envelope,
            body,
            tally,
            ..
        } = callback;
        let Prepared { work, .. } = installed.prepare(&body);
        let judgement = match work {
            None => Judgement::policy(Bytes::from_static(Ack::OK), "undecodable"),
            Some(work) => {
                let left = self
                    .shared
                    .deadline
                    .saturating_sub(tally.elapsed() + MARGIN);
                self.ask(installed, work, &envelope, left).await
            }
        };
        let Judgement {
            ack,
            outcome,
            reason,
        } = judgement;
        envelope.verdict = Some(Verdict {
            ack: serde_json::from_slice(&ack).unwrap_or(Value::Null),
            by: if reason.is_some() {
                "policy"
            } else {
                "plug-in"
            }
            .to_owned(),
            reason: reason.map(str::to_owned),
            elapsed_us: u64::try_from(tally.elapsed().as_micros()).unwrap_or(u64::MAX),
        });
        // Nobody waits for the record; what is dropped is counted by the journal.
        let _is_recorded = self.appender.record(*envelope, body);
        tally.end(outcome);
        ack
    }

    async fn ask(
        &self,
        installed: &Installed,
        work: Work,
        envelope: &Envelope,
        left: Duration,
    ) -> Judgement {
        let allowed = Bytes::from(work.allow());
        let index = installed.descriptor().index;
        let envelope = Arc::new(envelope.clone());
        match self.shared.handlers.ask(index, work, envelope, left).await {
            Ok(ack) => Judgement::by_plug_in(ack.into()),
            Err(Failure { reason, .. }) => Judgement::policy(
                allowed,
                match reason {
                    FailureReason::Error => "error",
                    FailureReason::Panic => "panic",
                    FailureReason::Timeout => "deadline",
                    FailureReason::Busy => "busy",
                },
            ),
        }
    }
}

impl Judgement {
    fn policy(ack: Bytes, reason: &'static str) -> Self {
        Self {
            ack,
            outcome: Outcome::Policy,
            reason: Some(reason),
        }
    }

    fn by_plug_in(ack: Bytes) -> Self {
        let json: Value = serde_json::from_slice(&ack).unwrap_or(Value::Null);
        let outcome = match json.get("ErrorCode").and_then(Value::as_i64) {
            Some(0) | None if json.get("MsgBody").is_some() => Outcome::Rewritten,
            Some(0) | None => Outcome::Ok,
            Some(2) => Outcome::Dropped,
            Some(_) => Outcome::Refused,
        };
        Self {
            ack,
            outcome,
            reason: None,
        }
    }
}
