//! The callback endpoint: proves that a call is genuine, journals it, answers in time.
//!
//! What it promises: nothing unauthenticated is read or stored; an after-callback is acked once it is synced, or not at
//! all; a before-callback is always answered within the deadline. Not here: sockets (`listener`) and what happens after
//! the ack (`follower`). Start at [`Ingest::call`].

mod answer;
mod body;
mod live;
mod pending;
mod refusals;
mod repeats;
mod seen;
mod shadow;
mod simulate;
mod tally;
mod verdict;

use std::{
    borrow::Cow,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_core::{Ack, Dispatcher, Envelope, EventId, Installed, Peer, Phase, Query, Refusal};
use gateway_journal::{AppendError, Appender};
use poem::{Endpoint, Request, Response, http::Method};

use crate::{
    config::{CallbacksConfig, in_memory},
    deciding::Ruling,
    handlers::Handlers,
    listener::Arrival,
    metrics::{AppMetrics, Metrics, Outcome},
    traces::{Begun, Traces},
};

pub(crate) use live::Live;
pub(crate) use simulate::SimulateError;

use answer::{acked, healthy, probed, refused};
pub(crate) use body::Reserved;
use body::{InFlight, UnreadBody};
use pending::PendingAppend;
use refusals::skew_seconds;
pub(crate) use refusals::{Claim, Refusals, Refused};
use repeats::{Fingerprint, Repeats, Turn};
pub(crate) use seen::Seen;
use tally::{Tally, closed_name};

/// The callback endpoint of one runtime.
#[derive(Debug, Clone)]
pub(crate) struct Ingest {
    shared: Arc<Shared>,
    appender: Appender,
}

/// What the endpoints of all runtimes share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The apps, exchanged on reload.
    pub live: Arc<arc_swap::ArcSwap<Live>>,
    /// The installed plug-ins.
    pub dispatcher: Dispatcher,
    /// Where before-callbacks are decided.
    pub handlers: Arc<Handlers>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Where a callback's spans begin.
    pub traces: Traces,
    /// The path of the callback URL, for `simulate`.
    pub path: String,
    /// The longest body, in bytes.
    pub body_max: usize,
    /// From a request's first byte to its answer.
    pub deadline: Duration,
    in_flight: Arc<InFlight>,
    repeats: Repeats,
    refusals: Refusals,
}

/// What a request's head tells.
enum Admission<'a> {
    /// The body is to be read.
    Callback(Admitted<'a>),
    /// A console's check of the URL.
    Probe,
    /// A check of the process.
    Health,
}

/// A genuine callback whose body has not been read.
struct Admitted<'a> {
    envelope: Box<Envelope>,
    installed: Option<&'a Installed>,
    /// Who decides; `None` for an after-callback.
    ruling: Option<Arc<Ruling>>,
    /// The query without its signature, where somebody beside us is asked.
    query: Option<String>,
    app: Arc<AppMetrics>,
    /// For when it is refused after all.
    claim: Claim,
    first_byte: Instant,
}

/// A genuine callback with its body.
struct Received<'a> {
    envelope: Box<Envelope>,
    body: Bytes,
    installed: Option<&'a Installed>,
    ruling: Option<Arc<Ruling>>,
    query: Option<String>,
    /// What it takes of the memory for bodies; kept until it is answered.
    reserved: Reserved,
    tally: Tally<'a>,
}

/// How a callback ends when it is not refused.
enum Ending {
    /// Acked; the event's id when it was journaled first.
    Ack(Bytes, Option<EventId>),
    /// Too late: whoever waits gets nothing, and the listener closes the connection.
    Late,
}

// === impl Shared ===

impl Shared {
    /// Takes what of the configuration concerns callbacks.
    pub(crate) fn new(
        live: Arc<arc_swap::ArcSwap<Live>>,
        dispatcher: Dispatcher,
        handlers: Arc<Handlers>,
        metrics: Arc<Metrics>,
        traces: Traces,
        config: &CallbacksConfig,
    ) -> Self {
        Self {
            live,
            dispatcher,
            handlers,
            metrics,
            traces,
            path: config.path.clone(),
            body_max: in_memory(config.body_max),
            deadline: config.deadline,
            in_flight: InFlight::new(config.connections_max, in_memory(config.bodies_max)),
            repeats: Repeats::default(),
            refusals: Refusals::default(),
        }
    }
}

// === impl Ingest ===

impl Ingest {
    /// The endpoint of the runtime that `appender` belongs to.
    pub(crate) fn new(shared: Arc<Shared>, appender: Appender) -> Self {
        Self { shared, appender }
    }

    /// What is in force.
    pub(crate) fn live(&self) -> Arc<Live> {
        self.shared.live.load_full()
    }

    /// The last requests that were refused.
    pub(crate) fn refusals(&self) -> &Refusals {
        &self.shared.refusals
    }

