//! Who gets events: how the subscriptions stand, their deliveries, and steering them.

use std::sync::Arc;

use gateway_core::EventId;
use gateway_fanout::{Move, Moved, Standing, Start, SteerError};
use gateway_journal::{
    Delivery, DeliveryFilter, DeliveryStatus, PauseReason, Reader, Sequence, StateReader,
};
use poem::http::StatusCode;
use poem_openapi::{
    Enum, Object, OpenApi,
    param::{Path, Query},
    payload::Json,
};
use serde::Serialize;
use uuid::Uuid;

use super::{Shared, api::moment, cursor::Cursor, finder::FindError, problem::Problem};
use crate::{openapi::payload::Reply, time};

/// `/v1/subscriptions` and `/v1/deliveries`.
pub(crate) struct SubscriptionsApi(pub(crate) Arc<Shared>);

/// The subscriptions of the configuration.
#[derive(Debug, Serialize, Object)]
pub(crate) struct SubscriptionList {
    /// By name.
    data: Vec<SubscriptionInfo>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// A service that events are passed on to. `delivered`, `filtered`, `dead` and `pending` together are all events that
/// it was shown.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct SubscriptionInfo {
    /// Its name in the configuration.
    name: String,
    /// Where it stands.
    status: SubscriptionStatus,
    /// Since when it is paused (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    paused_since: Option<String>,
    /// Events that it has taken.
    delivered: u64,
    /// Events that it does not want.
    filtered: u64,
    /// Events that were given up, with those that are forgotten by now.
    dead: u64,
    /// How many of the dead are forgotten.
    expired: u64,
    /// Events that are under way, wait for another attempt, or for an earlier event of their lane.
    pending: u64,
    /// Events past its cursor: nobody has looked yet whether it wants them.
    behind: u64,
    /// How many seconds ago the oldest event was journaled that it has not got; 0 when it has all.
    oldest_seconds: u64,
    /// Attempts under way.
    under_way: u64,
}

/// Where a subscription stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum SubscriptionStatus {
    /// Events are passed on.
    Active,
    /// It failed so often in a row that one event at a time shows whether it is back.
    Down,
    /// Somebody has paused it.
    Paused,
    /// It answered 410, and waits for somebody to resume it.
    Gone,
}

/// Deliveries that are not over, newest first.
#[derive(Debug, Serialize, Object)]
pub(crate) struct DeliveryList {
    /// A page of them.
    data: Vec<DeliveryInfo>,
    /// The `cursor` of the next page; `null` on the last one.
    #[oai(nullable)]
    next: Option<String>,
}

/// An event on its way to a subscription.
#[derive(Debug, Clone, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct DeliveryInfo {
    /// Where it goes.
    subscription: String,
    /// The event's id; absent when the event can't be read any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The event's place in the log.
    sequence: u64,
    /// The event's command.
    command: String,
    /// Whether it is given up.
    status: DeliveryState,
    /// How many attempts were started.
    attempts: u32,
    /// Why the last one failed: `status`, `gone`, `redirect`, `timeout`, `refused`, `connect`, `tls`, `reset`,
    /// `unreadable`, `interrupted` (under way, or cut short by the gateway's end), `damaged`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// More on that.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// When it is tried again at the latest, if nothing is before it (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    /// When it was tried last, or has died (RFC 3339, UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "lowercase")]
#[oai(rename_all = "lowercase")]
pub(crate) enum DeliveryState {
    /// Under way, or to be tried again.
    Pending,
    /// Given up.
    Dead,
}

/// What is to be tried again.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct RetryRequest {
    /// The places of the events in the log.
    #[oai(validator(max_items = 1000))]
    sequences: Vec<u64>,
}

/// What is tried again.
#[derive(Debug, Serialize, Object)]
pub(crate) struct Retried {
    /// How many of the events named were dead letters, and are pending now.
    retried: u64,
    /// How the subscription stands now.
    subscription: SubscriptionInfo,
}

