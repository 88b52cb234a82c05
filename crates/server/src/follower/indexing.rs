//! Bringing events' subjects to the index, and the index back to the live position.

use gateway_core::{Agreement, Causes, Subjects};
use gateway_journal::{Key, Row, Sequence, StoredEvent};
use tracing::{info, warn};

use super::{Follower, READ, tell};

/// What an event is found by.
pub(super) struct FoundBy {
    sequence: Sequence,
    subjects: Subjects,
    /// How a shadow decider's answer compares.
    agreement: Option<Agreement>,
}

impl Follower {
    /// Lets an index that is behind the live position read for itself; tells whether there is more to read.
    pub(super) fn catch_up_index(&mut self) -> bool {
        let cursor = self.parts.index.cursor();
        if cursor >= self.position || self.index_stall.is_on() {
            return false;
        }
        self.is_index_built |= cursor == 0;
        let rows = match self.reader.after(cursor, READ) {
            Ok(rows) => rows,
            Err(error) => {
                self.index_stall.begin();
                tell(&error);
                return false;
            }
        };
        let last = rows.last().map_or(self.position, Row::sequence);
        let through = last.min(self.position);
        let found_by: Vec<FoundBy> = rows
            .into_iter()
            .filter(|row| row.sequence() <= through)
            .filter_map(|row| match row {
                Row::Event(event) => {
                    let prepared = self.prepare(&event).map(|(_, prepared)| prepared);
                    FoundBy::of(&event, prepared.unwrap_or_default().subjects)
                }
                // The live reading has told of it.
                Row::Damaged(_) => None,
            })
            .collect();
        if !self.add_to_index(&found_by, through) {
            return false;
        }
        let is_behind = through < self.position;
        if !is_behind && std::mem::take(&mut self.is_index_built) {
            info!("the index is complete");
        }
        is_behind
    }

    /// Adds an event that could not be read when it was followed, and can be now.
    pub(super) fn add_late_to_index(&self, event: &StoredEvent, subjects: Subjects) {
        let Some(found_by) = FoundBy::of(event, subjects) else {
            return;
        };
        if let Err(error) = self.parts.index.add_late(found_by.entries()) {
            let (sequence, error) = (event.sequence, Causes(&error));
            warn!(sequence, %error, "an event that is replayed is not indexed; replay it again");
        }
    }

    /// Adds what was read up to `through`; tells whether the index has taken it.
    pub(super) fn add_to_index(&mut self, found_by: &[FoundBy], through: Sequence) -> bool {
        let entries = found_by.iter().flat_map(FoundBy::entries);
        let added = self.parts.index.add(entries, through);
        if let Err(error) = &added {
            self.index_stall.begin();
            let error = Causes(error);
            warn!(%error, "events are not indexed; it is tried again");
        }
        added.is_ok()
    }
}

// === impl FoundBy ===

impl FoundBy {
    /// `None` for an event that nothing finds.
    pub(super) fn of(event: &StoredEvent, subjects: Subjects) -> Option<Self> {
        let agreement = event.envelope.agreement();
        let is_found =
            agreement.is_some() || !subjects.accounts.is_empty() || !subjects.groups.is_empty();
        is_found.then_some(Self {
            sequence: event.sequence,
            subjects,
            agreement,
        })
    }

    fn entries(&self) -> impl Iterator<Item = (Key<'_>, Sequence)> {
        let accounts = self.subjects.accounts.iter().map(|name| Key::Account(name));
        let groups = self.subjects.groups.iter().map(|name| Key::Group(name));
        let shadow = self.agreement.map(Key::Shadow);
        let keys = accounts.chain(groups).chain(shadow);
        keys.map(|key| (key, self.sequence))
    }
}
