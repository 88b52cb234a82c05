//! Finding events: pages of a list, newest first, and one event with all that is known of it. Free of HTTP; blocks.
//!
//! By account, group or a shadow's agreement the index answers, which follows behind the log; so the events that it does
//! not know yet are read and decoded first. Its keys are hashes: what it finds is checked. Which handlers have failed is
//! in the state. Start at [`Finder::page`].

use std::sync::Arc;

use gateway_core::{Dispatcher, EventId, Phase, Prepared, Subjects, Work};
use gateway_fanout::Board;
use gateway_journal::{
    Filter, Found as Hits, Head, Index, IndexError, IndexQuery, ReadError, ReadLimit, Reader, Row,
    Sequence, StateError, StateReader, Status, StoredEvent,
};

use super::{
    event::{
        Event, EventDelivery, EventDetail, EventDrift, EventItem, EventOutcome, Standing, Told,
        passing, prepare,
    },
    selection::Selection,
};
use crate::follower::Recent;

/// Bytes of bodies and acks in one page.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Rows of the log that one page may look at.
const SCAN_MAX: usize = 20_000;

/// Rows read at once where each of them is decoded.
const CHUNK_EVENTS: usize = 256;

/// Hits of the index asked for at once.
const CHUNK_HITS: usize = 256;

/// Events fetched at once: with the longest bodies that is a few MiB.
const CHUNK_FETCH: usize = 8;

/// Hits of the index that one page may check.
const HITS_MAX: usize = 10_000;

/// Finds events.
#[derive(Debug, Clone)]
pub(crate) struct Finder {
    pub(crate) reader: Reader,
    pub(crate) index: Arc<Index>,
    pub(crate) state: StateReader,
    pub(crate) dispatcher: Dispatcher,
    pub(crate) recent: Arc<Recent>,
    pub(crate) board: Board,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Found {
    /// Newest first.
    pub(crate) events: Vec<Event>,
    /// The next page holds what is below this; `None` when there is no more.
    pub(crate) next: Option<Sequence>,
}

/// A page or an event could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    /// The log.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The handlers' outcomes.
    #[error(transparent)]
    State(#[from] StateError),
}

/// One event, looked up by its id.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// There it is.
    Event(Box<EventDetail>),
    /// There is none of this id, or no longer.
    Missing,
    /// Its row is damaged.
    Damaged,
}

/// A page while it is filled.
struct Filling<'a> {
    head: Head,
    selection: &'a Selection,
    /// What the log is asked for. Without `until`: the page begins below it, and the reader need not search it again.
    filter: Filter,
    limit: usize,
    /// Events at or below this are out of the question.
    floor: Sequence,
    bytes: usize,
    events: Vec<Event>,
}

// === impl FindError ===

impl FindError {
    /// Whether it is to be tried again in a moment.
    pub(crate) fn is_busy(&self) -> bool {
        matches!(
            self,
            Self::Read(ReadError::Busy { .. }) | Self::Index(IndexError::Busy { .. })
        )
    }
}

// === impl Finder ===

impl Finder {
    /// One page: at most `limit` events below `before`, or from the head down. A page may be short, or empty, and still
    /// have a next one: how much one page may look at is bounded.
    pub(crate) fn page(
        &self,
        head: Head,
        selection: &Selection,
        limit: usize,
        before: Option<Sequence>,
    ) -> Result<Found, FindError> {
        let mut below = before.unwrap_or(Sequence::MAX).min(head.sequence + 1);
        if let Some(until_ms) = selection.filter.until_ms
            && let Some(first) = self.reader.first_at(until_ms)?
        {
            below = below.min(first);
        }
        let mut filling = Filling {
            head,
            selection,
            filter: Filter {
                until_ms: None,
                ..selection.filter.clone()
            },
            limit,
            floor: 0,
            bytes: 0,
            events: Vec::new(),
        };
        if let Some(since_ms) = selection.filter.since_ms {
            match self.reader.first_at(since_ms)? {
                Some(first) => filling.floor = first.saturating_sub(1),
                None => return Ok(filling.ends(None)),
            }
        }
        if below <= filling.floor + 1 {
            return Ok(filling.ends(None));
        }
        let next = if let Some(failure) = selection.outcome {
            let failed = |below| self.failed(failure.status(), below);
            self.fill_with(&mut filling, below, failed)?
        } else if selection.is_indexed() {
            self.fill_by_index(&mut filling, below)?
        } else {
            self.fill_by_envelope(&mut filling, below)?
        };
        Ok(filling.ends(next))
    }