/// An empty object.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SteerRequest {}

/// Giving up what waits.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct SkipRequest {
    /// Only tell what would be done.
    #[oai(default)]
    dry_run: bool,
}

/// Going back.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct RewindRequest {
    /// To the first event journaled at or after: RFC 3339, milliseconds since the Unix epoch, or an age such as `15m`; or
    /// to the `beginning` of the journal.
    to: String,
    /// Only tell what would be done.
    #[oai(default)]
    dry_run: bool,
}

/// What moving a cursor did, or would do.
#[derive(Debug, Serialize, Object)]
pub(crate) struct CursorMove {
    /// Whether it was only asked for.
    dry_run: bool,
    /// Events that the cursor passed, wanted or not: forwards in a skip, backwards in a rewind.
    events: u64,
    /// Deliveries that waited for another attempt and are forgotten.
    pending: u64,
    /// Dead letters that are forgotten, as their events are seen again.
    dead: u64,
    /// How the subscription stands now.
    subscription: SubscriptionInfo,
}

/// Deliveries on a page when nobody says how many.
const LIMIT_DEFAULT: u16 = 50;

#[OpenApi]
impl SubscriptionsApi {
    /// The subscriptions
    ///
    /// Services that events are passed on to: how far each has come, and what waits.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(
        path = "/v1/subscriptions",
        method = "get",
        operation_id = "listSubscriptions"
    )]
    async fn subscriptions(&self) -> Reply<SubscriptionList> {
        let standings = self.0.parts.board.standings();
        Reply::new(&SubscriptionList {
            data: standings.iter().map(SubscriptionInfo::of).collect(),
            next: None,
        })
    }

    /// Pause a subscription
    ///
    /// No attempt begins until it is resumed; those under way end. The journal keeps what comes meanwhile.
    #[oai(
        path = "/v1/subscriptions/:name/pause",
        method = "post",
        operation_id = "pauseSubscription"
    )]
    async fn pause(
        &self,
        /// Its name in the configuration.
        name: Path<String>,
        /// Nothing is to be said; a web page can't send this type.
        _request: Json<SteerRequest>,
    ) -> Result<Reply<SubscriptionInfo>, Problem> {
        self.0.parts.steering.pause(name.0.clone()).await?;
        self.info(&name)
    }

    /// Resume a subscription
    ///
    /// Goes on where it stood, also when the subscriber has answered 410.
    #[oai(
        path = "/v1/subscriptions/:name/resume",
        method = "post",
        operation_id = "resumeSubscription"
    )]
    async fn resume(
        &self,
        /// Its name in the configuration.
        name: Path<String>,
        /// Nothing is to be said; a web page can't send this type.
        _request: Json<SteerRequest>,
    ) -> Result<Reply<SubscriptionInfo>, Problem> {
        self.0.parts.steering.resume(name.0.clone()).await?;
        self.info(&name)
    }

    /// Try dead letters again
    ///
    /// Those of the events named, from their first attempt on. What is no dead letter of the subscription is passed over.
    #[oai(
        path = "/v1/subscriptions/:name/retry",
        method = "post",
        operation_id = "retryDeadLetters"
    )]
    async fn retry(
        &self,
        /// Its name in the configuration.
        name: Path<String>,
        request: Json<RetryRequest>,
    ) -> Result<Reply<Retried>, Problem> {
        let events = request.0.sequences;
        let retried = self.0.parts.steering.retry(name.0.clone(), events).await?;
        Ok(Reply::new(&Retried {
            retried,
            subscription: self.standing(&name)?,
        }))
    }

    /// Skip what waits
    ///
    /// Gives up everything that the subscription has not got yet: pending deliveries, and events past its cursor, up to
    /// the end that the log has then. It counts as filtered. Waits until no attempt is under way; none begins meanwhile.
    /// Dead letters stay.
    #[oai(
        path = "/v1/subscriptions/:name/skip",
        method = "post",
        operation_id = "skipSubscription"
    )]
    async fn skip(
        &self,
        /// Its name in the configuration.
        name: Path<String>,
        request: Json<SkipRequest>,
    ) -> Result<Reply<CursorMove>, Problem> {
        self.move_cursor(&name, Move::Skip, request.0.dry_run).await
    }

    /// Rewind to a time
    ///
    /// Moves the cursor back: what the journal still has of that time on is seen again, delivered again under the same
    /// ids, and counted again. Waits until no attempt is under way; none begins meanwhile. A subscription that has not
    /// come so far stays where it is.
    #[oai(
        path = "/v1/subscriptions/:name/rewind",
        method = "post",
        operation_id = "rewindSubscription"
    )]
    async fn rewind(
        &self,
        /// Its name in the configuration.
        name: Path<String>,
        request: Json<RewindRequest>,
    ) -> Result<Reply<CursorMove>, Problem> {
        let to = match &*request.0.to {
            "beginning" => Start::Beginning,
            time => moment(Some(time))?.map_or(Start::Now, Start::At),
        };
        self.move_cursor(&name, Move::Rewind(to), request.0.dry_run)
            .await
    }

    /// Deliveries that are not over
    ///
    /// Events that are under way to a subscription, wait for another attempt, or were given up: newest first, a page at a
    /// time. A page may be short or empty and still have a next one.
    #[oai(
        path = "/v1/deliveries",
        method = "get",
        operation_id = "listDeliveries"
    )]
    async fn deliveries(
        &self,
        /// Only to this subscription.
        subscription: Query<Option<String>>,
        /// Only those that stand so.
        status: Query<Option<DeliveryState>>,
        /// Only events of this command.
        command: Query<Option<String>>,
        /// Only events journaled at or after: RFC 3339, milliseconds since the Unix epoch, or an age such as `15m`.
        since: Query<Option<String>>,
        /// About how many on one page; 50 by default.
        #[oai(validator(minimum(value = "1"), maximum(value = "500")))]
        limit: Query<Option<u16>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Reply<DeliveryList>, Problem> {
        let log_id = self.0.parts.head.borrow().log_id;
        let cursor = cursor.0.map(|text| Cursor::parse_of(log_id, &text));
        let cursor = cursor.transpose();
        let before = cursor
            .map_err(|error| Problem::bad_request(error.to_string()))?
            .map_or(Sequence::MAX, |cursor| cursor.sequence);
        let since_ms = moment(since.0.as_deref())?;
        let filter = DeliveryFilter {
            subscription: subscription.0,
            status: status.0.map(Into::into),
            command: command.0,
        };
        let limit = usize::from(limit.0.unwrap_or(LIMIT_DEFAULT));
        let (state, reader) = (self.0.parts.state.clone(), self.0.parts.reader.clone());
        let read = move || -> Result<Reply<DeliveryList>, FindError> {
            let page = state.deliveries(&filter, before, limit)?;
            let times = times(&reader, &state, &page.deliveries)?;
            let is_old = |time: &Option<u64>| *time < since_ms && time.is_some();
            // Older events only from there on.
            let is_over = times.iter().any(is_old);
            let next = page.next.filter(|_| !is_over);
            let next = next.map(|sequence| Cursor { log_id, sequence });
            let deliveries = page.deliveries.into_iter().zip(times);
            let data = deliveries
                .filter(|(_, time)| !is_old(time))
                .map(|(delivery, time)| DeliveryInfo::new(log_id, delivery, time));
            Ok(Reply::new(&DeliveryList {
                data: data.collect(),
                next: next.map(|cursor| cursor.to_string()),
            }))
        };
        Ok(self.0.queries.request(read).await??)
    }
}

