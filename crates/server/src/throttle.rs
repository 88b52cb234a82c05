//! One log line for many equal happenings.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How often a line may be logged.
const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one line through at a time and counts those it holds back.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    last: Mutex<Option<Passed>>,
}

#[derive(Debug)]
struct Passed {
    at: Instant,
    held_back: u64,
}

impl Throttle {
    /// One that has let nothing through yet.
    pub(crate) const fn new() -> Self {
        Self {
            last: Mutex::new(None),
        }
    }

    /// Whether to log now; if so, how many lines were held back since the last one.
    pub(crate) fn pass(&self, now: Instant) -> Option<u64> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let held_back = match last.as_mut() {
            Some(passed) if now.saturating_duration_since(passed.at) < INTERVAL => {
                passed.held_back += 1;
                return None;
            }
            Some(passed) => passed.held_back,
            None => 0,
        };
        *last = Some(Passed {
            at: now,
            held_back: 0,
        });
        Some(held_back)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lets_one_line_through_and_counts_the_rest() {
        let throttle = Throttle::default();
        let start = Instant::now();
        assert_eq!(throttle.pass(start), Some(0));
        assert_eq!(throttle.pass(start), None);
        assert_eq!(throttle.pass(start + INTERVAL / 2), None);
        assert_eq!(throttle.pass(start + INTERVAL), Some(2));
        assert_eq!(throttle.pass(start + INTERVAL * 2), Some(0));
    }
}
