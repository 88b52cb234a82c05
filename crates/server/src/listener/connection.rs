//! One connection from its handshake to its end.
//!
//! Start at [`run`]. The endpoint is called inside the connection's own task: closing the connection drops what it
//! was doing, and a panic ends this connection only.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    io::{self, ErrorKind},
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use http::uri::Scheme;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::Endpoint;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    time::{Sleep, sleep_until, timeout},
};
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::{
    Options,
    clock::{Clock, Limits},
    request::Caller,
    stream::Watched,
};

/// The longest head of a request, and the most that is read or held back at once.
const BUFFER_BYTES_MAX: usize = 16 * 1024;

/// How long a client that is still sending may take to read an early answer before the connection is closed.
const LINGER: Duration = Duration::from_secs(3);

/// How much it may send meanwhile.
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What the connections that one [`serve`](super::serve) has accepted share.
#[derive(Debug)]
pub(super) struct Shared<E> {
    pub(super) endpoint: Arc<E>,
    pub(super) options: Options,
    pub(super) local: SocketAddr,
    pub(super) gently: CancellationToken,
    pub(super) http: http1::Builder,
}

/// Why a connection came to its end.
enum Ending {
    /// HTTP says that it is over, or that it can't go on.
    Http(hyper::Result<()>),
    /// It was closed for taking too long.
    Deadline,
}

/// One timer for all deadlines of a connection. It is set to an earlier instant at once, to a later one only when it
/// fires, so that a busy connection hardly ever touches it.
struct Watchdog {
    sleep: Pin<Box<Sleep>>,
}

/// The settings of HTTP. hyper's own deadlines are off: they would end idle connections too.
pub(super) fn builder() -> http1::Builder {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES_MAX)
        // An answer is short: one copy costs less than a vectored write.
        .writev(false);
    http
}

/// Serves one connection until it is closed by either side.
pub(super) async fn run<E>(shared: Arc<Shared<E>>, socket: TcpStream, remote: SocketAddr)
where
    E: Endpoint + 'static,
{
    if let Err(error) = socket.set_nodelay(true) {
        debug!(%error, "can't switch off Nagle's algorithm");
    }
    let Some(tls) = &shared.options.tls else {
        return speak_http(shared, socket, remote, Scheme::HTTP, false).await;
    };
    let acceptor = tls.load().acceptor();
    let handshake = timeout(shared.options.header_deadline, acceptor.accept(socket));
    let handshake = tokio::select! {
        handshake = handshake => handshake,
        () = shared.gently.cancelled() => return,
    };
    match handshake {
        Ok(Ok(stream)) => {
            let certified = is_certified(&stream);
            speak_http(shared, stream, remote, Scheme::HTTPS, certified).await;
        }
        Ok(Err(error)) => {
            // Whoever looks whether the port is open goes without a word; whoever refuses the certificate says so.
            let without_a_word = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
            if !without_a_word.contains(&error.kind()) {
                shared.options.failures.tls.inc();
            }
            debug!(%error, "TLS handshake failed");
        }
        Err(_) => {
            shared.options.failures.tls.inc();
            debug!("TLS handshake took too long");
        }
    }
}

/// The handshake fails for a certificate that is not valid, so one that is there is good.
fn is_certified(stream: &TlsStream<TcpStream>) -> bool {
    let (_, session) = stream.get_ref();
    session.peer_certificates().is_some()
}

async fn speak_http<E, S>(
    shared: Arc<Shared<E>>,
    stream: S,
    remote: SocketAddr,
    scheme: Scheme,
    certified: bool,
) where
    E: Endpoint + 'static,
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let now = Instant::now();
    let failures = shared.options.failures.clone();
    let clock = Arc::new(Clock::new(Limits::from(&shared.options), now));
    let caller = Arc::new(Caller {
        shared: shared.clone(),
        clock: clock.clone(),
        remote,
        scheme,
        certified,
    });
    let service = service_fn(move |request: http::Request<Incoming>| {
        let caller = caller.clone();
        async move { Ok::<_, Infallible>(caller.call(request).await) }
    });
    let stream = TokioIo::new(Watched::new(stream, clock.clone()));
    let mut connection = shared.http.serve_connection(stream, service);
    let mut gently = pin!(shared.gently.cancelled());
    let mut is_stopping = false;
    let mut watchdog = Watchdog::new(now);
    let ending = poll_fn(|cx| {
        if !is_stopping && gently.as_mut().poll(cx).is_ready() {
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        if let Poll::Ready(result) = Pin::new(&mut connection).poll(cx) {
            return Poll::Ready(Ending::Http(result));
        }
        watchdog
            .poll(cx, clock.deadline())
            .map(|()| Ending::Deadline)
    })
    .await;
    match ending {
        Ending::Deadline => debug!("a deadline closed a connection"),
        Ending::Http(result) => {
            if let Err(error) = &result {
                if error.is_parse() {
                    failures.http.inc();
                }
                debug!(%error, "connection failed");
            }
            if result.is_err() || clock.body_unread() {
                linger(connection.into_parts().io.into_inner().into_inner()).await;
            }
        }
    }
}

/// Takes what the client still sends after our last byte: to close a socket with unread bytes resets it, and the
/// client would lose the answer that tells it why.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) {
    let drain = async {
        // hyper has done so already, but not after every error.
        stream.shutdown().await?;
        let mut buffer = [0; 4096];
        let mut rest = LINGER_BYTES_MAX;
        while rest > 0 {
            let count = stream.read(&mut buffer).await?;
            if count == 0 {
                break;
            }
            rest = rest.saturating_sub(count);
        }
        io::Result::Ok(())
    };
    if let Ok(Err(error)) = timeout(LINGER, drain).await {
        debug!(%error, "connection failed while it was closed");
    }
}

// === impl Watchdog ===

impl Watchdog {
    /// Learns the deadline when it is first asked.
    fn new(now: Instant) -> Self {
        Self {
            sleep: Box::pin(sleep_until(now.into())),
        }
    }

    /// Ready when `deadline` has passed. To be asked after everything that may change it.
    fn poll(&mut self, cx: &mut Context<'_>, deadline: Option<Instant>) -> Poll<()> {
        let Some(deadline) = deadline else {
            return Poll::Pending;
        };
        let deadline = tokio::time::Instant::from_std(deadline);
        if deadline < self.sleep.deadline() {
            self.sleep.as_mut().reset(deadline);
        }
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            if self.sleep.deadline() >= deadline {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(deadline);
        }
    }
}
