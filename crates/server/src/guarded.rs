//! A body that holds something until it is sent or given up.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use hyper::body::{Body, Frame, SizeHint};

/// A body with what is dropped after it. hyper drops a body as soon as it has taken its last byte, or needs none of it.
#[derive(Debug)]
pub(crate) struct Guarded<G> {
    body: BoxBody<Bytes, io::Error>,
    _guard: G,
}

impl<G> Guarded<G> {
    pub(crate) const fn hold(body: BoxBody<Bytes, io::Error>, guard: G) -> Self {
        Self {
            body,
            _guard: guard,
        }
    }
}

impl<G: Unpin> Body for Guarded<G> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
