//! The HTTP client of one decider: kept connections, no redirects, no proxies, an answer of bounded length.
//!
//! Whoever asks drives the connection, in one task from the question to the answer, and puts it back; hyper's pooled
//! client has a task for each connection beside the one that asks. Start at [`Client::send`].

use std::{
    error::Error as _,
    future::poll_fn,
    io::{self, ErrorKind},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_core::{Causes, PolicyReason};
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1,
};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::{client::legacy::connect::HttpConnector, rt::TokioIo};
use rustls::{ClientConfig, crypto::ring};
use tokio::net::TcpStream;
use tower_service::Service;

use super::NoAnswer;
use crate::config::{CheckedDecider, in_memory};

/// Asks over connections that it keeps.
#[derive(Debug)]
pub(super) struct Client {
    url: Uri,
    host: HeaderValue,
    connector: HttpsConnector<HttpConnector>,
    http: http1::Builder,
    answer_max: usize,
    /// The last one that was used comes first, so that what a rush has left over grows old.
    idle: Mutex<Vec<Connection>>,
}

/// An open connection. Nobody reads from it between two questions.
#[derive(Debug)]
struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    used: Instant,
}

/// What reads and writes for a connection; nothing once it has come to its end. Boxed, since it moves with each question.
#[derive(Debug)]
struct Driver(Option<Box<http1::Connection<Stream, Full<Bytes>>>>);

type Stream = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Shorter than the time for which common servers keep an idle connection (Node.js: 5 s), so that hardly ever a
/// question meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// Bytes of an answer's head.
const HEAD_MAX: usize = 64 << 10;

/// How often question and connection let each other go on within one turn: the question is written, its answer's head
/// read, then the body, then its end. What takes longer has another turn.
const STEPS: usize = 4;

// === impl Client ===

impl Client {
    pub(super) fn new(checked: &CheckedDecider) -> Self {
        let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3")
            .with_root_certificates(checked.roots.clone())
            .with_no_client_auth();
        let mut connector = HttpConnector::new();
        connector.enforce_http(false);
        connector.set_nodelay(true);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let mut http = http1::Builder::new();
        // A question is short: one copy costs less than a vectored write.
        http.max_buf_size(HEAD_MAX).writev(false);
        let authority = checked.url.authority().map_or("", |name| name.as_str());
        Self {
            host: HeaderValue::from_str(authority).expect("a host's name is visible ASCII"),
            url: checked.url.clone(),
            connector,
            http,
            answer_max: in_memory(checked.config.answer_max),
            idle: Mutex::default(),
        }
    }

    /// Sends a request without a `Host` and reads the answer of status 200. `make` is called once more when a kept
    /// connection turns out to be closed.
    pub(super) async fn send(
        &self,
        make: impl Fn() -> Request<Full<Bytes>>,
    ) -> Result<Bytes, NoAnswer> {
        if let Some(kept) = self.kept() {
            match self.exchange(kept, make()).await {
                Err(error) if is_cut_off(&error) => {}
                exchanged => return exchanged.unwrap_or_else(|error| Err(unreachable(&error))),
            }
        }
        let fresh = self.connect().await?;
        let exchanged = self.exchange(fresh, make()).await;
        exchanged.unwrap_or_else(|error| Err(unreachable(&error)))
    }

    /// Closes, for ever, what has been idle for too long or was closed by the other side.
    pub(super) async fn tidy(self: Arc<Self>) {
        loop {
            tokio::time::sleep(IDLE / 4).await;
            let mut connections = std::mem::take(&mut *self.idle());
            connections.retain_mut(Connection::is_usable);
            let mut idle = self.idle();
            // Those that came back meanwhile are newer.
            connections.append(&mut idle);
            *idle = connections;
        }
    }

    /// A connection that is still open, as far as can be told.
    fn kept(&self) -> Option<Connection> {
        loop {
            let mut connection = self.idle().pop()?;
            if connection.is_usable() {
                return Some(connection);
            }
        }
    }

    async fn connect(&self) -> Result<Connection, NoAnswer> {
        let mut connector = self.connector.clone();
        poll_fn(|cx| connector.poll_ready(cx))
            .await
            .map_err(|error| unreachable(&*error))?;
        let stream = connector.call(self.url.clone()).await;
        let stream = stream.map_err(|error| unreachable(&*error))?;
        let opened = self.http.handshake(stream).await;
        let (sender, driver) = opened.map_err(|error| unreachable(&error))?;
        Ok(Connection {
            sender,
            driver: Driver(Some(Box::new(driver))),
            used: Instant::now(),
        })
    }

    /// One request and its answer; the connection is kept if it can be.
    async fn exchange(
        &self,
        mut connection: Connection,
        mut request: Request<Full<Bytes>>,
    ) -> hyper::Result<Result<Bytes, NoAnswer>> {
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        let Connection { sender, driver, .. } = &mut connection;
        let answered = {
            let mut answering = pin!(async {
                sender.ready().await?;
                let response = sender.send_request(request).await?;
                Ok(self.read(response).await)
            });
            poll_fn(|cx| {
                for _ in 0..STEPS {
                    let answered = answering.as_mut().poll(cx);
                    if answered.is_ready() {
                        return answered;
                    }
                    driver.poll(cx);
                }
                Poll::Pending
            })
            .await
        };
        if matches!(answered, Ok(Ok(_))) {
            connection.used = Instant::now();
            self.idle().push(connection);
        }
        answered
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
        let announced = usize::try_from(response.body().size_hint().lower());
        if announced.is_ok_and(|announced| announced > self.answer_max) {
            return Err(NoAnswer::new(PolicyReason::TooLarge));
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

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // The list is whole between any two statements.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Connection ===

impl Connection {
    /// Whether the next question may go over it. Looks whether the other side has closed it, or sent what nobody asked
    /// for.
    fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let is_open = self.driver.poll(&mut cx);
        is_open && self.used.elapsed() < IDLE
    }
}

// === impl Driver ===

impl Driver {
    /// Reads and writes what there is; `false` once the connection is closed. Its errors reach whoever waits for an
    /// answer, and dropped it ends their waiting.
    fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(connection) = &mut self.0 else {
            return false;
        };
        if Pin::new(connection).poll(cx).is_ready() {
            self.0 = None;
        }
        self.0.is_some()
    }
}

/// Whether the other side has closed the connection without a word about the question.
fn is_cut_off(error: &hyper::Error) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref());
    let is_reset = cause.is_some_and(|cause: &io::Error| {
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        kinds.contains(&cause.kind())
    });
    is_reset || error.is_closed() || error.is_canceled() || error.is_incomplete_message()
}

fn unreachable(error: &(dyn std::error::Error + 'static)) -> NoAnswer {
    NoAnswer::down(PolicyReason::Unreachable).because(Causes(error).to_string())
}
