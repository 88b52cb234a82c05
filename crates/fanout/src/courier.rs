//! The courier: makes attempts as tasks beside the planner, and keeps their ends until the planner takes them.

use std::{
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use gateway_journal::Sequence;
use tokio::sync::Notify;

use crate::{
    DeliverError, DeliverFailure,
    flow::{Attempt, Ended, FlowId},
};

/// Makes attempts. As many are under way as the flows begin.
#[derive(Debug, Default)]
pub(crate) struct Courier {
    ends: Arc<Ends>,
}

/// An attempt that has ended.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) flow: FlowId,
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
    /// Makes an attempt, within its subscription's timeout. To be called within the planner's runtime.
    pub(crate) fn send(&self, attempt: Attempt) {
        let mut teller = Teller {
            done: Some(Done {
                flow: attempt.flow,
                subscription: Arc::clone(&attempt.subscriber.name),
                sequence: attempt.decoded.sequence(),
                ended: Err(lost()),
                took: Duration::ZERO,
            }),
            ends: Arc::clone(&self.ends),
        };
        // It has a timeout, and is dropped with the runtime.
        drop(tokio::spawn(async move {
            let began = Instant::now();
            let ended = attempt.subscriber.deliver(&attempt).await;
            if let Some(done) = &mut teller.done {
                done.ended = ended;
                done.took = began.elapsed();
            }
        }));
    }

    /// Attempts that have ended, those that did first, `most` of them; and whether that is all.
    pub(crate) fn take(&self, most: usize) -> (Vec<Done>, bool) {
        let mut done = self.ends.done();
        if done.len() <= most {
            return (mem::take(&mut *done), true);
        }
        (done.drain(..most).collect(), false)
    }

    /// Returns at once when an attempt has ended since the last call.
    pub(crate) async fn news(&self) {
        self.ends.news.notified().await;
    }
}

// === impl Ends ===

impl Ends {
    fn done(&self) -> MutexGuard<'_, Vec<Done>> {
        // The list is whole between any two statements.
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Teller ===

impl Drop for Teller {
    fn drop(&mut self) {
        if let Some(done) = self.done.take() {
            self.ends.done().push(done);
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
