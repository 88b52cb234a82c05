//! How fast attempts may be made: so many a second, so many at once, and fewer or none while the other side suffers.
//!
//! It has no clock: the time comes in as an argument. Start at [`Pace::room`].

use std::time::{Duration, Instant};

use crate::schedule::RETRY_AFTER_MAX;

/// The pace of one subscription.
#[derive(Debug)]
pub(crate) struct Pace {
    /// Between two attempts.
    interval: Duration,
    /// When the next attempt would be due if they came evenly.
    next: Instant,
    concurrency_max: usize,
    /// At once, as things are: halved by an overloaded subscriber, and one more after each round of successes.
    concurrency: usize,
    /// Successes since it was changed.
    successes: usize,
    /// When it was halved last.
    halved: Option<Instant>,
    failures: u32,
    /// Events in a row that it did not want.
    refusals: u32,
    /// Nothing starts before: it is taken for down.
    rests_until: Option<Instant>,
    /// Nothing starts before: it has asked for that, and a success of the same time does not take it back.
    asked_until: Option<Instant>,
    /// One attempt is under way that shows whether the other side is back.
    is_probing: bool,
}

/// What an attempt's end says about the other side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// It takes events.
    Well,
    /// It does not want this event: nothing about others.
    Picky,
    /// It asks for less: 429, 502, 503, 504. With how long it wants to be left alone.
    Overloaded(Option<Duration>),
    /// It is not there, or is too slow.
    Down,
}

/// Attempts may come so much before their time, after a pause: evenly otherwise.
const BURST: Duration = Duration::from_millis(100);

/// So many failures in a row, and the other side is taken for down.
const FAILURES_MAX: u32 = 8;

/// So many refused events in a row, and nothing else, say the same.
const REFUSALS_MAX: u32 = 4_096;

/// Fewer attempts at once no more often than this.
const HALVE_EVERY: Duration = Duration::from_secs(1);

/// How long it is left alone then; doubled with each probe that fails.
const REST_MIN: Duration = Duration::from_secs(1);
const REST_MAX: Duration = Duration::from_mins(1);

// === impl Pace ===

impl Pace {
    /// `rate` attempts a second and `concurrency` at once, both at least 1.
    pub(crate) fn new(rate: u32, concurrency: usize, now: Instant) -> Self {
        Self {
            interval: Duration::from_secs(1) / rate.max(1),
            next: now,
            concurrency_max: concurrency.max(1),
            concurrency: concurrency.max(1),
            successes: 0,
            halved: None,
            failures: 0,
            refusals: 0,
            rests_until: None,
            asked_until: None,
            is_probing: false,
        }
    }

    /// How many attempts may start now beside those that are under way.
    pub(crate) fn room(&self, now: Instant, under_way: usize) -> usize {
        if self.closed_until().is_some_and(|until| now < until) {
            return 0;
        }
        if self.is_down() {
            return usize::from(!self.is_probing);
        }
        let even = (now + BURST).saturating_duration_since(self.next);
        let by_rate = 1 + even.as_nanos() / self.interval.as_nanos().max(1);
        let by_rate = if now + BURST < self.next { 0 } else { by_rate };
        self.concurrency
            .saturating_sub(under_way)
            .min(usize::try_from(by_rate).unwrap_or(usize::MAX))
    }

    /// When there is room, if that is only a matter of time; `None` when an attempt has to end first.
    pub(crate) fn opens_at(&self, under_way: usize) -> Option<Instant> {
        let is_full = if self.is_down() {
            self.is_probing
        } else {
            self.concurrency <= under_way
        };
        if is_full {
            return None;
        }
        let even = self.next.checked_sub(BURST).unwrap_or(self.next);
        Some(self.closed_until().map_or(even, |until| even.max(until)))
    }

    fn closed_until(&self) -> Option<Instant> {
        self.rests_until.max(self.asked_until)
    }

    /// An attempt starts.
    pub(crate) fn start(&mut self, now: Instant) {
        self.next = self.next.max(now) + self.interval;
        self.is_probing |= self.is_down();
    }

    /// An attempt has ended.
    pub(crate) fn end(&mut self, sign: Sign, now: Instant) {
        self.is_probing = false;
        match sign {
            Sign::Well => {
                self.failures = 0;
                self.refusals = 0;
                self.rests_until = None;
                self.successes += 1;
                if self.successes >= self.concurrency {
                    self.successes = 0;
                    self.concurrency = (self.concurrency + 1).min(self.concurrency_max);
                }
            }
            Sign::Picky => self.refuse(now),
            Sign::Overloaded(retry_after) => {
                self.halve(now);
                if let Some(asked) = retry_after {
                    let until = now + asked.min(RETRY_AFTER_MAX);
                    self.asked_until = self.asked_until.max(Some(until));
                }
                self.fail(now);
            }
            Sign::Down => self.fail(now),
        }
    }

    /// Whether it is left alone because it failed again and again.
    pub(crate) fn is_down(&self) -> bool {
        self.failures >= FAILURES_MAX
    }

