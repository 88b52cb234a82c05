//! An event as people and tools see it: the one place where its JSON is made, for lists, streams and single events.
//!
//! Not here: finding events (`finder.rs`) and sending them (`api.rs`, `tail.rs`). Start at [`Event`].

mod body;
mod detail;
mod passing;
mod story;

use std::net::IpAddr;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gateway_core::{
    Agreement, Dispatcher, EventId, EventTime, Prepared, RecordedAck, Shadow, Verdict,
};
use gateway_journal::StoredEvent;
use poem_openapi::{Enum, Object, types::Any};
use serde::Serialize;
use serde_json::{Value, value::RawValue};
use uuid::Uuid;

use self::body::embeddable;
use crate::time;

#[cfg(test)]
pub(crate) use self::detail::OutcomeStatus;
pub(crate) use self::{
    detail::{EventDetail, EventDrift, EventFailure, EventItem, EventOutcome, Standing},
    passing::{EventDelivery, passing},
    story::Told,
};

/// One callback in the journal.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
#[expect(clippy::struct_field_names, reason = "the name in the API")]
pub(crate) struct Event {
    /// Unique and ordered by time of journaling (UUIDv7).
    pub id: String,
    /// Where it stands in the log; only grows, not dense.
    pub sequence: u64,
    /// The app's name in the configuration.
    pub app: String,
    /// The vendor's number of the app.
    pub sdk_app_id: u64,
    /// The vendor's name of what happened.
    pub command: String,
    /// When the request's first byte came (RFC 3339, UTC).
    pub received_at: String,
    /// When it was journaled (RFC 3339, UTC).
    pub journaled_at: String,
    /// When it happened, where the body says so (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_time: Option<String>,
    /// The user's address, as claimed by Chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
    /// The user's platform, as claimed by Chat.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The vendor's id of the request, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The address that the request came from; absent when simulated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// How it was authenticated: `sign`, `sign+mtls`, `sign+source`, …, or `none`.
    pub proof: String,
    /// Whether it was made by `POST /v1/simulate/…`.
    pub simulated: bool,
    /// The OpenTelemetry trace of its answer and its handling, where it was traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Whom it is about; empty when the command has no plug-in or the body can't be read.
    pub subjects: EventSubjects,
    /// What a before-callback was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<EventVerdict>,
    /// The body as received, when it is JSON that every reader can take.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Any<Box<RawValue>>>,
    /// The body's bytes in base64, when it is anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// The accounts and groups that an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Object)]
pub(crate) struct EventSubjects {
    /// User ids.
    pub accounts: Vec<String>,
    /// Group ids.
    pub groups: Vec<String>,
}

/// What a before-callback was answered, and by whom.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventVerdict {
    /// The ack as sent.
    pub ack: Value,
    /// `plug-in`, `decider`, or the failure `policy`.
    pub by: String,
    /// The decider that was asked, also when the policy answered in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decider: Option<String>,
    /// What the policy is, when it answered: `allow`, `refuse` or `ack`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Why the policy answered: `deadline`, `error`, `panic`, `busy`, `undecodable`, `unreachable`, `redirect`,
    /// `status`, `too_large`, `invalid`, `code`, `failed`, `breaker`, `nobody`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason in detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// From the request's first byte to the answer, in microseconds.
    pub elapsed_us: u64,
    /// How long the plug-in or the decider was waited for, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_us: Option<u64>,
    /// What a shadow decider would have answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shadow: Option<EventShadow>,
}

/// What a decider said that was asked without its answer being used.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventShadow {
    /// Its name in the configuration.
    pub decider: String,
    /// How its answer compares with the one that was given.
    pub agreement: EventAgreement,
    /// Its ack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ack: Option<Value>,
    /// Why it has none; the words are those of a verdict.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The reason in detail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long it was waited for, in microseconds.
    pub asked_us: u64,
}

