//! Why an attempt failed, as a closed set of reasons and a sentence for people.

use std::{
    error::Error,
    io::{self, ErrorKind},
    net::IpAddr,
    time::Duration,
};

use gateway_core::Causes;
use http::StatusCode;

use crate::egress::ConnectError;

/// The subscriber may not have it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct DeliverError {
    /// The kind.
    pub reason: DeliverFailure,
    /// How long the subscriber asks to be left alone; not capped.
    pub retry_after: Option<Duration>,
    /// For people: without secrets, bodies, or the URL's path and query.
    pub detail: String,
}

/// What went wrong with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliverFailure {
    /// An answer that is no success and none of the next two.
    Status(u16),
    /// 410: the subscriber wants no more.
    Gone,
    /// 3xx; never followed.
    Redirect,
    /// No answer's head within the attempt's time.
    Timeout,
    /// No connection: the name has no address, or nobody listens there.
    Connect,
    /// No handshake, or a certificate that none of the authorities vouches for.
    Tls,
    /// Every address is one that the subscription may not be sent to.
    Refused,
    /// The connection broke off before the answer's head was complete.
    Reset,
    /// What came is not HTTP/1.1, or its head is too large.
    Invalid,
}

/// What is wrong with a subscription's URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// No host.
    #[error("the URL has no host")]
    Relative,
    /// Neither of the two.
    #[error("the URL begins with neither https:// nor http://")]
    Scheme,
    /// They would end up in logs.
    #[error("the URL has a user name; deliveries are signed instead")]
    UserInfo,
    /// The host is neither a name nor an address, or the port is none.
    #[error("the URL's host or port is not one")]
    Host,
    /// The host is an address that deliveries may not be sent to.
    #[error("{0} is neither public nor in `networks`; name its network there if it is meant")]
    Refused(IpAddr),
}

/// Of a detail; some causes repeat what the other side sent.
const DETAIL_CHARS_MAX: usize = 300;

// === impl DeliverError ===

impl DeliverError {
    pub(super) fn new(reason: DeliverFailure, detail: String) -> Self {
        Self {
            reason,
            retry_after: None,
            detail,
        }
    }

    pub(super) fn caused(reason: DeliverFailure, error: &(dyn Error + 'static)) -> Self {
        let detail = Causes(error).to_string();
        Self::new(reason, detail.chars().take(DETAIL_CHARS_MAX).collect())
    }

    /// An answer that is no success.
    pub(super) fn refused(status: StatusCode, retry_after: Option<Duration>) -> Self {
        let reason = match status {
            StatusCode::GONE => DeliverFailure::Gone,
            status if status.is_redirection() => DeliverFailure::Redirect,
            status => DeliverFailure::Status(status.as_u16()),
        };
        Self {
            retry_after,
            ..Self::new(reason, format!("status {}", status.as_u16()))
        }
    }

    /// No answer.
    pub(super) fn http(error: &hyper::Error) -> Self {
        let is_cut_off = is_cut_off(error);
        let reason = match io_cause(error) {
            // A server's word about the client's certificate, for one, comes after the handshake.
            Some(cause) if is_of_tls(cause) => DeliverFailure::Tls,
            Some(_) => DeliverFailure::Reset,
            None if is_cut_off => DeliverFailure::Reset,
            None => DeliverFailure::Invalid,
        };
        Self::caused(reason, error)
    }
}

impl From<ConnectError> for DeliverError {
    fn from(error: ConnectError) -> Self {
        let reason = match error {
            ConnectError::Refused { .. } => DeliverFailure::Refused,
            ConnectError::Unresolved { .. } | ConnectError::Unconnected { .. } => {
                DeliverFailure::Connect
            }
        };
        Self::caused(reason, &error)
    }
}

/// Whether the other side has closed the connection without a word about the delivery.
pub(super) fn is_cut_off(error: &hyper::Error) -> bool {
    let is_reset = io_cause(error).is_some_and(|cause| {
        let kinds = [
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
            // TLS that ends without having said so.
            ErrorKind::UnexpectedEof,
        ];
        kinds.contains(&cause.kind())
    });
    is_reset || error.is_closed() || error.is_canceled() || error.is_incomplete_message()
}

fn io_cause(error: &hyper::Error) -> Option<&io::Error> {
    error.source()?.downcast_ref()
}

fn is_of_tls(error: &io::Error) -> bool {
    let Some(inner) = error.get_ref() else {
        return false;
    };
    inner.is::<rustls::Error>()
}
