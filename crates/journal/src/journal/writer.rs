//! The writer's thread: it alone changes the log.
//!
//! It takes what waits, writes it in one synced transaction, publishes the new head and answers. Between batches it
//! deletes old events (`writer/space.rs`) and brings a failed store back (`writer/recovery.rs`).

mod recovery;
mod space;

use std::{
    fs::File,
    io,
    sync::{Arc, atomic::Ordering},
    thread::JoinHandle,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gateway_core::EventId;
use tracing::{error, info};
use uuid::Uuid;

use self::recovery::Unknown;
use super::{
    AppendError, Head, Health, JournalError, Shared,
    failure::Failure,
    queue::Pending,
    store::{End, Options, Stamp, Store, Witness},
};
use crate::Sequence;

/// How often a failed store is tried again, and old events are looked for.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    settings: Settings,
    /// Closed while recovering.
    store: Option<Store>,
    mode: Mode,
    log_id: Uuid,
    /// The highest sequence that was given to an event, acknowledged or not.
    last: Sequence,
    /// The newest time that was given to one.
    clock_ms: u64,
    /// The last acknowledged event.
    witness: Option<Witness>,
    unknown: Option<Unknown>,
    retry_at: Instant,
    trim_at: Instant,
    /// Said in the log already.
    cannot_trim: bool,
    /// Why the log could not be reopened, as said last.
    not_reopened: Option<String>,
    /// Held until the thread ends.
    lock: File,
}

#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) options: Options,
    pub(super) retention_ms: u64,
    pub(super) bytes_max: u64,
}

/// What was found in the log at the start.
#[derive(Debug)]
pub(super) struct Start {
    pub(super) log_id: Uuid,
    pub(super) end: End,
    pub(super) bytes: u64,
}

/// What becomes of appends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// They are written.
    Writing,
    /// Refused until events are released.
    OverLimit,
    /// Refused until a probe succeeds.
    Probing,
    /// Refused until the store has proved itself.
    Recovering,
}

/// Answers everyone when the thread ends, however it ends.
struct Ending(Arc<Shared>);

