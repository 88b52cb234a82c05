//! `/v1`: the apps, the commands, the events, their stream, their drift, refusals. Parameters in, JSON out; the work is
//! done in `commands.rs`, `finder.rs` and `tail.rs`.

use std::sync::Arc;

use gateway_core::{Causes, EventId};
use gateway_journal::StateError;
use poem_openapi::{
    Object, OpenApi,
    param::{Header, Path, Query},
};
use serde::Serialize;

use super::{
    Shared,
    apps::AppList,
    commands::CommandList,
    cursor::Cursor,
    drift::DriftList,
    event::{Event, EventAgreement, EventDetail, EventFailure},
    finder::FindError,
    problem::Problem,
    refusals::{self, RefusalList},
    selection::Selection,
    stream,
};
use crate::{
    clock,
    openapi::payload::{EventStream, Reply},
    time,
};

/// Events on a page when nobody says how many.
const LIMIT_DEFAULT: u16 = 50;

/// `/v1`, but for the simulations.
pub(crate) struct Api(pub(crate) Arc<Shared>);

/// Events, newest first.
#[derive(Debug, Serialize, Object)]
pub(crate) struct EventList {
    /// A page of them; it may be short or empty although more follow.
    data: Vec<Event>,
    /// The `cursor` of the next page; `null` on the last one.
    #[oai(nullable)]
    next: Option<String>,
}

#[OpenApi]
impl Api {
    /// The installed commands
    ///
    /// Every command that has a plug-in, with what is known of it and how often it was called.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/v1/commands", method = "get", operation_id = "listCommands")]
    async fn commands(&self) -> Reply<CommandList> {
        Reply::new(&CommandList::new(&self.0.parts))
    }

    /// The configured apps
    ///
    /// Whose callbacks are taken, when each app was heard of last, and which of its tokens are in use.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/v1/apps", method = "get", operation_id = "listApps")]
    async fn apps(&self) -> Reply<AppList> {
        Reply::new(&AppList::new(&self.0.parts.ingest.live()))
    }

