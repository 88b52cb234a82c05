//! The last requests that were refused, for whoever wonders why nothing arrives. In memory, bounded, and without
//! anything that a caller wrote: a time, a reason, an address, which of our apps, and how far the clocks are apart.

use std::{
    cmp::Reverse,
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gateway_core::{Apps, Peer, Query, Refusal};

use crate::listener::Arrival;

/// The newest ones of each reason, at the places of [`Refusal::ALL`]: strangers that are refused for one reason hide
/// nobody who is refused for another.
#[derive(Debug, Default)]
pub(crate) struct Refusals(Mutex<[VecDeque<Refused>; Refusal::ALL.len()]>);

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

/// How many are kept of each reason.
const KEPT: usize = 250;

// === impl Refusals ===

impl Refusals {
    pub(super) fn push(&self, refused: Refused) {
        let mut kept = self.kept();
        let Some(kept) = kept.get_mut(refused.refusal as usize) else {
            return;
        };
        if kept.len() == KEPT {
            kept.pop_front();
        }
        kept.push_back(refused);
    }

    /// The newest first.
    pub(crate) fn latest(&self) -> Vec<Refused> {
        let mut latest: Vec<Refused> = self.kept().iter().flatten().cloned().collect();
        latest.sort_by_key(|refused| Reverse(refused.received_ms));
        latest
    }

    fn kept(&self) -> MutexGuard<'_, [VecDeque<Refused>; Refusal::ALL.len()]> {
        // The lists are whole between any two statements.
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
        refused_for(Refusal::Stale, number)
    }

    fn refused_for(refusal: Refusal, number: u64) -> Refused {
        let arrival = Arrival {
            first_byte: Instant::now(),
            received_ms: number * 1_000,
            peer: Peer::Simulated,
        };
        let query = Query::parse("RequestTime=100&SdkAppid=1").unwrap();
        let claim = Claim::of(&query, &Apps::default(), number);
        Refused::new(refusal, arrival, claim)
    }

    #[test]
    fn keeps_the_newest_of_each_reason() {
        let refusals = Refusals::default();
        refusals.push(refused(1));
        for number in 2..500 {
            refusals.push(refused_for(Refusal::UnknownApp, number));
        }
        let latest = refusals.latest();
        assert_eq!(latest.len(), KEPT + 1);
        let times = [latest.first(), latest.last()].map(|one| one.unwrap().received_ms);
        assert_eq!(times, [499_000, 1_000]);
    }

    #[test]
    fn every_reason_has_a_place_of_its_own() {
        let places = Refusal::ALL.map(|refusal| refusal as usize);
        assert!(places.into_iter().eq(0..Refusal::ALL.len()));
    }

    #[test]
    fn tells_how_far_the_clocks_are_apart() {
        assert_eq!(refused(70).claim.skew_seconds, Some(30));
        assert_eq!(refused(160).claim.skew_seconds, Some(-60));
    }
}