    /// Reads the body and answers.
    async fn receive(&self, admitted: Admitted<'_>, body: UnreadBody) -> Result<Response, Refusal> {
        let _place = self.shared.in_flight.enter(admitted.phase())?;
        let Some(received) = self.read(admitted, body).await? else {
            return std::future::pending().await;
        };
        match self.answer(received).await? {
            Ending::Ack(ack, event) => Ok(acked(ack, event)),
            Ending::Late => std::future::pending().await,
        }
    }

    /// Reads the body; `None` when that took too long for any answer.
    async fn read<'a>(
        &'a self,
        mut admitted: Admitted<'a>,
        body: UnreadBody,
    ) -> Result<Option<Received<'a>>, Refusal> {
        let Shared {
            in_flight,
            body_max,
            deadline,
            ..
        } = &*self.shared;
        let tally = self.begin(&mut admitted);
        let deadline = admitted.first_byte + *deadline;
        let reading = in_flight.read(admitted.phase(), body, *body_max, deadline);
        match reading.await {
            Ok((body, reserved)) => Ok(Some(Received {
                envelope: admitted.envelope,
                body,
                installed: admitted.installed,
                ruling: admitted.ruling,
                query: admitted.query,
                reserved,
                tally,
            })),
            Err(_) if self.is_late(&tally) => {
                tally.end(Outcome::Unanswered, None);
                Ok(None)
            }
            Err(refusal) => {
                tally.refuse(refusal);
                Err(refusal)
            }
        }
    }

    /// Begins what is counted and told of a callback.
    fn begin<'a>(&'a self, admitted: &mut Admitted<'a>) -> Tally<'a> {
        let phase = admitted.phase();
        let Admitted {
            envelope,
            installed,
            app,
            first_byte,
            ..
        } = admitted;
        let span = self.shared.traces.callback(&Begun {
            envelope,
            command: closed_name(*installed),
            phase,
            first_byte: *first_byte,
        });
        envelope.trace = span.parent();
        let (metrics, app) = (&*self.shared.metrics, Arc::clone(app));
        Tally::new(metrics, app, *installed, phase, *first_byte, span)
    }

    /// Decides by the head alone whether the body is read.
    fn admit(&self, request: &Request) -> Result<Admission<'_>, Refusal> {
        match request.uri().path() {
            path if path == self.shared.path => {}
            "/healthz" => return Ok(Admission::Health),
            _ => return Err(Refusal::NotFound),
        }
        match *request.method() {
            Method::GET | Method::HEAD => return Ok(Admission::Probe),
            Method::POST => {}
            _ => return Err(Refusal::Method),
        }
        let raw_query = request.uri().query().unwrap_or_default();
        let query = Query::parse(raw_query)?;
        if query.is_probe() {
            return Ok(Admission::Probe);
        }
        let arrival = arrival(request);
        let live = self.shared.live.load();
        let now = arrival.received_ms / 1000;
        let genuine = live.apps.authenticate(&query, now, arrival.peer)?;
        let known = live.known(genuine.app.sdk_app_id);
        let signature = genuine.signature;
        if let Peer::Network { .. } = arrival.peer {
            let token = signature.map(|signature| signature.token);
            known.seen.note(token, arrival.received_ms);
            if let Some(signature) = signature {
                self.shared.metrics.skew_seconds.set(signature.skew_seconds);
            }
        }
        let command = query
            .command
            .as_deref()
            .filter(|command| !command.is_empty())
            .ok_or(Refusal::MalformedQuery)?;
        let ruling = live.rulings.of(genuine.app.sdk_app_id, command).cloned();
        let is_passed_on = ruling.as_ref().is_some_and(|ruling| ruling.asks_deciders());
        let owned = |value: &Option<Cow<'_, str>>| value.as_deref().map(str::to_owned);
        Ok(Admission::Callback(Admitted {
            envelope: Box::new(Envelope {
                app: genuine.app.name.to_string(),
                sdk_app_id: genuine.app.sdk_app_id,
                command: command.to_owned(),
                received_ms: arrival.received_ms,
                client_ip: owned(&query.client_ip),
                platform: owned(&query.platform),
                request_id: owned(&query.request_id),
                peer: match arrival.peer {
                    Peer::Network { address, .. } => Some(address),
                    Peer::Simulated => None,
                },
                proof: genuine.proof,
                simulated: matches!(arrival.peer, Peer::Simulated),
                verdict: None,
                trace: None,
            }),
            installed: self.shared.dispatcher.get(command),
            ruling,
            query: is_passed_on.then(|| Query::without_credentials(raw_query)),
            app: Arc::clone(&known.metrics),
            claim: Claim {
                app: Some(Arc::clone(&genuine.app.name)),
                skew_seconds: match signature {
                    Some(signature) => Some(signature.skew_seconds),
                    None => skew_seconds(&query, now),
                },
            },
            first_byte: arrival.first_byte,
        }))
    }

    /// Answers a genuine callback, or the one it repeats.
    async fn answer(&self, received: Received<'_>) -> Result<Ending, Refusal> {
        let Some(fingerprint) = Fingerprint::of(&received.envelope, &received.body) else {
            return self.decide(received, None).await;
        };
        loop {
            match Box::pin(self.shared.repeats.turn(fingerprint)).await {
                Turn::First(first) => return self.decide(received, Some(first)).await,
                Turn::Repeat(ack) => {
                    return Ok(self.end(received.tally, Outcome::Repeated, ack, None));
                }
                // The first one failed: this one takes its place.
                Turn::Again => {}
            }
        }
    }

    async fn decide(
        &self,
        received: Received<'_>,
        first: Option<repeats::First>,
    ) -> Result<Ending, Refusal> {
        match received.ruling.clone() {
            Some(ruling) => {
                let ack = Box::pin(self.judge(received, &ruling)).await;
                if let Some(first) = first {
                    first.answered(ack.clone());
                }
                Ok(Ending::Ack(ack, None))
            }
            None => self.note(received, first).await,
        }
    }

    /// Journals an after-callback and acks it after the sync.
    async fn note(
        &self,
        received: Received<'_>,
        first: Option<repeats::First>,
    ) -> Result<Ending, Refusal> {
        let Received {
            envelope,
            body,
            // The body is in memory until it is synced.
            reserved: _reserved,
            mut tally,
            ..
        } = received;
        let mut syncing = tally.span().trace().inside("journal");
        let appended = match first {
            None => self.appender.append(*envelope, body).await,
            Some(first) => PendingAppend::new(&self.appender, *envelope, body, first).await,
        };
        let appended = appended.map_err(refusal_of);
        if let Err(refusal) = &appended {
            syncing.fail(refusal.reason());
        }
        drop(syncing);
        let refusal = match appended {
            Ok(event) => {
                let ack = Bytes::from_static(Ack::OK);
                return Ok(self.end(tally, Outcome::Ok, ack, Some(event)));
            }
            Err(refusal) => refusal,
        };
        if self.is_late(&tally) {
            // A late refusal would end what Chat's retry can still save.
            tally.end(Outcome::Unanswered, None);
            return Ok(Ending::Late);
        }
        tally.refuse(refusal);
        Err(refusal)
    }

    /// Counts the outcome; an after-callback whose deadline has passed gets no answer.
    fn end(
        &self,
        tally: Tally<'_>,
        outcome: Outcome,
        ack: Bytes,
        event: Option<EventId>,
    ) -> Ending {
        if self.is_late(&tally) {
            tally.end(Outcome::Unanswered, event);
            return Ending::Late;
        }
        tally.end(outcome, event);
        Ending::Ack(ack, event)
    }

    fn is_late(&self, tally: &Tally<'_>) -> bool {
        tally.phase() == Phase::After && tally.elapsed() >= self.shared.deadline
    }
}

