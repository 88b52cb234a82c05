//! What operators' tools ask: metrics, health, readiness.

use std::sync::Arc;

use poem_openapi::{
    ApiResponse, Object, OpenApi,
    payload::{Json, PlainText},
};

use super::Shared;

/// `/metrics`, `/healthz`, `/readyz`.
pub(crate) struct StatusApi(pub(crate) Arc<Shared>);

/// Whether the gateway wants traffic.
#[derive(Debug, Object)]
pub(crate) struct ReadinessReport {
    /// Whether it does.
    ready: bool,
    /// Why not, a short sentence each.
    problems: Vec<String>,
}

#[derive(ApiResponse)]
enum ReadyResponse {
    /// Ready for callbacks.
    #[oai(status = 200)]
    Ready(Json<ReadinessReport>),
    /// Not ready; the body says why.
    #[oai(status = 503)]
    NotReady(Json<ReadinessReport>),
}

#[derive(ApiResponse)]
enum TextResponse {
    /// The text.
    #[oai(status = 200)]
    Text(PlainText<String>),
}

#[OpenApi]
impl StatusApi {
    /// Metrics
    ///
    /// In Prometheus' text format.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/metrics", method = "get", operation_id = "metrics")]
    async fn metrics(&self) -> TextResponse {
        TextResponse::Text(PlainText(self.0.parts.metrics.render()))
    }

    /// Whether the gateway runs
    ///
    /// Answers as long as the process can.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/healthz", method = "get", operation_id = "health")]
    async fn health(&self) -> TextResponse {
        TextResponse::Text(PlainText("ok".to_owned()))
    }

    /// Whether the gateway wants traffic
    ///
    /// Fails while callbacks can't be journaled, and while the gateway stops.
    #[expect(clippy::unused_async, reason = "what poem-openapi wants")]
    #[oai(path = "/readyz", method = "get", operation_id = "readiness")]
    async fn readiness(&self) -> ReadyResponse {
        let problems = self.0.parts.readiness.problems();
        let ready = problems.is_empty();
        let report = Json(ReadinessReport { ready, problems });
        if ready {
            ReadyResponse::Ready(report)
        } else {
            ReadyResponse::NotReady(report)
        }
    }
}