/// How a shadow decider's answer compares with the one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum EventAgreement {
    /// Chat would have done the same.
    Agreed,
    /// Chat would have done something else.
    Disagreed,
    /// The shadow had no answer that Chat would honour.
    Failed,
    /// The policy answered, with which there is nothing to compare.
    Unmatched,
}

// === impl Event ===

impl Event {
    /// The event of the log `log_id`, with what its plug-in, if any, knows of it.
    pub(crate) fn new(log_id: Uuid, stored: &StoredEvent, prepared: &Prepared) -> Self {
        let envelope = &stored.envelope;
        let body = embeddable(&stored.body);
        let body_base64 = body
            .is_none()
            .then(|| STANDARD.encode(stored.body.as_ref()));
        Self {
            id: EventId::new(log_id, stored.sequence, stored.journaled_ms).to_string(),
            sequence: stored.sequence,
            app: envelope.app.clone(),
            sdk_app_id: envelope.sdk_app_id,
            command: envelope.command.clone(),
            received_at: time::format(envelope.received_ms).unwrap_or_default(),
            journaled_at: time::format(stored.journaled_ms).unwrap_or_default(),
            event_time: prepared.time.and_then(format),
            client_ip: envelope.client_ip.clone(),
            platform: envelope.platform.clone(),
            request_id: envelope.request_id.clone(),
            peer: envelope.peer,
            proof: envelope.proof.to_string(),
            simulated: envelope.simulated,
            trace_id: envelope.trace_id(),
            subjects: EventSubjects {
                accounts: prepared.subjects.accounts.clone(),
                groups: prepared.subjects.groups.clone(),
            },
            verdict: envelope.verdict.clone().map(Into::into),
            body: body.map(Any),
            body_base64,
        }
    }
}

// === impl EventVerdict ===

impl From<Verdict> for EventVerdict {
    fn from(verdict: Verdict) -> Self {
        Self {
            ack: verdict.ack.to_value(),
            by: verdict.by.as_str().to_owned(),
            decider: verdict.decider,
            policy: verdict.policy.map(|policy| policy.as_str().to_owned()),
            reason: verdict.reason.map(|reason| reason.as_str().to_owned()),
            detail: verdict.detail,
            elapsed_us: verdict.elapsed_us,
            asked_us: verdict.asked_us,
            shadow: verdict.shadow.map(Into::into),
        }
    }
}

impl From<Shadow> for EventShadow {
    fn from(shadow: Shadow) -> Self {
        Self {
            decider: shadow.decider,
            agreement: shadow.agreement.into(),
            ack: shadow.ack.as_ref().map(RecordedAck::to_value),
            reason: shadow.reason.map(|reason| reason.as_str().to_owned()),
            detail: shadow.detail,
            asked_us: shadow.asked_us,
        }
    }
}

// === impl EventAgreement ===

impl From<Agreement> for EventAgreement {
    fn from(agreement: Agreement) -> Self {
        match agreement {
            Agreement::Agreed => Self::Agreed,
            Agreement::Disagreed => Self::Disagreed,
            Agreement::Failed => Self::Failed,
            Agreement::Unmatched => Self::Unmatched,
        }
    }
}

impl From<EventAgreement> for Agreement {
    fn from(agreement: EventAgreement) -> Self {
        match agreement {
            EventAgreement::Agreed => Self::Agreed,
            EventAgreement::Disagreed => Self::Disagreed,
            EventAgreement::Failed => Self::Failed,
            EventAgreement::Unmatched => Self::Unmatched,
        }
    }
}

/// `None` for a time before 1970 or beyond RFC 3339.
fn format(time: EventTime) -> Option<String> {
    let millis = u64::try_from(time.as_millis()).ok()?;
    time::format(millis)
}

