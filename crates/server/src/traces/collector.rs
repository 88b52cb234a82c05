//! The way of finished spans to the collector: a bounded queue, and the SDK's own thread, which sends them in batches.
//!
//! A batch is sent once; why, and why not by `opentelemetry-otlp`: `docs/adr/0006-spans-by-sdk-and-own-sender.md`.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use opentelemetry::{Context, KeyValue};
use opentelemetry_proto::{
    tonic::collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    transform::{
        common::tonic::ResourceAttributesWithSchema,
        trace::tonic::group_spans_by_resource_and_scope,
    },
};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Span, SpanData, SpanExporter, SpanProcessor},
};
use prost::Message;
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;
use ureq::{
    Agent,
    http::header,
    tls::{Certificate, RootCerts, TlsConfig},
};
use uuid::Uuid;

use crate::{config::CheckedTraces, metrics::SpanMetrics};

/// Spans that wait or are being sent; further ones are dropped and counted.
const SPANS_MAX: usize = 4096;

/// Spans of one request.
const BATCH_SPANS: usize = 512;

/// How long spans wait for others to be sent with.
const BATCH_DELAY: Duration = Duration::from_secs(1);

/// How long the collector has to take a batch.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the collector's answer, which is a few.
const ANSWER_MAX: u64 = 64 << 10;

/// Characters of the collector's own words that are logged.
const REASON_MAX: usize = 200;

const PROTOBUF: &str = "application/x-protobuf";

/// Bounds what waits and counts what finds no place, which the SDK's own queue tells nobody.
#[derive(Debug)]
struct Queue {
    batches: BatchSpanProcessor,
    held: Arc<AtomicUsize>,
    metrics: SpanMetrics,
}

/// Sends batches.
#[derive(Debug)]
struct Collector {
    agent: Agent,
    url: String,
    token: Option<SecretString>,
    resource: ResourceAttributesWithSchema,
    held: Arc<AtomicUsize>,
    deadline: Arc<OnceLock<Instant>>,
    metrics: SpanMetrics,
}

/// Why a batch is lost.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error(transparent)]
    Unreachable(#[from] ureq::Error),
    #[error("status {0}")]
    Status(u16),
    #[error("the gateway stops, and no time is left")]
    Late,
}

/// Starts the thread.
pub(super) fn start(
    checked: &CheckedTraces,
    metrics: &SpanMetrics,
    deadline: &Arc<OnceLock<Instant>>,
) -> impl SpanProcessor + use<> {
    let held = Arc::<AtomicUsize>::default();
    let collector = Collector {
        agent: agent(checked),
        url: checked.url.clone(),
        token: checked.token.clone(),
        resource: ResourceAttributesWithSchema::default(),
        held: Arc::clone(&held),
        deadline: Arc::clone(deadline),
        metrics: metrics.clone(),
    };
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(SPANS_MAX)
        .with_max_export_batch_size(BATCH_SPANS)
        .with_scheduled_delay(BATCH_DELAY)
        .build();
    Queue {
        batches: BatchSpanProcessor::new(collector, config),
        held,
        metrics: metrics.clone(),
    }
}

/// Who the spans come from.
pub(super) fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("callback-gateway")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", Uuid::new_v4().to_string()),
        ])
        .build()
}

fn agent(checked: &CheckedTraces) -> Agent {
    let mut tls = TlsConfig::builder();
    if let Some(authorities) = &checked.authorities {
        let authorities = authorities.iter();
        let authorities: Vec<Certificate<'static>> = authorities
            .map(|authority| Certificate::from_der(authority).to_owned())
            .collect();
        tls = tls.root_certs(RootCerts::from(authorities));
    }
    Agent::config_builder()
        .tls_config(tls.build())
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .user_agent(concat!("callback-gateway/", env!("CARGO_PKG_VERSION")))
        .build()
        .new_agent()
}

// === impl Queue ===

impl SpanProcessor for Queue {
    fn on_start(&self, _span: &mut Span, _cx: &Context) {}

    fn on_end(&self, span: SpanData) {
        if self.held.fetch_add(1, Ordering::Relaxed) >= SPANS_MAX {
            self.held.fetch_sub(1, Ordering::Relaxed);
            self.metrics.overflow.inc();
            return;
        }
        self.batches.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.batches.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.batches.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.batches.set_resource(resource);
    }
}

// === impl Collector ===

impl SpanExporter for Collector {
    /// Blocks: it is called on the thread that is there for it.
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let taken = match self.send(batch) {
            Ok(part) => spans - self.rejected(&part, spans),
            Err(error) => {
                warn!(%error, spans, "the collector does not take spans; they are lost");
                0
            }
        };
        self.metrics.sent.inc_by(taken as u64);
        self.metrics.failed.inc_by((spans - taken) as u64);
        self.held.fetch_sub(spans, Ordering::Relaxed);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.resource = resource.into();
    }
}

impl Collector {
    /// Sends a batch; tells what the collector says of a part that it has not taken.
    fn send(&self, batch: Vec<SpanData>) -> Result<ExportTracePartialSuccess, SendError> {
        let left = self.deadline.get().map_or(SEND_TIMEOUT, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        if left.is_zero() {
            return Err(SendError::Late);
        }
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        let mut post = self.agent.post(&self.url).content_type(PROTOBUF);
        if let Some(token) = &self.token {
            let bearer = format!("Bearer {}", token.expose_secret());
            post = post.header(header::AUTHORIZATION, bearer);
        }
        let post = post.config().timeout_global(Some(left.min(SEND_TIMEOUT)));
        let mut answer = post.build().send(&request.encode_to_vec())?;
        if !answer.status().is_success() {
            return Err(SendError::Status(answer.status().as_u16()));
        }
        // The status has it that the spans are taken, whatever the body is or however it breaks off.
        let body = answer.body_mut().with_config().limit(ANSWER_MAX);
        let body = body.read_to_vec().unwrap_or_default();
        let answer = ExportTraceServiceResponse::decode(&*body).unwrap_or_default();
        Ok(answer.partial_success.unwrap_or_default())
    }

    /// How many of `spans` the collector has rejected; logs what it says of them.
    fn rejected(&self, part: &ExportTracePartialSuccess, spans: usize) -> usize {
        let rejected = usize::try_from(part.rejected_spans).unwrap_or(0).min(spans);
        let reason = self.quotable(&part.error_message);
        if rejected > 0 {
            warn!(
                rejected,
                spans, reason, "the collector has rejected spans; they are lost"
            );
        } else if !reason.is_empty() {
            warn!(spans, reason, "the collector takes spans, and warns");
        }
        rejected
    }

    /// The collector's words, as far as they may stand in the log: of all that it hears, only the token is a secret.
    fn quotable(&self, words: &str) -> String {
        let words = match &self.token {
            Some(token) => words.replace(token.expose_secret(), "…"),
            None => words.to_owned(),
        };
        words.chars().take(REASON_MAX).collect()
    }
}
