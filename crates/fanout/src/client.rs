//! The HTTP client of one subscription: one attempt of one delivery, over kept connections, without redirects, proxies or
//! decompression.
//!
//! Whoever delivers drives the connection, as deciders' clients do it (ADR 5). Not here: whether and when there is another
//! attempt. Start at [`Client::deliver`].

mod connection;
mod error;
mod retry_after;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header, uri::Scheme};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, crypto::ring, pki_types::ServerName};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use tokio_util::either::Either;

pub use self::error::{DeliverError, DeliverFailure, UrlError};
use self::{
    connection::{Connection, HEAD_MAX},
    retry_after::retry_after,
};
use crate::{
    Egress, Message, Secrets,
    egress::{Connector, Resolve, SystemResolver},
};

/// Delivers to one URL.
pub struct Client {
    target: Uri,
    host: HeaderValue,
    secrets: Secrets,
    connector: Connector,
    tls: Option<Tls>,
    http: http1::Builder,
    /// The last one that was used comes first, so that what a rush has left over grows old. As many as there ever were
    /// deliveries at once, at most.
    idle: Mutex<Vec<Connection>>,
}

/// The subscriber has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delivered {
    /// 200 to 299.
    pub status: StatusCode,
    /// From the start of the attempt to the end of the answer's head.
    pub took: Duration,
}

/// Where a URL leads.
struct Endpoint<'a> {
    /// A name or an address, without brackets.
    host: &'a str,
    port: u16,
    is_tls: bool,
}

struct Tls {
    connector: TlsConnector,
    name: ServerName<'static>,
}

/// How long the rest of an answer is read for the sake of the connection, when the outcome is known already.
const DRAIN: Duration = Duration::from_secs(1);

// === impl Client ===

impl Client {
    /// For `http://` and `https://`; `roots` are the authorities that may vouch for the latter. Opens no connection yet.
    ///
    /// # Errors
    ///
    /// When the URL can't be delivered to. Whether its host is permitted shows when its addresses are known.
    pub fn new(
        url: &Uri,
        secrets: Secrets,
        egress: Egress,
        roots: Arc<RootCertStore>,
    ) -> Result<Self, UrlError> {
        Self::with_resolver(url, secrets, egress, roots, Arc::new(SystemResolver::new()))
    }

    fn with_resolver(
        url: &Uri,
        secrets: Secrets,
        egress: Egress,
        roots: Arc<RootCertStore>,
        resolver: Arc<dyn Resolve>,
    ) -> Result<Self, UrlError> {
        let Endpoint { host, port, is_tls } = Endpoint::of(url)?;
        let tls = is_tls.then(|| Tls::new(host, roots)).transpose()?;
        let mut http = http1::Builder::new();
        // A delivery is short: one copy costs less than a vectored write.
        http.max_buf_size(HEAD_MAX).writev(false);
        let target = url.path_and_query().cloned();
        let authority = url.authority().map_or("", |authority| authority.as_str());
        Ok(Self {
            target: target.map_or_else(Uri::default, Uri::from),
            host: HeaderValue::from_str(authority).map_err(|_| UrlError::Host)?,
            secrets,
            connector: Connector::new(egress, host, port, resolver),
            tls,
            http,
            idle: Mutex::default(),
        })
    }

    /// Whether a URL can be delivered to, as far as can be told without a connection: what a name stands for shows then.
    ///
    /// # Errors
    ///
    /// When it can't.
    pub fn check(url: &Uri, egress: &Egress) -> Result<(), UrlError> {
        let endpoint = Endpoint::of(url)?;
        match endpoint.host.parse() {
            Ok(address) if !egress.permits(address) => Err(UrlError::Refused(address)),
            _ => Ok(()),
        }
    }

