//! An event is run through its plug-in once more, after a fix: what its outcome was, and what it is now.

use std::sync::Arc;

use gateway_core::{Causes, Envelope, EventId, Installed, Phase, RecordedAck};
use gateway_journal::Row;
use poem::http::StatusCode;
use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use serde::Serialize;
use serde_json::Value;

use super::{
    Shared,
    api::event_id,
    event::{EventDetail, EventOutcome},
    problem::{self, Problem},
};
use crate::{follower::ReplayError, openapi::payload::Reply};

/// `POST /v1/events/{id}/replay`.
pub(crate) struct ReplayApi(pub(crate) Arc<Shared>);

/// An empty object.
#[derive(Debug, Object)]
#[oai(deny_unknown_fields)]
pub(crate) struct ReplayRequest {}

/// What came of handling an event once more.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct ReplayedEvent {
    /// The event.
    id: String,
    /// Whether its handler succeeded this time.
    succeeded: bool,
    /// Why it did not: `error`, `panic`, `timeout` or `busy`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The handler's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// Where it stood with its handler before.
    before: EventOutcome,
    /// Where it stands now. One that was done stays so, also when it fails this time.
    after: EventOutcome,
    /// What a before-callback was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_before: Option<Value>,
    /// What its plug-in would answer now; nobody is told.
    #[serde(skip_serializing_if = "Option::is_none")]
    ack_after: Option<Value>,
}

#[OpenApi]
impl ReplayApi {
    /// Handle an event once more
    ///
    /// Runs an event through its plug-in again, after a fix, and tells its outcome before and after. An event that was
    /// given up, or waits for another attempt, is done when its handler succeeds. A before-callback's plug-in is asked
    /// what it would answer now; deciders are not.
    #[oai(
        path = "/v1/events/:id/replay",
        method = "post",
        operation_id = "replayEvent"
    )]
    async fn replay(
        &self,
        /// The event's id.
        id: Path<String>,
        /// Nothing is to be said; a web page can't send this type.
        _request: Json<ReplayRequest>,
    ) -> Result<Reply<ReplayedEvent>, Problem> {
        let id = event_id(&id)?;
        let before = self.0.look_up(id, Stood::of).await?;
        let installed = self.0.parts.dispatcher.get(&before.command);
        let installed = installed.ok_or_else(|| refusal(&ReplayError::NotInstalled))?;
        let ran = match installed.descriptor().phase {
            Phase::After => {
                let replays = &self.0.parts.replays;
                replays.replay(id.sequence()).await.map(|()| None)
            }
            Phase::Before => self.ask_again(installed, id).await.map(Some),
        };
        let (ack_after, failure) = match ran {
            Ok(ack) => (ack, None),
            Err(ReplayError::Failed(failure)) => (None, Some(failure)),
            Err(error) => return Err(refusal(&error)),
        };
        let after = self.0.look_up(id, Stood::of).await?;
        let reason = failure.as_ref().map(|failure| failure.reason.as_str());
        Ok(Reply::new(&ReplayedEvent {
            id: id.to_string(),
            succeeded: failure.is_none(),
            reason: reason.map(str::to_owned),
            error: failure.and_then(|failure| failure.error),
            before: before.outcome,
            after: after.outcome,
            ack_before: before.ack,
            ack_after,
        }))
    }
}

/// What is kept of an event while it is handled once more.
struct Stood {
    command: String,
    outcome: EventOutcome,
    ack: Option<Value>,
}

// === impl ReplayApi ===

impl ReplayApi {
    /// What a before-command's plug-in would answer now.
    async fn ask_again(&self, installed: &Installed, id: EventId) -> Result<Value, ReplayError> {
        let (reader, installed) = (self.0.parts.reader.clone(), installed.clone());
        let (index, rules) = (installed.descriptor().index, installed.descriptor().rules);
        let read = move || match reader.get(id.sequence()) {
            Ok(Some(Row::Event(event))) => {
                let work = installed
                    .work(&event.body)
                    .ok_or(ReplayError::Undecodable)?;
                // As when it came: a handler is not to know what was answered then.
                let verdict = None;
                Ok((
                    work,
                    Envelope {
                        verdict,
                        ..event.envelope
                    },
                ))
            }
            Ok(_) => Err(ReplayError::Missing),
            Err(error) => {
                problem::log("read the event", &Causes(&error));
                Err(ReplayError::Busy)
            }
        };
        let read = self.0.queries.request(read).await;
        let (work, envelope) = read.unwrap_or(Err(ReplayError::Busy))?;
        let handlers = &self.0.parts.handlers;
        let ran = handlers
            .ask_at_leisure(index, work, Arc::new(envelope))
            .await;
        let ack = ran.map_err(ReplayError::Failed)?;
        let checked = rules.check(&ack).map_err(ReplayError::Broken)?;
        Ok(RecordedAck::from(&checked).to_value())
    }
}

// === impl Stood ===

impl Stood {
    fn of(detail: &EventDetail) -> Self {
        let verdict = detail.event.verdict.as_ref();
        Self {
            command: detail.event.command.clone(),
            outcome: detail.outcome.clone(),
            ack: verdict.map(|verdict| verdict.ack.clone()),
        }
    }
}

fn refusal(error: &ReplayError) -> Problem {
    let detail = error.to_string();
    match error {
        ReplayError::Missing => Problem::not_found(detail),
        ReplayError::Pending => Problem::new(StatusCode::CONFLICT, detail),
        ReplayError::Busy => Problem::busy(detail),
        ReplayError::Slow => Problem::new(StatusCode::GATEWAY_TIMEOUT, detail),
        ReplayError::Undecodable
        | ReplayError::NotInstalled
        | ReplayError::Broken(_)
        | ReplayError::Failed(_) => Problem::new(StatusCode::UNPROCESSABLE_ENTITY, detail),
    }
}
