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

use tracing::warn;

use super::{AppendError, EVERY, Failure, Health, Pending, Stamp, Writer};
use crate::journal::{JournalError, store::Store};

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
        match self.stamp.proofs(&self.batch).last() {
            Some((_, proof)) => store.holds(proof),
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
            None => Err("a read does not end".to_owned()),
        };
        self.retry_at = Instant::now() + EVERY;
        match recovered {
            Ok((store, written)) => {
                self.store = Some(store);
                // In this order: whoever is told that its event is there may append the next one.
                self.go_on();
                self.resolve(written);
            }
            Err(reason) => {
                let path = self.settings.options.path.display();
                warn!(%path, reason, "the log could not be reopened: trying again");
                self.shared.health.send_replace(Health::Recovering(reason));
            }
        }
    }

    /// Opens the store and makes it prove itself; also says whether the unknown batch is in it.
    fn reopen(&self) -> Result<(Store, bool), String> {
        let text = |error: rusqlite::Error| error.to_string();
        let (store, identity) =
            Store::open(&self.settings.options).map_err(|error| describe(&error))?;
        if identity.log_id != self.log_id {
            return Err("another log lies at its path".to_owned());
        }
        empty_wal(&store)?;
        // Unless it was deleted, when nobody needed it any more.
        if let Some(proof) = self.proof
            && identity.high_water < proof.sequence
            && !store.holds(proof).map_err(text)?
        {
            return Err(format!(
                "the last acknowledged event, {}, is missing or damaged",
                proof.sequence
            ));
        }
        // An empty write-ahead file is emptied without a sync, and proves nothing.
        store.probe().map_err(text)?;
        empty_wal(&store)?;
        let written = match &self.unknown {
            Some(unknown) => unknown.is_in(&store).map_err(text)?,
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

fn empty_wal(store: &Store) -> Result<(), String> {
    match store.checkpoint_all() {
        Ok(true) => Ok(()),
        Ok(false) => Err("another process reads the log".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// An error with what caused it, on one line.
fn describe(error: &JournalError) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
