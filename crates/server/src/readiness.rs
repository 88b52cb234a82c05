//! Whether the gateway wants traffic, and if not, why.

use std::sync::atomic::{AtomicBool, Ordering};

use gateway_journal::Health;
use tokio::sync::watch;

/// Shared by everything that can make the gateway unready.
#[derive(Debug)]
pub(crate) struct Readiness {
    journal: watch::Receiver<Health>,
    is_stopping: AtomicBool,
}

impl Readiness {
    /// Ready as long as the journal is.
    pub(crate) fn new(journal: watch::Receiver<Health>) -> Self {
        Self {
            journal,
            is_stopping: AtomicBool::new(false),
        }
    }

    /// From now on the gateway wants no more traffic.
    pub(crate) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Relaxed);
    }

    /// Whether after-callbacks can be acked.
    pub(crate) fn is_journal_writable(&self) -> bool {
        *self.journal.borrow() == Health::Writable
    }

    /// Why it is not ready, a short sentence each; empty when it is.
    pub(crate) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if self.is_stopping.load(Ordering::Relaxed) {
            problems.push("the gateway is stopping".to_owned());
        }
        match &*self.journal.borrow() {
            Health::Writable => {}
            Health::Full => problems.push("the journal is full".to_owned()),
            Health::Unwritable(reason) => {
                problems.push(format!("the journal can't be written: {reason}"));
            }
            Health::Recovering(reason) => {
                problems.push(format!("the journal is being reopened: {reason}"));
            }
        }
        problems
    }
}
