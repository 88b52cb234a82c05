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
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: State,
    /// How often it has closed. What was asked before says nothing about now.
    era: u64,
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
    Ask {
        /// When it was put, as the breaker counts.
        era: u64,
    },
    /// To see whether there is an answer at all; nobody is to wait for it.
    Probe,
}

// === impl Breaker ===

impl Breaker {
    pub(super) fn new(failures_max: u32, pause: Duration) -> Self {
        Self {
            failures_max,
            pause,
            inner: Mutex::new(Inner {
                state: State::Closed { failures: 0 },
                era: 0,
            }),
        }
    }

    /// How a question may be put now, if at all. After a probe it is none until that one's end is told; a question that
    /// is no fit one leaves the probe to the next.
    pub(super) fn leave(&self, now: Instant, may_probe: bool) -> Option<Attempt> {
        let mut inner = self.inner();
        let era = inner.era;
        match &mut inner.state {
            State::Closed { .. } => Some(Attempt::Ask { era }),
            State::Open { until, is_probed } if may_probe && now >= *until && !*is_probed => {
                *is_probed = true;
                Some(Attempt::Probe)
            }
            State::Open { .. } => None,
        }
    }

    /// It answers; tells whether that closed the breaker, as only a probe does.
    pub(super) fn succeeded(&self, attempt: Attempt) -> bool {
        let mut inner = self.inner();
        if !inner.concerns(attempt) {
            return false;
        }
        inner.state = State::Closed { failures: 0 };
        if attempt.is_probe() {
            inner.era += 1;
        }
        attempt.is_probe()
    }

    /// It does not answer; tells whether that opened the breaker.
    pub(super) fn failed(&self, attempt: Attempt, now: Instant) -> bool {
        let mut inner = self.inner();
        if !inner.concerns(attempt) {
            return false;
        }
        if let State::Closed { failures } = &mut inner.state {
            *failures += 1;
            if *failures < self.failures_max {
                return false;
            }
        }
        inner.state = State::Open {
            until: now + self.pause,
            is_probed: false,
        };
        !attempt.is_probe()
    }

    pub(super) fn is_open(&self) -> bool {
        matches!(self.inner().state, State::Open { .. })
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing in here panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Inner ===

impl Inner {
    /// Whether an attempt's end says something about now.
    fn concerns(&self, attempt: Attempt) -> bool {
        match (self.state, attempt) {
            (State::Closed { .. }, Attempt::Ask { era }) => era == self.era,
            (State::Open { .. }, Attempt::Probe) => true,
            _ => false,
        }
    }
}

// === impl Attempt ===

impl Attempt {
    pub(super) const fn is_probe(self) -> bool {
        matches!(self, Self::Probe)
    }
}

#[cfg(test)]
mod tests {
    use super::{Attempt::Probe, *};

    /// What is asked before it has ever opened.
    const FIRST: Attempt = Attempt::Ask { era: 0 };
    /// What is asked after it has closed once.
    const SECOND: Attempt = Attempt::Ask { era: 1 };

    const PAUSE: Duration = Duration::from_secs(1);

    fn opened(now: Instant) -> Breaker {
        let breaker = Breaker::new(3, PAUSE);
        assert!(!breaker.failed(FIRST, now));
        assert!(!breaker.failed(FIRST, now));
        assert_eq!(breaker.leave(now, true), Some(FIRST));
        assert!(breaker.failed(FIRST, now));
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row() {
        let now = Instant::now();
        let breaker = Breaker::new(2, PAUSE);
        for _ in 0..10 {
            assert!(!breaker.failed(FIRST, now));
            assert!(!breaker.succeeded(FIRST));
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
        assert_eq!(breaker.leave(last, true), Some(SECOND));
        assert!(!breaker.failed(SECOND, last), "it counts from 0 again");
    }

    #[test]
    fn what_was_asked_before_it_opened_changes_nothing() {
        let now = Instant::now();
        let breaker = opened(now);
        let later = now + PAUSE;
        assert!(!breaker.succeeded(FIRST));
        assert!(breaker.is_open());
        assert!(!breaker.failed(FIRST, later));
        assert_eq!(breaker.leave(later, true), Some(Probe), "the pause is over");
        assert!(!breaker.failed(FIRST, later));
        assert_eq!(breaker.leave(later, true), None, "the probe is still out");
    }

    #[test]
    fn what_was_asked_before_it_opened_does_not_open_it_again() {
        let now = Instant::now();
        let breaker = opened(now);
        assert_eq!(breaker.leave(now + PAUSE, true), Some(Probe));
        assert!(breaker.succeeded(Probe));
        for _ in 0..3 {
            assert!(!breaker.failed(FIRST, now + PAUSE));
        }
        assert!(!breaker.is_open());
        for opens in [false, false, true] {
            assert!(!breaker.succeeded(FIRST), "an old answer ends no row");
            assert_eq!(breaker.failed(SECOND, now + PAUSE), opens);
        }
    }
}
