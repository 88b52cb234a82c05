//! What anyone may read of subscriptions and deliveries. Start at [`StateReader::deliveries`].

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Delivery, DeliveryStatus, Subscription, row};
use crate::{
    Sequence,
    sqlite::{restored, stored},
    state::{StateError, StateReader},
};

/// Which deliveries; an empty filter matches all.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// To whom.
    pub subscription: Option<String>,
    /// Waiting or given up.
    pub status: Option<DeliveryStatus>,
    /// The event's command.
    pub command: Option<String>,
}

/// What a filter found, and how far was looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPage {
    /// Newest event first; of one event, by subscription.
    pub deliveries: Vec<Delivery>,
    /// Where to go on; `None` at the end.
    pub next: Option<Sequence>,
}

/// The rows of one subscription that lie in one index, by sequence.
type Part = &'static str;

/// Rows of a part that one read looks at: it holds on to the write-ahead file meanwhile.
const LOOKS_MAX: usize = 4_096;

// The primary key looks as good to SQLite, which does not know how many rows of the other status it would read.
pub(super) const PENDING: Part = "SELECT * FROM deliveries INDEXED BY deliveries_pending
    WHERE status = 'pending' AND subscription = ?1 AND copied = 0 AND sequence < ?2 ORDER BY sequence DESC";

pub(super) const PENDING_COPIED: Part = "SELECT * FROM deliveries INDEXED BY deliveries_pending
    WHERE status = 'pending' AND subscription = ?1 AND copied = 1 AND sequence < ?2 ORDER BY sequence DESC";

pub(super) const FIRST: Part = "SELECT * FROM first_deliveries
    WHERE subscription = ?1 AND sequence < ?2 ORDER BY sequence DESC";

pub(super) const DEAD: Part = "SELECT * FROM deliveries INDEXED BY deliveries_dead
    WHERE status = 'dead' AND subscription = ?1 AND sequence < ?2 ORDER BY sequence DESC";

pub(super) const OF_EVENT: &str = "SELECT * FROM deliveries
    WHERE subscription IN (SELECT name FROM subscriptions) AND sequence = ?1
    UNION ALL SELECT * FROM first_deliveries
    WHERE subscription IN (SELECT name FROM subscriptions) AND sequence = ?1 ORDER BY subscription";

const ONE: &str = "SELECT * FROM deliveries WHERE subscription = ?1 AND sequence = ?2
    UNION ALL SELECT * FROM first_deliveries WHERE subscription = ?1 AND sequence = ?2";

const COUNTS: &str = "SELECT subscription, status, sum(deliveries) FROM (
        SELECT * FROM delivery_counts
        UNION ALL SELECT subscription, 'pending', count(*) FROM first_attempts GROUP BY subscription
    ) GROUP BY subscription, status";

// === impl StateReader ===

impl StateReader {
    /// Every subscription that was saved, by name.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn subscriptions(&self) -> Result<BTreeMap<String, Subscription>, StateError> {
        self.read(subscriptions)
    }

    /// Deliveries that are not over, of events below `before`: about `limit` at most, for those of one event stay
    /// together. A page can be short or empty and have a next one: a filter by command looks at a bounded number.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn deliveries(
        &self,
        filter: &DeliveryFilter,
        before: Sequence,
        limit: usize,
    ) -> Result<DeliveryPage, StateError> {
        self.read(|connection| page(connection, filter, before, limit.max(1)))
    }

    /// What is not over of an event, by subscription.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn deliveries_of(&self, sequence: Sequence) -> Result<Vec<Delivery>, StateError> {
        self.read(|connection| {
            connection
                .prepare_cached(OF_EVENT)?
                .query_map([stored(sequence)], row::delivery)?
                .collect()
        })
    }

    /// When the event was journaled that a dead letter took along, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn copied_event_ms(
        &self,
        subscription: &str,
        sequence: Sequence,
    ) -> Result<Option<u64>, StateError> {
        self.read(|connection| {
            let time: Option<i64> = connection
                .prepare_cached(
                    "SELECT journaled_ms FROM copies WHERE subscription = ?1 AND sequence = ?2",
                )?
                .query_row(params![subscription, stored(sequence)], |row| row.get(0))
                .optional()?;
            Ok(time.map(restored))
        })
    }
}

