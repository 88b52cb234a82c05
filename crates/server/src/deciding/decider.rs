//! A decider: a service of the user's that is asked over HTTP and answers as if it were Chat's own endpoint.

use std::{io, sync::Arc, time::Instant};

use bytes::Bytes;
use gateway_core::{AckFault, AckRules, CheckedAck, PolicyReason, TraceParent, sign};
use http::{HeaderName, HeaderValue, Method, Request, Uri, header, uri::PathAndQuery};
use http_body_util::Full;
use tokio::{sync::Semaphore, time::timeout_at};
use tracing::warn;

use super::{
    breaker::{Attempt, Breaker},
    client::Client,
    thread::DeciderThread,
};
use crate::{
    clock,
    config::CheckedDecider,
    ingest::Reserved,
    metrics::DeciderMetrics,
    traces::{Span, Trace},
};

/// A service that decides.
#[derive(Debug)]
pub(crate) struct Decider {
    name: String,
    checked: CheckedDecider,
    client: Arc<Client>,
    /// Where its connections are served and its answers read: it may send what keeps a thread busy.
    thread: DeciderThread,
    breaker: Breaker,
    places: Arc<Semaphore>,
    metrics: DeciderMetrics,
}

/// What a decider is asked.
#[derive(Debug)]
pub(crate) struct Question {
    /// The callback's query, without `Sign` and `RequestTime`.
    pub query: String,
    /// The callback's body as it came.
    pub body: Bytes,
    /// What the body takes of the memory for bodies; given back when the last one who asks is done.
    pub reserved: Reserved,
    /// Where the command wants a result for each account: an ack that has them all.
    pub whole: Option<CheckedAck>,
    /// Whether it is a simulated one.
    pub simulated: bool,
    /// Where in a trace it is put.
    pub trace: Trace,
}

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// It goes to Chat.
    Decides,
    /// It is compared.
    Shadow,
}

/// How long an answer is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    /// When nobody waits any more.
    pub ends: Instant,
    /// Whether it is most of the deadline: who is late within less is not to blame.
    pub is_fair: bool,
}

/// Why there is no answer that Chat would honour.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NoAnswer {
    /// The kind.
    pub reason: PolicyReason,
    /// In detail; no value of an answer.
    pub detail: Option<String>,
    /// Whether it looks as if there was nobody to answer, rather than a bad answer: what the circuit breaker counts. A
    /// decider that answers in time is up, whatever it says: nonsense about one command must not keep it from being
    /// asked about another.
    is_down: bool,
}

/// A question that was put. Dropped without an end, because its caller has hung up or the gateway stops, it is counted as
/// abandoned; a decider that had most of its time is not spared the failure.
struct Asked<'a> {
    decider: &'a Decider,
    attempt: Attempt,
    budget: Budget,
    since: Instant,
    span: Span,
    is_over: bool,
}

/// What is left of the deadline, in milliseconds.
const BUDGET: HeaderName = HeaderName::from_static("callback-budget-ms");

/// Marks a callback that Chat did not send.
const SIMULATED: HeaderName = HeaderName::from_static("callback-simulated");

/// Names the question's span, so that the decider's own can join the trace.
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("callback-gateway/", env!("CARGO_PKG_VERSION")));

const JSON: HeaderValue = HeaderValue::from_static("application/json");

// === impl Decider ===

impl Decider {
    /// Starts its thread.
    ///
    /// # Errors
    ///
    /// When no thread can be had.
    pub(super) fn new(
        name: &str,
        checked: &CheckedDecider,
        metrics: DeciderMetrics,
    ) -> io::Result<Self> {
        metrics.open.set(0);
        let client = Arc::new(Client::new(checked));
        Ok(Self {
            name: name.to_owned(),
            thread: DeciderThread::start(
                name,
                checked.config.concurrency,
                Arc::clone(&client).tidy(),
            )?,
            client,
            breaker: Breaker::new(
                checked.config.breaker_failures,
                checked.config.breaker_pause,
            ),
            places: Arc::new(Semaphore::new(checked.config.concurrency)),
            checked: checked.clone(),
            metrics,
        })
    }

    /// Its name in the configuration.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Where it is asked.
    pub(crate) fn url(&self) -> &Uri {
        &self.checked.url
    }

