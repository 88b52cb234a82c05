//! The tail: every event from some place on, each once, in order, as it is journaled. Free of HTTP.
//!
//! It is pulled: the next chunk is read when the last one was taken, so a slow reader holds up nobody and costs one
//! chunk of memory. What it can't deliver it names: a [`Gap`]. Start at [`Tail::next`].

use std::{collections::VecDeque, sync::Arc, time::Duration};

use gateway_journal::{Head, ReadError, ReadLimit, Row, Sequence};
use serde::Serialize;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use super::{
    blocking::{Blocking, Panicked},
    cursor::Cursor,
    event::{Event, prepare},
    finder::Finder,
    selection::Selection,
};

/// Rows in one chunk, and bytes of their bodies.
const CHUNK: ReadLimit = ReadLimit {
    events: 64,
    bytes: 256 << 10,
};

/// Rows that are looked at for one chunk.
const SCAN_MAX: usize = 4096;

/// Follows the log for one reader.
pub(crate) struct Tail {
    finder: Finder,
    reads: Arc<Blocking>,
    head: watch::Receiver<Head>,
    selection: Arc<Selection>,
    stop: CancellationToken,
    heartbeat: Duration,
    /// Everything up to here was delivered, or is none of the reader's business.
    position: Sequence,
    ready: VecDeque<Item>,
    heartbeat_at: Instant,
}

/// What a reader gets, with the place behind which it goes on after it.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    pub(crate) cursor: Cursor,
    pub(crate) kind: Kind,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// An event was journaled.
    Event(Box<Event>),
    /// Events are missing here.
    Gap(Gap),
    /// Nothing, for a while.
    Heartbeat,
}

/// Events that can't be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Gap {
    /// Why.
    pub(crate) reason: GapReason,
    /// The first sequence that is missing; `null` when that can't be known.
    pub(crate) from: Option<Sequence>,
    /// The last one.
    pub(crate) to: Option<Sequence>,
}

/// Why events are missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum GapReason {
    /// The place to go on from is of another log; all that this one holds follows.
    OtherLog,
    /// They were deleted before they were read.
    Trimmed,
    /// The row is damaged.
    Damaged,
}

/// A stream can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TailError {
    /// The log could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The read panicked.
    #[error(transparent)]
    Panicked(#[from] Panicked),
}

/// One read of the log.
struct Chunk {
    items: Vec<(Sequence, Kind)>,
    position: Sequence,
}

impl Tail {
    /// Follows from `from` on, or from now.
    pub(crate) fn new(
        finder: Finder,
        reads: Arc<Blocking>,
        head: watch::Receiver<Head>,
        selection: Selection,
        from: Option<Cursor>,
        stop: CancellationToken,
        heartbeat: Duration,
    ) -> Self {
        let now = *head.borrow();
        let is_ours =
            |cursor: &Cursor| cursor.log_id == now.log_id && cursor.sequence <= now.sequence;
        let (position, first) = match from {
            None => (now.sequence, Kind::Heartbeat),
            Some(cursor) if is_ours(&cursor) => (cursor.sequence, Kind::Heartbeat),
            Some(_) => (
                0,
                Kind::Gap(Gap {
                    reason: GapReason::OtherLog,
                    from: None,
                    to: None,
                }),
            ),
        };
        let mut tail = Self {
            finder,
            reads,
            head,
            selection: Arc::new(selection),
            stop,
            heartbeat,
            position,
            ready: VecDeque::new(),
            heartbeat_at: Instant::now() + heartbeat,
        };
        // At once, so that the reader has a place to go on from whatever happens next.
        let first = tail.item(position, first);
        tail.ready.push_back(first);
        tail
    }

