//! One event with all that is known of it: what our types made of its body, and what became of it.

use gateway_core::Item;
use gateway_journal::{Outcome, Reason, Status};
use poem_openapi::{Enum, Object};
use serde::Serialize;
use serde_json::Value;

use super::{Event, EventDelivery, format, story::EventStep};
use crate::time;

/// One callback in the journal, with what our types made of it and what became of it.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventDetail {
    /// The event itself.
    #[serde(flatten)]
    #[oai(flatten)]
    pub event: Event,
    /// What happened to it, in order.
    pub story: Vec<EventStep>,
    /// The request in the vendor's words, as our types understood it; absent when they did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decoded: Option<Value>,
    /// What a batch consists of, in its order; absent for an event that is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<Vec<EventItem>>,
    /// What of the body differs from our types.
    pub drift: Vec<EventDrift>,
    /// What became of it in its plug-in's handler.
    pub outcome: EventOutcome,
    /// How far it has come to each subscription of the configuration, by name.
    pub deliveries: Vec<EventDelivery>,
}

/// One of the things that a batch tells of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventItem {
    /// User ids.
    pub accounts: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
    /// When it happened, where the body says so (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
}

/// One way in which a body differs from our types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub(crate) struct EventDrift {
    /// Where, as in `PairList[].From_Account`.
    pub path: String,
    /// What the type wants.
    pub expected: String,
    /// What came.
    pub found: String,
}

/// What became of an event in its plug-in's handler.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventOutcome {
    /// Where it stands.
    pub status: OutcomeStatus,
    /// How many attempts were started; absent when they were not counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// What went wrong last: `error`, `panic`, `timeout`, `undecodable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The handler's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it is tried again (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
}

/// Where an event stands with its plug-in's handler.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum OutcomeStatus {
    /// Handled.
    Done,
    /// Not yet attempted, or being handled.
    Pending,
    /// Failed; will be tried again.
    Parked,
    /// Given up.
    Dead,
    /// No handler runs for it: no plug-in is installed, or it was answered before it was journaled.
    None,
}

/// Where an event stands whose handler has not succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[oai(rename_all = "lowercase")]
pub(crate) enum EventFailure {
    /// Failed; will be tried again.
    Parked,
    /// Given up.
    Dead,
    /// One of both.
    Failed,
}

/// Where an event stands, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No handler runs for it.
    None,
    /// Not yet attempted, or being handled.
    Pending,
    /// Handled.
    Done,
    /// Parked or dead.
    Failed(Outcome),
}

// === impl EventFailure ===

impl EventFailure {
    /// The status in question; `None` for both.
    pub(crate) const fn status(self) -> Option<Status> {
        match self {
            Self::Parked => Some(Status::Parked),
            Self::Dead => Some(Status::Dead),
            Self::Failed => None,
        }
    }
}

// === impl EventItem ===

impl From<Item> for EventItem {
    fn from(item: Item) -> Self {
        Self {
            accounts: item.subjects.accounts,
            groups: item.subjects.groups,
            event_time: item.time.and_then(format),
        }
    }
}

// === impl EventOutcome ===

impl EventOutcome {
    fn only(status: OutcomeStatus) -> Self {
        Self {
            status,
            attempts: None,
            reason: None,
            error: None,
            next_attempt_at: None,
        }
    }
}

impl From<&Standing> for EventOutcome {
    fn from(standing: &Standing) -> Self {
        match standing {
            Standing::None => Self::only(OutcomeStatus::None),
            Standing::Pending => Self::only(OutcomeStatus::Pending),
            Standing::Done => Self::only(OutcomeStatus::Done),
            Standing::Failed(outcome) => outcome.clone().into(),
        }
    }
}

impl From<Outcome> for EventOutcome {
    fn from(outcome: Outcome) -> Self {
        let (status, next_attempt_at) = match outcome.status {
            Status::Parked => (OutcomeStatus::Parked, time::format(outcome.due_ms)),
            Status::Dead => (OutcomeStatus::Dead, None),
        };
        Self {
            status,
            attempts: Some(outcome.attempts),
            reason: Some(name_of(outcome.reason).to_owned()),
            error: outcome.error,
            next_attempt_at,
        }
    }
}

/// What went wrong, in a word.
pub(super) const fn name_of(reason: Reason) -> &'static str {
    match reason {
        Reason::Error => "error",
        Reason::Panic => "panic",
        Reason::Timeout => "timeout",
        Reason::Undecodable => "undecodable",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_outcome_has_no_next_attempt() {
        let outcome = Outcome {
            sequence: 7,
            command: "Sns.CallbackFriendDelete".to_owned(),
            status: Status::Dead,
            attempts: 6,
            due_ms: 5,
            reason: Reason::Panic,
            error: None,
            since_ms: 5,
        };
        let shown = EventOutcome::from(outcome);
        assert_eq!(shown.status, OutcomeStatus::Dead);
        assert_eq!(shown.next_attempt_at, None);
        assert_eq!(shown.attempts, Some(6));
    }
}
