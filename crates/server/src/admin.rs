//! The admin listener: the API for people and tools, its page, metrics and health.
//!
//! Not here: sockets and TLS (`listener.rs`), the document (`openapi.rs`). Start at [`endpoint`]; `front.rs` stands
//! before everything, `api.rs` is `/v1`, `finder.rs` and `tail.rs` do its work.

mod api;
mod apps;
mod blocking;
mod commands;
mod cursor;
mod deciders;
mod drift;
mod event;
mod finder;
mod front;
mod guard;
mod held;
mod page;
pub(crate) mod paths;
mod problem;
mod refusals;
mod replay;
mod selection;
mod simulate;
mod status;
mod stream;
mod subscriptions;
mod tail;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use arc_swap::ArcSwap;
use gateway_core::{Dispatcher, EventId, List};
use gateway_fanout::{Board, Steering};
use gateway_journal::{Head, Index, Reader, StateReader};
use poem::{Endpoint, IntoEndpoint};
use poem_openapi::OpenApiService;
use secrecy::SecretString;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;

use self::{
    blocking::Blocking,
    event::EventDetail,
    finder::{Finder, Lookup},
    front::Front,
    held::Places,
    page::PageApi,
};
use crate::{
    follower::{Recent, Replays},
    handlers::Handlers,
    ingest::Ingest,
    metrics::Metrics,
    openapi::{self, parameters::Parameters},
    readiness::Readiness,
};

pub(crate) use self::{
    api::Api,
    commands::HonouredAck,
    deciders::DecidersApi,
    problem::{CONTENT_TYPE as PROBLEM_CONTENT_TYPE, Problem, ProblemBody},
    replay::ReplayApi,
    simulate::Simulate,
    status::StatusApi,
    subscriptions::SubscriptionsApi,
};

/// Queries of the journal that run at once; further ones wait, then get 503.
const QUERIES_MAX: usize = 8;

/// Streams that are open at once; further ones get 503.
const STREAMS_MAX: usize = 64;

/// Reads for streams that run at once; further ones wait.
const STREAM_READS_MAX: usize = 4;

/// What the admin API works on.
#[derive(Debug, Clone)]
pub(crate) struct Parts {
    /// The log.
    pub reader: Reader,
    /// Its newest event.
    pub head: watch::Receiver<Head>,
    /// Finds events by subject.
    pub index: Arc<Index>,
    /// Handler outcomes and drift.
    pub state: StateReader,
    /// The installed plug-ins.
    pub dispatcher: Dispatcher,
    /// When the latest events were decoded and handled.
    pub recent: Arc<Recent>,
    /// Has events handled once more.
    pub replays: Replays,
    /// How subscriptions stand.
    pub board: Board,
    /// Steers them.
    pub steering: Steering,
    /// Runs before-commands' plug-ins once more.
    pub handlers: Arc<Handlers>,
    /// For `simulate`.
    pub ingest: Arc<Ingest>,
    /// For `/metrics`.
    pub metrics: Arc<Metrics>,
    /// For `/readyz`.
    pub readiness: Arc<Readiness>,
    /// Who may call.
    pub guard: Arc<ArcSwap<GuardConfig>>,
    /// Where Chat calls, for the document.
    pub callback_path: String,
    /// Ends the streams, which would otherwise never finish; cancelled when the listener is to stop gently.
    pub stop: CancellationToken,
}

/// Who may call the admin listener; exchanged on reload.
#[derive(Debug, Clone)]
pub(crate) struct GuardConfig {
    /// The bearer token of `/v1/*` and `/metrics`; `None` on loopback without one.
    pub token: Option<SecretString>,
    /// Names by which it may be called, beside localhost and the loopback addresses; checked when there is no token.
    pub hosts: Vec<String>,
}

/// What the operations share.
#[derive(Debug)]
pub(crate) struct Shared {
    parts: Parts,
    queries: Blocking,
    streams: Arc<Semaphore>,
    stream_reads: Arc<Blocking>,
}

/// Everything that the admin listener serves, for the plug-ins of `L`.
pub(crate) fn endpoint<L: List>(parts: Parts) -> impl Endpoint {
    let guard = Arc::clone(&parts.guard);
    let page = PageApi::new::<L>(&parts.callback_path);
    let shared = Arc::new(Shared {
        parts,
        queries: Blocking::new(QUERIES_MAX),
        streams: Arc::new(Semaphore::new(STREAMS_MAX)),
        stream_reads: Arc::new(Blocking::new(STREAM_READS_MAX)),
    });
    let service = OpenApiService::new((page, openapi::api::<L>(&shared)), "", "");
    Front {
        inner: service.into_endpoint(),
        guard,
        parameters: Parameters::of::<(
            Api,
            ReplayApi,
            DecidersApi,
            SubscriptionsApi,
            openapi::Simulations<L>,
        )>(),
        places: Places::new(),
    }
}

// === impl Shared ===

impl Shared {
    /// Looks an event up and makes something of it, off the runtime.
    async fn look_up<T: Send + 'static>(
        &self,
        id: EventId,
        make: impl FnOnce(&EventDetail) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let (finder, head) = (self.finder(), *self.parts.head.borrow());
        let work = move || match finder.lookup(head, id)? {
            Lookup::Event(detail) => Ok(make(&detail)),
            Lookup::Missing => Err(Problem::not_found(
                "the journal holds no event of this id: it was deleted, or is of another journal",
            )),
            Lookup::Damaged => Err(Problem::internal(
                "read the event: its row in the journal is damaged",
                &format_args!("event {}", id.sequence()),
            )),
        };
        self.queries.request(work).await?
    }

    fn finder(&self) -> Finder {
        Finder {
            reader: self.parts.reader.clone(),
            index: Arc::clone(&self.parts.index),
            state: self.parts.state.clone(),
            dispatcher: self.parts.dispatcher.clone(),
            recent: Arc::clone(&self.parts.recent),
            board: self.parts.board.clone(),
        }
    }
}
