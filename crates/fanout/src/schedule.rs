//! When a failed delivery is tried again, and when it is given up: data, and no clock or chance of its own.

use std::time::Duration;

use crate::SubscriptionConfig;

/// The pauses between attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// After the first attempt, after the second, and so on; the last one is repeated. Without any there is one attempt.
    pub pauses: Vec<Duration>,
    /// No attempt is made later than this after the first one.
    pub give_up_after: Duration,
}

/// The longest that a subscriber can put us off with `Retry-After`.
pub const RETRY_AFTER_MAX: Duration = Duration::from_hours(1);

/// How far a pause may be from what the schedule says, as a part of it.
const JITTER: f64 = 0.2;

// === impl Schedule ===

impl Schedule {
    /// The pause before the next attempt, when `attempts` were made, the first of them at `first_ms`, and it is `now_ms`
    /// (since the Unix epoch); `None` to give up. Not yet spread: see [`spread`]. A clock that was set back reads as no
    /// time gone by.
    pub fn next(&self, attempts: u32, first_ms: u64, now_ms: u64) -> Option<Duration> {
        let last = self.pauses.len().checked_sub(1)?;
        let place =
            usize::try_from(attempts.saturating_sub(1)).map_or(last, |place| place.min(last));
        let pause = *self.pauses.get(place)?;
        let gone = Duration::from_millis(now_ms.saturating_sub(first_ms));
        (gone.saturating_add(pause) <= self.give_up_after).then_some(pause)
    }

    /// The longest that [`spread`] makes of a pause, whatever a subscriber asks for.
    pub fn pause_max(&self) -> Duration {
        let longest = self.pauses.iter().max().copied().unwrap_or_default();
        let longest = longest.max(RETRY_AFTER_MAX);
        longest.saturating_add(longest.div_f64(1.0 / JITTER))
    }
}

impl From<&SubscriptionConfig> for Schedule {
    fn from(config: &SubscriptionConfig) -> Self {
        Self {
            pauses: config.retries.clone(),
            give_up_after: config.give_up_after,
        }
    }
}

/// Spreads a pause by up to a fifth, so that what failed together does not come back together: `random` from 0 to 1, with
/// ½ for the pause as it is. A `Retry-After` that is longer counts instead, up to [`RETRY_AFTER_MAX`], and is only ever
/// made longer.
pub fn spread(pause: Duration, retry_after: Option<Duration>, random: f64) -> Duration {
    let random = if random.is_nan() {
        0.5
    } else {
        random.clamp(0.0, 1.0)
    };
    let spread = pause.mul_f64(1.0 - JITTER + 2.0 * JITTER * random);
    let asked = retry_after.map_or(Duration::ZERO, |asked| asked.min(RETRY_AFTER_MAX));
    if asked <= pause {
        return spread.max(asked);
    }
    asked.mul_f64(1.0 + JITTER * random)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_default_lasts_for_three_days() {
        let config = r#"{"url":"https://example.com/","secret_files":[]}"#;
        let config: SubscriptionConfig = serde_json::from_str(config).unwrap();
        let schedule = Schedule::from(&config);
        let first_ms = 1_700_000_000_000;
        let (mut now_ms, mut pauses) = (first_ms, Vec::new());
        while let Some(pause) =
            schedule.next(u32::try_from(pauses.len()).unwrap() + 1, first_ms, now_ms)
        {
            pauses.push(pause.as_secs());
            now_ms += u64::try_from(pause.as_millis()).unwrap();
        }
        let day = 86_400;
        let expected = [1, 5, 30, 120, 600, 3600, 10_800, 21_600, 43_200, day, day];
        assert_eq!(pauses, expected);
        let lasted = Duration::from_millis(now_ms - first_ms);
        assert!(lasted <= schedule.give_up_after && lasted > Duration::from_hours(70));
    }

    #[test]
    fn gives_up_when_the_next_attempt_would_be_too_late() {
        let schedule = Schedule {
            pauses: vec![SECOND],
            give_up_after: 10 * SECOND,
        };
        assert_eq!(schedule.next(1, 5000, 14_000), Some(SECOND));
        assert_eq!(schedule.next(1, 5000, 14_001), None);
        assert_eq!(schedule.next(u32::MAX, 5000, 5000), Some(SECOND));
        assert_eq!(schedule.next(1, 5000, 0), Some(SECOND));
        assert_eq!(schedule.next(1, 0, u64::MAX), None);
    }

    #[test]
    fn without_pauses_there_is_one_attempt() {
        let schedule = Schedule {
            pauses: Vec::new(),
            give_up_after: Duration::MAX,
        };
        assert_eq!(schedule.next(1, 0, 0), None);
    }

    #[test]
    fn a_pause_is_spread_by_a_fifth() {
        for (random, expected_ms) in [
            (0.0, 8000),
            (0.5, 10_000),
            (1.0, 12_000),
            (f64::NAN, 10_000),
            (-3.0, 8000),
            (7.0, 12_000),
        ] {
            let spread = spread(10 * SECOND, None, random);
            assert_eq!(spread.as_millis(), expected_ms, "{random}");
        }
    }

    #[test]
    fn a_longer_retry_after_counts() {
        let asked =
            |seconds, random| spread(10 * SECOND, Some(Duration::from_secs(seconds)), random);
        assert_eq!(asked(60, 0.0), 60 * SECOND);
        assert_eq!(asked(60, 1.0), 72 * SECOND);
        assert_eq!(asked(9, 0.0), 9 * SECOND);
        assert_eq!(asked(3, 0.5), 10 * SECOND);
        assert_eq!(asked(u64::MAX, 0.0), RETRY_AFTER_MAX);
        let day = Duration::from_hours(24);
        assert_eq!(spread(day, Some(2 * day), 0.5), day);
    }

    proptest! {
        #[test]
        fn never_panics_and_keeps_its_bounds(
            pause_ms in 0u64..200_000_000,
            asked_s in proptest::option::of(any::<u64>()),
            random in any::<f64>(),
        ) {
            let pause = Duration::from_millis(pause_ms);
            let spread = spread(pause, asked_s.map(Duration::from_secs), random);
            let asked = asked_s.map_or(Duration::ZERO, |asked| Duration::from_secs(asked).min(RETRY_AFTER_MAX));
            prop_assert!(spread >= asked);
            prop_assert!(spread >= pause.mul_f64(0.79));
            prop_assert!(spread <= pause.max(asked).mul_f64(1.21));
            let schedule = Schedule {
                pauses: vec![pause],
                give_up_after: Duration::MAX,
            };
            prop_assert!(spread <= schedule.pause_max());
        }
    }
}