    /// Events, newest first
    ///
    /// What was journaled, a page at a time. Pages go on where the last one ended, whatever is journaled meanwhile.
    /// Events of an account or a group are found by an index and are visible as soon as they are journaled.
    #[oai(path = "/v1/events", method = "get", operation_id = "listEvents")]
    #[expect(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn events(
        &self,
        /// Only of this command.
        command: Query<Option<String>>,
        /// Only of this app, by its name in the configuration. An app that is no longer in it has its events still, so
        /// any name is taken; one that no app ever had finds none.
        app: Query<Option<String>>,
        /// Only about this account.
        account: Query<Option<String>>,
        /// Only about this group.
        group: Query<Option<String>>,
        /// Only where a shadow decider's answer compares so with the one given.
        shadow: Query<Option<EventAgreement>>,
        /// Only those whose handler has not succeeded: `parked` until another attempt, `dead` for good, `failed` for both.
        outcome: Query<Option<EventFailure>>,
        /// Journaled at or after: RFC 3339, milliseconds since the Unix epoch, or an age such as `15m`.
        since: Query<Option<String>>,
        /// Journaled before; written like `since`.
        until: Query<Option<String>>,
        /// The most events of one page, which also ends at 4 MiB of bodies; 50 by default.
        #[oai(validator(minimum(value = "1"), maximum(value = "500")))]
        limit: Query<Option<u16>>,
        /// `next` of the page before.
        cursor: Query<Option<String>>,
    ) -> Result<Reply<EventList>, Problem> {
        let head = *self.0.parts.head.borrow();
        let before = cursor
            .0
            .map(|text| Cursor::parse_of(head.log_id, &text))
            .transpose()
            .map_err(|error| Problem::bad_request(error.to_string()))?
            .map(|cursor| cursor.sequence);
        let mut selection = Selection::new(command.0, app.0, account.0, group.0, shadow.0);
        selection.outcome = outcome.0;
        selection.filter.since_ms = moment(since.0.as_deref())?;
        selection.filter.until_ms = moment(until.0.as_deref())?;
        let limit = usize::from(limit.0.unwrap_or(LIMIT_DEFAULT));
        let finder = self.0.finder();
        let work = move || -> Result<Reply<EventList>, FindError> {
            let found = finder.page(head, &selection, limit, before)?;
            let next = found.next.map(|sequence| Cursor {
                log_id: head.log_id,
                sequence,
            });
            Ok(Reply::new(&EventList {
                data: found.events,
                next: next.map(|cursor| cursor.to_string()),
            }))
        };
        Ok(self.0.queries.request(work).await??)
    }

    /// The events as they come
    ///
    /// Server-sent events. `event: callback` carries an event as its data, the same JSON as in a list. `event: gap`
    /// says that events are missing, as `{"reason":…,"from":…,"to":…}`: their reason is `other_log` (the place to go on
    /// from is of another log, all of this one follows), `trimmed` (deleted before they were read) or `damaged`.
    /// `event: heartbeat` comes first and then whenever nothing else came for 10 seconds. Each has an `id`;
    /// send the last one as `Last-Event-ID`, as browsers do by themselves, to go on behind it without a gap or a repeat.
    #[oai(
        path = "/v1/events/stream",
        method = "get",
        operation_id = "streamEvents"
    )]
    #[expect(
        clippy::unused_async,
        clippy::too_many_arguments,
        reason = "what poem-openapi wants: one for each query parameter"
    )]
    async fn stream(
        &self,
        /// Only of this command.
        command: Query<Option<String>>,
        /// Only of this app, by its name in the configuration. An app that is no longer in it has its events still, so
        /// any name is taken; one that no app ever had finds none.
        app: Query<Option<String>>,
        /// Only about this account.
        account: Query<Option<String>>,
        /// Only about this group.
        group: Query<Option<String>>,
        /// Only where a shadow decider's answer compares so with the one given.
        shadow: Query<Option<EventAgreement>>,
        /// The same as the header, for clients that can't set it; the header wins.
        last_event_id: Query<Option<String>>,
        /// The `id` to go on behind; without it the stream starts now.
        #[oai(name = "Last-Event-ID")]
        last_event_id_header: Header<Option<String>>,
    ) -> Result<EventStream, Problem> {
        let from = last_event_id_header
            .0
            .or(last_event_id.0)
            .filter(|text| !text.is_empty())
            .map(|text| text.parse::<Cursor>())
            .transpose()
            .map_err(|error| Problem::bad_request(error.to_string()))?;
        let selection = Selection::new(command.0, app.0, account.0, group.0, shadow.0);
        stream::open(&self.0, selection, from)
    }

    /// One event
    ///
    /// With what our types made of its body, what of it they did not expect, and what its handler made of it.
    #[oai(path = "/v1/events/:id", method = "get", operation_id = "getEvent")]
    async fn event(
        &self,
        /// The event's id.
        id: Path<String>,
    ) -> Result<Reply<EventDetail>, Problem> {
        self.0.look_up(event_id(&id)?, Reply::new).await
    }

    /// What differs from our types
    ///
    /// Where genuine bodies were not as our types expect, how often and since when, the last seen first. It names fields
    /// and never holds a value of theirs. An event shows up about a second after it was journaled, and stays counted
    /// when it is deleted.
    #[oai(path = "/v1/drift", method = "get", operation_id = "listDrift")]
    async fn drift(
        &self,
        /// Only of this command.
        command: Query<Option<String>>,
    ) -> Result<Reply<DriftList>, Problem> {
        let state = self.0.parts.state.clone();
        let work = move || -> Result<Reply<DriftList>, StateError> {
            let kinds = state.drift(command.0.as_deref())?;
            Ok(Reply::new(&DriftList::new(kinds)))
        };
        let list = self.0.queries.request(work).await?;
        list.map_err(|error| Problem::internal("read the state", &Causes(&error)))
    }

    /// The last refused requests, newest first
    ///
    /// For whoever wonders why nothing arrives: when, why, from where, in the name of which configured app, and how far
    /// the clocks are apart. They are kept in memory, the last 250 of each reason since the start; `gateway_rejected_total` counts all.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/v1/refusals", method = "get", operation_id = "listRefusals")]
    async fn refusals(
        &self,
        /// Only of this reason, e.g. `bad_sign`; one that there is none of is refused with a list of all.
        reason: Query<Option<String>>,
    ) -> Result<Reply<RefusalList>, Problem> {
        let reason = reason.0.as_deref().map(refusals::reason).transpose()?;
        let latest = self.0.parts.ingest.refusals().latest();
        Ok(Reply::new(&RefusalList::new(&latest, reason)))
    }
}

/// An event's id in a path.
pub(super) fn event_id(text: &str) -> Result<EventId, Problem> {
    text.parse().map_err(|_| {
        Problem::bad_request("an event's id is a UUID, as the lists and the stream show it")
    })
}

/// A time in a query or a request.
pub(super) fn moment(text: Option<&str>) -> Result<Option<u64>, Problem> {
    text.map(|text| time::parse(text, clock::now_ms()))
        .transpose()
        .map_err(|error| Problem::bad_request(error.to_string()))
}
