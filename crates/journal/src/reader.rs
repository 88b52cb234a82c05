//! Reading the log.
//!
//! Every read is one short transaction of its own, for a reader that holds on to the past keeps the write-ahead file
//! from being used again. No read sees an event that is not known to be synced. Damaged rows do not stop a read.

mod scan;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rusqlite::{Connection, OptionalExtension};

use self::scan::{Found, Range, get, next_whole, scan, scan_routes};
use crate::{
    Row, Sequence, StoredEvent,
    event::Route,
    sqlite::{PoolError, Share, restored, stored},
};

/// A filtered read ends when it has read so much of the file, with at most one event more.
const SCAN_BYTES_MAX: usize = 16 << 20;

/// What a row costs at most whose envelope and body are not read: its page.
const PAGE_BYTES: usize = 4096;

/// Reads the log on connections of its own, which its clones share: however much they read, another reader of the
/// journal does not wait for them. Every method blocks on the disk: call it on a thread that may.
#[derive(Debug, Clone)]
pub struct Reader {
    path: Arc<Path>,
    share: Arc<Share>,
    /// The newest event that is known to be synced: no read looks further.
    synced: Arc<AtomicU64>,
}

/// How much one read may return. At least one row is returned when there is one.
#[derive(Debug, Clone, Copy)]
pub struct ReadLimit {
    /// Rows.
    pub events: usize,
    /// Bytes of envelopes and bodies: an envelope may hold an ack, or two.
    pub bytes: usize,
}

/// Which events; an empty filter matches all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// The app's name.
    pub app: Option<String>,
    /// The command.
    pub command: Option<String>,
    /// Journaled at or after, in milliseconds since the Unix epoch.
    pub since_ms: Option<u64>,
    /// Journaled before.
    pub until_ms: Option<u64>,
}

/// A read with a filter: what matched, and how far the log was looked through.
#[derive(Debug, Clone)]
pub struct Page {
    /// What matched, in the order of reading.
    pub rows: Vec<Row>,
    /// Where to go on: the last sequence looked at; `None` when the log's end (reading down: its beginning) was reached.
    pub next: Option<Sequence>,
}

/// The log could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file could not be opened or read.
    #[error("failed to read the log `{}`: see what `journal check` says", path.display())]
    Failed {
        /// The file.
        path: PathBuf,
        /// What SQLite says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Too many reads at one time, or the log is being reopened.
    #[error("too much waits for the log `{}` to be read: try again", path.display())]
    Busy {
        /// The file.
        path: PathBuf,
    },
}

/// What is done with a row of which only the route is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    /// It was asked for, if it is whole.
    Take,
    /// It is another's.
    PassOver,
    /// It lies outside of the times asked for, if it is whole: the read ends.
    Beyond,
}

// === impl Reader ===

impl Reader {
    pub(crate) fn new(path: &Path, share: Share, synced: Arc<AtomicU64>) -> Self {
        Self {
            path: path.into(),
            share: Arc::new(share),
            synced,
        }
    }

