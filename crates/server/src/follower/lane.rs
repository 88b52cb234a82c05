//! How far one command's handler has come.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use gateway_core::{Context, EventId, Installed, Prepared, Work};
use gateway_journal::{
    Filter, Outcome, ReadError, ReadLimit, Reader, Reason, Row, Sequence, Status, StoredEvent,
};

use super::{
    finished::{Done, Finished},
    retry::pause_after,
    sequence_of,
};
use crate::{
    clock,
    handlers::{Abandoned, Failure, FailureReason, Handlers, Job, Reply},
    metrics::{HandlerMetrics, Metrics},
};

/// The progress of one after-command.
#[derive(Debug)]
pub(super) struct Lane {
    installed: Installed,
    metrics: Arc<Metrics>,
    /// Every event of the command up to here has been taken.
    read: Sequence,
    /// Whether the live reading feeds it; if not, it reads the log for itself.
    is_attached: bool,
    /// First attempts that are not finished: their events' sizes. They hold the cursor.
    running: BTreeMap<Sequence, usize>,
    /// Later attempts that are not finished.
    retrying: BTreeMap<Sequence, Retry>,
    /// Among `running`: lost with an abandoned thread, to be read again.
    lost: Vec<Sequence>,
    /// Ready for the thread.
    gathered: Vec<(StoredEvent, Work, u32)>,
    bytes: usize,
    bytes_max: usize,
    generation: u64,
    /// No thread could be had; not before this.
    stalled_until: Option<Instant>,
    /// To be saved with the cursor.
    pub(super) outcomes: Vec<Outcome>,
    /// Events whose later attempt succeeded: their outcomes are to be forgotten.
    pub(super) done: Vec<Sequence>,
}

/// A later attempt.
#[derive(Debug)]
struct Retry {
    /// Its number; the first attempt was 1.
    attempt: u32,
    bytes: usize,
}

/// Events of a command in memory.
const EVENTS_MAX: usize = 1024;

/// Bytes of all commands' events in memory; each command may always have one event.
const BYTES_MAX: usize = 32 << 20;

/// Rows that one catching-up read looks at.
const SCAN_MAX: usize = 4096;

/// How long a lane without a thread waits.
const STALL: Duration = Duration::from_secs(1);

/// Each lane's share of the memory.
pub(super) fn bytes_max(lanes: usize) -> usize {
    BYTES_MAX / lanes.max(1)
}

