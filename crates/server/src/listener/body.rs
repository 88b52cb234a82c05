//! The bodies of a request and of its answer, which tell the connection's clock when they end.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, Incoming, SizeHint};

use super::clock::Clock;
use crate::guarded::Guarded;

/// What the client sends.
#[derive(Debug)]
pub(super) struct RequestBody {
    incoming: Incoming,
    clock: Arc<Clock>,
    ended: bool,
}

/// What the client gets.
pub(super) type AnswerBody = Guarded<Answering>;

/// An answer that is not taken yet.
#[derive(Debug)]
pub(super) struct Answering(Arc<Clock>);

// === impl RequestBody ===

impl RequestBody {
    pub(super) fn new(incoming: Incoming, clock: Arc<Clock>) -> Self {
        Self {
            incoming,
            clock,
            ended: false,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let frame = Pin::new(&mut self.incoming).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) {
            self.ended = true;
            self.clock.body_ended(true);
        }
        frame.map_err(io::Error::other)
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for RequestBody {
    fn drop(&mut self) {
        if !self.ended {
            self.clock.body_ended(self.incoming.is_end_stream());
        }
    }
}

// === impl AnswerBody ===

impl AnswerBody {
    pub(super) fn new(body: BoxBody<Bytes, io::Error>, clock: Arc<Clock>) -> Self {
        Self::hold(body, Answering(clock))
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.answer_taken();
    }
}