// === impl Writer ===

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        settings: Settings,
        store: Store,
        start: Start,
        lock: File,
    ) -> Self {
        let Start { log_id, end, .. } = start;
        Self {
            shared,
            settings,
            store: Some(store),
            mode: Mode::Writing,
            log_id,
            last: end.last,
            clock_ms: end.clock_ms,
            witness: end.witness,
            unknown: None,
            retry_at: Instant::now(),
            trim_at: Instant::now(),
            cannot_trim: false,
            not_reopened: None,
            lock,
        }
    }

    pub(super) fn spawn(self) -> io::Result<JoinHandle<Result<(), JournalError>>> {
        let ending = Ending(self.shared.clone());
        std::thread::Builder::new()
            .name("journal-writer".to_owned())
            .spawn(move || {
                let _ending = ending;
                self.run()
            })
    }

    fn run(mut self) -> Result<(), JournalError> {
        let mut batch = Vec::new();
        loop {
            let open = self.shared.queue.take(&mut batch, self.wake_at());
            if !batch.is_empty() {
                self.write(&mut batch);
            } else if !open {
                return self.finish();
            }
            self.maintain();
        }
    }

    fn wake_at(&self) -> Instant {
        match self.mode {
            Mode::Writing | Mode::OverLimit => self.trim_at,
            Mode::Probing => self.trim_at.min(self.retry_at),
            Mode::Recovering => self.retry_at,
        }
    }

    /// Writes a batch and answers for it; leaves `batch` empty.
    fn write(&mut self, batch: &mut Vec<Pending>) {
        let Some(store) = &mut self.store else {
            return self.refuse(batch, AppendError::Unwritable);
        };
        let started = Instant::now();
        let stamp = Stamp {
            first: self.last + 1,
            journaled_ms: self.clock_ms.max(now_ms()),
        };
        match store.append(stamp, batch) {
            Ok(bytes) => {
                self.shared.log_bytes.store(bytes, Ordering::Relaxed);
                let events = batch.len();
                self.acknowledge(stamp, batch);
                self.shared.observer.committed(events, started.elapsed());
                self.keep_wal_short();
            }
            Err(error) => {
                let failure = Failure::of(&error);
                if matches!(failure, Failure::Broken(_)) {
                    // Even if it is not in the log, its sequences are not given again.
                    self.last += batch.len() as u64;
                    self.unknown = Some(Unknown::new(stamp, std::mem::take(batch)));
                } else {
                    self.refuse(batch, failure.refusal());
                }
                self.fail(&failure);
            }
        }
    }

    /// The batch is on disk: publishes it and answers its waiters; leaves `batch` empty.
    fn acknowledge(&mut self, stamp: Stamp, batch: &mut Vec<Pending>) {
        let Some((_, witness)) = stamp.witnesses(batch).last() else {
            return;
        };
        self.witness = Some(witness);
        self.last = self.last.max(witness.sequence);
        self.clock_ms = stamp.journaled_ms;
        self.shared
            .synced
            .store(witness.sequence, Ordering::Release);
        // First the head: whoever has an answer finds the event below it.
        self.shared.head.send_replace(Head {
            log_id: self.log_id,
            sequence: witness.sequence,
        });
        self.shared.queue.done(batch);
        let log_id = self.log_id;
        let answers = (stamp.first..)
            .zip(batch.drain(..))
            .filter_map(|(sequence, event)| {
                let id = EventId::new(log_id, sequence, stamp.journaled_ms);
                Some((event.waiter?, Ok(id)))
            });
        self.shared.runtimes.answer(answers);
    }

    /// The batch is not in the log: answers its waiters; leaves `batch` empty.
    fn refuse(&self, batch: &mut Vec<Pending>, refusal: AppendError) {
        self.shared.queue.done(batch);
        self.shared.refuse(batch.drain(..), refusal);
    }

    fn keep_wal_short(&mut self) {
        if let Some(store) = &self.store
            && let Err(error) = store.checkpoint_when_long()
        {
            self.fail(&Failure::of(&error));
        }
    }

    /// Refuses everything from now on, until the store works again.
    fn fail(&mut self, failure: &Failure) {
        let (mode, health) = match failure {
            Failure::Full => (Mode::Probing, Health::Full),
            Failure::Refused(trouble) => (Mode::Probing, Health::Unwritable(trouble.kind)),
            Failure::Broken(trouble) => (Mode::Recovering, Health::Recovering(trouble.kind)),
        };
        let now = Instant::now();
        // A broken store is reopened at once; a full one was just tried.
        self.retry_at = if mode == Mode::Recovering {
            now
        } else {
            now + EVERY
        };
        let path = self.settings.options.path.display();
        let reason = failure.reason();
        error!(%path, reason, ?mode, "the log can't be written: callbacks are not acknowledged");
        self.stop(mode, health, failure.refusal());
    }

    fn stop(&mut self, mode: Mode, health: Health, refusal: AppendError) {
        self.mode = mode;
        self.shared.health.send_replace(health);
        let waiting = self.shared.queue.refuse(refusal);
        self.shared.refuse(waiting, refusal);
    }

    fn go_on(&mut self) {
        info!(path = %self.settings.options.path.display(), "the log can be written again");
        self.mode = Mode::Writing;
        self.shared.queue.accept();
        self.shared.health.send_replace(Health::Writable);
    }

    fn maintain(&mut self) {
        if Instant::now() >= self.retry_at {
            match self.mode {
                Mode::Writing | Mode::OverLimit => {}
                Mode::Probing => self.probe(),
                Mode::Recovering => self.recover(),
            }
        }
        if self.mode != Mode::Recovering {
            self.make_room();
        }
    }

    /// The queue is empty and takes nothing more.
    fn finish(mut self) -> Result<(), JournalError> {
        let path = self.settings.options.path.clone();
        if let Some(mut unknown) = self.unknown.take() {
            self.refuse(&mut unknown.batch, AppendError::Unwritable);
        }
        // Connections without a transaction do not stand in the checkpoint's way, but those that read do.
        let shared = self.shared.clone();
        let suspended = shared.readers.suspend(EVERY);
        let closed = match &self.store {
            Some(store) if self.mode != Mode::Recovering => store
                .checkpoint_all()
                .map(drop)
                .map_err(|source| JournalError::of(&path, source)),
            _ => Err(JournalError::NotClosed {
                path,
                reason: "the log was being reopened after an error".to_owned(),
            }),
        };
        self.store = None;
        drop(suspended);
        drop(self.lock);
        closed
    }
}

// === impl Ending ===

impl Drop for Ending {
    fn drop(&mut self) {
        let shared = &self.0;
        if std::thread::panicking() {
            let health = Health::Unwritable("the writer panicked");
            shared.health.send_replace(health);
        }
        let waiting = shared.queue.abandon();
        shared.refuse(waiting, AppendError::Closed);
        shared.runtimes.clear();
    }
}

// === impl Shared ===

impl Shared {
    /// Answers events that are not in the log and are no longer counted by the queue.
    fn refuse(&self, events: impl IntoIterator<Item = Pending>, refusal: AppendError) {
        let mut unrecorded = 0;
        let waiters = events.into_iter().filter_map(|event| {
            unrecorded += usize::from(event.waiter.is_none());
            Some((event.waiter?, Err(refusal)))
        });
        self.runtimes.answer(waiters);
        if unrecorded > 0 {
            self.observer.unrecorded(unrecorded);
        }
    }
}

/// Milliseconds since the Unix epoch by the system's clock; 0 before it.
fn now_ms() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |passed| {
            u64::try_from(passed.as_millis()).unwrap_or(u64::MAX)
        })
}
