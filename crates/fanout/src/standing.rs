//! How subscriptions stand, for whoever watches.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gateway_journal::{Pause, Sequence};

use crate::Subscriber;

/// One subscription, as of less than a second ago.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// Its name in the configuration.
    pub name: String,
    /// Every event up to here is delivered, filtered, given up, or pending with a row.
    pub cursor: Sequence,
    /// Events that were delivered, ever.
    pub delivered: u64,
    /// Events that it does not want, ever.
    pub filtered: u64,
    /// Events that were given up, less those that were tried again; with those that are forgotten by now.
    pub dead: u64,
    /// How many of the dead are forgotten.
    pub expired: u64,
    /// Events that wait for another attempt, are under way, or wait behind one of their lane.
    pub pending: u64,
    /// Events past the cursor, wanted or not.
    pub behind: u64,
    /// How long ago the oldest event was journaled that is pending or past the cursor; 0 when there is none.
    pub oldest_ms: u64,
    /// Attempts under way.
    pub under_way: u64,
    /// Since when it is paused, and why.
    pub paused: Option<Pause>,
    /// Whether it failed so often that it is only probed.
    pub is_down: bool,
}

/// What was told last, for all subscriptions.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    standings: Arc<[Standing]>,
    subscribers: Arc<[Arc<Subscriber>]>,
}

// === impl Board ===

impl Board {
    /// In the order of their names.
    pub fn standings(&self) -> Arc<[Standing]> {
        Arc::clone(&self.told().standings)
    }

    /// Who they are, in the same order.
    pub fn subscribers(&self) -> Arc<[Arc<Subscriber>]> {
        Arc::clone(&self.told().subscribers)
    }

    pub(crate) fn set(&self, standings: Vec<Standing>) {
        self.told().standings = standings.into();
    }

    pub(crate) fn introduce(&self, subscribers: Arc<[Arc<Subscriber>]>) {
        self.told().subscribers = subscribers;
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
