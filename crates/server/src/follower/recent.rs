//! When the latest events were decoded and handled, for whoever asks after one of them.
//!
//! In memory: a handled event leaves no row behind, and a time on disk would cost one.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use gateway_journal::Sequence;

/// The times of the latest events.
#[derive(Debug, Default)]
pub(crate) struct Recent(Mutex<Kept>);

/// When what happened to an event, in milliseconds since the Unix epoch; `None` for what did not or is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Times {
    /// It was decoded.
    pub decoded_ms: Option<u64>,
    /// Its handler had succeeded.
    pub handled_ms: Option<u64>,
}

/// The times of the events from `first` on; 0 for a time that is not known.
#[derive(Debug, Default)]
struct Kept {
    first: Sequence,
    times: VecDeque<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    decoded_ms: u64,
    handled_ms: u64,
}

/// How many are kept, in 1 MiB.
const KEPT: usize = 1 << 16;

// === impl Recent ===

impl Recent {
    /// What is known of an event.
    pub(crate) fn of(&self, sequence: Sequence) -> Times {
        let mut kept = self.kept();
        let slot = kept.known(sequence).copied().unwrap_or_default();
        let known = |ms: u64| (ms > 0).then_some(ms);
        Times {
            decoded_ms: known(slot.decoded_ms),
            handled_ms: known(slot.handled_ms),
        }
    }

    /// Events are decoded in their order, many at a time.
    pub(crate) fn decoded(&self, sequences: impl IntoIterator<Item = Sequence>, now_ms: u64) {
        let mut kept = self.kept();
        for sequence in sequences {
            if let Some(slot) = kept.slot(sequence) {
                slot.decoded_ms = now_ms;
            }
        }
    }

    /// Events are handled in any order.
    pub(crate) fn handled(&self, sequence: Sequence, now_ms: u64) {
        if let Some(slot) = self.kept().known(sequence) {
            slot.handled_ms = now_ms;
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // A time that is missing is not known; nothing else can come of a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Kept ===

impl Kept {
    fn known(&mut self, sequence: Sequence) -> Option<&mut Slot> {
        let place = sequence.checked_sub(self.first)?;
        self.times.get_mut(usize::try_from(place).ok()?)
    }

    /// Makes room for an event that is newer than all others, and forgets the oldest.
    fn slot(&mut self, sequence: Sequence) -> Option<&mut Slot> {
        let end = self.first + self.times.len() as u64;
        let is_far = sequence.saturating_sub(end) >= KEPT as u64;
        if self.times.is_empty() || is_far {
            self.times.clear();
            self.first = sequence;
        }
        while self.first + (self.times.len() as u64) <= sequence {
            if self.times.len() == KEPT {
                self.times.pop_front();
                self.first += 1;
            }
            self.times.push_back(Slot::default());
        }
        self.known(sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(decoded_ms: u64, handled_ms: u64) -> Times {
        let known = |ms: u64| (ms > 0).then_some(ms);
        Times {
            decoded_ms: known(decoded_ms),
            handled_ms: known(handled_ms),
        }
    }

    #[test]
    fn tells_what_it_saw() {
        let recent = Recent::default();
        recent.decoded([1_000_007], 5);
        // Sequences need not be dense.
        recent.decoded([1_000_009], 6);
        recent.handled(1_000_007, 8);
        for (sequence, expected) in [
            (1_000_006, times(0, 0)),
            (1_000_007, times(5, 8)),
            (1_000_008, times(0, 0)),
            (1_000_009, times(6, 0)),
            (1_000_010, times(0, 0)),
        ] {
            assert_eq!(recent.of(sequence), expected, "{sequence}");
        }
    }

    #[test]
    fn forgets_the_oldest() {
        let recent = Recent::default();
        let last = KEPT as u64 + 10;
        (1..=last).for_each(|sequence| recent.decoded([sequence], sequence));
        recent.handled(10, 7);
        assert_eq!(recent.of(10), times(0, 0));
        assert_eq!(recent.of(11), times(11, 0));
        assert_eq!(recent.kept().times.len(), KEPT);
    }

    #[test]
    fn a_leap_of_the_sequence_takes_no_memory() {
        let recent = Recent::default();
        recent.decoded([1], 5);
        recent.decoded([1 << 60], 6);
        assert_eq!(recent.of(1), times(0, 0));
        assert_eq!(recent.of(1 << 60), times(6, 0));
        assert_eq!(recent.kept().times.len(), 1);
    }
}
