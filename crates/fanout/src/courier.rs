//! The courier: makes attempts on a thread of its own, and keeps their ends until the planner takes them.

use std::{
    io, mem,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use gateway_journal::Sequence;
use tokio::{runtime::Handle, sync::Notify};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{
    DeliverError, DeliverFailure, Subscriber,
    flow::{Attempt, Ended},
};

/// Makes attempts. As many are under way as the flows begin.
#[derive(Debug)]
pub(crate) struct Courier {
    handle: Handle,
    thread: JoinHandle<()>,
    stop: CancellationToken,
    ends: Arc<Ends>,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) subscription: Arc<str>,
    pub(crate) sequence: Sequence,
    pub(crate) ended: Ended,
    pub(crate) took: Duration,
}

#[derive(Debug, Default)]
struct Ends {
    done: Mutex<Vec<Done>>,
    news: Notify,
}

/// Tells of the attempt's end, also when it panics or is dropped.
struct Teller {
    ends: Arc<Ends>,
    done: Option<Done>,
}

// === impl Courier ===

impl Courier {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (handle, stop) = (runtime.handle().clone(), CancellationToken::new());
        let stopped = stop.clone();
        let thread = thread::Builder::new()
            .name("deliveries".to_owned())
            .spawn(move || runtime.block_on(stopped.cancelled()))?;
        Ok(Self {
            handle,
            thread,
            stop,
            ends: Arc::default(),
        })
    }

    /// Makes an attempt, within its subscription's timeout.
    pub(crate) fn send(&self, attempt: Attempt) {
        let mut teller = Teller {
            done: Some(Done {
                subscription: Arc::clone(&attempt.subscriber.name),
                sequence: attempt.decoded.sequence(),
                ended: Err(lost()),
                took: Duration::ZERO,
            }),
            ends: Arc::clone(&self.ends),
        };
        // It has a timeout, and is dropped with the runtime.
        drop(self.handle.spawn(async move {
            let began = Instant::now();
            let ended = attempt.subscriber.deliver(&attempt).await;
            if let Some(done) = &mut teller.done {
                done.ended = ended;
                done.took = began.elapsed();
            }
        }));
    }

    /// Closes a subscription's kept connections that are too old.
    pub(crate) fn tidy(&self, subscriber: &Arc<Subscriber>) {
        let subscriber = Arc::clone(subscriber);
        // It does not wait for anything.
        drop(self.handle.spawn(async move { subscriber.tidy() }));
    }

    pub(crate) fn take(&self) -> Vec<Done> {
        mem::take(
            &mut *self
                .ends
                .done
                .lock()
                .unwrap_or_else(PoisonError::into_inner),
        )
    }

    /// Returns at once when an attempt has ended since the last call.
    pub(crate) async fn news(&self) {
        self.ends.news.notified().await;
    }

    /// Drops what is under way. Blocks for a moment.
    pub(crate) fn stop(self) {
        self.stop.cancel();
        if self.thread.join().is_err() {
            error!("the deliveries' thread has died");
        }
    }
}

// === impl Teller ===

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            let mut dones = self
                .ends
                .done
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            dones.push(done);
            drop(dones);
            self.ends.news.notify_one();
        }
    }
}

/// What is told of an attempt that did not come to its own end.
fn lost() -> DeliverError {
    DeliverError {
        reason: DeliverFailure::Reset,
        retry_after: None,
        detail: "the attempt did not come to its end".to_owned(),
    }
}
