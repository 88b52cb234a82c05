//! An append that goes on when its connection ends, so that a repeat finds out what became of it.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use gateway_core::{Ack, Envelope, EventId};
use gateway_journal::{AppendError, Appender};
use tokio::runtime::Handle;

use super::repeats::First;

type Appended = Result<EventId, AppendError>;

/// The append of the first callback of its kind.
pub(super) struct PendingAppend {
    append: Option<Pin<Box<dyn Future<Output = Appended> + Send>>>,
}

impl PendingAppend {
    /// `first` learns that it was acked, or fails.
    pub(super) fn new(appender: &Appender, envelope: Envelope, body: Bytes, first: First) -> Self {
        let append = appender.append(envelope, body);
        let append = async move {
            let event = append.await?;
            first.answered(Bytes::from_static(Ack::OK));
            Ok(event)
        };
        Self {
            append: Some(Box::pin(append)),
        }
    }
}

impl Future for PendingAppend {
    type Output = Appended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Appended> {
        let append = self.append.as_mut().expect("not polled after its end");
        let appended = std::task::ready!(append.as_mut().poll(cx));
        self.append = None;
        Poll::Ready(appended)
    }
}

impl Drop for PendingAppend {
    fn drop(&mut self) {
        // The waiting appends are bounded by the journal's queue, and so are these tasks. Without a runtime the process
        // is stopping, and nobody repeats anything.
        if let (Some(append), Ok(runtime)) = (self.append.take(), Handle::try_current()) {
            drop(runtime.spawn(append));
        }
    }
}
