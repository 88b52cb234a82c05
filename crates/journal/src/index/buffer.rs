//! Entries in memory, on their way to the disk: found at once, newest first.

use std::{
    collections::{BTreeSet, HashMap},
    iter,
};

use crate::Sequence;

/// An entry as it is stored: the subject's hash and the event.
pub(super) type Entry = (i64, Sequence);

/// Entries in the order of arrival, those of one key chained from the newest to the oldest. About 50 bytes an entry
/// when every key is new.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    links: Vec<Link>,
    newest: HashMap<i64, u32>,
    /// Entries of events that others have overtaken.
    late: BTreeSet<Entry>,
    through: Sequence,
}

#[derive(Debug)]
struct Link {
    key: i64,
    sequence: Sequence,
    /// The place in `links` of the same key's entry before this one.
    older: Option<u32>,
}

impl Buffer {
    /// An empty buffer that follows one which held everything up to `through`.
    pub(super) fn after(through: Sequence) -> Self {
        Self {
            through,
            ..Self::default()
        }
    }

    pub(super) fn len(&self) -> usize {
        self.links.len() + self.late.len()
    }

    /// Every event up to here is in this buffer, in one before it or on the disk.
    pub(super) fn through(&self) -> Sequence {
        self.through
    }

    /// Adds the entries, by ascending sequence and newer than all before them, of the events up to `through`. An entry
    /// that repeats the one before it of the same key is left out.
    pub(super) fn extend(&mut self, entries: &[Entry], through: Sequence) {
        self.links.reserve(entries.len());
        for &(key, sequence) in entries {
            let older = self.newest.get(&key).copied();
            if older.is_some_and(|place| self.sequence_at(place) == Some(sequence)) {
                continue;
            }
            let place =
                u32::try_from(self.links.len()).expect("a buffer holds less than 2^32 entries");
            self.links.push(Link {
                key,
                sequence,
                older,
            });
            self.newest.insert(key, place);
        }
        self.through = through;
    }

    /// Adds entries of events up to [`Buffer::through`], in any order.
    pub(super) fn extend_late(&mut self, entries: impl IntoIterator<Item = Entry>) {
        self.late.extend(entries);
    }

    pub(super) fn has_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// The key's late entries, newest first.
    pub(super) fn late_newest_first(&self, key: i64) -> impl Iterator<Item = Sequence> {
        let entries = self.late.range((key, 0)..=(key, Sequence::MAX)).rev();
        entries.map(|&(_, sequence)| sequence)
    }

    /// The key's entries but for the late ones, newest first.
    pub(super) fn newest_first(&self, key: i64) -> impl Iterator<Item = Sequence> {
        let mut next = self.newest.get(&key).copied();
        iter::from_fn(move || {
            let link = self.links.get(next? as usize)?;
            next = link.older;
            Some(link.sequence)
        })
    }

    /// The entries above `floor` in the order in which they lie on the disk.
    pub(super) fn sorted(&self, floor: Sequence) -> Vec<Entry> {
        let late = self.late.iter().copied();
        let late = late.filter(|&(_, sequence)| sequence > floor);
        let mut entries: Vec<_> = self
            .links
            .iter()
            .filter(|link| link.sequence > floor)
            .map(|link| (link.key, link.sequence))
            .chain(late)
            .collect();
        entries.sort_unstable();
        entries
    }

    fn sequence_at(&self, place: u32) -> Option<Sequence> {
        self.links.get(place as usize).map(|link| link.sequence)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_entries_of_a_key_newest_first_and_once() {
        let mut buffer = Buffer::after(1);
        buffer.extend(&[(7, 2), (8, 2), (7, 2), (7, 4)], 4);
        buffer.extend(&[(7, 5)], 6);

        assert_eq!(buffer.newest_first(7).collect::<Vec<_>>(), [5, 4, 2]);
        assert_eq!(buffer.newest_first(9).count(), 0);
        assert_eq!(buffer.len(), 4);
        assert_eq!(buffer.through(), 6);
    }

    #[test]
    fn sorts_by_key_and_sequence_and_leaves_out_what_was_trimmed() {
        let mut buffer = Buffer::default();
        buffer.extend(&[(7, 1), (7, 2), (-3, 2), (7, 3)], 3);

        assert_eq!(buffer.sorted(1), [(-3, 2), (7, 2), (7, 3)]);
    }

    #[test]
    fn keeps_late_entries_apart_and_sorts_them_in() {
        let mut buffer = Buffer::after(5);
        buffer.extend(&[(7, 6)], 6);
        buffer.extend_late([(7, 2), (7, 4), (8, 1), (7, 2)]);

        assert_eq!(buffer.newest_first(7).collect::<Vec<_>>(), [6]);
        assert_eq!(buffer.late_newest_first(7).collect::<Vec<_>>(), [4, 2]);
        assert_eq!(buffer.sorted(1), [(7, 2), (7, 4), (7, 6)]);
        assert_eq!((buffer.len(), buffer.through()), (4, 6));
    }
}
