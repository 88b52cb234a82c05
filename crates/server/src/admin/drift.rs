//! What of the bodies differs from our types, as the API tells it. Not here: telling (core's `decode`) and counting
//! (the journal's state).

use gateway_journal::DriftKind;
use poem_openapi::Object;
use serde::Serialize;

use crate::time;

/// Kinds of drift, the last seen first.
#[derive(Debug, Serialize, Object)]
pub(crate) struct DriftList {
    /// At most 64 of each command and 1,000 in all, and beside them at most one of each command whose path is `…`: it
    /// adds up all kinds that found no place.
    data: Vec<DriftReport>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// One way in which bodies of a command differ from our types.
#[derive(Debug, Serialize, Object)]
pub(crate) struct DriftReport {
    /// The vendor's name of what happened.
    command: String,
    /// Where, as in `PairList[].From_Account`; empty for the body as a whole, `…` for further kinds.
    path: String,
    /// What the type wants.
    expected: String,
    /// What came.
    found: String,
    /// How often: once an event, but for further kinds, of which an event can have several.
    count: u64,
    /// When the first of the events was journaled (RFC 3339, UTC).
    first_seen: String,
    /// When the last one was (RFC 3339, UTC).
    last_seen: String,
}

impl DriftList {
    /// The kinds, in their order.
    pub(crate) fn new(kinds: Vec<DriftKind>) -> Self {
        let data = kinds.into_iter().map(DriftReport::from).collect();
        Self { data, next: None }
    }
}

impl From<DriftKind> for DriftReport {
    fn from(kind: DriftKind) -> Self {
        Self {
            command: kind.command,
            path: kind.drift.path,
            expected: kind.drift.expected,
            found: kind.drift.found,
            count: kind.count,
            first_seen: time::format(kind.first_ms).unwrap_or_default(),
            last_seen: time::format(kind.last_ms).unwrap_or_default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::Drift;
    use poem_openapi::types::ToJSON;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_sent_is_what_is_documented() {
        let list = DriftList::new(vec![DriftKind {
            command: "Sns.CallbackFriendDelete".to_owned(),
            drift: Drift {
                path: "PairList[].From_Account".to_owned(),
                expected: "string".to_owned(),
                found: "number".to_owned(),
            },
            count: 3,
            first_ms: 1_769_846_400_000,
            last_ms: 1_769_846_400_250,
        }]);
        let sent = json!({
            "data": [{
                "command": "Sns.CallbackFriendDelete",
                "path": "PairList[].From_Account",
                "expected": "string",
                "found": "number",
                "count": 3,
                "first_seen": "2026-01-31T08:00:00.000Z",
                "last_seen": "2026-01-31T08:00:00.250Z",
            }],
            "next": null,
        });
        assert_eq!(serde_json::to_value(&list).unwrap(), sent);
        assert_eq!(list.to_json(), Some(sent));
    }
}