    /// Makes one attempt, which ends with the answer's head: 2xx is success, whatever follows. Up to 64 KiB of the rest
    /// are read, for a second at most and never past `timeout`, so that the connection can be kept; a longer answer costs
    /// the subscriber a new one. A kept connection that turns out to be closed is replaced once, so a delivery may be
    /// made twice within an attempt.
    ///
    /// # Errors
    ///
    /// When the subscriber has not said that it has it.
    pub async fn deliver(
        &self,
        message: &Message,
        timeout: Duration,
    ) -> Result<Delivered, DeliverError> {
        let since = Instant::now();
        let ends = since + timeout;
        let Ok(answered) = timeout_at(ends, self.attempt(message)).await else {
            let detail = format!("no answer within {}", humantime::format_duration(timeout));
            return Err(DeliverError::new(DeliverFailure::Timeout, detail));
        };
        let (mut connection, response) = answered?;
        let took = since.elapsed();
        let (head, body) = response.into_parts();
        let drained = timeout_at(ends.min(Instant::now() + DRAIN), connection.drain(body)).await;
        if drained == Ok(true) && connection.is_usable() {
            self.idle().push(connection);
        }
        if head.status.is_success() {
            let status = head.status;
            return Ok(Delivered { status, took });
        }
        let asked = head.headers.get(header::RETRY_AFTER);
        let asked = asked.and_then(|value| retry_after(value, SystemTime::now()));
        Err(DeliverError::refused(head.status, asked))
    }

    /// Closes kept connections that are too old, or that the other side has closed. To be called every second or so;
    /// does not block.
    pub fn tidy(&self) {
        let mut connections = std::mem::take(&mut *self.idle());
        connections.retain_mut(Connection::is_usable);
        let mut idle = self.idle();
        // Those that came back meanwhile are newer.
        connections.append(&mut idle);
        *idle = connections;
    }

    async fn attempt(
        &self,
        message: &Message,
    ) -> Result<(Connection, http::Response<hyper::body::Incoming>), DeliverError> {
        if let Some(mut kept) = self.kept() {
            match kept.send(self.request(message)).await {
                Ok(response) => return Ok((kept, response)),
                Err(error) if error::is_cut_off(&error) => {}
                Err(error) => return Err(DeliverError::http(&error)),
            }
        }
        let mut fresh = self.connect().await?;
        let response = fresh.send(self.request(message)).await;
        let response = response.map_err(|error| DeliverError::http(&error))?;
        Ok((fresh, response))
    }

    fn request(&self, message: &Message) -> Request<Full<Bytes>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now_s = now.unwrap_or_default().as_secs();
        let mut request = Request::new(Full::new(message.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.target.clone();
        *request.headers_mut() = message.headers(&self.secrets, now_s);
        let headers = request.headers_mut();
        headers.insert(header::HOST, self.host.clone());
        // hyper leaves it out for an empty body, and some servers want it all the same.
        headers.insert(header::CONTENT_LENGTH, message.body.len().into());
        request
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

    async fn connect(&self) -> Result<Connection, DeliverError> {
        let stream = self.connector.connect().await?;
        let stream = self.secure(stream).await?;
        let opened = self.http.handshake(TokioIo::new(stream)).await;
        let (sender, driver) = opened.map_err(|error| DeliverError::http(&error))?;
        Ok(Connection::new(sender, driver))
    }

    async fn secure(&self, stream: TcpStream) -> Result<connection::Stream, DeliverError> {
        // Small packets are sent at once where that can be had; without it they are sent all the same.
        let _is_prompt = stream.set_nodelay(true).is_ok();
        let Some(Tls { connector, name }) = &self.tls else {
            return Ok(Either::Left(stream));
        };
        let shaking = connector.connect(name.clone(), stream).await;
        shaking
            .map(|stream| Either::Right(Box::new(stream)))
            .map_err(|error| DeliverError::caused(DeliverFailure::Tls, &error))
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        // The list is whole between any two statements.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Client {
    /// Without the URL's path and query, where some services want a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Client");
        debug.field("host", &self.host).finish_non_exhaustive()
    }
}

// === impl Endpoint ===

impl<'a> Endpoint<'a> {
    fn of(url: &'a Uri) -> Result<Self, UrlError> {
        let authority = url.authority().ok_or(UrlError::Relative)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::UserInfo);
        }
        let (is_tls, default_port) = match url.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => (true, 443),
            Some(scheme) if *scheme == Scheme::HTTP => (false, 80),
            _ => return Err(UrlError::Scheme),
        };
        let host = authority.host();
        // `Authority::port` takes a number that is too large for none.
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => Some(default_port),
            Some(port) => port.strip_prefix(':').and_then(|port| port.parse().ok()),
            None => None,
        };
        let port = port.ok_or(UrlError::Host)?;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(UrlError::Host);
        }
        Ok(Self { host, port, is_tls })
    }
}

// === impl Tls ===

impl Tls {
    fn new(host: &str, roots: Arc<RootCertStore>) -> Result<Self, UrlError> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| UrlError::Host)?;
        let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider supports TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        Ok(Self { connector, name })
    }
}

#[cfg(test)]
mod tests;
