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

/// What may be done with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leave {
    /// Ask, and wait for the answer.
    Ask,
    /// Ask, to see whether there is an answer; nobody is to wait for it.
    Probe,
    /// Don't ask.
    Pass,
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

    /// What may be done now. After [`Leave::Probe`] it is [`Leave::Pass`] until the probe's end is told.
    pub(super) fn leave(&self, now: Instant) -> Leave {
        match &mut *self.state() {
            State::Closed { .. } => Leave::Ask,
            State::Open { until, is_probed } if now >= *until && !*is_probed => {
                *is_probed = true;
                Leave::Probe
            }
            State::Open { .. } => Leave::Pass,
        }
    }

    /// An answer came; tells whether that closed it.
    pub(super) fn succeeded(&self) -> bool {
        let mut state = self.state();
        let was_open = matches!(*state, State::Open { .. });
        *state = State::Closed { failures: 0 };
        was_open
    }

    /// No answer came; tells whether that opened it.
    pub(super) fn failed(&self, now: Instant) -> bool {
        let mut state = self.state();
        let open = State::Open {
            until: now + self.pause,
            is_probed: false,
        };
        match *state {
            State::Closed { failures } if failures + 1 < self.failures_max => {
                *state = State::Closed {
                    failures: failures + 1,
                };
                false
            }
            State::Closed { .. } => {
                *state = open;
                true
            }
            State::Open { .. } => {
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
    use super::*;

    const PAUSE: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(3, PAUSE);
        assert!(!breaker.failed(now));
        assert!(!breaker.failed(now));
        assert_eq!(breaker.leave(now), Leave::Ask);
        assert!(breaker.failed(now));
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let now = Instant::now();
        let breaker = Breaker::new(2, PAUSE);
        for _ in 0..10 {
            assert!(!breaker.failed(now));
            assert!(!breaker.succeeded());
        }
        assert!(!breaker.is_open());
        assert!(opened(now).is_open());
    }

    #[test]
    fn is_probed_once_after_a_pause() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.leave(now), Leave::Pass);
        let later = now + PAUSE;
        assert_eq!(breaker.leave(later), Leave::Probe);
        assert_eq!(breaker.leave(later), Leave::Pass);
    }

    #[test]
    fn a_probe_closes_it_or_begins_another_pause() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + PAUSE;
        assert_eq!(breaker.leave(later), Leave::Probe);
        assert!(!breaker.failed(later));
        assert_eq!(breaker.leave(later), Leave::Pass);
        let last = later + PAUSE;
        assert_eq!(breaker.leave(last), Leave::Probe);
        assert!(breaker.succeeded());
        assert_eq!(breaker.leave(last), Leave::Ask);
        assert!(!breaker.failed(last), "it counts from 0 again");
    }
}
