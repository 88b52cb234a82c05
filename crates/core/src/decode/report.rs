//! Where decoding is, and the list of what it found there. Not here: what counts as drift (`coerce.rs`).

use std::{cell::RefCell, collections::BTreeSet};

use super::{DRIFT_MAX, Drift};

/// Entries kept free for what made a body unreadable.
const RESERVED: usize = 2;
/// Characters of one field name, and of a whole path. Names can be anybody's words.
const NAME_MAX: usize = 64;
const PATH_MAX: usize = 256;

/// A place in a body; lives on the stack and becomes text only when something is found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'a> {
    /// The whole body.
    Root,
    /// A field of a struct.
    Field(&'a Path<'a>, &'a str),
    /// An element of a list.
    Element(&'a Path<'a>),
    /// An entry of a map, whose key may be an account.
    Entry(&'a Path<'a>),
}

/// Collects drift, each entry once.
#[derive(Debug, Default)]
pub(super) struct Report {
    entries: RefCell<BTreeSet<Drift>>,
}

// === impl Path ===

impl Path<'_> {
    /// As in `PairList[].From_Account`.
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        if let Some((end, _)) = text.char_indices().nth(PATH_MAX) {
            text.truncate(end);
        }
        text
    }

    fn write(&self, text: &mut String) {
        match self {
            Self::Root => {}
            Self::Field(parent, name) => {
                parent.write(text);
                separate(text);
                text.extend(name.chars().take(NAME_MAX).map(printable));
            }
            Self::Element(parent) => {
                parent.write(text);
                text.push_str("[]");
            }
            Self::Entry(parent) => {
                parent.write(text);
                separate(text);
                text.push('*');
            }
        }
    }
}

fn separate(text: &mut String) {
    if !text.is_empty() {
        text.push('.');
    }
}

/// Also keeps out what reorders or hides text on a terminal.
fn printable(character: char) -> char {
    if character.is_ascii_graphic() || character.is_alphanumeric() || character == ' ' {
        character
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

// === impl Report ===

impl Report {
    /// Something that could be forgiven.
    pub(super) fn note(&self, path: &Path<'_>, expected: &str, found: &str) {
        self.insert(path, expected, found, DRIFT_MAX - RESERVED);
    }

    /// What made the body unreadable; there is room for it whatever was noted before.
    pub(super) fn fatal(&self, path: &Path<'_>, expected: &str, found: &str) {
        self.insert(path, expected, found, DRIFT_MAX);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.borrow().is_empty()
    }

    pub(super) fn into_sorted(self) -> Vec<Drift> {
        self.entries.into_inner().into_iter().collect()
    }

    fn insert(&self, path: &Path<'_>, expected: &str, found: &str, room: usize) {
        let mut entries = self.entries.borrow_mut();
        if entries.len() < room {
            entries.insert(Drift {
                path: path.render(),
                expected: expected.to_owned(),
                found: found.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_leaves_out_positions_and_keys() {
        let list = Path::Field(&Path::Root, "PairList");
        let element = Path::Element(&list);
        let field = Path::Field(&element, "From_Account");
        assert_eq!(field.render(), "PairList[].From_Account");
        assert_eq!(Path::Entry(&field).render(), "PairList[].From_Account.*");
        assert_eq!(Path::Element(&Path::Root).render(), "[]");
    }

    #[test]
    fn a_name_is_cut_and_made_printable() {
        let hostile = format!("\u{1b}[31m\n\u{202e}{}", "x".repeat(1000));
        let path = Path::Field(&Path::Root, &hostile).render();
        assert_eq!(path.chars().count(), NAME_MAX);
        assert!(path.starts_with("\u{fffd}[31m\u{fffd}\u{fffd}xxx"));
    }

    #[test]
    fn what_is_fatal_finds_room() {
        let report = Report::default();
        for number in 0..100 {
            let name = format!("Field{number}");
            report.note(&Path::Field(&Path::Root, &name), "nothing", "unknown field");
        }
        report.fatal(&Path::Root, "JSON", "not JSON");
        let drift = report.into_sorted();
        assert!(drift.len() <= DRIFT_MAX);
        assert!(drift.iter().any(|drift| drift.found == "not JSON"));
        assert!(drift.is_sorted());
    }
}
