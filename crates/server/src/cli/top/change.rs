//! What happened between two looks: by how much counters grew, over restarts and reloads.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{
    quantile::{Quantile, quantile},
    sample::Sample,
};
use crate::cli::exposition::{Exposition, Labels};

/// Two looks, or the first one.
#[derive(Debug)]
pub(super) struct Change<'a> {
    before: Option<&'a Sample>,
    now: &'a Sample,
    /// Whether the gateway was started in between: its counters began at 0 again.
    is_restart: bool,
}

/// A counter, or several added up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Count {
    /// Since the gateway's start.
    pub total: i64,
    /// Since the look before; `None` at the first.
    pub per_second: Option<f64>,
}

/// What a histogram says of the time between the looks; nothing where nothing was observed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(super) struct Latency {
    pub p50_seconds: Option<Quantile>,
    pub p99_seconds: Option<Quantile>,
}

/// The gateway's own, from which a restart is known.
pub(super) const START_TIME: &str = "process_start_time_seconds";

/// Looks that are not further apart say nothing of a rate.
const SECONDS_MIN: f64 = 0.001;

// === impl Change ===

impl<'a> Change<'a> {
    pub(super) fn new(before: Option<&'a Sample>, now: &'a Sample) -> Self {
        let started = |sample: &Sample| sample.metrics.sum(START_TIME);
        Self {
            before,
            now,
            is_restart: before.is_some_and(|before| started(before) != started(now)),
        }
    }

    /// What there is now.
    pub(super) fn now(&self) -> &'a Exposition {
        &self.now.metrics
    }

    /// Between the looks.
    pub(super) fn seconds(&self) -> Option<f64> {
        let before = self.before?;
        let elapsed = self.now.taken.saturating_duration_since(before.taken);
        Some(elapsed.as_secs_f64()).filter(|seconds| *seconds >= SECONDS_MIN)
    }

    /// All series of a counter added up; `None` when there is none.
    pub(super) fn count(&self, name: &str) -> Option<Count> {
        let counts = self.counts_by(name, |_| Some(()));
        counts.into_values().next()
    }

    /// Series of a counter added up by a key; those without one are passed over.
    pub(super) fn counts_by<K: Ord>(
        &self,
        name: &str,
        key: impl Fn(&Labels) -> Option<K>,
    ) -> BTreeMap<K, Count> {
        let mut sums: BTreeMap<K, (f64, f64)> = BTreeMap::new();
        for (labels, value) in self.now().series(name) {
            if let Some(key) = key(labels) {
                let (total, grown) = sums.entry(key).or_default();
                *total += value;
                *grown += self.growth(name, labels, value);
            }
        }
        let seconds = self.seconds();
        let counts = sums.into_iter().map(|(key, (total, grown))| {
            let per_second = seconds.map(|seconds| rounded(grown / seconds));
            let total = whole(total);
            (key, Count { total, per_second })
        });
        counts.collect()
    }

    /// What a histogram's series say together, by a key.
    pub(super) fn latencies_by<K: Ord>(
        &self,
        name: &str,
        key: impl Fn(&Labels) -> Option<K>,
    ) -> BTreeMap<K, Latency> {
        let name = format!("{name}_bucket");
        let mut histograms: BTreeMap<K, BTreeMap<&str, (f64, f64)>> = BTreeMap::new();
        for (labels, value) in self.now().series(&name) {
            let text = labels.value("le");
            let (Some(key), Ok(edge)) = (key(labels), text.parse::<f64>()) else {
                continue;
            };
            let buckets = histograms.entry(key).or_default();
            let (_, count) = buckets.entry(text).or_insert((edge, 0.0));
            *count += self.growth(&name, labels, value);
        }
        let is_first = self.seconds().is_none();
        let latencies = histograms.into_iter().map(|(key, buckets)| {
            let buckets: Vec<(f64, f64)> = buckets.into_values().collect();
            let at = |share| quantile(share, &buckets).filter(|_| !is_first);
            let (p50_seconds, p99_seconds) = (at(0.5), at(0.99));
            let latency = Latency {
                p50_seconds,
                p99_seconds,
            };
            (key, latency)
        });
        latencies.collect()
    }

    /// As Prometheus counts: what fell began at 0 again. A series that was not there began at 0, too: the gateway makes
    /// each before it counts.
    fn growth(&self, name: &str, labels: &Labels, now: f64) -> f64 {
        let before = self.before.filter(|_| !self.is_restart);
        let before = before.and_then(|before| before.metrics.get(name, labels));
        match before {
            Some(before) if before <= now => now - before,
            _ => now,
        }
    }
}

/// A count for people and scripts.
#[expect(
    clippy::cast_possible_truncation,
    reason = "saturates, and metrics that are counted are whole"
)]
pub(super) fn whole(value: f64) -> i64 {
    value.round() as i64
}

