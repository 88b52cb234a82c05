//! What both commands have in common: a body is a batch of events, each with its own time in seconds and its own
//! subjects.

use std::slice;

use gateway_core::{EventTime, Item, Subjects};

/// One event of a batch.
pub(crate) trait Event {
    /// When it happened, in seconds since the Unix epoch.
    fn time(&self) -> i64;
    /// The accounts that it is about.
    fn accounts(&self) -> impl Iterator<Item = &str>;
    /// The group that it is about, if any.
    fn group(&self) -> Option<&str>;
}

/// Whom any of the events is about.
pub(crate) fn subjects(events: &[impl Event]) -> Subjects {
    Subjects::default()
        .accounts(events.iter().flat_map(Event::accounts))
        .groups(events.iter().filter_map(Event::group))
}

/// When the first event happened.
pub(crate) fn time(events: &[impl Event]) -> Option<EventTime> {
    EventTime::from_unix(events.first()?.time())
}

/// Each event, with its subjects and its time.
pub(crate) fn items(events: &[impl Event]) -> Vec<Item> {
    let items = events.iter().map(|event| Item {
        subjects: subjects(slice::from_ref(event)),
        time: EventTime::from_unix(event.time()),
    });
    items.collect()
}