    /// From the log alone.
    fn fill_by_envelope(
        &self,
        filling: &mut Filling<'_>,
        below: Sequence,
    ) -> Result<Option<Sequence>, FindError> {
        let limit = ReadLimit {
            events: filling.limit,
            bytes: PAGE_BYTES_MAX,
        };
        let page = self
            .reader
            .before(below, &filling.filter, limit, SCAN_MAX)?;
        for row in page.rows {
            if let Row::Event(stored) = row {
                let prepared = prepare(&stored, &self.dispatcher);
                filling.push(&stored, &prepared);
            }
        }
        Ok(page.next.filter(|next| *next > filling.floor + 1))
    }

    /// First what the index does not know yet, then what it knows.
    fn fill_by_index(
        &self,
        filling: &mut Filling<'_>,
        below: Sequence,
    ) -> Result<Option<Sequence>, FindError> {
        // Read once: what is indexed meanwhile is above it and has been looked at in the log.
        let indexed = self.index.cursor();
        if below > indexed + 1
            && let Some(next) = self.fill_unindexed(filling, below, indexed)?
        {
            return Ok(Some(next));
        }
        self.fill_indexed(filling, below.min(indexed + 1), indexed)
    }

    /// From the log, down to what is indexed. Returns where to go on when the page ended before that.
    fn fill_unindexed(
        &self,
        filling: &mut Filling<'_>,
        mut below: Sequence,
        indexed: Sequence,
    ) -> Result<Option<Sequence>, FindError> {
        let lowest = indexed.max(filling.floor);
        let limit = ReadLimit {
            events: CHUNK_EVENTS,
            bytes: PAGE_BYTES_MAX,
        };
        let mut scan_left = SCAN_MAX;
        while scan_left > 0 {
            let page = self
                .reader
                .before(below, &filling.filter, limit, scan_left)?;
            for row in page.rows {
                let Row::Event(stored) = row else { continue };
                if stored.sequence <= lowest {
                    return Ok(None);
                }
                if !filling.push_if_meant(&stored, &self.dispatcher) {
                    return Ok(Some(stored.sequence));
                }
            }
            let Some(next) = page.next.filter(|next| *next > lowest + 1) else {
                return Ok(None);
            };
            let looked_at = usize::try_from(below.saturating_sub(next)).unwrap_or(usize::MAX);
            scan_left = scan_left.saturating_sub(looked_at.max(1));
            below = next;
        }
        Ok(Some(below))
    }

    /// By the index.
    fn fill_indexed(
        &self,
        filling: &mut Filling<'_>,
        below: Sequence,
        indexed: Sequence,
    ) -> Result<Option<Sequence>, FindError> {
        let selection = filling.selection;
        self.fill_with(filling, below, |below| {
            let query = IndexQuery {
                account: selection.account.as_deref(),
                group: selection.group.as_deref(),
                shadow: selection.shadow,
                before: Some(below),
            };
            let found = self.index.find(&query, CHUNK_HITS)?;
            // A damaged index starts anew; what it does not know again yet is for the next page to look up.
            Ok((self.index.cursor() >= indexed).then_some(found))
        })
    }

    /// Events whose handler has not succeeded.
    fn failed(&self, status: Option<Status>, below: Sequence) -> Result<Option<Hits>, FindError> {
        let sequences = self.state.failed(status, below, CHUNK_HITS)?;
        let is_full = sequences.len() == CHUNK_HITS;
        let next = sequences.last().copied().filter(|_| is_full);
        Ok(Some(Hits { sequences, next }))
    }

    /// With what `find` finds below a sequence, newest first: hits are fetched and checked. When it finds `None`, the
    /// page ends.
    fn fill_with(
        &self,
        filling: &mut Filling<'_>,
        mut below: Sequence,
        find: impl Fn(Sequence) -> Result<Option<Hits>, FindError>,
    ) -> Result<Option<Sequence>, FindError> {
        let selection = filling.selection;
        let mut checked = 0;
        while checked < HITS_MAX {
            let Some(found) = find(below)? else {
                return Ok(Some(below));
            };
            for fetch in found.sequences.chunks(CHUNK_FETCH) {
                for stored in self.reader.get_many(fetch)? {
                    if stored.sequence <= filling.floor {
                        return Ok(None);
                    }
                    if !selection.filter.takes(&stored) {
                        continue;
                    }
                    if !filling.push_if_meant(&stored, &self.dispatcher) {
                        return Ok(Some(stored.sequence));
                    }
                }
            }
            match found.next {
                Some(next) if next > filling.floor + 1 => below = next,
                _ => return Ok(None),
            }
            // A search that found nothing was work, too.
            checked += found.sequences.len().max(1);
        }
        Ok(Some(below))
    }

