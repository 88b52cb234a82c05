//! Shadow deciders: asked at the same time as whoever decides, without their answer being used. Nobody waits for them;
//! their answer joins the record of the event.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{Agreement, CheckedAck, RecordedAck, Shadow};
use tokio::task::JoinHandle;

use super::verdict::{Unrecorded, micros};
use crate::deciding::{Budget, Decider, NoAnswer, Question, Role, Ruling};

/// A shadow decider that is being asked.
pub(super) struct AskedShadow {
    decider: Arc<Decider>,
    answer: JoinHandle<(Result<CheckedAck, NoAnswer>, Duration)>,
}

impl AskedShadow {
    /// Asks the ruling's shadow, if it has one that wants the question. When memory for bodies is scarce, shadows are the
    /// first to go without.
    pub(super) fn ask(ruling: &Ruling, question: &Arc<Question>, budget: Budget) -> Option<Self> {
        let decider = ruling.shadow.as_ref()?;
        if !decider.wants(question.simulated) {
            return None;
        }
        if question.reserved.is_scarce() {
            decider.metrics().skipped.inc();
            return None;
        }
        let (asking, question, rules) = (Arc::clone(decider), Arc::clone(question), ruling.rules);
        // It ends within the budget.
        let answer = tokio::spawn(async move {
            let asked = Instant::now();
            let answered = asking.ask(&question, Role::Shadow, rules, budget).await;
            (answered, asked.elapsed())
        });
        Some(Self {
            decider: Arc::clone(decider),
            answer,
        })
    }

    /// Records the event once the answer is there, compared with the one `given` by whoever decided; `None` when that
    /// was the policy.
    pub(super) fn record_beside(self, given: Option<CheckedAck>, mut unrecorded: Unrecorded) {
        let Self { decider, answer } = self;
        tokio::spawn(async move {
            // It does not panic; when the gateway stops, the event is recorded without it.
            let Ok((answered, took)) = answer.await else {
                return;
            };
            let agreement = compare(given.as_ref(), &answered);
            decider.metrics().compared(agreement);
            let (ack, no_answer) = match answered {
                Ok(checked) => (Some(RecordedAck::from(&checked)), None),
                Err(no_answer) => (None, Some(no_answer)),
            };
            if let Some(verdict) = unrecorded.verdict() {
                verdict.shadow = Some(Shadow {
                    decider: decider.name().to_owned(),
                    agreement,
                    ack,
                    reason: no_answer.as_ref().map(|no_answer| no_answer.reason),
                    detail: no_answer.and_then(|no_answer| no_answer.detail),
                    asked_us: micros(took),
                });
            }
        });
    }
}

fn compare(given: Option<&CheckedAck>, answered: &Result<CheckedAck, NoAnswer>) -> Agreement {
    match (given, answered) {
        (_, Err(_)) => Agreement::Failed,
        (None, Ok(_)) => Agreement::Unmatched,
        (Some(given), Ok(answered)) if given.does_as(answered) => Agreement::Agreed,
        (Some(_), Ok(_)) => Agreement::Disagreed,
    }
}
