//! The accept loop: sockets, TLS, deadlines and limits below poem's routing.
//!
//! HTTP/1 only. Not routing, not authentication: the endpoint gets a poem request with an [`Arrival`] in its
//! extensions. Start at [`serve`]; then `listener/connection.rs` for one connection, and `listener/clock.rs` for
//! its deadlines.

mod body;
mod clock;
mod connection;
mod peer;
mod request;
mod stream;
mod tls;

use std::{
    future::Future,
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use gateway_core::Peer;
use ipnet::IpNet;
use poem::Endpoint;
use prometheus::{IntCounter, IntGauge};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, error, warn};

pub use tls::{Tls, TlsError};
pub(crate) use tls::{TlsFiles, read_certificates};

use connection::Shared;

/// How long to wait after a failed accept: mostly no file descriptor is free, and one may soon be.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How a listener treats its connections. Shared by the runtimes that accept from one socket.
#[derive(Debug, Clone)]
pub struct Options {
    /// One permit for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// Counts them.
    pub open_connections: IntGauge,
    /// Counts those that came to nothing.
    pub failures: ConnectionFailures,
    /// TLS, exchanged on reload; plain without it.
    pub tls: Option<Arc<ArcSwap<Tls>>>,
    /// Reverse proxies whose last `X-Forwarded-For` hop is the peer; exchanged on reload.
    pub trusted_proxies: Arc<ArcSwap<Vec<IpNet>>>,
    /// From the first byte of a request to the end of its headers; also from the opening of a connection to the end
    /// of its TLS handshake, and from there to its first byte.
    pub header_deadline: Duration,
    /// How long a connection that has served a request may be idle, and how long a client may take no byte of an
    /// answer.
    pub idle_deadline: Duration,
    /// From the first byte of a request to the end of its answer, after which the connection is closed without one.
    /// `None` for endless answers; a request's body then gets six times `header_deadline`, from the end of its head.
    pub request_deadline: Option<Duration>,
}

/// Connections that failed before there was a request that an endpoint could be asked about.
#[derive(Debug, Clone)]
pub struct ConnectionFailures {
    /// The TLS handshake failed, or took too long.
    pub tls: IntCounter,
    /// What came is no HTTP/1.1, or a head that is too long.
    pub http: IntCounter,
}

/// What the listener knows of a request; in the extensions of each.
#[derive(Debug, Clone, Copy)]
pub struct Arrival {
    /// When its first byte came.
    pub first_byte: Instant,
    /// The same in milliseconds since the Unix epoch.
    pub received_ms: u64,
    /// Who sent it.
    pub peer: Peer,
}

/// The two stages of stopping: no new connections and requests, then no connections at all.
#[derive(Debug, Clone)]
pub struct Stop {
    /// Stop accepting; close idle connections; finish requests.
    pub gently: CancellationToken,
    /// Close everything.
    pub now: CancellationToken,
}

/// Accepts and serves until `stop`; returns when every connection is closed. Runs on the runtime that calls it, best
/// a current-thread one; several runtimes may serve clones of one socket.
///
/// # Errors
///
/// When the socket can't be handed to the runtime. What goes wrong later concerns one connection, or passes.
pub async fn serve<E>(
    socket: TcpListener,
    endpoint: Arc<E>,
    options: Options,
    stop: Stop,
) -> std::io::Result<()>
where
    E: Endpoint + 'static,
{
    socket.set_nonblocking(true)?;
    let socket = tokio::net::TcpListener::from_std(socket)?;
    let listener = Listener {
        shared: Arc::new(Shared {
            endpoint,
            options,
            local: socket.local_addr()?,
            // A token of our own: its lock is then never contended by other runtimes.
            gently: stop.gently.child_token(),
            http: connection::builder(),
        }),
    };
    let mut connections = JoinSet::new();
    tokio::select! {
        biased;
        () = stop.now.cancelled() => {}
        () = listener.run(socket, &mut connections) => {
            tokio::select! {
                biased;
                () = stop.now.cancelled() => {}
                () = finish(&mut connections) => {}
            }
        }
    }
    connections.shutdown().await;
    Ok(())
}

/// Waits until every connection is closed.
async fn finish(connections: &mut JoinSet<()>) {
    while connections.join_next().await.is_some() {}
}

/// What one call of [`serve`] accepts with.
struct Listener<E> {
    shared: Arc<Shared<E>>,
}

/// Holds a connection's place and counts it, for as long as it lives.
struct Place {
    _permit: OwnedSemaphorePermit,
    open_connections: IntGauge,
}

// === impl Listener ===

impl<E: Endpoint + 'static> Listener<E> {
    /// Accepts until the gentle stop, and closes the socket.
    async fn run(&self, socket: tokio::net::TcpListener, connections: &mut JoinSet<()>) {
        loop {
            tokio::select! {
                biased;
                () = self.shared.gently.cancelled() => return,
                // Results of closed connections must not pile up.
                Some(_) = connections.join_next() => {}
                accepted = self.accept(&socket) => {
                    let Some((place, stream, remote)) = accepted else { return };
                    connections.spawn(self.keep(place, stream, remote));
                }
            }
        }
    }

    /// The next connection, once there is a place for it; `None` when there will never be one again.
    async fn accept(
        &self,
        socket: &tokio::net::TcpListener,
    ) -> Option<(Place, TcpStream, SocketAddr)> {
        let options = &self.shared.options;
        let permit = options.connections.clone().acquire_owned().await.ok()?;
        loop {
            match socket.accept().await {
                Ok((stream, remote)) => {
                    return Some((Place::new(permit, options), stream, remote));
                }
                Err(error) if is_of_one_connection(&error) => {
                    debug!(%error, "a connection was gone before it was accepted");
                }
                Err(error) => {
                    warn!(%error, "can't accept connections; trying again");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection in its place, and survives its panic.
    fn keep(
        &self,
        place: Place,
        stream: TcpStream,
        remote: SocketAddr,
    ) -> impl Future<Output = ()> + use<E> {
        let shared = self.shared.clone();
        async move {
            let served = AssertUnwindSafe(connection::run(shared, stream, remote));
            if served.catch_unwind().await.is_err() {
                error!("an endpoint panicked; its connection was closed");
            }
            drop(place);
        }
    }
}

/// Whether an error of `accept` says something of the connection, not of the process or the system.
fn is_of_one_connection(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

// === impl Place ===

impl Place {
    fn new(permit: OwnedSemaphorePermit, options: &Options) -> Self {
        let open_connections = options.open_connections.clone();
        open_connections.inc();
        Self {
            _permit: permit,
            open_connections,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.open_connections.dec();
    }
}
