//! Traces: spans of what happens to a callback, for a collector that takes OTLP over HTTP. Off unless configured.
//!
//! Whoever makes spans holds a [`Span`] or a [`Trace`]. Both are empty when the callback is not traced, and then cost a
//! check and nothing else. A span's names and values come from closed sets, from the configuration, or are ids of our
//! own: nothing of a body, of whom it is about, or of a signature is in it. Start at [`Traces::callback`].

mod collector;

use std::{
    sync::{Arc, OnceLock},
    time::{Instant, SystemTime},
};

use gateway_core::{Envelope, EventId, Phase, TraceParent};
use opentelemetry::{
    Context, InstrumentationScope, KeyValue, Value,
    trace::{
        Span as _, SpanBuilder, SpanContext, SpanId, SpanKind, Status, TraceContextExt, TraceFlags,
        TraceId, TraceState, Tracer, TracerProvider,
    },
};
use opentelemetry_sdk::trace::{
    Sampler, SdkTracer, SdkTracerProvider, Span as SdkSpan, SpanLimits,
};

use crate::{config::CheckedTraces, metrics::SpanMetrics};

/// Makes spans, or none when nothing is traced.
#[derive(Debug, Clone, Default)]
pub(crate) struct Traces(Option<Arc<On>>);

#[derive(Debug)]
struct On {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    /// Until when the last spans may be sent; set once it stops.
    deadline: Arc<OnceLock<Instant>>,
}

/// Something that is under way; it ends when it is dropped. Empty when it is not traced.
#[derive(Debug, Default)]
pub(crate) struct Span(Option<Box<UnderWay>>);

#[derive(Debug)]
struct UnderWay {
    on: Arc<On>,
    span: SdkSpan,
}

/// Where in a trace further spans belong. Empty when it is not traced.
#[derive(Debug, Default)]
pub(crate) struct Trace(Option<Box<Place>>);

#[derive(Debug)]
struct Place {
    on: Arc<On>,
    context: SpanContext,
}

/// What is known of a callback when its span begins.
#[derive(Debug)]
pub(crate) struct Begun<'a> {
    /// What is known of its event.
    pub envelope: &'a Envelope,
    /// The command, `other` for one that is not installed.
    pub command: &'static str,
    /// Whether Chat asks or tells.
    pub phase: Phase,
    /// When the request's first byte came.
    pub first_byte: Instant,
}

const SCOPE: &str = "callback-gateway";

// === impl Traces ===

impl Traces {
    /// Starts the thread that sends spans, if any are wanted.
    pub(crate) fn start(checked: Option<&CheckedTraces>, metrics: &SpanMetrics) -> Self {
        Self(checked.map(|checked| {
            let deadline = Arc::default();
            // What began in a trace stays in it, whatever the share is by then.
            let sampler = Sampler::TraceIdRatioBased(checked.sampled);
            let provider = SdkTracerProvider::builder()
                .with_sampler(Sampler::ParentBased(Box::new(sampler)))
                // Without a word of ours they come from the environment.
                .with_span_limits(SpanLimits::default())
                .with_resource(collector::resource())
                .with_span_processor(collector::start(checked, metrics, &deadline))
                .build();
            let scope = InstrumentationScope::builder(SCOPE)
                .with_version(env!("CARGO_PKG_VERSION"))
                .build();
            Arc::new(On {
                tracer: provider.tracer_with_scope(scope),
                provider,
                deadline,
            })
        }))
    }

    /// Begins the span of a genuine callback, from which its trace starts.
    pub(crate) fn callback(&self, begun: &Begun<'_>) -> Span {
        let Some(on) = &self.0 else {
            return Span::default();
        };
        let start = SystemTime::now() - begun.first_byte.elapsed();
        let builder = SpanBuilder::from_name(begun.command)
            .with_kind(SpanKind::Server)
            .with_start_time(start);
        let mut span = Span::new(on, builder, &Context::new());
        if span.is_on() {
            let Envelope {
                app,
                proof,
                simulated,
                ..
            } = begun.envelope;
            span.set("callback.app", app.clone());
            span.set("callback.command", begun.command);
            span.set("callback.phase", begun.phase.as_str());
            span.set("callback.proof", proof.to_string());
            span.set("callback.simulated", *simulated);
            span.set("http.request.method", "POST");
        }
        span
    }

