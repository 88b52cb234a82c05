//! What was passed on of the log: a row for each subscription, and one for each event that is under way or given up.
//!
//! Up to a subscription's cursor an event without a row is delivered or filtered; past it nothing is known. Not here:
//! when an event is tried again, given up or counted; the fan-out decides, and this keeps it, all of a change or
//! nothing. Start at [`Deliveries::save`]; anyone reads through [`StateReader`](crate::StateReader).

mod checkpoints;
mod read;
mod row;
pub(super) mod tables;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};

use super::{State, StateError, read_error, sync, write};
use crate::{Sequence, StoredEvent, sqlite::restored};

use self::checkpoints::Checkpoints;
pub use self::read::{DeliveryFilter, DeliveryPage};

/// What was passed on of the log, for the one fan-out. A connection of its own: the follower's [`State`] writes the same
/// file, and each waits a while for the other. Every method blocks on the disk, none but
/// [`Deliveries::sync`] waits for a sync, as long as [`Deliveries::move_soon`] is called.
#[derive(Debug)]
pub struct Deliveries {
    path: Arc<Path>,
    connection: Connection,
    checkpoints: Checkpoints,
}

/// How far a subscription has come. `delivered + filtered + dead` and the pending rows are all events that it was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subscription {
    /// Everything up to it was delivered or filtered, or has a row.
    pub cursor: Sequence,
    /// Events that the subscriber has taken.
    pub delivered: u64,
    /// Events that it did not ask for.
    pub filtered: u64,
    /// Events that were given up and were not tried again, those that are forgotten by now included.
    pub dead: u64,
    /// How many of the dead are forgotten. Counted by [`Deliveries::expire`] alone: a save leaves it as it is.
    pub expired: u64,
    /// Why nothing is sent.
    pub paused: Option<Pause>,
}

/// Nothing is sent to a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pause {
    /// Who or what wants it so.
    pub by: PauseReason,
    /// Since when, in milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// Who or what paused a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PauseReason {
    /// Somebody who runs the gateway.
    Operator,
    /// The subscriber answered 410.
    Gone,
}

/// An event on its way to one subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub subscription: String,
    /// The event.
    pub sequence: Sequence,
    /// The event's command; empty when the event can't be read.
    pub command: String,
    /// Waiting or given up.
    pub status: DeliveryStatus,
    /// How many attempts were started.
    pub attempts: u32,
    /// When the first of them was, in milliseconds since the Unix epoch; 0 before.
    pub first_ms: u64,
    /// When the next one is due, in milliseconds since the Unix epoch; meaningless when dead.
    pub due_ms: u64,
    /// Of the pending rows with the same number only the oldest event's is ever due.
    pub lane: Option<u64>,
    /// What went wrong last.
    pub reason: Option<DeliveryReason>,
    /// More on that, e.g. `status 500`; cut to 256 bytes.
    pub detail: Option<String>,
    /// When it went wrong last, in milliseconds since the Unix epoch; when dead, since when.
    pub since_ms: u64,
}

/// Where a delivery stands that is not over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryStatus {
    /// Will be tried, or is being tried.
    Pending,
    /// Given up.
    Dead,
}

/// Why an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeliveryReason {
    /// A status that is neither success, redirect nor 410.
    Status,
    /// A redirect, which is not followed.
    Redirect,
    /// 410.
    Gone,
    /// No answer in time.
    Timeout,
    /// Its address is none that the subscription may call.
    Refused,
    /// No connection.
    Connect,
    /// No TLS, or not with whom it must be.
    Tls,
    /// The connection ended before the answer did.
    Reset,
    /// The answer is not HTTP, or breaks a limit.
    Unreadable,
    /// The attempt was not over when this was written: under way, or cut short by the end of the gateway.
    Interrupted,
    /// The event can't be read.
    Damaged,
}

/// What is saved together. Applied in the order of the fields.
#[derive(Debug, Default)]
pub struct Change<'a> {
    /// New values of some subscriptions. One with a new name starts without deliveries.
    pub subscriptions: Vec<(&'a str, Subscription)>,
    /// Deliveries that are over.
    pub settled: Vec<(&'a str, Sequence)>,
    /// Events without a row of which the first attempt begins; in no lane, for nothing may wait behind them. The cheap
    /// case of `pending`.
    pub first_attempts: Vec<FirstAttempt<'a>>,
    /// Deliveries that are pending from now on, whatever they were; what they kept of their event stays.
    pub pending: Vec<Delivery>,
    /// Deliveries that are dead from now on.
    pub dead: Vec<DeadLetter>,
}

/// A first attempt that begins. Until it is over its row reads as if it had been interrupted.
#[derive(Debug)]
pub struct FirstAttempt<'a> {
    /// To whom.
    pub subscription: &'a str,
    /// The event.
    pub sequence: Sequence,
    /// The event's command.
    pub command: &'a str,
    /// When it begins, in milliseconds since the Unix epoch.
    pub began_ms: u64,
    /// When the next one is due if the gateway ends meanwhile, in milliseconds since the Unix epoch.
    pub due_ms: u64,
}

