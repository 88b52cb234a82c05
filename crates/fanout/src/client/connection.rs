//! A connection that is driven by whoever uses it, and by nobody between two deliveries.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::client::TlsStream;
use tokio_util::either::Either;

/// An open connection. Nobody reads from it between two deliveries.
#[derive(Debug)]
pub(super) struct Connection {
    sender: http1::SendRequest<Full<Bytes>>,
    driver: Driver,
    used: Instant,
}

/// What reads and writes for a connection; nothing once it has come to its end. Boxed, since it moves with each delivery.
#[derive(Debug)]
struct Driver(Option<Box<http1::Connection<TokioIo<Stream>, Full<Bytes>>>>);

pub(super) type Stream = Either<TcpStream, Box<TlsStream<TcpStream>>>;

/// Bytes of an answer's head.
pub(super) const HEAD_MAX: usize = 64 << 10;

/// Bytes of an answer's body that are read, and thrown away.
const BODY_MAX: usize = 64 << 10;

/// Shorter than the time for which common servers keep an idle connection (Node.js: 5 s), so that hardly ever a delivery
/// meets a connection that is just being closed.
const IDLE: Duration = Duration::from_secs(4);

/// How often delivery and connection let each other go on within one turn: the request is written, its answer's head
/// read, then the body, then its end. What takes longer has another turn.
const STEPS: usize = 4;

// === impl Connection ===

impl Connection {
    pub(super) fn new(
        sender: http1::SendRequest<Full<Bytes>>,
        driver: http1::Connection<TokioIo<Stream>, Full<Bytes>>,
    ) -> Self {
        Self {
            sender,
            driver: Driver(Some(Box::new(driver))),
            used: Instant::now(),
        }
    }

    /// Sends a request and reads the head of its answer.
    pub(super) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> hyper::Result<Response<Incoming>> {
        let Self { sender, driver, .. } = self;
        let answering = async {
            sender.ready().await?;
            sender.send_request(request).await
        };
        driver.drive(answering).await
    }

    /// Reads what is left of an answer; `false` if that is too much, or broken.
    pub(super) async fn drain(&mut self, mut body: Incoming) -> bool {
        let reading = async {
            let mut left = BODY_MAX;
            while let Some(frame) = body.frame().await {
                let Ok(frame) = frame else {
                    return false;
                };
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                let Some(rest) = left.checked_sub(bytes) else {
                    return false;
                };
                left = rest;
            }
            true
        };
        let is_over = self.driver.drive(reading).await;
        self.used = Instant::now();
        is_over
    }

    /// Whether the next delivery may go over it. Looks whether the other side has closed it, or sent what nobody asked
    /// for.
    pub(super) fn is_usable(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let is_open = self.driver.poll(&mut cx);
        is_open && self.used.elapsed() < IDLE
    }
}

// === impl Driver ===

impl Driver {
    /// Waits for `work` while reading and writing for it.
    async fn drive<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        poll_fn(|cx| {
            for _ in 0..STEPS {
                let done = work.as_mut().poll(cx);
                if done.is_ready() {
                    return done;
                }
                self.poll(cx);
            }
            Poll::Pending
        })
        .await
    }

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