// === impl Admitted ===

impl Admitted<'_> {
    fn phase(&self) -> Phase {
        match self.ruling {
            Some(_) => Phase::Before,
            None => Phase::After,
        }
    }
}

fn refusal_of(error: AppendError) -> Refusal {
    match error {
        AppendError::Overloaded => Refusal::Overload,
        AppendError::Full | AppendError::Unwritable | AppendError::Closed => Refusal::Journal,
    }
}

fn arrival(request: &Request) -> Arrival {
    let arrival = request.extensions().get::<Arrival>();
    *arrival.expect("the listener says when and from whom each request came")
}

impl Endpoint for Ingest {
    type Output = Response;

    // The head is dealt with before the future is made: thousands may wait for the disk, and do so without it.
    fn call(&self, mut request: Request) -> impl Future<Output = poem::Result<Response>> + Send {
        let admitted = self.admit(&request);
        if !matches!(admitted, Ok(Admission::Health)) {
            self.shared.metrics.requests.inc();
        }
        let arrival = arrival(&request);
        let claim = match &admitted {
            Ok(Admission::Callback(admitted)) => admitted.claim.clone(),
            Ok(Admission::Probe | Admission::Health) => Claim::default(),
            Err(_) => {
                let query = Query::parse(request.uri().query().unwrap_or_default());
                let apps = &self.shared.live.load().apps;
                Claim::of(&query.unwrap_or_default(), apps, arrival.received_ms / 1000)
            }
        };
        let body = UnreadBody::of(&mut request);
        async move {
            let answered = match admitted {
                Ok(Admission::Callback(admitted)) => self.receive(admitted, body).await,
                Ok(Admission::Probe) => {
                    self.shared.metrics.probes.inc();
                    Ok(probed())
                }
                Ok(Admission::Health) => Ok(healthy()),
                Err(refusal) => Err(refusal),
            };
            Ok(answered.unwrap_or_else(|refusal| {
                let kept = Refused::new(refusal, arrival, claim);
                self.shared.refusals.push(kept);
                self.shared.metrics.reject(refusal);
                refused(refusal)
            }))
        }
    }
}

#[cfg(test)]
mod tests;
