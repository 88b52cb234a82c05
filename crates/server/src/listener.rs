//! The accept loop: sockets, TLS, deadlines and limits below poem's routing.

use std::{
    net::TcpListener,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use gateway_core::Peer;
use ipnet::IpNet;
use poem::Endpoint;
use prometheus::IntGauge;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::config::TlsConfig;

/// How a listener treats its connections. Shared by the runtimes that accept from one socket.
#[derive(Debug, Clone)]
pub struct Options {
    /// One permit for each connection that may be open.
    pub connections: Arc<Semaphore>,
    /// Counts them.
    pub open_connections: IntGauge,
    /// TLS, exchanged on reload; plain without it.
    pub tls: Option<Arc<ArcSwap<Tls>>>,
    /// Reverse proxies whose last `X-Forwarded-For` hop is the peer; exchanged on reload.
    pub trusted_proxies: Arc<ArcSwap<Vec<IpNet>>>,
    /// From the first byte of a request to the end of its headers; also for the TLS handshake and the first request.
    pub header_deadline: Duration,
    /// How long a connection that has served a request may be idle.
    pub idle_deadline: Duration,
    /// From the first byte of a request to the end of its answer, after which the connection is closed; `None` for
    /// endless answers.
    pub request_deadline: Option<Duration>,
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

/// A certificate with its key, ready for handshakes.
#[derive(Debug)]
pub struct Tls {}

/// A certificate, key or authority can't be used. Names the file and what is wrong.
#[derive(Debug, thiserror::Error)]
#[error("placeholder")]
pub struct TlsError;

impl Tls {
    /// Reads the PEM files. ALPN: `http/1.1` only.
    pub fn load(_config: &TlsConfig) -> Result<Self, TlsError> {
        unimplemented!()
    }
}

/// Accepts and serves until `stop`; returns when every connection is closed. Runs on the current-thread runtime that
/// calls it; several runtimes may serve clones of one socket.
pub async fn serve<E>(
    _socket: TcpListener,
    _endpoint: Arc<E>,
    _options: Options,
    _stop: Stop,
) -> std::io::Result<()>
where
    E: Endpoint + 'static,
{
    unimplemented!()
}