    /// Whether it is left alone because it has failed again and again.
    pub(crate) fn is_open(&self) -> bool {
        self.breaker.is_open()
    }

    /// Questions under way.
    pub(crate) fn in_flight(&self) -> usize {
        self.checked.config.concurrency - self.places.available_permits()
    }

    /// Its counters.
    pub(crate) fn metrics(&self) -> &DeciderMetrics {
        &self.metrics
    }

    /// Whether it wants to be asked.
    pub(crate) fn wants(&self, is_simulated: bool) -> bool {
        !is_simulated || self.checked.config.simulated
    }

    /// Whether it can go on under another configuration.
    pub(super) fn is_of(&self, checked: &CheckedDecider) -> bool {
        self.checked.is_same(checked)
    }

    /// Asks, and waits within the budget. While it is left alone the answer is no at once, and now and then one of the
    /// questions is put to it all the same, as a probe that nobody waits for.
    ///
    /// # Errors
    ///
    /// When it has no answer that Chat would honour.
    pub(crate) async fn ask(
        self: &Arc<Self>,
        question: &Arc<Question>,
        role: Role,
        rules: AckRules,
        budget: Budget,
    ) -> Result<CheckedAck, NoAnswer> {
        match self.breaker.leave(Instant::now(), budget.is_fair) {
            Some(attempt) if !attempt.is_probe() => {
                let attempting = self.attempt(attempt, question, role, rules, budget);
                return attempting.await;
            }
            None => {}
            Some(probe) => {
                let (decider, question) = (Arc::clone(self), Arc::clone(question));
                // It ends within the budget, there is one at a time, and at a stop nobody misses it.
                tokio::spawn(async move {
                    let probing = decider.attempt(probe, &question, role, rules, budget);
                    drop(probing.await);
                });
            }
        }
        let left_alone = Err(NoAnswer::new(PolicyReason::Breaker));
        self.metrics.count(&left_alone);
        left_alone
    }

    async fn attempt(
        self: &Arc<Self>,
        attempt: Attempt,
        question: &Arc<Question>,
        role: Role,
        rules: AckRules,
        budget: Budget,
    ) -> Result<CheckedAck, NoAnswer> {
        // Held by what runs on the thread: while that is busy, what waits for it stays bounded.
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            let busy = NoAnswer::new(PolicyReason::Busy);
            self.learn(attempt, Some(&busy));
            let busy = Err(busy);
            self.metrics.count(&busy);
            return busy;
        };
        let span = self.span(attempt, &question.trace, role);
        let parent = span.parent();
        let asked = Asked {
            decider: self,
            attempt,
            budget,
            since: Instant::now(),
            span,
            is_over: false,
        };
        let (decider, question) = (Arc::clone(self), Arc::clone(question));
        let answering = async move {
            let _place = place;
            decider.answer(&question, parent, rules, budget).await
        };
        let answered = match timeout_at(budget.ends.into(), self.thread.run(answering)).await {
            Ok(Some(answered)) => answered,
            Ok(None) => Err(NoAnswer::down(PolicyReason::Unreachable)),
            Err(_) => Err(NoAnswer {
                is_down: budget.is_fair,
                ..NoAnswer::new(PolicyReason::Deadline)
            }),
        };
        asked.ends(&answered);
        answered
    }

    /// Runs on the decider's own thread.
    async fn answer(
        &self,
        question: &Question,
        parent: Option<TraceParent>,
        rules: AckRules,
        budget: Budget,
    ) -> Result<CheckedAck, NoAnswer> {
        let make = || self.request(question, parent, budget);
        // On the heap, so that what is handed to the thread is small.
        let sending = Box::pin(self.client.send(make));
        let checked = rules.check(&sending.await?)?;
        if let Some(whole) = &question.whole {
            checked.covers(whole)?;
        }
        Ok(checked)
    }

    fn span(&self, attempt: Attempt, trace: &Trace, role: Role) -> Span {
        let mut span = trace.question(match role {
            Role::Decides => "decider",
            Role::Shadow => "shadow",
        });
        if span.is_on() {
            span.set("callback.decider", self.name.clone());
            span.set("callback.probe", attempt.is_probe());
        }
        span
    }

    /// Feeds the breaker.
    fn learn(&self, attempt: Attempt, no_answer: Option<&NoAnswer>) {
        self.turn(attempt, no_answer);
        self.metrics.open.set(i64::from(self.breaker.is_open()));
    }

    fn turn(&self, attempt: Attempt, no_answer: Option<&NoAnswer>) {
        let decider = &self.name;
        match no_answer {
            // Too little time says nothing.
            Some(no_answer) if no_answer.reason == PolicyReason::Deadline && !no_answer.is_down => {
            }
            // It was not asked at all: that says nothing, and a probe is to be made again.
            Some(no_answer) if no_answer.reason == PolicyReason::Busy && !attempt.is_probe() => {}
            Some(no_answer) if no_answer.is_down || no_answer.reason == PolicyReason::Busy => {
                if self.breaker.failed(attempt, Instant::now()) {
                    let reason = no_answer.reason.as_str();
                    warn!(
                        decider,
                        reason, "the decider has failed too often in a row; the policy answers"
                    );
                }
            }
            _ => {
                if self.breaker.succeeded(attempt) {
                    warn!(decider, "the decider answers again");
                }
            }
        }
    }

    fn request(
        &self,
        question: &Question,
        parent: Option<TraceParent>,
        budget: Budget,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(question.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target(&question.query);
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, JSON);
        // hyper leaves it out for an empty body, and some servers want it all the same.
        headers.insert(header::CONTENT_LENGTH, question.body.len().into());
        headers.insert(header::USER_AGENT, USER_AGENT);
        let left = budget.ends.saturating_duration_since(Instant::now());
        let millis = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        headers.insert(BUDGET, millis.into());
        if question.simulated {
            headers.insert(SIMULATED, HeaderValue::from_static("true"));
        }
        if let Some(parent) = parent {
            let parent = HeaderValue::try_from(parent.to_string());
            headers.insert(TRACEPARENT, parent.expect("it is digits and dashes"));
        }
        request
    }

    /// The URL's path with the callback's query, signed anew if the decider has a token.
    fn target(&self, query: &str) -> Uri {
        let path = self.checked.url.path();
        let signature = self.checked.token.as_ref().map(|token| {
            let time = (clock::now_ms() / 1000).to_string();
            format!("&Sign={}&RequestTime={time}", sign(token, &time))
        });
        let signature = signature.unwrap_or_default();
        let target = PathAndQuery::try_from(format!("{path}?{query}{signature}"));
        Uri::from(target.expect("the query was part of a request's target"))
    }
}

