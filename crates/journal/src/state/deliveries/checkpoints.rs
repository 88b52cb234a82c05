//! Moves the write-ahead file into `state.db` on a thread of its own, so that whoever saves does not wait for the disk.
//!
//! It moves what is there while others write on. Start at [`Checkpoints::ask`].

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        mpsc::{SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

use gateway_core::Causes;
use rusqlite::Connection;
use tracing::warn;

/// The thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Checkpoints {
    asked: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Checkpoints ===

impl Checkpoints {
    pub(super) fn start(path: Arc<Path>, connection: Connection) -> io::Result<Self> {
        // One that is under way and one that has to look again.
        let (asked, asks) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("checkpoints".to_owned())
            .spawn(move || {
                while asks.recv().is_ok() {
                    let passive = "PRAGMA wal_checkpoint(PASSIVE)";
                    if let Err(error) = connection.query_row(passive, [], |_| Ok(())) {
                        let error = Causes(&error);
                        warn!(path = %path.display(), %error, "the write-ahead file is not moved; whoever writes will");
                    }
                }
            })?;
        Ok(Self {
            asked: Some(asked),
            thread: Some(thread),
        })
    }

    /// Has done soon what is to be done. Does not block.
    pub(super) fn ask(&self) {
        if let Some(asked) = &self.asked {
            // When it is full, somebody has asked already.
            asked.try_send(()).ok();
        }
    }
}

impl Drop for Checkpoints {
    fn drop(&mut self) {
        drop(self.asked.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was told where it happened.
            drop(thread.join());
        }
    }
}