/// Decodes an event's body by its command's plug-in; without one nothing is known of it.
pub(crate) fn prepare(stored: &StoredEvent, dispatcher: &Dispatcher) -> Prepared {
    dispatcher
        .get(&stored.envelope.command)
        .map(|installed| installed.prepare(&stored.body))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use gateway_core::{Envelope, Item, Proof};
    use gateway_journal::{Delivery, DeliveryReason, DeliveryStatus};
    use poem_openapi::types::ToJSON;

    use super::{body::BODY_DEPTH_MAX, *};
    use crate::{callbacks::installed, follower::Times};

    fn stored(body: &'static [u8]) -> StoredEvent {
        StoredEvent {
            sequence: 7,
            journaled_ms: 1_769_846_400_123,
            envelope: Envelope {
                app: "shop".to_owned(),
                sdk_app_id: 1_400_000_000,
                command: "Sns.CallbackFriendDelete".to_owned(),
                received_ms: 1_769_846_400_120,
                client_ip: Some("192.0.2.1".to_owned()),
                platform: None,
                request_id: None,
                peer: None,
                proof: Proof {
                    sign: true,
                    ..Proof::default()
                },
                simulated: false,
                verdict: None,
                trace: None,
            },
            body: Bytes::from_static(body),
        }
    }

    fn event(body: &'static [u8]) -> Event {
        let dispatcher = Dispatcher::new(installed()).unwrap();
        let stored = stored(body);
        Event::new(Uuid::from_u128(5), &stored, &prepare(&stored, &dispatcher))
    }

    #[test]
    fn a_body_stands_as_it_came() {
        let body =
            br#"{"PairList":[{"To_Account":"bob","From_Account":"alice"}], "Z":1.0,"A":1e2}"#;
        let json = serde_json::to_string(&event(body)).unwrap();
        let body = std::str::from_utf8(body).unwrap();
        assert!(json.ends_with(&format!(r#""body":{body}}}"#)), "{json}");
        assert!(
            json.contains(r#""subjects":{"accounts":["alice","bob"],"groups":[]}"#),
            "{json}"
        );
        assert!(json.contains(r#""journaled_at":"2026-01-31T08:00:00.123Z""#));
    }

    #[test]
    fn a_body_that_some_reader_would_choke_on_is_base64() {
        let deep = "[".repeat(BODY_DEPTH_MAX + 1) + &"]".repeat(BODY_DEPTH_MAX + 1);
        let bodies: [&'static [u8]; 6] = [
            b"",
            b"{",
            b"\xef\xbb\xbf{}",
            b"\"\xff\"",
            br#"{"a":"\ud800"}"#,
            deep.leak().as_bytes(),
        ];
        for body in bodies {
            let event = event(body);
            assert!(event.body.is_none());
            assert_eq!(event.body_base64, Some(STANDARD.encode(body)));
        }
    }

    #[test]
    fn what_is_sent_is_what_is_documented() {
        let event = event(br#"{"PairList":[]}"#);
        let sent = serde_json::to_value(&event).unwrap();
        assert_eq!(event.to_json(), Some(sent.clone()));
        let (stored, standing) = (stored(b"{}"), Standing::Done);
        let told = Told {
            stored: &stored,
            is_readable: true,
            drift: 0,
            standing: &standing,
            times: Times::default(),
        };
        let detail = EventDetail {
            event,
            story: told.steps(),
            decoded: None,
            items: Some(vec![EventItem::from(Item::default())]),
            drift: Vec::new(),
            outcome: EventOutcome::from(&Standing::Done),
            deliveries: vec![EventDelivery::from(Delivery {
                subscription: "billing".to_owned(),
                sequence: 7,
                command: String::new(),
                status: DeliveryStatus::Dead,
                attempts: 1,
                first_ms: 0,
                due_ms: 0,
                lane: None,
                reason: Some(DeliveryReason::Gone),
                detail: None,
                since_ms: 0,
            })],
        };
        assert_eq!(detail.to_json(), serde_json::to_value(&detail).ok());
    }
}
