//! What goes back to Chat: always JSON of the ack's shape.

use bytes::Bytes;
use gateway_core::{Ack, EventId, Refusal};
use poem::{
    Response,
    http::{HeaderValue, StatusCode, header},
};

/// The ack of a callback. The event's id stays in the extensions: `simulate` reads it, Chat doesn't get it.
pub(super) fn acked(ack: Bytes, event: Option<EventId>) -> Response {
    let mut response = json(StatusCode::OK, ack);
    if let Some(event) = event {
        response.extensions_mut().insert(event);
    }
    response
}

/// The answer to a console's check of the URL.
pub(super) fn probed() -> Response {
    closing(json(StatusCode::OK, Bytes::from_static(Ack::OK)))
}

/// The answer to a check of the process.
pub(super) fn healthy() -> Response {
    closing(Response::from("ok\n"))
}

/// The answer to a request that was turned away.
pub(super) fn refused(refusal: Refusal) -> Response {
    let ack = serde_json::to_vec(&Ack::fail(refusal.text())).expect("an ack has string keys");
    let status =
        StatusCode::from_u16(refusal.status()).expect("every refusal has a status of HTTP");
    let mut response = json(status, ack.into());
    if refusal == Refusal::Method {
        let methods = HeaderValue::from_static("GET, HEAD, POST");
        response.headers_mut().insert(header::ALLOW, methods);
    }
    closing(response)
}

/// Only who has proved to be Chat may keep a connection: others could hold every place with idle ones.
fn closing(mut response: Response) -> Response {
    let close = HeaderValue::from_static("close");
    response.headers_mut().insert(header::CONNECTION, close);
    response
}

fn json(status: StatusCode, body: Bytes) -> Response {
    let mut response = Response::from(body);
    response.set_status(status);
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
