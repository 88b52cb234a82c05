//! Which subscriptions are served: those that come, stay, and go.

use std::{
    collections::{BTreeMap, BTreeSet},
    mem,
    sync::Arc,
    time::Instant,
};

use gateway_journal::{ReadError, Sequence, StateError, Subscription};
use tracing::warn;

use super::{PlanError, Planner};
use crate::{
    flow::Flow,
    subscriber::{Start, Subscriber},
};

// === impl Planner ===

impl Planner {
    /// Exchanges the subscriptions for those that are wanted, and syncs; those that stay keep their place. What fails is
    /// tried again with the next tick.
    pub(super) fn configure(&mut self) -> Result<(), PlanError> {
        self.exchange()?;
        if self.is_unsynced {
            // From the next ack on, a crash or a power cut must find a cursor for each subscription.
            self.save()?;
            self.parts.deliveries.sync()?;
            self.is_unsynced = false;
        }
        Ok(())
    }

    /// All of it or nothing.
    fn exchange(&mut self) -> Result<(), PlanError> {
        let Some(wanted) = self.wanted.clone() else {
            return Ok(());
        };
        let known = self.parts.deliveries.subscriptions()?;
        let mut begun = BTreeMap::new();
        for subscriber in wanted {
            let name = subscriber.name.to_string();
            if self.place(&name).is_some() {
                continue;
            }
            let row = known.get(&name);
            if row.is_none() && self.removed.contains(&name) {
                // It begins anew once the old one is forgotten.
                return Ok(());
            }
            self.parts.deliveries.interrupt(&name)?;
            begun.insert(name, self.begun(&subscriber, row)?);
        }
        let now = Instant::now();
        let mut flows = Vec::new();
        for subscriber in self.wanted.take().into_iter().flatten() {
            if let Some(place) = self.place(&subscriber.name) {
                let mut flow = self.flows.swap_remove(place);
                flow.reconfigure(subscriber, now);
                flows.push(flow);
            } else if let Some((row, lanes)) = begun.remove(&*subscriber.name) {
                flows.push(Flow::new(subscriber, row, lanes, now));
            }
        }
        flows.sort_by(|one, other| one.name().cmp(other.name()));
        self.flows = flows;
        let subscribers = self.flows.iter().map(|flow| Arc::clone(flow.subscriber()));
        self.board.introduce(subscribers.collect());
        let half_removed = mem::take(&mut self.removed);
        let left = known.into_keys().chain(half_removed);
        let left: BTreeSet<String> = left.filter(|name| self.place(name).is_none()).collect();
        self.removed = left.into_iter().collect();
        self.is_unsynced = true;
        Ok(())
    }

    /// What is known of a subscription that begins to be served, and its lanes.
    fn begun(
        &self,
        subscriber: &Subscriber,
        known: Option<&Subscription>,
    ) -> Result<(Subscription, BTreeMap<u64, u64>), PlanError> {
        let Some(row) = known else {
            let row = Subscription {
                cursor: self.first(subscriber.start)?,
                ..Subscription::default()
            };
            return Ok((row, BTreeMap::new()));
        };
        // The files of a backup may be of different times.
        let row = Subscription {
            cursor: row.cursor.min(self.head.borrow().sequence),
            ..row.clone()
        };
        Ok((row, self.parts.deliveries.lanes(&subscriber.name)?))
    }

    /// Forgets a piece of what was due to subscriptions that are no longer configured; tells whether there is more.
    pub(super) fn remove(&mut self) -> Result<bool, StateError> {
        let Some(name) = self.removed.last() else {
            return Ok(false);
        };
        if self.parts.deliveries.remove(name)? {
            warn!(
                subscription = name,
                "it is not configured any more; what was due to it is forgotten"
            );
            self.removed.pop();
        }
        Ok(!self.removed.is_empty())
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.flows.iter().position(|flow| flow.name() == name)
    }

    /// The cursor of a new subscription.
    pub(super) fn first(&self, start: Start) -> Result<Sequence, ReadError> {
        let end = self.head.borrow().sequence;
        match start {
            Start::Now => Ok(end),
            Start::Beginning => Ok(0),
            Start::At(unix_ms) => {
                let first = self.reader.first_at(unix_ms)?;
                Ok(first.map_or(end, |first| first - 1))
            }
        }
    }
}
