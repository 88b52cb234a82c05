//! Bringing events' subjects to the index, and the index back to the live position.

use std::time::Instant;

use gateway_core::{Causes, Subjects};
use gateway_journal::{Key, Row, Sequence};
use tracing::warn;

use super::{Follower, READ, tell};

impl Follower {
    /// Lets an index that is behind the live position read for itself; tells whether there is more to read.
    pub(super) fn catch_up_index(&mut self) -> bool {
        let cursor = self.parts.index.cursor();
        if cursor >= self.position || self.index_stall.is_on() {
            return false;
        }
        let rows = match self.reader.after(cursor, READ) {
            Ok(rows) => rows,
            Err(error) => {
                self.index_stall.begin();
                tell(&self.failures, &error);
                return false;
            }
        };
        let last = rows.last().map_or(self.position, Row::sequence);
        let through = last.min(self.position);
        let subjects: Vec<(Sequence, Subjects)> = rows
            .into_iter()
            .filter(|row| row.sequence() <= through)
            .filter_map(|row| match row {
                Row::Event(event) => Some((event.sequence, self.prepare(&event)?.1.subjects)),
                // The live reading has told of it.
                Row::Damaged(_) => None,
            })
            .collect();
        self.add_to_index(&subjects, through) && through < self.position
    }

    /// Adds what was read up to `through`; tells whether the index has taken it.
    pub(super) fn add_to_index(
        &mut self,
        subjects: &[(Sequence, Subjects)],
        through: Sequence,
    ) -> bool {
        let entries = subjects.iter().flat_map(|(sequence, subjects)| {
            let accounts = subjects.accounts.iter().map(|name| Key::Account(name));
            let groups = subjects.groups.iter().map(|name| Key::Group(name));
            accounts.chain(groups).map(|key| (key, *sequence))
        });
        let added = self.parts.index.add(entries, through);
        if let Err(error) = &added {
            self.index_stall.begin();
            if let Some(held_back) = self.index_failures.pass(Instant::now()) {
                let error = Causes(error);
                warn!(%error, held_back, "events are not indexed; it is tried again");
            }
        }
        added.is_ok()
    }
}
