//! A circuit breaker: a decider that failed again and again is left alone for a while, and then probed.
//!
//! It has no clock: the time comes in as an argument. Start at [`Breaker::leave`].

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Counts failures in a row.
#[derive(Debug)]
pub(super) struct Breaker {
    failures_max: u32,
    pause: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Asked as ever.
    Closed { failures: u32 },
    /// Not asked.
    Open { until: Instant, is_probed: bool },
}

/// How a question is put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// As ever: whoever asks waits for the answer.
    Ask,
    /// To see whether there is an answer at all; nobody is to wait for it.
    Probe,
}

// === impl Breaker ===

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self {
            failures_max,
            pause,
            state: Mutex::new(State::Closed { failures: 0 }),
        }
    }

    /// How a question may be put now, if at all. After a probe it is none until that one's end is told; a question that
    /// is no fit one leaves the probe to the next.
    pub(super) fn leave(&self, now: Instant, may_probe: bool) -> Option<Attempt> {
        match &mut *self.state() {
            State::Closed { .. } => Some(Attempt::Ask),
            State::Open { until, is_probed } if may_probe && now >= *until && !*is_probed => {
                *is_probed = true;
                Some(Attempt::Probe)
            }
            State::Open { .. } => None,
        }
    }

    /// It answers; tells whether that closed the breaker, as only a probe does: what was asked before it opened says
    /// nothing about now.
    pub(super) fn succeeded(&self, attempt: Attempt) -> bool {
        let mut state = self.state();
        match (*state, attempt) {
            (State::Open { .. }, Attempt::Ask) => false,
            (State::Open { .. }, Attempt::Probe) => {
                *state = State::Closed { failures: 0 };
                true
            }
            (State::Closed { .. }, _) => {
                *state = State::Closed { failures: 0 };
                false
            }
        }
    }

    /// It does not answer; tells whether that opened the breaker.
    pub(super) fn failed(&self, attempt: Attempt, now: Instant) -> bool {
        let mut state = self.state();
        let open = State::Open {
            until: now + self.pause,
            is_probed: false,
        };
        match (*state, attempt) {
            (State::Closed { failures }, _) if failures + 1 < self.failures_max => {
                *state = State::Closed {
                    failures: failures + 1,
                };
                false
            }
            (State::Closed { .. }, _) => {
                *state = open;
                true
            }
            (State::Open { .. }, Attempt::Ask) => false,
            (State::Open { .. }, Attempt::Probe) => {
                *state = open;
                false
            }
        }
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(*self.state(), State::Open { .. })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in here panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt::Ask, Attempt::Probe, *};

    const PAUSE: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(3, PAUSE);
        assert!(!breaker.failed(Ask, now));
        assert!(!breaker.failed(Ask, now));
        assert_eq!(breaker.leave(now, true), Some(Ask));
        assert!(breaker.failed(Ask, now));
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let now = Instant::now();
        let breaker = Breaker::new(2, PAUSE);
        for _ in 0..10 {
            assert!(!breaker.failed(Ask, now));
            assert!(!breaker.succeeded(Ask));
        }
        assert!(!breaker.is_open());
        assert!(opened(now).is_open());
    }

    #[test]
    fn is_probed_once_after_a_pause_by_a_fit_question() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.leave(now, true), None);
        let later = now + PAUSE;
        assert_eq!(breaker.leave(later, false), None);
        assert_eq!(breaker.leave(later, true), Some(Probe));
        assert_eq!(breaker.leave(later, true), None);
    }

    #[test]
    fn a_probe_closes_it_or_begins_another_pause() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + PAUSE;
        assert_eq!(breaker.leave(later, true), Some(Probe));
        assert!(!breaker.failed(Probe, later));
        assert_eq!(breaker.leave(later, true), None);
        let last = later + PAUSE;
        assert_eq!(breaker.leave(last, true), Some(Probe));
        assert!(breaker.succeeded(Probe));
        assert_eq!(breaker.leave(last, true), Some(Ask));
        assert!(!breaker.failed(Ask, last), "it counts from 0 again");
    }

    #[test]
    fn what_was_asked_before_it_opened_changes_nothing() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + PAUSE;
        assert!(!breaker.succeeded(Ask));
        assert!(breaker.is_open());
        assert!(!breaker.failed(Ask, later));
        assert_eq!(breaker.leave(later, true), Some(Probe), "the pause is over");
        assert!(!breaker.failed(Ask, later));
        assert_eq!(breaker.leave(later, true), None, "the probe is still out");
    }
}