pub(super) fn subscriptions(
    connection: &Connection,
) -> rusqlite::Result<BTreeMap<String, Subscription>> {
    connection
        .prepare_cached("SELECT * FROM subscriptions")?
        .query_map([], row::subscription)?
        .collect()
}

pub(super) fn counts(
    connection: &Connection,
) -> rusqlite::Result<BTreeMap<(String, DeliveryStatus), u64>> {
    connection
        .prepare_cached(COUNTS)?
        .query_map([], |row| {
            let count: i64 = row.get(2)?;
            Ok(((row.get(0)?, row.get(1)?), restored(count)))
        })?
        .collect()
}

pub(super) fn delivery(
    connection: &Connection,
    subscription: &str,
    sequence: Sequence,
) -> rusqlite::Result<Option<Delivery>> {
    connection
        .prepare_cached(ONE)?
        .query_row(params![subscription, stored(sequence)], row::delivery)
        .optional()
}

/// Looks at every part that can match, and puts together what all of them have been looked through for.
fn page(
    connection: &Connection,
    filter: &DeliveryFilter,
    before: Sequence,
    limit: usize,
) -> rusqlite::Result<DeliveryPage> {
    // One snapshot: between two a delivery could move from one part to another.
    let transaction = connection.unchecked_transaction()?;
    let mut deliveries = Vec::new();
    let mut next = None;
    for subscription in names(&transaction, filter)? {
        for part in parts(filter.status) {
            let mut select = transaction.prepare_cached(part)?;
            let command = filter.command.as_deref();
            let looked = look(&mut select, &subscription, command, before, limit)?;
            deliveries.extend(looked.deliveries);
            next = next.max(looked.next);
        }
    }
    deliveries.retain(|delivery| next.is_none_or(|next| delivery.sequence >= next));
    deliveries.sort_by(|a, b| {
        let newest_first = b.sequence.cmp(&a.sequence);
        newest_first.then_with(|| a.subscription.cmp(&b.subscription))
    });
    if let Some(last) = deliveries.get(limit - 1).map(|last| last.sequence) {
        let whole = deliveries.partition_point(|delivery| delivery.sequence >= last);
        if whole < deliveries.len() {
            deliveries.truncate(whole);
            next = Some(last);
        }
    }
    Ok(DeliveryPage { deliveries, next })
}

fn names(connection: &Connection, filter: &DeliveryFilter) -> rusqlite::Result<Vec<String>> {
    if let Some(name) = &filter.subscription {
        return Ok(vec![name.clone()]);
    }
    connection
        .prepare_cached("SELECT name FROM subscriptions")?
        .query_map([], |row| row.get(0))?
        .collect()
}

fn parts(status: Option<DeliveryStatus>) -> &'static [Part] {
    match status {
        None => &[FIRST, PENDING, PENDING_COPIED, DEAD],
        Some(DeliveryStatus::Pending) => &[FIRST, PENDING, PENDING_COPIED],
        Some(DeliveryStatus::Dead) => &[DEAD],
    }
}

fn look(
    select: &mut rusqlite::CachedStatement<'_>,
    subscription: &str,
    command: Option<&str>,
    before: Sequence,
    limit: usize,
) -> rusqlite::Result<DeliveryPage> {
    let mut rows = select.query(params![subscription, stored(before)])?;
    let mut page = DeliveryPage {
        deliveries: Vec::new(),
        next: None,
    };
    let mut looks = 0;
    let mut last = before;
    while let Some(row) = rows.next()? {
        if looks == LOOKS_MAX || page.deliveries.len() == limit {
            page.next = Some(last);
            break;
        }
        looks += 1;
        let delivery = row::delivery(row)?;
        last = delivery.sequence;
        if command.is_none_or(|command| delivery.command == command) {
            page.deliveries.push(delivery);
        }
    }
    Ok(page)
}