impl Lane {
    pub(super) fn new(
        installed: Installed,
        cursor: Sequence,
        bytes_max: usize,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            installed,
            metrics: Arc::clone(metrics),
            read: cursor,
            is_attached: false,
            running: BTreeMap::new(),
            retrying: BTreeMap::new(),
            lost: Vec::new(),
            gathered: Vec::new(),
            bytes: 0,
            bytes_max,
            generation: 0,
            stalled_until: None,
            outcomes: Vec::new(),
            done: Vec::new(),
        }
    }

    pub(super) fn index(&self) -> usize {
        self.installed.descriptor().index
    }

    pub(super) fn command(&self) -> &'static str {
        self.installed.descriptor().command
    }

    /// Every event up to here is done, parked or dead.
    pub(super) fn cursor(&self) -> Sequence {
        let oldest = self.running.keys().next();
        oldest.map_or(self.read, |oldest| self.read.min(oldest - 1))
    }

    fn metrics(&self) -> &HandlerMetrics {
        let metrics = self.metrics.handler(self.index());
        metrics.expect("every plug-in has metrics")
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.retrying.is_empty()
    }

    /// Whether attempts have finished that the state does not know of.
    pub(super) fn is_unsaved(&self) -> bool {
        !self.outcomes.is_empty() || !self.done.is_empty()
    }

    /// Lets the live reading feed the lane if it has taken everything up to `position`.
    pub(super) fn attach_at(&mut self, position: Sequence) {
        self.is_attached = self.read >= position;
    }

    /// Takes an event from the live reading, or leaves it to be read again later.
    pub(super) fn offer(&mut self, event: StoredEvent, prepared: Prepared) {
        if !self.is_attached {
            return;
        }
        if self.room() == 0 {
            self.is_attached = false;
            self.read = event.sequence - 1;
            return;
        }
        self.take(event, prepared.work);
    }

    /// The live reading has come to `position`.
    pub(super) fn followed(&mut self, position: Sequence) {
        if self.is_attached {
            self.read = position;
        }
    }

    /// Reads for itself up to the live `position`, as far as there is room. Tells whether there is more.
    pub(super) fn catch_up(
        &mut self,
        reader: &Reader,
        position: Sequence,
    ) -> Result<bool, ReadError> {
        if self.is_stalled() {
            return Ok(false);
        }
        self.read_lost(reader)?;
        if self.is_attached || self.room() == 0 {
            return Ok(false);
        }
        let filter = Filter {
            command: Some(self.command().to_owned()),
            ..Filter::default()
        };
        let limit = ReadLimit {
            events: self.room(),
            bytes: self.bytes_max.saturating_sub(self.bytes),
        };
        let page = reader.after_matching(self.read, &filter, limit, SCAN_MAX)?;
        for row in page.rows {
            // What lies beyond comes with the live reading.
            if sequence_of(&row) > position {
                break;
            }
            if let Row::Event(event) = row {
                let work = self.installed.prepare(&event.body).work;
                self.take(event, work);
            }
        }
        self.read = page.next.map_or(position, |next| next.min(position));
        self.attach_at(position);
        Ok(!self.is_attached)
    }

    /// Reads again what was lost with an abandoned thread.
    fn read_lost(&mut self, reader: &Reader) -> Result<(), ReadError> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let events = reader.get_many(&self.lost)?;
        for sequence in std::mem::take(&mut self.lost) {
            self.end(sequence);
        }
        for event in events {
            let work = self.installed.prepare(&event.body).work;
            self.take(event, work);
        }
        Ok(())
    }

    fn take(&mut self, event: StoredEvent, work: Option<Work>) {
        let Some(work) = work else {
            self.give_up_undecodable(event.sequence);
            return;
        };
        self.bytes += event.body.len();
        self.running.insert(event.sequence, event.body.len());
        self.gathered.push((event, work, 1));
    }

    /// How many events more may be taken.
    pub(super) fn room(&self) -> usize {
        let is_full = self.is_busy() && self.bytes >= self.bytes_max;
        if is_full || self.is_stalled() {
            0
        } else {
            // What can't be saved counts, too.
            let taken = self.running.len() + self.retrying.len() + self.outcomes.len();
            EVENTS_MAX.saturating_sub(taken)
        }
    }

    /// Whether a parked event may be tried now.
    pub(super) fn can_retry(&self, sequence: Sequence) -> bool {
        self.room() > 0 && !self.retrying.contains_key(&sequence)
    }

    /// Starts a later attempt; returns the outcome that counts it.
    pub(super) fn retry(&mut self, event: StoredEvent, mut outcome: Outcome) -> Outcome {
        outcome.attempts += 1;
        let attempt = outcome.attempts;
        match self.installed.prepare(&event.body).work {
            Some(work) => {
                let bytes = event.body.len();
                self.bytes += bytes;
                self.retrying
                    .insert(event.sequence, Retry { attempt, bytes });
                self.gathered.push((event, work, attempt));
            }
            None => self.give_up_undecodable(event.sequence),
        }
        outcome
    }

    /// The event of a parked outcome can't be read any more.
    pub(super) fn give_up(&mut self, outcome: Outcome) {
        self.outcomes.push(Outcome {
            status: Status::Dead,
            since_ms: clock::now_ms(),
            ..outcome
        });
    }

    /// Hands what was gathered to the lane's thread.
    pub(super) fn submit(
        &mut self,
        handlers: &Handlers,
        finished: &Arc<Finished>,
        id: impl Fn(&StoredEvent) -> EventId,
    ) {
        if self.gathered.is_empty() || self.is_stalled() {
            return;
        }
        let (lane, generation) = (self.index(), self.generation);
        let job = |(event, work, attempt): (StoredEvent, Work, u32)| {
            let finished = Arc::clone(finished);
            let sequence = event.sequence;
            Job {
                ticket: sequence,
                work,
                cx: Context {
                    event: Some(id(&event)),
                    envelope: Arc::new(event.envelope),
                    attempt,
                },
                reply: Reply::Call(Box::new(move |ran| {
                    finished.push(Done {
                        lane,
                        generation,
                        sequence,
                        ran,
                    });
                })),
            }
        };
        let jobs = self.gathered.drain(..).map(job).collect();
        if let Err(jobs) = handlers.lane(lane).submit(jobs) {
            self.stalled_until = Some(Instant::now() + STALL);
            for job in jobs {
                self.lose(job.ticket);
            }
        }
    }

    /// An attempt that did not end: it is made again.
    fn lose(&mut self, sequence: Sequence) {
        if self.running.contains_key(&sequence) {
            self.lost.push(sequence);
        } else {
            // It is still parked, and due.
            self.end(sequence);
        }
    }

    /// Takes back a finished attempt.
    pub(super) fn finished(&mut self, done: Done) {
        if done.generation != self.generation {
            return;
        }
        let retried = self.end(done.sequence);
        match done.ran {
            Ok(_) => {
                self.metrics().ok.inc();
                if retried.is_some() {
                    self.done.push(done.sequence);
                }
            }
            Err(failure) => {
                let attempts = retried.unwrap_or(1);
                self.fail(done.sequence, attempts, failure);
            }
        }
    }

    /// Removes an attempt from those that run; returns its number if it was a later one.
    fn end(&mut self, sequence: Sequence) -> Option<u32> {
        if let Some(bytes) = self.running.remove(&sequence) {
            self.bytes -= bytes;
            return None;
        }
        let retry = self.retrying.remove(&sequence)?;
        self.bytes -= retry.bytes;
        Some(retry.attempt)
    }

    fn fail(&mut self, sequence: Sequence, attempts: u32, failure: Failure) {
        let metrics = self.metrics();
        let (reason, counter) = match failure.reason {
            FailureReason::Error => (Reason::Error, &metrics.error),
            FailureReason::Panic => (Reason::Panic, &metrics.panic),
            FailureReason::Timeout | FailureReason::Busy => (Reason::Timeout, &metrics.timeout),
        };
        counter.inc();
        let pause = pause_after(attempts);
        if pause.is_none() {
            metrics.dead.inc();
        }
        let now = clock::now_ms();
        let pause_ms = pause.map_or(0, |pause| {
            u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
        });
        self.outcomes.push(Outcome {
            sequence,
            command: self.command().to_owned(),
            status: if pause.is_some() {
                Status::Parked
            } else {
                Status::Dead
            },
            attempts,
            due_ms: now.saturating_add(pause_ms),
            reason,
            error: failure.error,
            since_ms: now,
        });
    }

    /// An event whose body says nothing to the plug-in is given up at once: only another plug-in can read it.
    fn give_up_undecodable(&mut self, sequence: Sequence) {
        self.metrics().undecodable.inc();
        let now = clock::now_ms();
        self.outcomes.push(Outcome {
            sequence,
            command: self.command().to_owned(),
            status: Status::Dead,
            attempts: 0,
            due_ms: now,
            reason: Reason::Undecodable,
            error: None,
            since_ms: now,
        });
    }

    /// Gives up a thread that a handler blocks: that event is parked, the others on it are handled again.
    pub(super) fn look_after(&mut self, handlers: &Handlers) {
        let Some(abandoned) = handlers.lane(self.index()).abandon_if_blocked() else {
            return;
        };
        self.generation += 1;
        if let Abandoned::Blocked(culprit) = abandoned
            && self.is_under_way(culprit)
        {
            let attempts = self.end(culprit).unwrap_or(1);
            let failure = Failure {
                reason: FailureReason::Timeout,
                error: None,
            };
            self.fail(culprit, attempts, failure);
        }
        self.gathered.clear();
        self.lost.clear();
        let under_way: Vec<Sequence> = self
            .running
            .keys()
            .chain(self.retrying.keys())
            .copied()
            .collect();
        for sequence in under_way {
            self.lose(sequence);
        }
    }

    fn is_under_way(&self, sequence: Sequence) -> bool {
        self.running.contains_key(&sequence) || self.retrying.contains_key(&sequence)
    }

    fn is_stalled(&self) -> bool {
        self.stalled_until
            .is_some_and(|until| Instant::now() < until)
    }
}
