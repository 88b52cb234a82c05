//! Reading a body within its limits: its length, its time, and the bytes that all of them may hold together.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt, pin_mut};
use gateway_core::{Phase, Refusal};
use poem::{Body, Request, http::header};

use crate::config::CallbacksConfig;

/// The callbacks that are being answered and the bytes of their bodies, with a cap on each: beyond it callbacks are
/// refused at once. A quarter of either is kept for before-callbacks, so that no crowd of others, waiting for a slow
/// disk, takes their place.
#[derive(Debug)]
pub(super) struct InFlight {
    callbacks: AtomicUsize,
    callbacks_max: usize,
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

/// A callback's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<InFlight>);

/// Bytes that a body holds; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reserved {
    in_flight: Arc<InFlight>,
    phase: Phase,
    bytes: usize,
}

// === impl InFlight ===

impl InFlight {
    pub(super) fn new(callbacks_max: usize, bytes_max: usize) -> Arc<Self> {
        Arc::new(Self {
            callbacks: AtomicUsize::new(0),
            callbacks_max,
            bytes: AtomicUsize::new(0),
            bytes_max,
        })
    }

    /// A place for a callback.
    ///
    /// # Errors
    ///
    /// [`Refusal::Overload`].
    pub(super) fn enter(self: &Arc<Self>, phase: Phase) -> Result<Place, Refusal> {
        let place = Place(Arc::clone(self));
        let before = self.callbacks.fetch_add(1, Ordering::Relaxed);
        if before >= CallbacksConfig::share(self.callbacks_max, phase) {
            return Err(Refusal::Overload);
        }
        Ok(place)
    }

    /// Reads a whole body of at most `body_max` bytes.
    ///
    /// # Errors
    ///
    /// [`Refusal::TooLarge`], [`Refusal::Overload`], or [`Refusal::Timeout`] when it does not end by the deadline or at
    /// all.
    pub(super) async fn read(
        self: &Arc<Self>,
        phase: Phase,
        body: UnreadBody,
        body_max: usize,
        deadline: Instant,
    ) -> Result<(Bytes, Reserved), Refusal> {
        let UnreadBody { body, announced } = body;
        if announced > body_max {
            return Err(Refusal::TooLarge);
        }
        let mut reserved = Reserved {
            in_flight: Arc::clone(self),
            phase,
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

async fn collect(body: Body, body_max: usize, reserved: &mut Reserved) -> Result<Bytes, Refusal> {
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

// === impl Place ===

impl Drop for Place {
    fn drop(&mut self) {
        self.0.callbacks.fetch_sub(1, Ordering::Relaxed);
    }
}

// === impl Reserved ===

impl Reserved {
    /// Whether half of what there is for bodies is in use.
    pub(super) fn is_scarce(&self) -> bool {
        let in_use = self.in_flight.bytes.load(Ordering::Relaxed);
        in_use > self.in_flight.bytes_max / 2
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), Refusal> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        self.bytes += more;
        let before = self.in_flight.bytes.fetch_add(more, Ordering::Relaxed);
        if before + more > CallbacksConfig::share(self.in_flight.bytes_max, self.phase) {
            return Err(Refusal::Overload);
        }
        Ok(())
    }
}

impl Drop for Reserved {
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

    async fn check(in_flight: &Arc<InFlight>, body: Body) -> Result<Bytes, Refusal> {
        check_phase(in_flight, Phase::Before, body).await
    }

    async fn check_phase(
        in_flight: &Arc<InFlight>,
        phase: Phase,
        body: Body,
    ) -> Result<Bytes, Refusal> {
        let deadline = Instant::now() + Duration::from_millis(20);
        let body = UnreadBody { body, announced: 0 };
        in_flight
            .read(phase, body, 10, deadline)
            .await
            .map(|(bytes, _)| bytes)
    }

    #[tokio::test]
    async fn chunks_become_one_body() {
        let body = check(&InFlight::new(8, 100), chunked(vec!["ab", "cd", "e"])).await;
        assert_eq!(body.unwrap(), "abcde");
    }

    #[tokio::test]
    async fn a_chunked_body_over_the_limit_is_too_large() {
        let body = check(&InFlight::new(8, 100), chunked(vec!["123456", "78901"])).await;
        assert_eq!(body.unwrap_err(), Refusal::TooLarge);
    }

    #[tokio::test]
    async fn bodies_together_are_capped_and_give_their_bytes_back() {
        let in_flight = InFlight::new(8, 4);
        let over = check(&in_flight, chunked(vec!["12345"])).await;
        assert_eq!(over.unwrap_err(), Refusal::Overload);
        assert_eq!(
            check(&in_flight, chunked(vec!["1234"])).await.unwrap(),
            "1234"
        );
        assert_eq!(in_flight.bytes.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_quarter_is_kept_for_before_callbacks() {
        let in_flight = InFlight::new(4, 8);
        let over = check_phase(&in_flight, Phase::After, chunked(vec!["1234567"])).await;
        assert_eq!(over.unwrap_err(), Refusal::Overload);
        check(&in_flight, chunked(vec!["1234567"])).await.unwrap();

        let places = [Phase::After; 3].map(|phase| in_flight.enter(phase).unwrap());
        assert_eq!(
            in_flight.enter(Phase::After).unwrap_err(),
            Refusal::Overload
        );
        let last = in_flight.enter(Phase::Before).unwrap();
        assert_eq!(
            in_flight.enter(Phase::Before).unwrap_err(),
            Refusal::Overload
        );
        drop((places, last));
        assert_eq!(in_flight.callbacks.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_body_that_does_not_end_is_refused_at_the_deadline() {
        let chunks = stream::iter([Ok::<_, std::io::Error>("half")]).chain(stream::pending());
        let body = check(&InFlight::new(8, 100), Body::from_bytes_stream(chunks)).await;
        assert_eq!(body.unwrap_err(), Refusal::Timeout);
    }
}
