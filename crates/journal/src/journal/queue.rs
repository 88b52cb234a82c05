//! The events that wait for the writer: bounded in number and bytes, refused at once beyond that.
//!
//! One short lock an event. What the writer has taken counts until it says that it is done with it.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use gateway_core::Envelope;

use super::{AppendError, appender::Waiter};
use crate::{Sequence, event::Checksum};

/// A batch is one transaction and one sync.
const BATCH_EVENTS_MAX: usize = 1024;
const BATCH_BYTES_MAX: usize = 8 << 20;
/// What an event costs in memory beside its text.
const OVERHEAD_BYTES: usize = 256;

/// An event on its way to the log.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) app: String,
    pub(super) command: String,
    pub(super) envelope: Vec<u8>,
    pub(super) body: Bytes,
    pub(super) waiter: Option<Waiter>,
    checksum: Checksum,
}

#[derive(Debug)]
pub(super) struct Queue {
    events_max: usize,
    bytes_max: usize,
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Pending>,
    /// Waiting or with the writer.
    events: usize,
    bytes: usize,
    /// Set while the store takes nothing.
    refusal: Option<AppendError>,
    closed: bool,
    nudged: bool,
    writer_sleeps: bool,
}

// === impl Pending ===

impl Pending {
    pub(super) fn new(envelope: Envelope, body: Bytes) -> Self {
        let mut json = Vec::with_capacity(256);
        serde_json::to_writer(&mut json, &envelope).expect("an envelope's keys are strings");
        let Envelope { app, command, .. } = envelope;
        let checksum = Checksum::of(&app, &command, &json, &body);
        Self {
            app,
            command,
            envelope: json,
            body,
            waiter: None,
            checksum,
        }
    }

    pub(super) fn crc(&self, sequence: Sequence, journaled_ms: u64) -> u32 {
        self.checksum.at(sequence, journaled_ms)
    }

    fn bytes(&self) -> usize {
        self.envelope.len() + self.body.len() + OVERHEAD_BYTES
    }
}

// === impl Queue ===

impl Queue {
    pub(super) fn new(events_max: usize, bytes_max: usize) -> Self {
        Self {
            events_max,
            bytes_max,
            state: Mutex::default(),
            ready: Condvar::new(),
        }
    }

    /// Lets an event wait for the next batch. A single one may be larger than the bound.
    pub(super) fn push(&self, event: Pending) -> Result<(), AppendError> {
        let bytes = event.bytes();
        let mut state = self.lock();
        if state.closed {
            return Err(AppendError::Closed);
        }
        if let Some(refusal) = state.refusal {
            return Err(refusal);
        }
        let room = state.events < self.events_max && state.bytes + bytes <= self.bytes_max;
        if !room && state.events > 0 {
            return Err(AppendError::Overloaded);
        }
        state.events += 1;
        state.bytes += bytes;
        state.waiting.push_back(event);
        self.wake(&mut state);
        Ok(())
    }

    /// Moves the next batch to the end of `batch`, or nothing when it is `until`, or when nudged. `false` when the queue
    /// is closed and empty.
    pub(super) fn take(&self, batch: &mut Vec<Pending>, until: Instant) -> bool {
        let mut state = self.lock();
        while state.waiting.is_empty() && !state.nudged && !state.closed {
            let now = Instant::now();
            if now >= until {
                break;
            }
            state.writer_sleeps = true;
            state = self
                .ready
                .wait_timeout(state, until - now)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
            state.writer_sleeps = false;
        }
        state.nudged = false;
        let open = !(state.closed && state.waiting.is_empty());
        let mut bytes = 0;
        while batch.len() < BATCH_EVENTS_MAX && bytes < BATCH_BYTES_MAX {
            let Some(event) = state.waiting.pop_front() else {
                break;
            };
            bytes += event.bytes();
            batch.push(event);
        }
        open
    }

    /// Makes room for what the writer has taken and is done with.
    pub(super) fn done(&self, batch: &[Pending]) {
        let bytes = batch.iter().map(Pending::bytes).sum::<usize>();
        let mut state = self.lock();
        state.events -= batch.len();
        state.bytes -= bytes;
    }

    /// Takes nothing any more; what waits is handed back to be answered, and no longer counts.
    pub(super) fn refuse(&self, refusal: AppendError) -> VecDeque<Pending> {
        let mut state = self.lock();
        state.refusal = Some(refusal);
        Self::drain(&mut state)
    }

    /// Takes events again.
    pub(super) fn accept(&self) {
        self.lock().refusal = None;
    }

    /// Takes no new events; what waits is still written.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.wake(&mut state);
    }

    /// Closes when nobody is left to write what waits.
    pub(super) fn abandon(&self) -> VecDeque<Pending> {
        let mut state = self.lock();
        state.closed = true;
        Self::drain(&mut state)
    }

    /// Lets the writer look around.
    pub(super) fn nudge(&self) {
        let mut state = self.lock();
        state.nudged = true;
        self.wake(&mut state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    fn drain(state: &mut State) -> VecDeque<Pending> {
        let waiting = std::mem::take(&mut state.waiting);
        state.events -= waiting.len();
        state.bytes -= waiting.iter().map(Pending::bytes).sum::<usize>();
        waiting
    }

    /// Wakes the writer only when it sleeps: each wake-up is a call of the system.
    fn wake(&self, state: &mut State) {
        if std::mem::take(&mut state.writer_sleeps) {
            self.ready.notify_one();
        }
    }

    /// The state is whole between any two statements, so a panic elsewhere does not spoil it.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