/// A delivery that was given up.
#[derive(Debug)]
pub struct DeadLetter {
    /// Its row, kept as dead.
    pub delivery: Delivery,
    /// Its event, for the log need not keep it from now on; `None` when it can't be read, or was kept before.
    pub event: Option<StoredEvent>,
}

/// Deliveries that somebody wanted to be forgotten.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Gone {
    /// They would have been tried again.
    pub pending: u64,
    /// They were given up.
    pub dead: u64,
    /// Whether there are no further ones.
    pub is_all: bool,
}

/// How long a write waits for a lock. The follower writes in short transactions, and attempts stand still meanwhile.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Pages of the write-ahead file after which a save moves it. [`Deliveries::move_soon`] hardly ever leaves as many, and
/// what it has moved is not moved again.
const PAGES_MAX: u32 = 8_000;

/// Rows that are forgotten in one transaction: the follower waits meanwhile.
const FORGET_MAX: u64 = 512;

// === impl Deliveries ===

impl Deliveries {
    /// Of an opened state: migration and damage have been dealt with. Ends removals that were interrupted.
    ///
    /// # Errors
    ///
    /// [`StateError::Open`], [`StateError::Read`], [`StateError::Write`].
    pub fn open(state: &State) -> Result<Self, StateError> {
        let path = Arc::clone(&state.path);
        let open_error = |source| StateError::Open {
            path: path.to_path_buf(),
            source,
        };
        let open = || open_to_write(&path).map_err(|error| open_error(error.into()));
        let (connection, other) = (open()?, open()?);
        let checkpoints = Checkpoints::start(Arc::clone(&path), other);
        let mut deliveries = Self {
            connection,
            checkpoints: checkpoints.map_err(|error| open_error(error.into()))?,
            path,
        };
        for name in deliveries.read(row::half_removed)? {
            while !deliveries.remove(&name)? {}
        }
        Ok(deliveries)
    }

