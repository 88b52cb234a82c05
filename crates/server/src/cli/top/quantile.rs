//! Quantiles of a histogram, as Prometheus' `histogram_quantile` estimates them: linear within a bucket.

use serde::{Serialize, Serializer};

/// An estimate, in the unit of the buckets' edges.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quantile {
    /// The highest edge when the quantile lies above it.
    pub value: f64,
    /// Whether it lies above the highest edge: how far is not known.
    pub is_above: bool,
}

/// `buckets` are upper edges with the count of what is below or at them, in any order; one must be infinite. `None` when
/// nothing was observed, or the buckets are none of a histogram.
pub(super) fn quantile(share: f64, buckets: &[(f64, f64)]) -> Option<Quantile> {
    let buckets = ascending(buckets);
    let (last, finite) = buckets.split_last()?;
    if last.0 != f64::INFINITY || last.1 <= 0.0 {
        return None;
    }
    let rank = share * last.1;
    let Some(at) = finite.iter().position(|(_, count)| *count >= rank) else {
        let (edge, _) = finite.last()?;
        return Some(Quantile {
            value: *edge,
            is_above: true,
        });
    };
    let (edge, count) = *finite.get(at)?;
    let below = at.checked_sub(1).and_then(|below| finite.get(below));
    let (start, before) = match below {
        Some(below) => *below,
        None if edge <= 0.0 => (edge, 0.0),
        None => (0.0, 0.0),
    };
    let within = if count > before {
        (rank - before) / (count - before)
    } else {
        0.0
    };
    Some(Quantile {
        value: start + (edge - start) * within,
        is_above: false,
    })
}

/// By their edges, with counts that never fall: buckets are not read at one moment.
fn ascending(buckets: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut buckets = buckets.to_vec();
    buckets.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    let mut highest = 0.0_f64;
    for (_, count) in &mut buckets {
        highest = highest.max(*count);
        *count = highest;
    }
    buckets
}

impl Serialize for Quantile {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // Microseconds: finer digits are the interpolation's.
        serializer.serialize_f64((self.value * 1e6).round() / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(share: f64, buckets: &[(f64, f64)], expected: Option<(f64, bool)>) {
        let found = quantile(share, buckets).map(|found| (found.value, found.is_above));
        assert_eq!(found, expected, "{share} of {buckets:?}");
    }

    const INFINITY: f64 = f64::INFINITY;

    #[test]
    fn is_linear_within_its_bucket() {
        let buckets = [(1.0, 10.0), (2.0, 20.0), (4.0, 100.0), (INFINITY, 100.0)];
        check(0.05, &buckets, Some((0.5, false)));
        check(0.15, &buckets, Some((1.5, false)));
        check(0.20, &buckets, Some((2.0, false)));
        check(0.60, &buckets, Some((3.0, false)));
        check(1.0, &buckets, Some((4.0, false)));
    }

    #[test]
    fn the_highest_edge_is_all_that_is_known_above_it() {
        check(0.99, &[(1.0, 50.0), (INFINITY, 100.0)], Some((1.0, true)));
        check(0.5, &[(1.0, 50.0), (INFINITY, 100.0)], Some((1.0, false)));
    }

    #[test]
    fn nothing_observed_has_no_quantile() {
        check(0.5, &[], None);
        check(0.5, &[(INFINITY, 5.0)], None);
        check(0.5, &[(1.0, 0.0), (INFINITY, 0.0)], None);
        check(0.5, &[(1.0, 5.0)], None);
    }

    #[test]
    fn the_order_of_buckets_does_not_matter_nor_a_torn_read() {
        let torn = [(INFINITY, 10.0), (2.0, 9.0), (1.0, 10.0)];
        check(0.5, &torn, Some((0.5, false)));
        let torn = [(INFINITY, 9.0), (2.0, 10.0), (1.0, 5.0)];
        check(0.95, &torn, Some((1.9, false)));
    }

    proptest! {
        #[test]
        fn never_falls_as_the_share_grows(
            counts in prop::collection::vec(0_u16..1000, 1..8),
            shares in prop::collection::vec(0.0_f64..=1.0, 2..8),
        ) {
            let edges = (1_u32..).map(f64::from);
            let mut buckets: Vec<(f64, f64)> = edges.zip(counts.into_iter().map(f64::from)).collect();
            buckets.push((INFINITY, 1000.0));
            let mut shares = shares;
            shares.sort_by(f64::total_cmp);
            let found: Vec<f64> = shares
                .iter()
                .map(|share| quantile(*share, &buckets).unwrap().value)
                .collect();
            prop_assert!(found.is_sorted(), "{:?}", found);
            prop_assert!(found.iter().all(|value| (0.0..=7.0).contains(value)));
        }
    }
}
