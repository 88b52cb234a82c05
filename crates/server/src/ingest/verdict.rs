//! Before-callbacks: the answer of whoever decides, or the failure policy's when there is none in time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_core::{
    CheckedAck, DecidedBy, Effect, Envelope, Extra, Installed, PolicyReason, RecordedAck, Verdict,
};
use gateway_journal::Appender;

use super::{Ingest, Received, shadow::AskedShadow};
use crate::{
    deciding::{Budget, NoAnswer, Question, Role, Ruling, Who},
    handlers::{Failure, FailureReason},
    metrics::Outcome,
    traces::Span,
};

/// What is left of the deadline for the way back.
const MARGIN: Duration = Duration::from_millis(50);

/// What is asked, of whom, and until when.
struct Case<'a> {
    ruling: &'a Ruling,
    who: Who,
    installed: Option<&'a Installed>,
    question: Arc<Question>,
    budget: Budget,
}

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
            mut tally,
            ..
        } = received;
        let asked = Instant::now();
        let case = Case {
            ruling,
            installed,
            who: chosen(ruling, installed, envelope.simulated),
            question: Arc::new(Question {
                query: query.unwrap_or_default(),
                body: body.clone(),
                whole: whole(ruling, installed, &body),
                reserved,
                simulated: envelope.simulated,
                trace: tally.span().trace(),
            }),
            budget: self.budget(tally.elapsed()),
        };
        let mut unrecorded = Unrecorded {
            appender: self.appender.clone(),
            event: Some((envelope, body)),
        };
        let shadow = AskedShadow::ask(ruling, &case.question, case.budget);
        let decided = self.decided(&case, &unrecorded).await;
        if let Err(no_answer) = &decided {
            self.shared.metrics.policy(tally.index(), no_answer.reason);
        }
        let (ack, verdict) = case.answer(&decided);
        tell(tally.span(), &verdict);
        let is_asked = !matches!(case.who, Who::Nobody);
        unrecorded.decide(Verdict {
            elapsed_us: micros(tally.elapsed()),
            asked_us: is_asked.then(|| micros(asked.elapsed())),
            ..verdict
        });
        tally.end(outcome(&decided), None);
        if let Some(shadow) = shadow {
            shadow.record_beside(decided.ok(), unrecorded);
        }
        ack
    }

    /// What is left of the deadline after `elapsed`.
    fn budget(&self, elapsed: Duration) -> Budget {
        let deadline = self.shared.deadline;
        let left = deadline.saturating_sub(elapsed + MARGIN);
        Budget {
            ends: Instant::now() + left,
            is_fair: left >= deadline / 2,
        }
    }

    /// Asks whoever decides.
    async fn decided(
        &self,
        case: &Case<'_>,
        unrecorded: &Unrecorded,
    ) -> Result<CheckedAck, NoAnswer> {
        if case.budget.ends <= Instant::now() {
            return Err(NoAnswer::new(PolicyReason::Deadline));
        }
        match (&case.who, case.installed) {
            (Who::Decider(decider), _) => {
                let rules = case.ruling.rules;
                let (question, budget) = (&case.question, case.budget);
                decider.ask(question, Role::Decides, rules, budget).await
            }
            (Who::PlugIn, Some(installed)) => {
                self.ask(installed, case, unrecorded.envelope()).await
            }
            _ => Err(NoAnswer::new(PolicyReason::Nobody)),
        }
    }

    /// Asks the plug-in.
    async fn ask(
        &self,
        installed: &Installed,
        case: &Case<'_>,
        envelope: Arc<Envelope>,
    ) -> Result<CheckedAck, NoAnswer> {
        let Some(work) = installed.work(&case.question.body) else {
            return Err(NoAnswer::new(PolicyReason::Undecodable));
        };
        let index = installed.descriptor().index;
        let left = case.budget.ends.saturating_duration_since(Instant::now());
        let mut span = case.question.trace.inside("plug-in");
        let ran = self.shared.handlers.ask(index, work, envelope, left).await;
        let answered = match ran {
            Ok(ack) => case.ruling.rules.check(&ack).map_err(NoAnswer::from),
            Err(Failure { reason, .. }) => Err(NoAnswer::new(match reason {
                FailureReason::Error => PolicyReason::Error,
                FailureReason::Panic => PolicyReason::Panic,
                FailureReason::Timeout => PolicyReason::Deadline,
                FailureReason::Busy => PolicyReason::Busy,
            })),
        };
        if let Err(no_answer) = &answered {
            span.fail(no_answer.reason.as_str());
        }
        answered
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

/// Where a command wants a result for each account, an ack that has them all: one without would let the others pass in
/// silence.
fn whole(ruling: &Ruling, installed: Option<&Installed>, body: &[u8]) -> Option<CheckedAck> {
    if ruling.rules.extra != Extra::Items || !ruling.asks_deciders() {
        return None;
    }
    let work = installed?.work(body)?;
    ruling.rules.check(&work.allow()).ok()
}

/// Says in a callback's span who decided, and why nobody else did.
fn tell(span: &mut Span, verdict: &Verdict) {
    span.set("callback.decided_by", verdict.by.as_str());
    if let Some(reason) = verdict.reason {
        span.set("callback.policy_reason", reason.as_str());
    }
}

/// What a before-callback counts as.
fn outcome(decided: &Result<CheckedAck, NoAnswer>) -> Outcome {
    match decided {
        Err(_) => Outcome::Policy,
        Ok(checked) => match checked.effect() {
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

// === impl Case ===

impl Case<'_> {
    /// The ack as bytes on the wire, and the verdict as far as it is known.
    fn answer(&self, outcome: &Result<CheckedAck, NoAnswer>) -> (Bytes, Verdict) {
        let (ack, verdict) = match outcome {
            Ok(checked) => {
                let sent = RecordedAck::from(checked);
                let by = match self.who {
                    Who::Decider(_) => DecidedBy::Decider,
                    Who::PlugIn | Who::Nobody => DecidedBy::PlugIn,
                };
                let ack = Bytes::copy_from_slice(sent.as_str().as_bytes());
                (ack, Verdict::new(sent, by))
            }
            Err(no_answer) => self.policy_answer(no_answer),
        };
        let decider = match &self.who {
            Who::Decider(decider) => Some(decider.name().to_owned()),
            Who::PlugIn | Who::Nobody => None,
        };
        (ack, Verdict { decider, ..verdict })
    }

    fn policy_answer(&self, no_answer: &NoAnswer) -> (Bytes, Verdict) {
        let policy = &self.ruling.policy;
        let body = &self.question.body;
        let ack = policy.answer(|| self.installed.and_then(|installed| installed.work(body)));
        let sent = RecordedAck::try_from(&*ack).expect("the ack of a policy is JSON");
        let verdict = Verdict {
            policy: Some(policy.kind),
            reason: Some(no_answer.reason),
            detail: no_answer.detail.clone(),
            ..Verdict::new(sent, DecidedBy::Policy)
        };
        (ack, verdict)
    }
}

// === impl Unrecorded ===

impl Unrecorded {
    fn decide(&mut self, verdict: Verdict) {
        if let Some((envelope, _)) = &mut self.event {
            envelope.verdict = Some(verdict);
        }
    }

    /// A copy for the plug-in.
    fn envelope(&self) -> Arc<Envelope> {
        let (envelope, _) = self.event.as_ref().expect("only its end takes it");
        Arc::new((**envelope).clone())
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
