//! What the planner does several times a second beside its work: clocks and age, what it tells, and what it lets go.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use gateway_journal::{DeliveryStatus, ReadError, ReadLimit, Row, Sequence, StateError};
use tracing::warn;

use super::{PlanError, Planner, tell};
use crate::clock::{millis, now_ms};

/// What was done of the upkeep, and by which clock dead letters grow old.
pub(super) struct Upkept {
    /// When all dead letters that were old enough were forgotten.
    last: Instant,
    /// Whether there are further pieces to do at once.
    has_more: bool,
    /// By subscription, how much was made due of what is being made due.
    hastened: BTreeMap<String, u64>,
    began: Instant,
    began_ms: u64,
}

/// How often it looks after what is due, and after its bookkeeping.
pub(super) const TICK: Duration = Duration::from_millis(250);

/// How often the state is synced, before the log may delete what it says is passed.
const SYNC_EVERY: Duration = Duration::from_secs(10);

/// How often old dead letters are looked for.
const EXPIRE_EVERY: Duration = Duration::from_mins(1);

/// So much further than time has gone by since the start the clock may be: dead letters outlive one that jumps.
const CLOCK_AHEAD_MAX: Duration = Duration::from_hours(1);

// === impl Planner ===

impl Planner {
    /// What is done several times a second; tells whether there is more of it to do at once. Its failures keep no event from
    /// its subscriptions.
    pub(super) fn tick(&mut self) -> bool {
        if self.ticked.elapsed() < TICK && !self.upkept.has_more {
            return false;
        }
        self.ticked = Instant::now();
        for flow in &mut self.flows {
            flow.look_again();
            flow.subscriber().tidy();
        }
        self.parts.deliveries.move_soon();
        let upkept = self.configure().and_then(|()| self.keep_up());
        self.upkept.has_more = *upkept.as_ref().unwrap_or(&false);
        if let Err(error) = upkept.and_then(|_| self.report()) {
            tell(&error);
        }
        self.upkept.has_more
    }

    /// A piece of what has come of clocks and age.
    fn keep_up(&mut self) -> Result<bool, PlanError> {
        let mut has_more = false;
        for place in 0..self.flows.len() {
            has_more |= self.hasten(place)?;
        }
        Ok(has_more | self.expire()?)
    }

    /// Makes due what can only be due so late because the clock was set back.
    fn hasten(&mut self, place: usize) -> Result<bool, StateError> {
        let Some(flow) = self.flows.get_mut(place) else {
            return Ok(false);
        };
        let subscriber = flow.subscriber();
        let pause_max = subscriber.schedule.pause_max();
        let latest = subscriber.config.timeout.saturating_add(pause_max);
        let now_ms = now_ms();
        let beyond_ms = now_ms.saturating_add(millis(latest));
        let name = flow.name();
        let some = self.parts.deliveries.hasten(name, beyond_ms, now_ms)?;
        if some > 0 {
            *self.upkept.hastened.entry(name.to_owned()).or_default() += some;
            flow.look_again();
        } else if let Some(deliveries) = self.upkept.hastened.remove(name) {
            warn!(
                subscription = name,
                deliveries,
                "the clock was set back, or pauses are shorter now; what was to wait for longer is due"
            );
        }
        Ok(some > 0)
    }

    /// Forgets dead letters that are old enough.
    fn expire(&mut self) -> Result<bool, StateError> {
        if self.upkept.last.elapsed() < EXPIRE_EVERY {
            return Ok(false);
        }
        let now_ms = self.upkept.now_ms();
        let mut has_more = false;
        for flow in &mut self.flows {
            let kept = flow.subscriber().config.dead_letters;
            let before_ms = now_ms.saturating_sub(millis(kept));
            let expired = self.parts.deliveries.expire(flow.name(), before_ms)?;
            flow.expired(expired);
            has_more |= expired > 0;
        }
        if !has_more {
            self.upkept.last = Instant::now();
        }
        Ok(has_more)
    }

    /// Tells how the subscriptions stand, and which events nobody needs any more.
    pub(super) fn report(&mut self) -> Result<(), PlanError> {
        let counts = self.parts.deliveries.counts()?;
        let oldest = self.parts.deliveries.oldest_pending()?;
        let head = self.head.borrow().sequence;
        let mut standings = Vec::new();
        let mut through = Sequence::MAX;
        for flow in &self.flows {
            let pending = (flow.name().to_owned(), DeliveryStatus::Pending);
            let pending = counts.get(&pending).copied().unwrap_or(0);
            let cursor = flow.row().cursor;
            let oldest = oldest.get(flow.name()).map_or(cursor, |oldest| oldest - 1);
            let passed = oldest.min(cursor);
            through = through.min(passed);
            standings.push(flow.standing(pending, head, self.age_after(passed)?));
        }
        self.parts.observer.stands(&standings);
        self.board.set(standings);
        // A power cut may take back what is not synced, and the events it then needs must be there.
        if self.synced.elapsed() >= SYNC_EVERY {
            self.parts.deliveries.sync()?;
            self.synced = Instant::now();
            self.parts.holder.release(through);
        }
        Ok(())
    }

    /// How long ago the first event after `passed` was journaled, in milliseconds; 0 when there is none.
    fn age_after(&self, passed: Sequence) -> Result<u64, ReadError> {
        let first = ReadLimit {
            events: 1,
            bytes: 1,
        };
        let rows = self.reader.after(passed, first)?;
        Ok(match rows.first() {
            Some(Row::Event(event)) => now_ms().saturating_sub(event.journaled_ms),
            _ => 0,
        })
    }
}

// === impl Upkept ===

impl Upkept {
    pub(super) fn new() -> Self {
        Self {
            last: Instant::now(),
            has_more: false,
            hastened: BTreeMap::new(),
            began: Instant::now(),
            began_ms: now_ms(),
        }
    }

    /// The clock, as far as it can be believed.
    fn now_ms(&self) -> u64 {
        let most = self.began.elapsed() + CLOCK_AHEAD_MAX;
        now_ms().min(self.began_ms.saturating_add(millis(most)))
    }
}
