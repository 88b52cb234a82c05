//! Who still needs the log's events: none is deleted that one of the holders has not released.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use super::{Health, Shared};
use crate::Sequence;

/// Somebody who reads the log and may come back to it. Holds every event until it releases some; dropped, it goes on
/// holding what it held.
#[derive(Debug)]
pub struct Holder {
    shared: Arc<Shared>,
    released: Arc<AtomicU64>,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Holders(Mutex<Vec<Arc<AtomicU64>>>);

// === impl Holder ===

impl Holder {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        let released = shared.holders.add();
        Self {
            shared: Arc::clone(shared),
            released,
        }
    }

    /// It has passed the events up to `through`; they may be deleted when space or age ask for it. A lower sequence than
    /// before holds again what is not deleted yet.
    pub fn release(&self, through: Sequence) {
        let before = self.released.swap(through, Ordering::AcqRel);
        // Only a full log waits for this; otherwise the writer comes by within a second.
        if before < through && *self.shared.health.borrow() == Health::Full {
            self.shared.queue.nudge();
        }
    }
}

// === impl Holders ===

impl Holders {
    fn add(&self) -> Arc<AtomicU64> {
        let released = Arc::new(AtomicU64::new(0));
        let mut holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        holders.push(Arc::clone(&released));
        released
    }

    /// What all have released; nothing while there is no holder.
    pub(super) fn released(&self) -> Sequence {
        let holders = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let released = holders.iter().map(|one| one.load(Ordering::Acquire));
        released.min().unwrap_or(0)
    }
}