// === impl Asked ===

impl Asked<'_> {
    fn ends(mut self, answered: &Result<CheckedAck, NoAnswer>) {
        self.is_over = true;
        let Decider { metrics, .. } = self.decider;
        metrics.duration.observe(self.since.elapsed().as_secs_f64());
        metrics.count(answered);
        if let Err(no_answer) = answered {
            self.span.fail(no_answer.reason.as_str());
        }
        self.decider.learn(self.attempt, answered.as_ref().err());
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        self.decider.metrics.abandoned.inc();
        self.span.fail("abandoned");
        let time = self.budget.ends.saturating_duration_since(self.since);
        let late = NoAnswer {
            is_down: self.budget.is_fair,
            ..NoAnswer::new(PolicyReason::Deadline)
        };
        // A probe that ends without a word would be the last one.
        if self.since.elapsed() >= time / 2 || self.attempt.is_probe() {
            self.decider.learn(self.attempt, Some(&late));
        }
    }
}

// === impl NoAnswer ===

impl NoAnswer {
    pub(crate) fn new(reason: PolicyReason) -> Self {
        Self {
            reason,
            detail: None,
            is_down: false,
        }
    }

    /// There was nobody to answer.
    pub(super) fn down(reason: PolicyReason) -> Self {
        Self {
            is_down: true,
            ..Self::new(reason)
        }
    }

    pub(crate) fn because(self, detail: impl Into<String>) -> Self {
        Self {
            detail: Some(detail.into()),
            ..self
        }
    }
}

impl From<AckFault> for NoAnswer {
    fn from(fault: AckFault) -> Self {
        let reason = match fault {
            AckFault::TooMany => PolicyReason::TooLarge,
            AckFault::NotJson | AckFault::Field { .. } => PolicyReason::Invalid,
            AckFault::Code(_) => PolicyReason::Code,
            AckFault::Failed => PolicyReason::Failed,
        };
        Self::new(reason).because(fault.to_string())
    }
}
