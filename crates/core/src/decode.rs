//! Tolerant decoding: from a body to a request type, with everything that differs reported as drift.
//!
//! All coercion lives here; plug-ins carry plain serde derives. Start at [`decode`]: a body that is exactly what the
//! type says takes the strict way (`watch.rs`); any other is mended (`repair.rs`), parsed (`tree.rs`) and read as the
//! type wants it (`coerce.rs`).

mod coerce;
mod command;
mod repair;
mod report;
mod tree;
mod watch;

#[cfg(test)]
mod tests;

use serde::{Serialize, de::DeserializeOwned};

pub use self::command::command_drift;
use self::{
    coerce::coerce,
    repair::repair,
    report::{Path, Report},
    tree::{Parsed, Tree, Unparsed},
    watch::{Strict, strict},
};

/// Entries of drift that one body has at most.
pub const DRIFT_MAX: usize = 32;

/// One way in which a genuine body differs from our types. Never holds a value of the body; of its names at most those
/// of unknown fields, cut and made printable.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct Drift {
    /// Where, as in `PairList[].From_Account`; list positions are left out, so that the paths are few.
    pub path: String,
    /// What the type wants, e.g. `string`.
    pub expected: String,
    /// What came, e.g. `number`, `missing`, `unknown field`.
    pub found: String,
}

/// What decoding made of a body.
#[derive(Debug)]
pub struct Decoded<T> {
    /// The request; `None` when it can't be read.
    pub value: Option<T>,
    /// Everything that differs from the type, sorted, each once, at most [`DRIFT_MAX`] entries.
    pub drift: Vec<Drift>,
}

/// Decodes a body, forgiving what can be forgiven. Never fails and never panics; the time is linear in the body's
/// length, times at most 17 where fields are missing or come under two of their names.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Decoded<T> {
    let value = match strict::<T>(body) {
        Some(Strict {
            value,
            ignored: false,
        }) => {
            return Decoded {
                value: Some(value),
                drift: Vec::new(),
            };
        }
        Some(Strict { value, .. }) => Some(value),
        None => None,
    };
    tolerant(value, body)
}

/// Adds drift that was found beside decoding.
pub(crate) fn insert_drift(drift: &mut Vec<Drift>, found: Drift) {
    drift.truncate(DRIFT_MAX - 1);
    if let Err(position) = drift.binary_search(&found) {
        drift.insert(position, found);
    }
}

/// Finds what differs, and a value if there is none yet.
#[cold]
fn tolerant<T: DeserializeOwned>(strict: Option<T>, body: &[u8]) -> Decoded<T> {
    let report = Report::default();
    let text = repair(body, &report);
    let coerced = parse(&text, &report).and_then(|tree| coerce::<T>(&tree, &report));
    if strict.is_none() && report.is_empty() {
        // A strict refusal that no rule explains must not pass for a body without drift.
        report.fatal(&Path::Root, "the type's own form", "another form");
    }
    Decoded {
        value: strict.or(coerced),
        drift: report.into_sorted(),
    }
}

fn parse<'a>(text: &'a str, report: &Report) -> Option<Tree<'a>> {
    match Tree::parse(text) {
        Ok(Parsed { tree, trailing }) => {
            if trailing {
                report.note(&Path::Root, "nothing behind the JSON", "trailing bytes");
            }
            Some(tree)
        }
        Err(Unparsed::NotJson) => {
            report.fatal(&Path::Root, "JSON", "not JSON");
            None
        }
        Err(Unparsed::TooDeep) => {
            report.fatal(&Path::Root, "JSON", "nesting too deep");
            None
        }
    }
}