    /// One event with all that is known of it.
    pub(crate) fn lookup(&self, head: Head, id: EventId) -> Result<Lookup, FindError> {
        if !id.may_be_of(head.log_id) {
            return Ok(Lookup::Missing);
        }
        let stored = match self.reader.get(id.sequence())? {
            Some(Row::Event(stored)) => stored,
            Some(Row::Damaged(_)) => return Ok(Lookup::Damaged),
            None => return Ok(Lookup::Missing),
        };
        if EventId::new(head.log_id, stored.sequence, stored.journaled_ms) != id {
            return Ok(Lookup::Missing);
        }
        let mut prepared = prepare(&stored, &self.dispatcher);
        let drift = std::mem::take(&mut prepared.drift);
        let items = prepared.work.as_ref().map(Work::items).unwrap_or_default();
        let items: Vec<EventItem> = items.into_iter().map(EventItem::from).collect();
        let standing = self.standing(&stored)?;
        let deliveries = self.passing(&stored, &prepared.subjects)?;
        let told = Told {
            is_readable: prepared.work.is_some(),
            drift: drift.len(),
            standing: &standing,
            times: self.recent.of(stored.sequence),
            stored: &stored,
        };
        let detail = EventDetail {
            story: told.steps(),
            event: Event::new(head.log_id, &stored, &prepared),
            decoded: prepared.work.and_then(|work| work.to_json()),
            items: (!items.is_empty()).then_some(items),
            drift: drift
                .into_iter()
                .map(|drift| EventDrift {
                    path: drift.path,
                    expected: drift.expected,
                    found: drift.found,
                })
                .collect(),
            outcome: EventOutcome::from(&standing),
            deliveries,
        };
        Ok(Lookup::Event(Box::new(detail)))
    }

    fn passing(
        &self,
        stored: &StoredEvent,
        subjects: &Subjects,
    ) -> Result<Vec<EventDelivery>, FindError> {
        let subscribers = self.board.subscribers();
        // The cursors are read first, as below.
        let rows = self.state.subscriptions()?;
        let deliveries = self.state.deliveries_of(stored.sequence)?;
        Ok(passing(stored, subjects, &subscribers, &rows, deliveries))
    }

    fn standing(&self, stored: &StoredEvent) -> Result<Standing, FindError> {
        let command = stored.envelope.command.as_str();
        let has_handler = self
            .dispatcher
            .get(command)
            .is_some_and(|installed| installed.descriptor().phase == Phase::After);
        if !has_handler {
            return Ok(Standing::None);
        }
        // The cursor is read first: an event that fails meanwhile is then found as a row, never taken for done.
        let cursor = self.state.cursor(command)?.unwrap_or_default();
        if let Some(outcome) = self.state.outcome(stored.sequence)? {
            return Ok(Standing::Failed(outcome));
        }
        Ok(if stored.sequence <= cursor {
            Standing::Done
        } else {
            Standing::Pending
        })
    }
}

// === impl Filling ===

impl Filling<'_> {
    /// Decodes an event and adds it if it is meant; the rest as for [`Filling::push`].
    fn push_if_meant(&mut self, stored: &StoredEvent, dispatcher: &Dispatcher) -> bool {
        let prepared = prepare(stored, dispatcher);
        !self.selection.means(stored, &prepared.subjects) || self.push(stored, &prepared)
    }

    /// Adds an event. `false` when it was the last one that the page has room for.
    fn push(&mut self, stored: &StoredEvent, prepared: &Prepared) -> bool {
        self.bytes += stored.body.len() + ack_bytes(stored);
        let event = Event::new(self.head.log_id, stored, prepared);
        self.events.push(event);
        self.events.len() < self.limit && self.bytes < PAGE_BYTES_MAX
    }

    fn ends(self, next: Option<Sequence>) -> Found {
        Found {
            events: self.events,
            next,
        }
    }
}

/// How long the acks are that an event tells of.
fn ack_bytes(stored: &StoredEvent) -> usize {
    let Some(verdict) = &stored.envelope.verdict else {
        return 0;
    };
    let shadow = verdict
        .shadow
        .as_ref()
        .and_then(|shadow| shadow.ack.as_ref());
    let acks = [Some(&verdict.ack), shadow].into_iter().flatten();
    acks.map(|ack| ack.as_str().len()).sum()
}

#[cfg(test)]
mod tests;
