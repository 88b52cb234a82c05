//! Before-callbacks: the answer of whoever decides, or the failure policy's when there is none in time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_core::{
    AckRules, CheckedAck, DecidedBy, Effect, Envelope, Installed, PolicyReason, Verdict,
};
use gateway_journal::Appender;
use serde_json::Value;

use super::{Ingest, Received, shadow::AskedShadow};
use crate::{
    deciding::{NoAnswer, Question, Ruling, Who},
    handlers::{Failure, FailureReason},
    metrics::Outcome,
};

/// What is left of the deadline for the way back.
const MARGIN: Duration = Duration::from_millis(50);

/// A before-event that is not recorded yet. Dropped so, because the caller has hung up or the gateway stops, it is
/// recorded as it is. Nobody waits for the record; what the journal drops, it counts.
pub(super) struct Unrecorded {
    appender: Appender,
    event: Option<(Box<Envelope>, Bytes)>,
}

impl Ingest {
    /// Always answers within the deadline; the verdict is recorded without waiting for the journal.
    pub(super) async fn judge(&self, received: Received<'_>, ruling: &Ruling) -> Bytes {
        let Received {
            envelope,
            body,
            installed,
            query,
            reserved,
            tally,
            ..
        } = received;
        let asked = Instant::now();
        let left = self
            .shared
            .deadline
            .saturating_sub(tally.elapsed() + MARGIN);
        let question = Arc::new(Question {
            query: query.unwrap_or_default(),
            body: body.clone(),
            simulated: envelope.simulated,
        });
        let reserved = Arc::new(reserved);
        let shadow = AskedShadow::ask(ruling, &question, left, &reserved);
        let who = chosen(ruling, installed, envelope.simulated);
        let cx = Arc::new((*envelope).clone());
        let mut unrecorded = Unrecorded {
            appender: self.appender.clone(),
            event: Some((envelope, body.clone())),
        };
        let decided = match (&who, installed) {
            (Who::Decider(service), _) => service.ask(&question, ruling.rules, left).await,
            (Who::PlugIn, Some(installed)) => {
                let asking = self.ask(installed, &body, cx, left, ruling.rules);
                asking.await
            }
            _ => Err(NoAnswer::new(PolicyReason::Nobody)),
        };
        let (ack, mut verdict) = match &decided {
            Ok(checked) => decided_by(&who, checked),
            Err(no_answer) => {
                self.shared.metrics.policy(tally.index(), no_answer.reason);
                let prepare = |installed: &Installed| installed.prepare(&body).work;
                let ack = ruling.policy.answer(|| installed.and_then(prepare));
                decided_by_policy(ruling, no_answer, ack)
            }
        };
        verdict.elapsed_us = micros(tally.elapsed());
        match &who {
            Who::Nobody => {}
            Who::PlugIn => verdict.asked_us = Some(micros(asked.elapsed())),
            Who::Decider(service) => {
                verdict.asked_us = Some(micros(asked.elapsed()));
                verdict.decider = Some(service.name().to_owned());
            }
        }
        tally.end(outcome(&decided));
        unrecorded.decide(verdict);
        if let Some(shadow) = shadow {
            shadow.record_beside(decided.ok(), unrecorded);
        }
        drop(reserved);
        ack
    }

    /// Asks the plug-in.
    async fn ask(
        &self,
        installed: &Installed,
        body: &[u8],
        envelope: Arc<Envelope>,
        left: Duration,
        rules: AckRules,
    ) -> Result<CheckedAck, NoAnswer> {
        let Some(work) = installed.prepare(body).work else {
            return Err(NoAnswer::new(PolicyReason::Undecodable));
        };
        let index = installed.descriptor().index;
        let ran = self.shared.handlers.ask(index, work, envelope, left).await;
        let ack = ran.map_err(|Failure { reason, .. }| {
            NoAnswer::new(match reason {
                FailureReason::Error => PolicyReason::Error,
                FailureReason::Panic => PolicyReason::Panic,
                FailureReason::Timeout => PolicyReason::Deadline,
                FailureReason::Busy => PolicyReason::Busy,
            })
        })?;
        Ok(rules.check(&ack)?)
    }
}

/// Who is asked. A decider that wants no simulated callbacks leaves them to the plug-in.
fn chosen(ruling: &Ruling, installed: Option<&Installed>, is_simulated: bool) -> Who {
    match &ruling.who {
        Who::Decider(decider) if !decider.wants(is_simulated) => match installed {
            Some(_) => Who::PlugIn,
            None => Who::Nobody,
        },
        who => who.clone(),
    }
}

fn decided_by(who: &Who, checked: &CheckedAck) -> (Bytes, Verdict) {
    let ack = serde_json::to_vec(&checked.ack).expect("a JSON value can be written");
    let by = match who {
        Who::Decider(_) => DecidedBy::Decider,
        Who::PlugIn | Who::Nobody => DecidedBy::PlugIn,
    };
    (ack.into(), Verdict::new(checked.ack.clone(), by))
}

fn decided_by_policy(ruling: &Ruling, no_answer: &NoAnswer, ack: Bytes) -> (Bytes, Verdict) {
    let value = serde_json::from_slice(&ack).unwrap_or(Value::Null);
    let verdict = Verdict {
        policy: Some(ruling.policy.kind),
        reason: Some(no_answer.reason),
        detail: no_answer.detail.clone(),
        ..Verdict::new(value, DecidedBy::Policy)
    };
    (ack, verdict)
}

/// What a before-callback counts as.
fn outcome(decided: &Result<CheckedAck, NoAnswer>) -> Outcome {
    match decided {
        Err(_) => Outcome::Policy,
        Ok(checked) => match checked.effect {
            Effect::Allowed => Outcome::Ok,
            Effect::Refused => Outcome::Refused,
            Effect::Dropped => Outcome::Dropped,
            Effect::Rewritten => Outcome::Rewritten,
        },
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

// === impl Unrecorded ===

impl Unrecorded {
    fn decide(&mut self, verdict: Verdict) {
        if let Some((envelope, _)) = &mut self.event {
            envelope.verdict = Some(verdict);
        }
    }

    /// The verdict, once there is one.
    pub(super) fn verdict(&mut self) -> Option<&mut Verdict> {
        let (envelope, _) = self.event.as_mut()?;
        envelope.verdict.as_mut()
    }
}

impl Drop for Unrecorded {
    fn drop(&mut self) {
        if let Some((envelope, body)) = self.event.take() {
            self.appender.record(*envelope, body);
        }
    }
}