    /// One event; `None` when there is none at that sequence.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn get(&self, sequence: Sequence) -> Result<Option<Row>, ReadError> {
        if sequence == 0 || sequence > self.synced() {
            return Ok(None);
        }
        self.read(|connection| get(connection, sequence))
    }

    /// The rows after `sequence`, oldest first.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn after(&self, sequence: Sequence, limit: ReadLimit) -> Result<Vec<Row>, ReadError> {
        let range = Range::Up(sequence, self.synced());
        self.read(|connection| {
            let mut found = Found::new(limit);
            scan(connection, range, |record| {
                let bytes = record.bytes();
                if !found.has_room(bytes) {
                    return ControlFlow::Break(());
                }
                found.take(bytes, record.decode());
                ControlFlow::Continue(())
            })?;
            Ok(found.rows)
        })
    }

    /// The rows after `sequence` that match, oldest first. Looks at `scan_max` rows or 16 MiB at most. Damaged rows are
    /// included unless their app and command can be read and are others.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn after_matching(
        &self,
        sequence: Sequence,
        filter: &Filter,
        limit: ReadLimit,
        scan_max: usize,
    ) -> Result<Page, ReadError> {
        let end = Page {
            rows: Vec::new(),
            next: None,
        };
        let mut after = sequence;
        if let Some(since_ms) = filter.since_ms {
            let Some(first) = self.first_at(since_ms)? else {
                return Ok(end);
            };
            after = after.max(first - 1);
        }
        let range = Range::Up(after, self.synced());
        let look = |route: &Route<'_>| {
            if is_at_or_after(route, filter.until_ms) {
                Look::Beyond
            } else {
                filter.look(route)
            }
        };
        self.page(range, limit, scan_max, look)
    }

    /// The rows before `sequence` that match, newest first. Looks at `scan_max` rows or 16 MiB at most. Damaged rows are
    /// passed over.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn before(
        &self,
        sequence: Sequence,
        filter: &Filter,
        limit: ReadLimit,
        scan_max: usize,
    ) -> Result<Page, ReadError> {
        let mut before = sequence.min(self.synced().saturating_add(1));
        if let Some(until_ms) = filter.until_ms
            && let Some(first) = self.first_at(until_ms)?
        {
            before = before.min(first);
        }
        let look = |route: &Route<'_>| {
            if filter.since_ms.is_some() && !is_at_or_after(route, filter.since_ms) {
                Look::Beyond
            } else {
                filter.look(route)
            }
        };
        let mut page = self.page(Range::Down(before), limit, scan_max, look)?;
        page.rows.retain(|row| matches!(row, Row::Event(_)));
        Ok(page)
    }

    /// Several events by their sequences, in the order given; missing and damaged ones are left out.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn get_many(&self, sequences: &[Sequence]) -> Result<Vec<StoredEvent>, ReadError> {
        let synced = self.synced();
        self.read(|connection| {
            let mut events = Vec::new();
            for &sequence in sequences {
                if sequence > synced {
                    continue;
                }
                if let Some(Row::Event(event)) = get(connection, sequence)? {
                    events.push(event);
                }
            }
            Ok(events)
        })
    }

    /// When these events were journaled, in milliseconds since the Unix epoch; missing ones are left out. Cheap: no body is
    /// read, and so no checksum vouches for it.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn journaled_ms(
        &self,
        sequences: impl IntoIterator<Item = Sequence>,
    ) -> Result<BTreeMap<Sequence, u64>, ReadError> {
        let synced = self.synced();
        self.read(|connection| {
            let mut select =
                connection.prepare_cached("SELECT journaled_ms FROM events WHERE sequence = ?1")?;
            let mut times = BTreeMap::new();
            for sequence in sequences {
                if sequence > synced {
                    continue;
                }
                let time: Option<i64> = select
                    .query_row([stored(sequence)], |row| row.get(0))
                    .optional()?;
                times.extend(time.map(|time| (sequence, restored(time))));
            }
            Ok(times)
        })
    }

    /// The first and the last sequence; `None` when the log is empty.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn bounds(&self) -> Result<Option<(Sequence, Sequence)>, ReadError> {
        let synced = stored(self.synced());
        self.read(|connection| {
            // Each half is answered by one step into the table; `min` and `max` of one SELECT would read all of it.
            let sql = "SELECT
                (SELECT min(sequence) FROM events WHERE sequence BETWEEN 1 AND ?1),
                (SELECT max(sequence) FROM events WHERE sequence BETWEEN 1 AND ?1)";
            connection
                .prepare_cached(sql)?
                .query_row([synced], |row| {
                    let first = row.get::<_, Option<i64>>(0)?;
                    let last = row.get::<_, Option<i64>>(1)?;
                    Ok(first.zip(last))
                })
                .map(|bounds| bounds.map(|(first, last)| (restored(first), restored(last))))
        })
    }

    /// The first sequence journaled at or after a time; `None` when there is none.
    ///
    /// # Errors
    ///
    /// The log could not be read.
    pub fn first_at(&self, journaled_ms: u64) -> Result<Option<Sequence>, ReadError> {
        let Some((mut low, mut high)) = self.bounds()? else {
            return Ok(None);
        };
        self.read(|connection| {
            let mut first = None;
            // Everything below `low` is too early; `first` is the earliest known that is not.
            while low <= high {
                let middle = low + (high - low) / 2;
                match next_whole(connection, Range::Up(middle - 1, high))? {
                    Some((sequence, time)) if time < journaled_ms => low = sequence + 1,
                    found => {
                        first = found.map(|(sequence, _)| sequence).or(first);
                        high = middle - 1;
                    }
                }
            }
            Ok(first)
        })
    }

    fn synced(&self) -> Sequence {
        self.synced.load(Ordering::Acquire)
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, ReadError> {
        let path = || self.path.to_path_buf();
        self.share.read(read).map_err(|error| match error {
            PoolError::Busy => ReadError::Busy { path: path() },
            PoolError::Sqlite(source) => ReadError::Failed {
                path: path(),
                source: source.into(),
            },
        })
    }

    /// Reads in one direction until the limit, `scan_max`, [`SCAN_BYTES_MAX`] or the end. `look` sees each row, and only
    /// those that it wants are read whole.
    fn page(
        &self,
        range: Range,
        limit: ReadLimit,
        scan_max: usize,
        look: impl Fn(&Route<'_>) -> Look,
    ) -> Result<Page, ReadError> {
        self.read(|connection| {
            let mut found = Found::new(limit);
            let (mut looked_at, mut bytes, mut next, mut is_end) = (0, 0, None, false);
            let ended = scan_routes(connection, range, |route| {
                if looked_at >= scan_max.max(1) || bytes >= SCAN_BYTES_MAX {
                    return Ok(ControlFlow::Break(()));
                }
                let look = look(route);
                let row_bytes = route.envelope_bytes.saturating_add(route.body_bytes);
                if look == Look::PassOver {
                    bytes += row_bytes.min(PAGE_BYTES);
                } else {
                    if !found.has_room(row_bytes) {
                        return Ok(ControlFlow::Break(()));
                    }
                    bytes = bytes.saturating_add(row_bytes);
                    match (look, get(connection, route.sequence)?) {
                        // Only a time that its checksum vouches for ends the read.
                        (Look::Beyond, Some(Row::Event(_))) => {
                            is_end = true;
                            return Ok(ControlFlow::Break(()));
                        }
                        (_, Some(row)) => found.take(row_bytes, row),
                        (_, None) => {}
                    }
                }
                looked_at += 1;
                next = Some(route.sequence);
                Ok(ControlFlow::Continue(()))
            })?;
            Ok(Page {
                rows: found.rows,
                next: if ended || is_end { None } else { next },
            })
        })
    }
}

// === impl Filter ===

impl Filter {
    /// Whether an event matches.
    pub fn takes(&self, event: &StoredEvent) -> bool {
        let journaled_ms = event.journaled_ms;
        self.names(Some(&event.envelope.app), Some(&event.envelope.command))
            && self
                .since_ms
                .is_none_or(|since_ms| journaled_ms >= since_ms)
            && self.until_ms.is_none_or(|until_ms| journaled_ms < until_ms)
    }

    /// Takes what has the app and the command, or may have had them; its time is known by its place.
    fn look(&self, route: &Route<'_>) -> Look {
        if self.names(route.app, route.command) {
            Look::Take
        } else {
            Look::PassOver
        }
    }

    /// Whether an app and a command match; what can't be read may have matched.
    fn names(&self, app: Option<&str>, command: Option<&str>) -> bool {
        let fits = |wanted: &Option<String>, found: Option<&str>| match (wanted, found) {
            (Some(wanted), Some(found)) => wanted == found,
            _ => true,
        };
        fits(&self.app, app) && fits(&self.command, command)
    }
}

/// Whether a row was journaled at or after a time; never, when there is no time.
fn is_at_or_after(route: &Route<'_>, time_ms: Option<u64>) -> bool {
    let journaled_ms = route.journaled_ms.unwrap_or_default();
    time_ms.is_some_and(|time_ms| journaled_ms >= time_ms)
}