    /// One that wants none of many events is as good as down: else each of them would be given up.
    fn refuse(&mut self, now: Instant) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= REFUSALS_MAX {
            self.failures = self.failures.max(FAILURES_MAX - 1);
            return self.fail(now);
        }
        self.failures = 0;
        self.rests_until = None;
    }

    /// Attempts of one time fail together, and say one thing.
    fn halve(&mut self, now: Instant) {
        if self.halved.is_some_and(|halved| now < halved + HALVE_EVERY) {
            return;
        }
        self.halved = Some(now);
        self.successes = 0;
        self.concurrency = (self.concurrency / 2).max(1);
    }

    fn fail(&mut self, now: Instant) {
        // Attempts of one time fail together, and none of them was a probe.
        if self.is_down() && self.rests_until.is_some_and(|until| now < until) {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        if self.is_down() {
            let doublings = (self.failures - FAILURES_MAX).min(16);
            let rest = REST_MIN * (1 << doublings);
            let until = now + rest.min(REST_MAX);
            self.rests_until = self.rests_until.max(Some(until));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opens_at(pace: &Pace) -> Instant {
        pace.opens_at(0).unwrap()
    }

    #[test]
    fn no_more_at_once_than_allowed() {
        let now = Instant::now();
        let pace = Pace::new(1_000_000, 4, now);
        assert_eq!(pace.room(now, 0), 4);
        assert_eq!(pace.room(now, 3), 1);
        assert_eq!(pace.room(now, 9), 0);
        assert!(pace.opens_at(3).is_some_and(|opens| opens <= now));
        assert_eq!(pace.opens_at(4), None, "time alone makes no room");
    }

    #[test]
    fn no_more_a_second_than_allowed_however_long_nothing_came() {
        let began = Instant::now();
        let mut pace = Pace::new(100, 1_000, began);
        for pause in [0, 100] {
            let now = began + SECOND * pause;
            let mut started = 0;
            for ms in 0..1_000 {
                let now = now + Duration::from_millis(ms);
                while pace.room(now, 0) > 0 {
                    pace.start(now);
                    started += 1;
                }
            }
            assert!((100..=111).contains(&started), "{started}");
        }
        let now = began + SECOND * 100 + Duration::from_millis(999);
        assert_eq!(pace.room(now, 0), 0);
        assert!(pace.room(opens_at(&pace), 0) > 0);
    }

    #[test]
    fn one_that_is_down_is_probed_by_one() {
        let mut now = Instant::now();
        let mut pace = Pace::new(1_000, 8, now);
        for _ in 0..FAILURES_MAX {
            assert!(pace.room(now, 0) > 1);
            pace.end(Sign::Down, now);
        }
        let mut rests = Vec::new();
        for _ in 0..8 {
            assert_eq!(pace.room(now, 0), 0);
            rests.push(opens_at(&pace).duration_since(now).as_secs());
            now = opens_at(&pace);
            assert_eq!(pace.room(now, 0), 1);
            pace.start(now);
            assert_eq!(pace.room(now, 1), 0, "one only");
            assert_eq!(pace.opens_at(1), None);
            pace.end(Sign::Down, now);
        }
        assert_eq!(rests, [1, 2, 4, 8, 16, 32, 60, 60]);
        now = opens_at(&pace);
        pace.start(now);
        pace.end(Sign::Well, now);
        assert_eq!(pace.room(now + SECOND, 0), 8);
    }

    #[test]
    fn many_that_fail_together_are_no_probes() {
        let now = Instant::now();
        let mut pace = Pace::new(1_000, 64, now);
        for _ in 0..64 {
            pace.end(Sign::Down, now);
        }
        assert_eq!(opens_at(&pace), now + REST_MIN);
    }

    #[test]
    fn an_overloaded_one_gets_less_and_more_again_bit_by_bit() {
        let now = Instant::now();
        let mut pace = Pace::new(1_000_000, 16, now);
        pace.end(Sign::Overloaded(Some(SECOND * 5)), now);
        assert_eq!(pace.room(now + SECOND * 4, 0), 0);
        let now = now + SECOND * 5;
        assert_eq!(pace.room(now, 0), 8);
        pace.end(Sign::Overloaded(None), now);
        pace.end(Sign::Overloaded(None), now);
        assert_eq!(pace.room(now, 0), 4, "those of one time count once");
        for _ in 0..5 {
            pace.end(Sign::Well, now);
        }
        assert_eq!(pace.room(now, 0), 5);
        for _ in 0..1_000 {
            pace.end(Sign::Well, now);
        }
        assert_eq!(pace.room(now, 0), 16);
        pace.end(Sign::Overloaded(Some(SECOND * 86_400)), now);
        assert!(opens_at(&pace) <= now + RETRY_AFTER_MAX);
    }

    #[test]
    fn a_success_does_not_take_back_what_was_asked_for() {
        let now = Instant::now();
        let mut pace = Pace::new(1_000, 4, now);
        pace.end(Sign::Overloaded(Some(SECOND * 5)), now);
        pace.end(Sign::Well, now);
        assert_eq!(pace.room(now + SECOND * 4, 0), 0);
        assert!(pace.room(now + SECOND * 5, 0) > 0);
    }

    #[test]
    fn an_event_that_is_not_wanted_says_nothing_of_others() {
        let now = Instant::now();
        let mut pace = Pace::new(1_000, 2, now);
        for _ in 1..REFUSALS_MAX {
            pace.end(Sign::Picky, now);
        }
        assert_eq!(pace.room(now, 0), 2);
        pace.end(Sign::Picky, now);
        assert!(pace.is_down(), "it wants none at all");
        pace.start(now + SECOND);
        pace.end(Sign::Well, now + SECOND);
        assert_eq!(pace.room(now + SECOND * 2, 0), 2);
    }
}