/// When the events of deliveries were journaled: as the log says, or the copy that a dead letter took along.
fn times(
    reader: &Reader,
    state: &StateReader,
    deliveries: &[Delivery],
) -> Result<Vec<Option<u64>>, FindError> {
    let times = reader.journaled_ms(deliveries.iter().map(|delivery| delivery.sequence))?;
    let mut all = Vec::with_capacity(deliveries.len());
    for Delivery {
        subscription,
        sequence,
        ..
    } in deliveries
    {
        all.push(match times.get(sequence) {
            Some(time) => Some(*time),
            None => state.copied_event_ms(subscription, *sequence)?,
        });
    }
    Ok(all)
}

// === impl SubscriptionsApi ===

impl SubscriptionsApi {
    async fn move_cursor(
        &self,
        name: &str,
        to: Move,
        dry_run: bool,
    ) -> Result<Reply<CursorMove>, Problem> {
        let steering = &self.0.parts.steering;
        let moved = if dry_run {
            steering.foresee(name.to_owned(), to).await
        } else {
            steering.move_cursor(name.to_owned(), to).await
        };
        let Moved {
            events,
            pending,
            dead,
        } = moved?;
        Ok(Reply::new(&CursorMove {
            dry_run,
            events,
            pending,
            dead,
            subscription: self.standing(name)?,
        }))
    }

