//! The HTTP client of one decider: kept connections, no redirects, no proxies, an answer of bounded length.

use std::{error::Error as _, sync::Arc, time::Duration};

use bytes::Bytes;
use gateway_core::{Causes, PolicyReason};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_timeout::TimeoutConnector;
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use rustls::{ClientConfig, crypto::ring};

use super::NoAnswer;
use crate::config::CheckedDecider;

/// Asks over connections that it keeps.
#[derive(Debug, Clone)]
pub(super) struct Client {
    inner: legacy::Client<TimeoutConnector<HttpsConnector<HttpConnector>>, Full<Bytes>>,
    answer_max: usize,
}

/// Shorter than the time for which common servers keep an idle connection (Node.js: 5 s), so that hardly ever a
/// question meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// Longer than any deadline: it ends connection attempts, handshakes and all, that nobody waits for any more.
const CONNECT: Duration = Duration::from_secs(2);

/// Bytes of an answer's head.
const HEAD_MAX: usize = 64 << 10;

// === impl Client ===

impl Client {
    pub(super) fn new(checked: &CheckedDecider) -> Self {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3")
            .with_root_certificates(checked.roots.clone())
            .with_no_client_auth();
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let mut connector = TimeoutConnector::new(connector);
        connector.set_connect_timeout(Some(CONNECT));
        let inner = legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .http1_max_buf_size(HEAD_MAX)
            .build(connector);
        Self {
            inner,
            answer_max: usize::try_from(checked.config.answer_max.as_u64()).unwrap_or(usize::MAX),
        }
    }

    /// Sends a request and reads the answer of status 200; `make` is called once more when a connection breaks off before
    /// there is an answer.
    pub(super) async fn send(
        &self,
        make: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Bytes, NoAnswer> {
        let response = match self.inner.request(make()).await {
            Err(error) if is_cut_off(&error) => self.inner.request(make()).await,
            sent => sent,
        };
        match response {
            Ok(response) => self.read(response).await,
            Err(error) => Err(unreachable(&error)),
        }
    }

    async fn read(&self, response: Response<Incoming>) -> Result<Bytes, NoAnswer> {
        let status = response.status();
        if status != StatusCode::OK {
            let no_answer = match status {
                StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT => NoAnswer::down(PolicyReason::Status),
                status if status.is_redirection() => NoAnswer::new(PolicyReason::Redirect),
                _ => NoAnswer::new(PolicyReason::Status),
            };
            return Err(no_answer.because(format!("status {}", status.as_u16())));
        }
        let body = Limited::new(response.into_body(), self.answer_max);
        match body.collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => {
                Err(NoAnswer::new(PolicyReason::TooLarge))
            }
            Err(error) => Err(unreachable(&*error)),
        }
    }
}

/// Whether a connection was closed by the other side before any answer: a kept one may have been idle for too long.
/// Whether it was kept, the pool does not tell.
fn is_cut_off(error: &legacy::Error) -> bool {
    let source = error
        .source()
        .and_then(|source| source.downcast_ref::<hyper::Error>());
    !error.is_connect() && source.is_some_and(hyper::Error::is_incomplete_message)
}

fn unreachable(error: &(dyn std::error::Error + 'static)) -> NoAnswer {
    NoAnswer::down(PolicyReason::Unreachable).because(Causes(error).to_string())
}
