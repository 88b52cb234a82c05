//! The last requests that were refused, for whoever wonders why nothing arrives. In memory, bounded, and without
//! anything that a caller wrote: a time, a reason, an address, which of our apps, and how far the clocks are apart.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_core::{Apps, Peer, Query, Refusal};

use crate::listener::Arrival;

/// The newest ones.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<VecDeque<Refused>>);

/// One refused request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// When its first byte came, in milliseconds since the Unix epoch.
    pub received_ms: u64,
    /// Why.
    pub refusal: Refusal,
    /// Who sent it; `None` for a simulated one.
    pub address: Option<IpAddr>,
    /// What it claims.
    pub claim: Claim,
}

/// What a request's query claims, as far as it is kept.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Claim {
    /// The configured app that it names, by its name in the configuration.
    pub app: Option<Arc<str>>,
    /// By how many seconds its `RequestTime` is ahead of our clock, where it has one.
    pub skew_seconds: Option<i64>,
}

/// How many are kept.
const KEPT: usize = 1_000;

// === impl Refusals ===

impl Refusals {
    pub(super) fn push(&self, refused: Refused) {
        let mut kept = self.kept();
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(refused);
    }

    /// The newest first.
    pub(crate) fn latest(&self) -> Vec<Refused> {
        self.kept().iter().rev().cloned().collect()
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<Refused>> {
        // The list is whole between any two statements.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Refused ===

impl Refused {
    pub(super) fn new(refusal: Refusal, arrival: Arrival, claim: Claim) -> Self {
        Self {
            received_ms: arrival.received_ms,
            refusal,
            address: match arrival.peer {
                Peer::Network { address, .. } => Some(address),
                Peer::Simulated => None,
            },
            claim,
        }
    }
}

// === impl Claim ===

impl Claim {
    /// `now` is in seconds since the Unix epoch.
    pub(super) fn of(query: &Query<'_>, apps: &Apps, now: u64) -> Self {
        Self {
            app: apps.named(query).map(|app| Arc::clone(&app.name)),
            skew_seconds: skew_seconds(query, now),
        }
    }
}

/// By how many seconds a query's `RequestTime` is ahead of `now`, where it has one.
pub(super) fn skew_seconds(query: &Query<'_>, now: u64) -> Option<i64> {
    let time: i64 = query.request_time.as_deref()?.parse().ok()?;
    time.checked_sub_unsigned(now)
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn refused(number: u64) -> Refused {
        let arrival = Arrival {
            first_byte: Instant::now(),
            received_ms: number * 1_000,
            peer: Peer::Simulated,
        };
        let query = Query::parse("RequestTime=100&SdkAppid=1").unwrap();
        let claim = Claim::of(&query, &Apps::default(), number);
        Refused::new(Refusal::Stale, arrival, claim)
    }

    #[test]
    fn keeps_the_newest_thousand() {
        let refusals = Refusals::default();
        (0..1_500).for_each(|number| refusals.push(refused(number)));
        let latest = refusals.latest();
        assert_eq!(latest.len(), KEPT);
        let times = [latest.first(), latest.last()].map(|one| one.unwrap().received_ms);
        assert_eq!(times, [1_499_000, 500_000]);
    }

    #[test]
    fn tells_how_far_the_clocks_are_apart() {
        assert_eq!(refused(70).claim.skew_seconds, Some(30));
        assert_eq!(refused(160).claim.skew_seconds, Some(-60));
    }
}
