//! From hyper's request to poem's, and from poem's answer to hyper's.

use std::{io, net::SocketAddr, sync::Arc, time::Instant};

use bytes::Bytes;
use gateway_core::Peer;
use http::{HeaderMap, uri::Scheme};
use http_body_util::combinators::BoxBody;
use hyper::body::{Body as _, Incoming};
use poem::{
    Addr, Body, Endpoint, Request, RequestParts,
    web::{LocalAddr, RemoteAddr},
};

use super::{
    Arrival,
    body::{AnswerBody, RequestBody},
    clock::Clock,
    connection::Shared,
    peer,
};
use crate::clock::now_ms;

/// One connection's way to the endpoint.
#[derive(Debug)]
pub(super) struct Caller<E> {
    pub(super) shared: Arc<Shared<E>>,
    pub(super) clock: Arc<Clock>,
    pub(super) remote: SocketAddr,
    pub(super) scheme: Scheme,
    pub(super) certified: bool,
}

impl<E: Endpoint> Caller<E> {
    /// Has one request answered.
    pub(super) async fn call(
        &self,
        request: http::Request<Incoming>,
    ) -> http::Response<AnswerBody> {
        let request = self.translate(request);
        let response = self.shared.endpoint.get_response(request).await;
        http::Response::<BoxBody<Bytes, io::Error>>::from(response)
            .map(|body| AnswerBody::new(body, self.clock.clone()))
    }

    fn translate(&self, request: http::Request<Incoming>) -> Request {
        let (mut parts, incoming) = request.into_parts();
        let has_body = !incoming.is_end_stream();
        let first_byte = self.clock.head_received(has_body);
        parts.extensions.insert(Arrival {
            first_byte,
            received_ms: wall_clock_ms(first_byte),
            peer: self.peer(&parts.headers),
        });
        let body = if has_body {
            let body = RequestBody::new(incoming, self.clock.clone());
            Body::from(BoxBody::new(body))
        } else {
            Body::empty()
        };
        let local = LocalAddr(Addr::SocketAddr(self.shared.local));
        let remote = RemoteAddr(Addr::SocketAddr(self.remote));
        let parts = RequestParts::from((parts, local, remote, self.scheme.clone()));
        Request::from_parts(parts, body)
    }

    fn peer(&self, headers: &HeaderMap) -> Peer {
        let proxies = self.shared.options.trusted_proxies.load();
        Peer::Network {
            address: peer::address(self.remote.ip(), &proxies, headers),
            certified: self.certified,
        }
    }
}

fn wall_clock_ms(at: Instant) -> u64 {
    let elapsed_ms = u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX);
    now_ms().saturating_sub(elapsed_ms)
}
