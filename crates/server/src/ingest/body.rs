//! Reading a body within its limits: its length, its time, and the bytes that all of them may hold together.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, pin_mut};
use gateway_core::Refusal;
use poem::{Body, Request, http::header};

/// The bytes of bodies in memory, and their cap: beyond it callbacks are refused at once.
#[derive(Debug)]
pub(super) struct InFlight {
    bytes: AtomicUsize,
    bytes_max: usize,
}

/// A body on the wire.
#[derive(Debug)]
pub(super) struct UnreadBody {
    body: Body,
    /// Its length by its head; 0 where that doesn't tell.
    announced: usize,
}

/// Bytes that a body holds; given back when dropped.
#[derive(Debug)]
pub(super) struct Reserved<'a> {
    in_flight: &'a InFlight,
    bytes: usize,
}

impl InFlight {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            bytes_max,
        }
    }

    /// Reads a whole body of at most `body_max` bytes.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`], [`Refusal::Overload`], or [`Refusal::Timeout`] when it does not end by the deadline or at
    /// all.
    pub(super) async fn read(
        &self,
        body: UnreadBody,
        body_max: usize,
        deadline: Instant,
    ) -> Result<(Bytes, Reserved<'_>), Refusal> {
        let UnreadBody { body, announced } = body;
        if announced > body_max {
            return Err(Refusal::TooLarge);
        }
        let mut reserved = Reserved {
            in_flight: self,
            bytes: 0,
        };
        let bytes = {
            let reading = collect(body, body_max, &mut reserved);
            pin_mut!(reading);
            // Most bodies are there already, and then no timer is needed.
            match reading.as_mut().now_or_never() {
                Some(read) => read?,
                None => Box::pin(tokio::time::timeout_at(deadline.into(), reading))
                    .await
                    .unwrap_or(Err(Refusal::Timeout))?,
            }
        };
        Ok((bytes, reserved))
    }
}

async fn collect(
    body: Body,
    body_max: usize,
    reserved: &mut Reserved<'_>,
) -> Result<Bytes, Refusal> {
    let frames = body.into_bytes_stream();
    pin_mut!(frames);
    let mut first = Bytes::new();
    let mut whole = BytesMut::new();
    while let Some(frame) = frames.next().await {
        // A body that breaks off will never be whole.
        let frame = frame.map_err(|_| Refusal::Timeout)?;
        let length = first.len() + whole.len() + frame.len();
        if length > body_max {
            return Err(Refusal::TooLarge);
        }
        reserved.grow_to(length)?;
        if first.is_empty() && whole.is_empty() {
            first = frame;
        } else {
            whole.extend_from_slice(&std::mem::take(&mut first));
            whole.extend_from_slice(&frame);
        }
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

// === impl UnreadBody ===

impl UnreadBody {
    /// Takes a request's body.
    pub(super) fn of(request: &mut Request) -> Self {
        let announced = request.header(header::CONTENT_LENGTH);
        Self {
            announced: announced
                .and_then(|length| length.parse().ok())
                .unwrap_or(0),
            body: request.take_body(),
        }
    }
}

// === impl Reserved ===

impl Reserved<'_> {
    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        self.bytes += more;
        let before = self.in_flight.bytes.fetch_add(more, Ordering::Relaxed);
        if before + more > self.in_flight.bytes_max {
            return Err(Refusal::Overload);
        }
        Ok(())
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        self.in_flight
            .bytes
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::stream;

    use super::*;

    fn chunked(chunks: Vec<&'static str>) -> Body {
        Body::from_bytes_stream(stream::iter(
            chunks.into_iter().map(Ok::<_, std::io::Error>),
        ))
    }

    async fn check(in_flight: &InFlight, body: Body) -> Result<Bytes, Refusal> {
        let deadline = Instant::now() + Duration::from_millis(20);
        let body = UnreadBody { body, announced: 0 };
        in_flight
            .read(body, 10, deadline)
            .await
            .map(|(bytes, _)| bytes)
    }

    #[tokio::test]
    async fn chunks_become_one_body() {
        let body = check(&InFlight::new(100), chunked(vec!["ab", "cd", "e"])).await;
        assert_eq!(body.unwrap(), "abcde");
    }

    #[tokio::test]
    async fn a_chunked_body_over_the_limit_is_too_large() {
        let body = check(&InFlight::new(100), chunked(vec!["123456", "78901"])).await;
        assert_eq!(body.unwrap_err(), Refusal::TooLarge);
    }

    #[tokio::test]
    async fn bodies_together_are_capped_and_give_their_bytes_back() {
        let in_flight = InFlight::new(4);
        let over = check(&in_flight, chunked(vec!["12345"])).await;
        assert_eq!(over.unwrap_err(), Refusal::Overload);
        assert_eq!(
            check(&in_flight, chunked(vec!["1234"])).await.unwrap(),
            "1234"
        );
        assert_eq!(in_flight.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_refused_at_the_deadline() {
        let chunks = stream::iter([Ok::<_, std::io::Error>("half")]).chain(stream::pending());
        let body = check(&InFlight::new(100), Body::from_bytes_stream(chunks)).await;
        assert_eq!(body.unwrap_err(), Refusal::Timeout);
    }
}