    /// Takes up the trace of an event, which another process may have begun.
    pub(crate) fn resume(&self, envelope: &Envelope) -> Trace {
        let (Some(on), Some(parent)) = (&self.0, envelope.trace) else {
            return Trace::default();
        };
        Trace(Some(Box::new(Place {
            on: Arc::clone(on),
            context: context_of(parent),
        })))
    }

    /// Sends what has ended until `deadline`; what has not been sent by then is lost. Blocks.
    pub(crate) fn stop(&self, deadline: Instant) {
        if let Some(on) = &self.0 {
            on.deadline.get_or_init(|| deadline);
            let left = deadline.saturating_duration_since(Instant::now());
            // What it says of a collector that is away has been logged.
            on.provider.shutdown_with_timeout(left).ok();
        }
    }
}

// === impl Span ===

impl Span {
    fn new(on: &Arc<On>, builder: SpanBuilder, parent: &Context) -> Self {
        let span = on.tracer.build_with_context(builder, parent);
        if !span.is_recording() {
            return Self::default();
        }
        let on = Arc::clone(on);
        Self(Some(Box::new(UnderWay { on, span })))
    }

    /// Whether anybody wants to know.
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Says something about it. `value` is from a closed set, from the configuration, or an id of ours.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<Value>) {
        if let Some(UnderWay { span, .. }) = self.0.as_deref_mut() {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// Says which event it is about.
    pub(crate) fn set_event(&mut self, event: Option<EventId>) {
        if let (true, Some(event)) = (self.is_on(), event) {
            self.set("callback.event", event.to_string());
        }
    }

    /// Says that it has gone wrong, and why.
    pub(crate) fn fail(&mut self, reason: &'static str) {
        if let Some(UnderWay { span, .. }) = self.0.as_deref_mut() {
            span.set_status(Status::error(reason));
        }
    }

    /// Where its children belong.
    pub(crate) fn trace(&self) -> Trace {
        let place = |under_way: &UnderWay| {
            Box::new(Place {
                on: Arc::clone(&under_way.on),
                context: under_way.span.span_context().clone(),
            })
        };
        Trace(self.0.as_deref().map(place))
    }

    /// What names it to whoever goes on with the trace.
    pub(crate) fn parent(&self) -> Option<TraceParent> {
        let context = self.0.as_deref()?.span.span_context();
        Some(TraceParent {
            trace: u128::from_be_bytes(context.trace_id().to_bytes())
                .try_into()
                .ok()?,
            span: u64::from_be_bytes(context.span_id().to_bytes())
                .try_into()
                .ok()?,
            flags: context.trace_flags().to_u8(),
        })
    }

    /// The trace's id, for logs.
    pub(crate) fn trace_id(&self) -> Option<TraceId> {
        Some(self.0.as_deref()?.span.span_context().trace_id())
    }
}

// === impl Trace ===

impl Trace {
    /// Begins a span inside.
    pub(crate) fn inside(&self, name: &'static str) -> Span {
        self.child(name, SpanKind::Internal)
    }

    /// Begins a question to another service.
    pub(crate) fn question(&self, name: &'static str) -> Span {
        self.child(name, SpanKind::Client)
    }

    fn child(&self, name: &'static str, kind: SpanKind) -> Span {
        let Some(Place { on, context }) = self.0.as_deref() else {
            return Span::default();
        };
        let parent = Context::new().with_remote_span_context(context.clone());
        Span::new(on, SpanBuilder::from_name(name).with_kind(kind), &parent)
    }
}

fn context_of(parent: TraceParent) -> SpanContext {
    let TraceParent { trace, span, flags } = parent;
    SpanContext::new(
        TraceId::from_bytes(trace.get().to_be_bytes()),
        SpanId::from_bytes(span.get().to_be_bytes()),
        TraceFlags::new(flags),
        true,
        TraceState::default(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_comes_of_nothing() {
        let mut span = Trace::default().question("decider");
        span.set("callback.decider", "moderation");
        span.fail("deadline");
        assert!(!span.is_on());
        assert_eq!((span.parent(), span.trace_id()), (None, None));
        Traces::default().stop(Instant::now());
    }
}
