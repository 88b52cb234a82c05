//! What one connection is doing, since when, and when that has to end.
//!
//! Not a timer: the connection's future asks for the [`deadline`](Clock::deadline) whenever it has been polled, and
//! keeps one lazy timer for it. Start at [`State`]. The stream, the two bodies and the service report to one clock.
//!
//! hyper hides its buffer, so whether bytes of the next request were read together with the last bytes of this one
//! is deduced. While a request that has been received completely is being answered, hyper looks for the end of the
//! stream exactly when its buffer is empty (never with `half_close`). So if the last read of an exchange found
//! nothing, nothing is buffered; if it found bytes, they belong to the next request.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use super::Options;

/// Request bodies on a listener without a request deadline get this many header deadlines, from the end of the head.
const BODY_DEADLINES: u32 = 6;

/// How long each phase may last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    header: Duration,
    idle: Duration,
    request: Option<Duration>,
}

/// Shared by what a connection is made of; all of it runs on one thread, so the lock is never contended.
#[derive(Debug)]
pub(super) struct Clock {
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    phase: Phase,
    /// Of the request in `Head`, `Body` or `Answer`.
    first_byte: Instant,
    /// When the last bytes were read.
    last_read: Instant,
    /// Whether the last attempt to read found nothing.
    read_blocked: bool,
    /// Whether the body of the request came to its end, in contrast to being given up.
    body_received: bool,
    /// Whether hyper has taken all of the answer; it is on its way once the stream is flushed.
    answer_taken: bool,
    /// Since when the client takes no bytes.
    write_blocked: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No byte yet since the connection was opened.
    Unused(Instant),
    /// Between requests.
    Idle(Instant),
    /// Between requests too, but the last one was answered without its body: what is read next may be the rest of
    /// that. Only a read that finds nothing ends the doubt; until then no byte starts a head.
    Draining(Instant),
    /// The head is being received.
    Head,
    /// The head came at this instant; the body is being received.
    Body(Instant),
    /// The request is complete, or its body not wanted; the answer is due.
    Answer,
}

// === impl Limits ===

impl From<&Options> for Limits {
    fn from(options: &Options) -> Self {
        Self {
            header: options.header_deadline,
            idle: options.idle_deadline,
            request: options.request_deadline,
        }
    }
}

// === impl Clock ===

impl Clock {
    /// The clock of a connection that has just been opened.
    pub(super) fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            state: Mutex::new(State {
                phase: Phase::Unused(now),
                first_byte: now,
                last_read: now,
                read_blocked: false,
                body_received: true,
                answer_taken: false,
                write_blocked: None,
            }),
        }
    }

    /// When the connection must be closed if nothing changes; `None` for an answer that may be endless.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let state = self.state();
        let (since, limit) = match (state.phase, self.limits.request) {
            (Phase::Unused(since), _) => (Some(since), self.limits.header),
            (Phase::Idle(since) | Phase::Draining(since), _) => (Some(since), self.limits.idle),
            (Phase::Head, _) => (Some(state.first_byte), self.limits.header),
            (Phase::Body(_) | Phase::Answer, Some(limit)) => (Some(state.first_byte), limit),
            (Phase::Body(since), None) => (
                Some(since),
                self.limits.header.saturating_mul(BODY_DEADLINES),
            ),
            (Phase::Answer, None) => (None, Duration::ZERO),
        };
        let phase = since.and_then(|since| since.checked_add(limit));
        let write = state
            .write_blocked
            .and_then(|since| since.checked_add(self.limits.idle));
        match (phase, write) {
            (Some(phase), Some(write)) => Some(phase.min(write)),
            (one, other) => one.or(other),
        }
    }

    /// Bytes were read.
    pub(super) fn read(&self, now: Instant) {
        let mut state = self.state();
        state.last_read = now;
        state.read_blocked = false;
        if matches!(state.phase, Phase::Unused(_) | Phase::Idle(_)) {
            state.phase = Phase::Head;
            state.first_byte = now;
        }
    }

    /// There was nothing to read.
    pub(super) fn read_blocked(&self) {
        let mut state = self.state();
        state.read_blocked = true;
        if let Phase::Draining(since) = state.phase {
            state.phase = Phase::Idle(since);
        }
    }

    /// The client took bytes.
    pub(super) fn written(&self) {
        self.state().write_blocked = None;
    }

    /// The client takes no bytes.
    pub(super) fn write_blocked(&self) {
        self.state().write_blocked.get_or_insert_with(Instant::now);
    }

    /// The head of a request is complete; returns when its first byte came.
    pub(super) fn head_received(&self, has_body: bool) -> Instant {
        let mut state = self.state();
        if !matches!(state.phase, Phase::Head) {
            // The whole head was in hyper's buffer.
            state.first_byte = state.last_read;
        }
        state.phase = if has_body {
            Phase::Body(state.last_read)
        } else {
            Phase::Answer
        };
        state.body_received = !has_body;
        state.answer_taken = false;
        state.first_byte
    }

    /// The request's body came to its end (`received`), or nobody wants the rest of it.
    pub(super) fn body_ended(&self, received: bool) {
        let mut state = self.state();
        if matches!(state.phase, Phase::Body(_)) {
            state.phase = Phase::Answer;
            state.body_received = received;
        }
    }

    /// hyper has taken the last of the answer.
    pub(super) fn answer_taken(&self) {
        self.state().answer_taken = true;
    }

    /// All that hyper had to write is written.
    pub(super) fn flushed(&self) {
        let mut state = self.state();
        if !state.answer_taken {
            return;
        }
        state.answer_taken = false;
        state.phase = if !state.body_received {
            Phase::Draining(Instant::now())
        } else if state.read_blocked {
            Phase::Idle(Instant::now())
        } else {
            state.first_byte = state.last_read;
            Phase::Head
        };
    }

    /// Whether the client may still be sending what nobody has read.
    pub(super) fn body_unread(&self) -> bool {
        !self.state().body_received
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is a plain assignment: a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