/// Three digits behind the point: finer ones are those of the time that a look takes.
pub(super) fn rounded(value: f64) -> f64 {
    if value.abs() < 1e12 {
        (value * 1e3).round() / 1e3
    } else {
        value
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// Looks at these texts, two seconds apart.
    pub(in crate::cli::top) fn samples(texts: &[&str]) -> Vec<Sample> {
        let start = Instant::now();
        let times = (0..).map(|at| Duration::from_secs(2 * at));
        let samples = texts.iter().zip(times).map(|(text, after)| Sample {
            taken: start + after,
            unix_ms: 1_769_860_800_000 + u64::try_from(after.as_millis()).unwrap(),
            metrics: Exposition::parse(text),
            readiness: None,
        });
        samples.collect()
    }

    fn check(before: &str, now: &str, expected: (i64, f64)) {
        let samples = samples(&[before, now]);
        let change = Change::new(Some(&samples[0]), &samples[1]);
        let count = change.count("m").unwrap();
        let found = (count.total, count.per_second.unwrap());
        assert_eq!(found, expected, "{before} → {now}");
    }

    #[test]
    fn a_counter_grows() {
        check("m 4", "m 10", (10, 3.0));
        check("m 4", "m 4", (4, 0.0));
        check("m{a=\"1\"} 4\nm 1", "m{a=\"1\"} 5\nm 2", (7, 1.0));
    }

    #[test]
    fn what_fell_began_at_0_again() {
        check("m 100", "m 4", (4, 2.0));
        check("m{a=\"1\"} 100\nm 1", "m{a=\"1\"} 4\nm 3", (7, 3.0));
    }

    #[test]
    fn after_a_restart_every_counter_began_at_0_again() {
        let start = |time: &str, count: &str| format!("{START_TIME} {time}\nm {count}");
        check(&start("1", "4"), &start("1", "10"), (10, 3.0));
        check(&start("1", "4"), &start("2", "10"), (10, 5.0));
    }

    #[test]
    fn a_series_that_was_not_there_began_at_0() {
        check("m 4", "m 4\nm{app=\"new\"} 6", (10, 3.0));
        check("", "m 6", (6, 3.0));
    }

    #[test]
    fn huge_numbers_stay_numbers() {
        check("m 0", "m 1.7e308", (i64::MAX, 8.5e307));
        check("m 0", "m 9e15", (9_000_000_000_000_000, 4.5e15));
    }

    #[test]
    fn the_first_look_knows_no_rate() {
        let samples = samples(&["m 7\nh_bucket{le=\"1\"} 5\nh_bucket{le=\"+Inf\"} 5"]);
        let change = Change::new(None, &samples[0]);
        assert_eq!(change.seconds(), None);
        let count = Count {
            total: 7,
            per_second: None,
        };
        assert_eq!(change.count("m"), Some(count));
        let latencies = change.latencies_by("h", |_| Some(()));
        assert_eq!(latencies[&()], Latency::default());
        assert_eq!(change.count("n"), None);
    }

    #[test]
    fn two_looks_at_one_moment_know_no_rate() {
        let mut samples = samples(&["m 1", "m 2"]);
        samples[1].taken = samples[0].taken;
        let change = Change::new(Some(&samples[0]), &samples[1]);
        assert_eq!(change.count("m").unwrap().per_second, None);
    }

    #[test]
    fn quantiles_are_of_the_time_between() {
        let histogram = |low: u32, all: u32| {
            format!(
                "h_bucket{{c=\"a\",le=\"1\"}} {low}\nh_bucket{{c=\"b\",le=\"1\"}} 0\nh_bucket{{c=\"a\",le=\"2\"}} {all}\n\
                 h_bucket{{c=\"a\",le=\"+Inf\"}} {all}\nh_bucket{{c=\"b\",le=\"+Inf\"}} 0\nh_bucket{{c=\"a\",le=\"x\"}} 9"
            )
        };
        let samples = samples(&[&histogram(1000, 1000), &histogram(1000, 1100)]);
        let change = Change::new(Some(&samples[0]), &samples[1]);
        let at = |latency: &Latency| latency.p50_seconds.map(|found| found.value);
        let by_command = change.latencies_by("h", |labels| Some(labels.value("c").to_owned()));
        assert_eq!(at(&by_command["a"]), Some(1.5));
        assert_eq!(at(&by_command["b"]), None);
        let together = change.latencies_by("h", |_| Some(()));
        assert_eq!(at(&together[&()]), Some(1.5));
    }

    proptest! {
        #[test]
        fn no_rate_is_ever_negative(before: u64, now: u64, restarts: bool) {
            let text = |start: u8, count: u64| format!("{START_TIME} {start}\nm {count}");
            let samples = samples(&[&text(1, before), &text(1 + u8::from(restarts), now)]);
            let count = Change::new(Some(&samples[0]), &samples[1]).count("m").unwrap();
            prop_assert!(count.per_second.unwrap() >= 0.0);
        }
    }
}
