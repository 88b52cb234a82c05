//! Latencies by logarithmic buckets: constant memory, each value at most 0.8 % too high.

use std::time::Duration;

/// 2^7 buckets for each power of two.
const BITS: u32 = 7;

/// Longer latencies, in microseconds (over an hour), count as this.
const MICROSECONDS_MAX: u64 = (1 << 32) - 1;

/// How often each latency was seen.
#[derive(Debug, Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    /// With nothing seen.
    pub(crate) fn new() -> Self {
        let buckets = bucket(MICROSECONDS_MAX) + 1;
        Self {
            counts: vec![0; buckets],
            total: 0,
        }
    }

    /// Counts one.
    pub(crate) fn record(&mut self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let bucket = bucket(microseconds.min(MICROSECONDS_MAX));
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += 1;
            self.total += 1;
        }
    }

    /// How many were counted.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// What `per_mille` thousandths of the latencies did not exceed; zero when nothing was counted.
    pub(crate) fn quantile(&self, per_mille: u64) -> Duration {
        let rank = (self.total * per_mille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in (0..).zip(&self.counts) {
            seen += count;
            if seen >= rank {
                return Duration::from_micros(upper_bound(index));
            }
        }
        Duration::ZERO
    }
}

/// Values below 2^7 have a bucket each; above, the seven bits after the first one choose it.
fn bucket(microseconds: u64) -> usize {
    let magnitude = microseconds.checked_ilog2().unwrap_or(0);
    let shift = magnitude.saturating_sub(BITS);
    let bucket = (u64::from(shift) << BITS) + (microseconds >> shift);
    usize::try_from(bucket).expect("there are fewer than 2^12 buckets")
}

/// The greatest value of a bucket.
fn upper_bound(bucket: u64) -> u64 {
    let shift = (bucket >> BITS).saturating_sub(1);
    let leading = bucket - (shift << BITS);
    ((leading + 1) << shift) - 1
}
