//! How far an event has come on its way to each subscription.

use std::collections::BTreeMap;

use gateway_core::Subjects;
use gateway_fanout::Subscriber;
use gateway_journal::{Delivery, DeliveryStatus, StoredEvent, Subscription};
use poem_openapi::{Enum, Object};
use serde::Serialize;

use crate::time;

/// Where an event stands with a subscription.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct EventDelivery {
    /// Its name in the configuration.
    pub subscription: String,
    /// Where it stands.
    pub status: EventDeliveryStatus,
    /// How many attempts were started; absent when none is left to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Why the last one failed, in the words of `GET /v1/deliveries`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// More on that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// When it is tried again at the latest, if nothing is before it (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_attempt_at: Option<String>,
}

/// Where an event stands with a subscription. Only what is not over is kept: which of the others were delivered and which
/// filtered is told by the filters of now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum EventDeliveryStatus {
    /// Delivered; but one that was skipped, was given up and is forgotten, or came before the subscription looks the same.
    Delivered,
    /// Not wanted, by the filters of now.
    Filtered,
    /// Under way, or to be tried again.
    Pending,
    /// Given up.
    Dead,
    /// Not looked at yet.
    Ahead,
}

/// Where an event stands with all subscriptions, from their rows, which were read before `deliveries`.
pub(crate) fn passing(
    stored: &StoredEvent,
    subjects: &Subjects,
    subscribers: &[impl AsRef<Subscriber>],
    rows: &BTreeMap<String, Subscription>,
    deliveries: Vec<Delivery>,
) -> Vec<EventDelivery> {
    let mut deliveries: BTreeMap<String, Delivery> = deliveries
        .into_iter()
        .map(|delivery| (delivery.subscription.clone(), delivery))
        .collect();
    let subscribers = subscribers.iter().map(AsRef::as_ref);
    subscribers
        .map(|subscriber| {
            if let Some(delivery) = deliveries.remove(subscriber.name()) {
                return EventDelivery::from(delivery);
            }
            let row = rows.get(subscriber.name());
            let is_past = row.is_some_and(|row| stored.sequence <= row.cursor);
            let status = if !is_past {
                EventDeliveryStatus::Ahead
            } else if subscriber.wants(&stored.envelope, subjects) {
                EventDeliveryStatus::Delivered
            } else {
                EventDeliveryStatus::Filtered
            };
            EventDelivery {
                subscription: subscriber.name().to_owned(),
                status,
                attempts: None,
                reason: None,
                detail: None,
                next_attempt_at: None,
            }
        })
        .collect()
}

// === impl EventDelivery ===

impl From<Delivery> for EventDelivery {
    fn from(delivery: Delivery) -> Self {
        let is_pending = delivery.status == DeliveryStatus::Pending;
        let due = is_pending.then(|| time::format(delivery.due_ms));
        Self {
            subscription: delivery.subscription,
            status: match delivery.status {
                DeliveryStatus::Pending => EventDeliveryStatus::Pending,
                DeliveryStatus::Dead => EventDeliveryStatus::Dead,
            },
            attempts: Some(delivery.attempts),
            reason: delivery.reason.map(|reason| reason.as_str().to_owned()),
            detail: delivery.detail,
            next_attempt_at: due.flatten(),
        }
    }
}