    /// Every subscription that was saved, by name.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn subscriptions(&self) -> Result<BTreeMap<String, Subscription>, StateError> {
        self.read(read::subscriptions)
    }

    /// Saves a change in one transaction, without a sync.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; nothing was changed then.
    pub fn save(&mut self, change: &Change<'_>) -> Result<(), StateError> {
        write(&mut self.connection, &self.path, |connection| {
            for (name, subscription) in &change.subscriptions {
                row::upsert_subscription(connection, name, subscription)?;
            }
            for &(subscription, sequence) in &change.settled {
                row::settle(connection, subscription, sequence)?;
            }
            for attempt in &change.first_attempts {
                row::begin(connection, attempt)?;
            }
            for delivery in &change.pending {
                row::upsert(connection, delivery, DeliveryStatus::Pending)?;
            }
            for DeadLetter { delivery, event } in &change.dead {
                row::upsert(connection, delivery, DeliveryStatus::Dead)?;
                if let Some(event) = event {
                    row::copy(connection, delivery, event)?;
                }
            }
            Ok(())
        })
    }

    /// Pending deliveries of a subscription that are due at `now_ms` and wait behind no other of their lane, the longest
    /// due first, `limit` at most.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn due(
        &self,
        subscription: &str,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<Delivery>, StateError> {
        self.read(|connection| row::due(connection, subscription, now_ms, limit))
    }

    /// Makes due at `now_ms` what is due after `beyond_ms`, which only a clock that was set back has left, some hundreds at a
    /// time; no time of it is later than `now_ms` then. Returns how many. Only reads when there is none.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`], [`StateError::Write`].
    pub fn hasten(
        &mut self,
        subscription: &str,
        beyond_ms: u64,
        now_ms: u64,
    ) -> Result<u64, StateError> {
        let latest: Option<i64> = self.read(|connection| {
            connection
                .prepare_cached(row::LATEST_DUE)?
                .query_row([subscription], |row| row.get(0))
        })?;
        if latest.is_none_or(|latest| restored(latest) <= beyond_ms) {
            return Ok(0);
        }
        write(&mut self.connection, &self.path, |connection| {
            row::hasten(connection, subscription, beyond_ms, now_ms, FORGET_MAX)
        })
    }

    /// The lanes with something pending, and how much. Reads all of that.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn lanes(&self, subscription: &str) -> Result<BTreeMap<u64, u64>, StateError> {
        self.read(|connection| {
            connection
                .prepare_cached(row::LANES)?
                .query_map([subscription], |row| {
                    let lane: i64 = row.get(0)?;
                    Ok((lane.cast_unsigned(), restored(row.get(1)?)))
                })?
                .collect()
        })
    }

    /// By subscription, the oldest event that something pending needs from the log, which must keep it.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn oldest_pending(&self) -> Result<BTreeMap<String, Sequence>, StateError> {
        self.read(|connection| {
            let mut oldest = connection.prepare_cached(row::OLDEST_PENDING)?;
            let rows = oldest.query_map([], |row| {
                let (name, waiting, first): (String, Option<i64>, Option<i64>) = row.try_into()?;
                let oldest = waiting.into_iter().chain(first).min();
                Ok(oldest.map(|oldest| (name, restored(oldest))))
            })?;
            rows.filter_map(Result::transpose).collect()
        })
    }

    /// How many are pending and dead, by subscription. Counted on writing but for first attempts, so as cheap with a
    /// million. What fell to 0 may be listed with 0.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn counts(&self) -> Result<BTreeMap<(String, DeliveryStatus), u64>, StateError> {
        self.read(read::counts)
    }

    /// One delivery that is not over.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn delivery(
        &self,
        subscription: &str,
        sequence: Sequence,
    ) -> Result<Option<Delivery>, StateError> {
        self.read(|connection| read::delivery(connection, subscription, sequence))
    }

    /// The event that a delivery keeps since it died, also while it is tried again; `None` when it keeps none, or it is
    /// damaged.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn event_of(
        &self,
        subscription: &str,
        sequence: Sequence,
    ) -> Result<Option<StoredEvent>, StateError> {
        self.read(|connection| row::copied(connection, subscription, sequence))
    }

    /// Forgets what died before `before_ms`, some hundreds at a time, and counts it as expired. Returns how many.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`].
    pub fn expire(&mut self, subscription: &str, before_ms: u64) -> Result<u64, StateError> {
        write(&mut self.connection, &self.path, |connection| {
            row::expire(connection, subscription, before_ms, FORGET_MAX)
        })
    }

    /// Has the write-ahead file moved into `state.db` soon, by another thread. To be called several times a second while
    /// something is saved: else a save does it, after some tens of megabytes, and waits for the disk.
    pub fn move_soon(&self) {
        self.checkpoints.ask();
    }

    /// Syncs what was saved: it survives a power cut from here on. Blocks on the disk.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`].
    pub fn sync(&self) -> Result<(), StateError> {
        sync(&self.connection, &self.path)
    }

    /// The deliveries of events past a place. Reads all of them: for whoever asks before a rewind.
    ///
    /// # Errors
    ///
    /// [`StateError::Read`].
    pub fn past(&self, subscription: &str, sequence: Sequence) -> Result<Gone, StateError> {
        self.read(|connection| row::past(connection, subscription, sequence))
    }

    /// Takes some pending deliveries as filtered, and saves the subscription with that; in one transaction. Returns what
    /// went.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; nothing was changed then.
    pub fn skip(
        &mut self,
        name: &str,
        subscription: &mut Subscription,
    ) -> Result<Gone, StateError> {
        let mut moved = subscription.clone();
        let gone = write(&mut self.connection, &self.path, |connection| {
            let gone = row::skip(connection, name, FORGET_MAX)?;
            moved.filtered += gone.pending;
            row::upsert_subscription(connection, name, &moved)?;
            Ok(gone)
        })?;
        *subscription = moved;
        Ok(gone)
    }

    /// Moves a subscription's cursor back, towards `cursor` or all the way, and forgets the deliveries past it, which
    /// will be seen again; in one transaction. Returns what went; the cursor has arrived when that was all.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; nothing was changed then.
    pub fn rewind(
        &mut self,
        name: &str,
        subscription: &mut Subscription,
        cursor: Sequence,
    ) -> Result<Gone, StateError> {
        let mut moved = subscription.clone();
        let gone = write(&mut self.connection, &self.path, |connection| {
            let (gone, reached) = row::rewind(connection, name, cursor, FORGET_MAX)?;
            moved.cursor = moved.cursor.min(reached);
            moved.dead = moved.dead.saturating_sub(gone.dead);
            row::upsert_subscription(connection, name, &moved)?;
            Ok(gone)
        })?;
        *subscription = moved;
        Ok(gone)
    }

    /// Forgets a subscription that is no longer configured, and some hundreds of its deliveries, in one transaction. Tells
    /// whether that was all of it; what is left goes with the next call, at the next start, or when the name comes again.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; nothing was changed then.
    pub fn remove(&mut self, subscription: &str) -> Result<bool, StateError> {
        write(&mut self.connection, &self.path, |connection| {
            row::remove(connection, subscription, FORGET_MAX)
        })
    }

    /// First attempts of a subscription that nobody waits for any more, since the gateway has ended or the subscription was
    /// away, become deliveries that are due when they were to be.
    ///
    /// # Errors
    ///
    /// [`StateError::Write`]; nothing was changed then.
    pub fn interrupt(&mut self, subscription: &str) -> Result<(), StateError> {
        write(&mut self.connection, &self.path, |connection| {
            row::interrupt(connection, subscription)
        })
    }

    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        read(&self.connection).map_err(|error| read_error(&self.path, error))
    }
}

fn open_to_write(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "wal_autocheckpoint", PAGES_MAX)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}
