//! One event's story: what happened to it, in order, and when, as far as that is known.
//!
//! The log keeps when an event came and when it was journaled; when it was decoded and handled is known of the latest
//! ones since the start only.

use gateway_journal::{Status, StoredEvent};
use poem_openapi::{Enum, Object};
use serde::Serialize;

use super::detail::{Standing, name_of};
use crate::{follower::Times, plural::counted, time};

/// Something that happened to an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventStep {
    /// What happened.
    pub step: StepName,
    /// When (RFC 3339, UTC); absent where it is not known, or no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// The same in milliseconds after the request's first byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_ms: Option<u64>,
    /// By what, from where or with what result, in a few words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// What can happen to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum StepName {
    /// The request's first byte came.
    Accepted,
    /// It was found to be genuine.
    Authenticated,
    /// A before-callback was answered.
    Answered,
    /// It was written to the journal.
    Journaled,
    /// Its body was read by its command's types.
    Decoded,
    /// Its handler succeeded.
    Handled,
    /// Its handler failed, and will try again.
    Parked,
    /// It was given up.
    Dead,
}

/// What the steps are told from.
pub(crate) struct Told<'a> {
    /// The event.
    pub(crate) stored: &'a StoredEvent,
    /// Whether a plug-in is installed that can read its body.
    pub(crate) is_readable: bool,
    /// How many kinds of drift its body has.
    pub(crate) drift: usize,
    /// Where it stands.
    pub(crate) standing: &'a Standing,
    /// When it was decoded and handled, where that is known.
    pub(crate) times: Times,
}

impl Told<'_> {
    /// The story.
    pub(crate) fn steps(&self) -> Vec<EventStep> {
        let envelope = &self.stored.envelope;
        let origin = match envelope.peer {
            Some(peer) => format!("from {peer}"),
            None => "simulated".to_owned(),
        };
        let mut steps = vec![
            self.step(StepName::Accepted, Some(envelope.received_ms), origin),
            self.step(
                StepName::Authenticated,
                None,
                format!("by {}", envelope.proof),
            ),
        ];
        if let Some(verdict) = &envelope.verdict {
            let at = envelope.received_ms + verdict.elapsed_us / 1000;
            let by = format!("by the {}", verdict.by.as_str());
            steps.push(self.step(StepName::Answered, Some(at), by));
        }
        let journaled_ms = Some(self.stored.journaled_ms);
        steps.push(self.step(StepName::Journaled, journaled_ms, String::new()));
        if self.is_decoded() {
            let found = match self.drift {
                0 => "without drift".to_owned(),
                kinds => format!("with {} of drift", counted(kinds as u64, "kind")),
            };
            steps.push(self.step(StepName::Decoded, self.times.decoded_ms, found));
        }
        steps.extend(self.end());
        steps
    }

    /// Whether its body was read already, as far as can be told: when is known of the latest ones only.
    fn is_decoded(&self) -> bool {
        let is_over = matches!(self.standing, Standing::Done | Standing::Failed(_));
        let is_answered = self.stored.envelope.verdict.is_some();
        self.is_readable && (self.times.decoded_ms.is_some() || is_over || is_answered)
    }

    /// What its handler made of it; nothing as long as it runs.
    fn end(&self) -> Option<EventStep> {
        let outcome = match self.standing {
            Standing::None | Standing::Pending => return None,
            Standing::Done => {
                let at = self.times.handled_ms;
                return Some(self.step(StepName::Handled, at, String::new()));
            }
            Standing::Failed(outcome) => outcome,
        };
        let name = match outcome.status {
            Status::Parked => StepName::Parked,
            Status::Dead => StepName::Dead,
        };
        let reason = name_of(outcome.reason);
        let detail = match outcome.attempts {
            0 => format!("as {reason}"),
            attempts => format!("after {}: {reason}", counted(attempts, "attempt")),
        };
        Some(self.step(name, Some(outcome.since_ms), detail))
    }

    fn step(&self, step: StepName, at_ms: Option<u64>, detail: String) -> EventStep {
        let received_ms = self.stored.envelope.received_ms;
        EventStep {
            step,
            at: at_ms.and_then(time::format),
            after_ms: at_ms.map(|at_ms| at_ms.saturating_sub(received_ms)),
            detail: Some(detail).filter(|detail| !detail.is_empty()),
        }
    }
}