    fn info(&self, name: &str) -> Result<Reply<SubscriptionInfo>, Problem> {
        Ok(Reply::new(&self.standing(name)?))
    }

    fn standing(&self, name: &str) -> Result<SubscriptionInfo, SteerError> {
        let standings = self.0.parts.board.standings();
        let standing = standings.iter().find(|standing| standing.name == name);
        let standing = standing.ok_or_else(|| SteerError::Unknown(name.to_owned()))?;
        Ok(SubscriptionInfo::of(standing))
    }
}

impl From<SteerError> for Problem {
    fn from(error: SteerError) -> Self {
        let detail = error.to_string();
        match error {
            SteerError::Unknown(_) => Self::not_found(detail),
            SteerError::Failed => Self::new(StatusCode::INTERNAL_SERVER_ERROR, detail),
            SteerError::Moving(_) | SteerError::Busy => Self::busy(detail),
        }
    }
}

// === impl SubscriptionInfo ===

impl SubscriptionInfo {
    fn of(standing: &Standing) -> Self {
        let paused = standing.paused;
        let status = match paused.map(|pause| pause.by) {
            Some(PauseReason::Operator) => SubscriptionStatus::Paused,
            Some(PauseReason::Gone) => SubscriptionStatus::Gone,
            None if standing.is_down => SubscriptionStatus::Down,
            None => SubscriptionStatus::Active,
        };
        Self {
            name: standing.name.clone(),
            status,
            paused_since: paused.and_then(|pause| time::format(pause.since_ms)),
            delivered: standing.delivered,
            filtered: standing.filtered,
            dead: standing.dead,
            expired: standing.expired,
            pending: standing.pending,
            behind: standing.behind,
            oldest_seconds: standing.oldest_ms / 1000,
            under_way: standing.under_way,
        }
    }
}

// === impl DeliveryInfo ===

impl DeliveryInfo {
    /// Of an event that was journaled then, where that is known.
    fn new(log_id: Uuid, delivery: Delivery, journaled_ms: Option<u64>) -> Self {
        let id = journaled_ms.map(|time| EventId::new(log_id, delivery.sequence, time));
        let is_pending = delivery.status == DeliveryStatus::Pending;
        let due = is_pending.then(|| time::format(delivery.due_ms));
        Self {
            status: match delivery.status {
                DeliveryStatus::Pending => DeliveryState::Pending,
                DeliveryStatus::Dead => DeliveryState::Dead,
            },
            subscription: delivery.subscription,
            id: id.map(|id| id.to_string()),
            sequence: delivery.sequence,
            command: delivery.command,
            attempts: delivery.attempts,
            reason: delivery.reason.map(|reason| reason.as_str().to_owned()),
            detail: delivery.detail,
            next_attempt_at: due.flatten(),
            since: time::format(delivery.since_ms),
        }
    }
}

// === impl DeliveryState ===

impl From<DeliveryState> for DeliveryStatus {
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Dead => Self::Dead,
        }
    }
}
