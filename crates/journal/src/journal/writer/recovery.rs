//! Bringing a failed store back.
//!
//! *Full or refusing writes*: nothing was written. A real write, small but large enough to make the file grow, is tried
//! about once a second.
//!
//! *Broken*: a sync or another call failed, and what is on disk is unknown; after a failed sync the system may call
//! pages clean that never reached the disk. Every connection is closed, so that the write-ahead file is read anew by its
//! checksums; a TRUNCATE checkpoint then writes its pages again, to the main file, and syncs that. Only when this
//! succeeds, the last acknowledged event is found, and a new write is synced, are events acknowledged again. The batch
//! whose commit failed is looked up: if it is there, it is on disk by now and its waiters are told so; if not, they are
//! told that it is not. It is never written twice.

use std::time::{Duration, Instant};

use gateway_core::Causes;
use tracing::warn;

use super::{AppendError, EVERY, Failure, Health, Pending, Stamp, Writer};
use crate::journal::{failure::Trouble, store::Store};

/// How long reads may take to end before the connections are closed.
const READS_MAX: Duration = Duration::from_secs(2);

/// A batch whose commit failed without a word on whether it was written.
#[derive(Debug)]
pub(super) struct Unknown {
    stamp: Stamp,
    pub(super) batch: Vec<Pending>,
}

// === impl Unknown ===

impl Unknown {
    pub(super) fn new(stamp: Stamp, batch: Vec<Pending>) -> Self {
        Self { stamp, batch }
    }

    /// Whether the batch is in the log: a transaction is there as a whole or not at all, so its last event tells.
    fn is_in(&self, store: &Store) -> rusqlite::Result<bool> {
        match self.stamp.witnesses(&self.batch).last() {
            Some((_, witness)) => store.holds(witness),
            None => Ok(false),
        }
    }
}

// === impl Writer ===

impl Writer {
    /// Goes on when a write succeeds.
    pub(super) fn probe(&mut self) {
        self.retry_at = Instant::now() + EVERY;
        let Some(store) = &self.store else {
            return;
        };
        match store.probe() {
            Ok(()) => self.go_on(),
            Err(error) => {
                let failure = Failure::of(&error);
                if matches!(failure, Failure::Broken(_)) {
                    self.fail(&failure);
                }
            }
        }
    }

    /// Reopens the store and goes on when it has proved itself.
    pub(super) fn recover(&mut self) {
        self.store = None;
        let recovered = match self.shared.readers.suspend(READS_MAX) {
            Some(_suspended) => self.reopen(),
            None => Err(Trouble::known("a read does not end")),
        };
        self.retry_at = Instant::now() + EVERY;
        match recovered {
            Ok((store, written)) => {
                self.store = Some(store);
                self.not_reopened = None;
                // In this order: whoever is told that its event is there may append the next one.
                self.go_on();
                self.resolve(written);
            }
            Err(Trouble { kind, text }) => {
                // It is tried every second.
                if self.not_reopened.as_ref() != Some(&text) {
                    let path = self.settings.options.path.display();
                    warn!(%path, reason = text, "the log could not be reopened: trying again");
                    self.not_reopened = Some(text);
                }
                self.shared.health.send_replace(Health::Recovering(kind));
            }
        }
    }

    /// Opens the store and makes it prove itself; also says whether the unknown batch is in it.
    fn reopen(&self) -> Result<(Store, bool), Trouble> {
        let of = |error: rusqlite::Error| Trouble::of(&error);
        let opened = Store::open(&self.settings.options).map_err(|error| Trouble {
            kind: "it can't be opened",
            text: Causes(&error).to_string(),
        });
        let (store, identity) = opened?;
        if identity.log_id != self.log_id {
            return Err(Trouble::known("another log lies at its path"));
        }
        empty_wal(&store)?;
        // Unless it was deleted, when nobody needed it any more.
        if let Some(witness) = self.witness
            && identity.high_water < witness.sequence
            && !store.holds(witness).map_err(of)?
        {
            return Err(Trouble {
                kind: "the last acknowledged event is missing or damaged",
                text: format!(
                    "the last acknowledged event, {}, is missing or damaged",
                    witness.sequence
                ),
            });
        }
        // An empty write-ahead file is emptied without a sync, and proves nothing.
        store.probe().map_err(of)?;
        empty_wal(&store)?;
        let written = match &self.unknown {
            Some(unknown) => unknown.is_in(&store).map_err(of)?,
            None => false,
        };
        Ok((store, written))
    }

    fn resolve(&mut self, written: bool) {
        let Some(Unknown { stamp, mut batch }) = self.unknown.take() else {
            return;
        };
        if written {
            self.acknowledge(stamp, &mut batch);
        } else {
            self.refuse(&mut batch, AppendError::Unwritable);
        }
    }
}

fn empty_wal(store: &Store) -> Result<(), Trouble> {
    match store.checkpoint_all() {
        Ok(true) => Ok(()),
        Ok(false) => Err(Trouble::known("another process reads the log")),
        Err(error) => Err(Trouble::of(&error)),
    }
}
