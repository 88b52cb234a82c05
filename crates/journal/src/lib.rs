//! The journal: every acknowledged event, synced to disk before its ack; what is derived from the log, and who has read
//! it how far.
//!
//! It knows envelopes and bytes, not plug-ins; no SQL shows in its signatures. Start at [`Journal`] (append, head),
//! then [`Reader`]; [`Index`] finds events by subject, [`State`] keeps the cursors and outcomes of handlers
//! and the kinds of drift, [`Deliveries`] what was passed on.

mod config;
mod event;
mod index;
mod journal;
mod reader;
mod sqlite;
mod state;

pub use config::Config;
pub use event::{Row, StoredEvent};
pub use index::{Found, Index, IndexError, IndexQuery, Key};
pub use journal::{
    Append, AppendError, Appender, CheckReport, Completions, Head, Health, Holder, Journal,
    JournalError, Observer, Usage, backup, check, check_newest,
};
pub use reader::{Filter, Page, ReadError, ReadLimit, Reader};
pub use state::{
    Change, DeadLetter, Deliveries, Delivery, DeliveryFilter, DeliveryPage, DeliveryReason,
    DeliveryStatus, DriftKind, FirstAttempt, Gone, Outcome, Pause, PauseReason, Reason, State,
    StateError, StateReader, Status, Subscription,
};

/// Where an event stands in the log: starts at 1, only grows, need not be dense.
pub type Sequence = u64;
