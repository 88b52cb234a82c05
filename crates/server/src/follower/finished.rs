//! What handlers have finished, on its way from their threads back to the follower.

use std::sync::{Mutex, PoisonError};

use gateway_journal::Sequence;
use tokio::sync::Notify;

use crate::handlers::Ran;

/// A handler's end.
#[derive(Debug)]
pub(super) struct Done {
    /// The plug-in's place in the list.
    pub(super) index: usize,
    /// Which of the command's threads it ran on, counted from 0.
    pub(super) generation: u64,
    /// The event.
    pub(super) sequence: Sequence,
    /// How it ended.
    pub(super) ran: Ran,
    /// When, in milliseconds since the Unix epoch.
    pub(super) ended_ms: u64,
}

/// Gathers ends until the follower takes them. Bounded by what the commands may have in flight.
#[derive(Debug, Default)]
pub(super) struct Finished {
    done: Mutex<Vec<Done>>,
    news: Notify,
}

impl Finished {
    pub(super) fn push(&self, done: Done) {
        self.done
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(done);
        self.nudge();
    }

    /// Wakes whoever waits for news.
    pub(super) fn nudge(&self) {
        self.news.notify_one();
    }

    pub(super) fn take(&self) -> Vec<Done> {
        std::mem::take(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns at once when something came since the last call.
    pub(super) async fn notified(&self) {
        self.news.notified().await;
    }
}
