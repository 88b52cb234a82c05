//! How long to wait before trying again: longer each time up to a bound, with jitter, so that clients of one gateway
//! don't come back all at once.

use std::{
    hash::{BuildHasher, RandomState},
    sync::mpsc,
    time::Duration,
};

/// The waits after the first, second, … failure in a row; the last one is for all that follow.
const DELAYS: [Duration; 5] = [
    Duration::from_millis(250),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// Failures in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: usize,
}

impl Backoff {
    /// The wait after one more failure: half of the schedule's to the whole.
    pub(super) fn next(&mut self) -> Duration {
        let delay = DELAYS
            .get(self.failures)
            .or(DELAYS.last())
            .copied()
            .unwrap_or_default();
        self.failures += 1;
        // Every RandomState has other keys: that is randomness enough here.
        let random = u32::try_from(RandomState::new().hash_one(()) % 1024).unwrap_or(0);
        delay / 2 + delay / 2 * random / 1024
    }

    /// It worked again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

/// Lets the time pass.
pub(super) fn wait(delay: Duration) {
    let (sender, receiver) = mpsc::channel::<()>();
    // Nobody sends: this is the time-out, always.
    let _timed_out: Result<(), mpsc::RecvTimeoutError> = receiver.recv_timeout(delay);
    drop(sender);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_longer_up_to_a_bound_until_it_works() {
        let mut backoff = Backoff::default();
        for round in 0..100 {
            let most = DELAYS[round.min(DELAYS.len() - 1)];
            let delay = backoff.next();
            assert!(delay >= most / 2 && delay <= most, "{round}: {delay:?}");
        }
        backoff.reset();
        assert!(backoff.next() <= DELAYS[0]);
    }
}
