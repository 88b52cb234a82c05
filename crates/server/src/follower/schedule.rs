//! When a failed handler is tried again: a schedule that is data.

use std::time::Duration;

/// The pause after each failed attempt; after the last one the event is dead.
const PAUSES: [Duration; 5] = [
    Duration::from_secs(1),
    Duration::from_secs(10),
    Duration::from_mins(1),
    Duration::from_mins(10),
    Duration::from_hours(1),
];

/// The pause after `attempts` failed ones; `None` when that was the last.
pub(super) fn pause_after(attempts: u32) -> Option<Duration> {
    let position = usize::try_from(attempts).ok()?.checked_sub(1)?;
    PAUSES.get(position).copied()
}

/// Whether a parked event may be tried once more. One whose handler ends the whole process is parked with a count that
/// nobody was left to act upon.
pub(super) fn allows_more(attempts: u32) -> bool {
    pause_after(attempts.max(1)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_pauses_then_dead() {
        let pauses: Vec<Option<u64>> = (1..=6)
            .map(|attempts| pause_after(attempts).map(|pause| pause.as_secs()))
            .collect();
        assert_eq!(
            pauses,
            [Some(1), Some(10), Some(60), Some(600), Some(3600), None]
        );
    }
}
