//! What became of the spans of traces.

use prometheus::IntCounter;

use super::registration::Registration;

/// A counter for each end that a span can take.
#[derive(Debug, Clone)]
pub(crate) struct SpanMetrics {
    /// The collector has it.
    pub sent: IntCounter,
    /// Too many waited for the collector.
    pub overflow: IntCounter,
    /// The collector was away, slow, or would not have it.
    pub failed: IntCounter,
}

// === impl SpanMetrics ===

impl SpanMetrics {
    pub(super) fn new(registration: &Registration) -> Self {
        let spans = registration.counters(
            "gateway_spans_total",
            "Spans of traces, by what became of them: the collector has them, too many waited for it, or it failed to take them.",
            &["outcome"],
        );
        Self {
            sent: spans.with_label_values(&["sent"]),
            overflow: spans.with_label_values(&["overflow"]),
            failed: spans.with_label_values(&["failed"]),
        }
    }
}