    /// The next item; waits for it. `None` when the gateway stops.
    ///
    /// # Errors
    ///
    /// When the log can't be read; the reader goes on from its last item some other time.
    pub(crate) async fn next(&mut self) -> Result<Option<Item>, TailError> {
        loop {
            if self.stop.is_cancelled() {
                return Ok(None);
            }
            if let Some(item) = self.ready.pop_front() {
                self.heartbeat_at = Instant::now() + self.heartbeat;
                return Ok(Some(item));
            }
            let head = *self.head.borrow_and_update();
            if self.position < head.sequence {
                let Some(chunk) = self.read(head).await? else {
                    return Ok(None);
                };
                self.take(chunk);
                if !self.ready.is_empty() || Instant::now() < self.heartbeat_at {
                    continue;
                }
            } else if !self.wait().await {
                return Ok(None);
            }
            if Instant::now() >= self.heartbeat_at {
                let heartbeat = self.item(self.position, Kind::Heartbeat);
                self.ready.push_back(heartbeat);
            }
        }
    }

    /// Waits for a new head or the next heartbeat; `false` when there will be neither.
    async fn wait(&mut self) -> bool {
        tokio::select! {
            () = self.stop.cancelled() => false,
            changed = self.head.changed() => changed.is_ok(),
            () = tokio::time::sleep_until(self.heartbeat_at) => true,
        }
    }

    /// Reads on; `None` when the gateway stops meanwhile.
    async fn read(&self, head: Head) -> Result<Option<Chunk>, TailError> {
        let (finder, selection) = (self.finder.clone(), Arc::clone(&self.selection));
        let position = self.position;
        let read = self
            .reads
            .stream(move || read_chunk(&finder, &selection, position, head));
        tokio::select! {
            () = self.stop.cancelled() => Ok(None),
            chunk = read => Ok(Some(chunk??)),
        }
    }

    fn take(&mut self, chunk: Chunk) {
        for (sequence, kind) in chunk.items {
            let item = self.item(sequence, kind);
            self.ready.push_back(item);
        }
        self.position = chunk.position;
    }

    fn item(&self, sequence: Sequence, kind: Kind) -> Item {
        let log_id = self.head.borrow().log_id;
        Item {
            cursor: Cursor { log_id, sequence },
            kind,
        }
    }
}

/// Reads behind `position`, up to `head` at most: what is behind that is not synced for certain.
fn read_chunk(
    finder: &Finder,
    selection: &Selection,
    position: Sequence,
    head: Head,
) -> Result<Chunk, ReadError> {
    let reader = &finder.reader;
    let page = reader.after_matching(position, &selection.filter, CHUNK, SCAN_MAX)?;
    // Looked at after the read: when nothing behind the position is gone now, the read saw all of it.
    let bounds = reader.bounds()?;
    if let Some(gap) = trimmed(position, bounds, head.sequence)
        && let Some(last) = gap.to
    {
        return Ok(Chunk {
            items: vec![(last, Kind::Gap(gap))],
            position: last,
        });
    }
    let mut items = Vec::with_capacity(page.rows.len());
    for row in page.rows {
        let sequence = row.sequence();
        if sequence > head.sequence {
            break;
        }
        match row {
            Row::Event(stored) => {
                let prepared = prepare(&stored, &finder.dispatcher);
                if selection.means(&stored, &prepared.subjects) {
                    let event = Event::new(head.log_id, &stored, &prepared);
                    items.push((sequence, Kind::Event(Box::new(event))));
                }
            }
            Row::Damaged(_) => items.push((
                sequence,
                Kind::Gap(Gap {
                    reason: GapReason::Damaged,
                    from: Some(sequence),
                    to: Some(sequence),
                }),
            )),
        }
    }
    // At the log's end everything up to the head, which was known before the read, has been seen.
    let position = page.next.unwrap_or(head.sequence).min(head.sequence);
    Ok(Chunk { items, position })
}

/// What of the log behind `position` was deleted. Sequences need not be dense, so a gap may turn out to be empty; it is
/// never missed.
fn trimmed(
    position: Sequence,
    bounds: Option<(Sequence, Sequence)>,
    head: Sequence,
) -> Option<Gap> {
    let first = bounds.map_or(head + 1, |(first, _)| first.min(head + 1));
    (first > position + 1).then(|| Gap {
        reason: GapReason::Trimmed,
        from: Some(position + 1),
        to: Some(first - 1),
    })
}

#[cfg(test)]
mod tests;
