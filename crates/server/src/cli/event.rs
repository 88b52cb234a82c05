//! An event as the admin API tells it, as far as it is shown to people. Scripts get the API's own JSON.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{deliveries::Delivery, moment};

/// The part of a body that fits a line.
const SHORT_BODY_CHARS: usize = 120;

/// One event. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) app: String,
    pub(super) sdk_app_id: Value,
    pub(super) command: String,
    pub(super) journaled_at: Value,
    #[serde(rename = "event_time")]
    pub(super) happened_at: Option<Value>,
    pub(super) client_ip: Option<String>,
    pub(super) platform: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) simulated: bool,
    pub(super) trace_id: Option<String>,
    pub(super) subjects: Subjects,
    pub(super) verdict: Option<Value>,
    pub(super) body: Option<Box<RawValue>>,
    pub(super) body_base64: Option<String>,
    // Only where one event is asked for.
    pub(super) story: Vec<Step>,
    pub(super) decoded: Option<Value>,
    pub(super) items: Vec<Item>,
    pub(super) drift: Vec<Drift>,
    pub(super) outcome: Option<Outcome>,
    pub(super) deliveries: Vec<Delivery>,
}

/// Whom it is about.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Subjects {
    pub(super) accounts: Vec<String>,
    pub(super) groups: Vec<String>,
}

/// Something that happened to it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Step {
    #[serde(rename = "step")]
    pub(super) name: String,
    pub(super) at: Option<Value>,
    pub(super) after_ms: Option<u64>,
    pub(super) detail: String,
}

/// One of the things that a batch tells of.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Item {
    #[serde(flatten)]
    pub(super) subjects: Subjects,
    #[serde(rename = "event_time")]
    pub(super) happened_at: Option<Value>,
}

/// What the body says that our types don't expect.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Drift {
    pub(super) path: String,
    pub(super) expected: String,
    pub(super) found: String,
}

/// What became of it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    pub(super) status: String,
    pub(super) attempts: Option<u64>,
    pub(super) reason: Option<String>,
    pub(super) error: Option<String>,
    pub(super) next_attempt_at: Option<Value>,
}

// === impl Event ===

impl Event {
    /// One line: when, its id, whose, what, about whom, and the beginning of the body. Not yet escaped.
    pub(super) fn line(&self) -> String {
        let parts = [
            moment::show(&self.journaled_at),
            self.id.clone(),
            self.app.clone(),
            self.command_and_mark(),
            self.subjects.short(),
            self.short_body(),
        ];
        let parts: Vec<&str> = parts
            .iter()
            .map(String::as_str)
            .filter(|part| !part.is_empty())
            .collect();
        parts.join("  ")
    }

    /// The command, marked when it is not a real one.
    pub(super) fn command_and_mark(&self) -> String {
        if self.simulated {
            format!("{} (simulated)", self.command)
        } else {
            self.command.clone()
        }
    }

    /// The body as text: as received where it was JSON, else in Base64.
    pub(super) fn body_text(&self) -> Cow<'_, str> {
        match (&self.body, &self.body_base64) {
            (Some(json), _) => Cow::Borrowed(json.get()),
            (None, Some(base64)) => Cow::Owned(format!("(base64) {base64}")),
            (None, None) => Cow::Borrowed(""),
        }
    }

    fn short_body(&self) -> String {
        let text = self.body_text();
        let mut words = String::new();
        for word in text.split_ascii_whitespace() {
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
            if words.len() > SHORT_BODY_CHARS * 4 {
                break;
            }
        }
        match words.char_indices().nth(SHORT_BODY_CHARS) {
            Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
            None => words,
        }
    }
}

// === impl Step ===

impl Step {
    /// One line: how long after the first byte, at what time, what, and how. Not yet escaped.
    pub(super) fn line(&self) -> String {
        let after = self.after_ms.map(|ms| format!("{ms} ms"));
        let at = self.at.as_ref().map(moment::show);
        let (after, at) = (after.unwrap_or_default(), at.unwrap_or_default());
        let line = format!("{after:>9}  {at:24}  {} {}", self.name, self.detail);
        line.trim_end().to_owned()
    }
}

// === impl Item ===

impl Item {
    /// One line: when, and about whom. Not yet escaped.
    pub(super) fn line(&self) -> String {
        let time = self.happened_at.as_ref().map(moment::show);
        let parts = [time, Some(self.subjects.short())];
        parts.into_iter().flatten().collect::<Vec<_>>().join("  ")
    }
}

// === impl Subjects ===

impl Subjects {
    /// Accounts as they are, groups with an @: `alice bob @lobby`.
    pub(super) fn short(&self) -> String {
        let accounts = self.accounts.iter().cloned();
        let groups = self.groups.iter().map(|group| format!("@{group}"));
        accounts.chain(groups).collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    /// An event with everything, as the API writes it.
    pub(in crate::cli) fn sample() -> String {
        let text = json!({
            "id": "01900000-0000-7000-8000-000000000001",
            "sequence": 1,
            "app": "shop",
            "sdk_app_id": 1_400_000_000,
            "command": "Sns.CallbackFriendDelete",
            "received_at": "2026-01-31T12:00:00.123Z",
            "journaled_at": "2026-01-31T12:00:00.125Z",
            "client_ip": "203.0.113.7",
            "platform": "iOS",
            "peer": "198.51.100.2",
            "proof": "sign+mtls",
            "simulated": true,
            "trace_id": "0af7651916cd43dd8448eb211c80319c",
            "subjects": { "accounts": ["alice", "b\u{1b}[2Job"], "groups": ["lobby"] },
            "body": "BODY",
            "story": [
                { "step": "accepted", "at": "2026-01-31T12:00:00.123Z", "after_ms": 0, "detail": "from 198.51.100.2" },
                { "step": "authenticated", "detail": "by sign+mtls" },
                { "step": "journaled", "at": "2026-01-31T12:00:00.125Z", "after_ms": 2 },
                { "step": "decoded", "detail": "with 1 kind of drift" },
                { "step": "parked", "at": "2026-01-31T12:00:01.625Z", "after_ms": 1502, "detail": "after 2 attempts: error" },
            ],
            "decoded": { "PairList": [] },
            "items": [
                { "accounts": ["alice"], "groups": ["lobby"], "event_time": "2026-01-31T11:59:59Z" },
                { "accounts": ["b\nob", "alice"], "groups": [] },
            ],
            "drift": [{ "path": "PairList[].From_Account", "expected": "string", "found": "number" }],
            "deliveries": [
                { "subscription": "audit", "status": "delivered" },
                { "subscription": "billing", "status": "pending", "attempts": 2, "reason": "status",
                    "detail": "status 500", "next_attempt_at": "2026-01-31T08:00:30.000Z" },
                { "subscription": "crm", "status": "dead", "attempts": 14, "reason": "timeout" },
                { "subscription": "data", "status": "filtered" },
                { "subscription": "search", "status": "ahead" }
            ],
            "outcome": {
                "status": "parked", "attempts": 2, "reason": "error",
                "error": "the service\nis away", "next_attempt_at": "2026-01-31T12:00:10Z",
            },
        });
        let body =
            "{\"PairList\":[1.50, \"\u{9b}\"],  \"CallbackCommand\":\"Sns.CallbackFriendDelete\"}";
        text.to_string().replace("\"BODY\"", body)
    }

    fn event(text: &str) -> Event {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_line_says_when_whose_what_and_about_whom() {
        insta::assert_snapshot!(event(&sample()).line().escape_debug());
    }

    #[test]
    fn a_long_body_is_cut_at_a_character() {
        let body = |text: String| json!({ "body": text }).to_string();
        let long = event(&body("爱".repeat(SHORT_BODY_CHARS)));
        assert_eq!(
            long.short_body(),
            format!("\"{}…", "爱".repeat(SHORT_BODY_CHARS - 1))
        );
        let fits = event(&body("爱".repeat(SHORT_BODY_CHARS - 2)));
        assert_eq!(fits.short_body().chars().count(), SHORT_BODY_CHARS);
    }

    #[test]
    fn shows_a_body_in_every_form() {
        for (value, text) in [
            (json!({ "body": { "a": 1 } }), "{\"a\":1}"),
            (json!({ "body_base64": "/w==" }), "(base64) /w=="),
            (json!({ "body": "x" }), "\"x\""),
            (json!({}), ""),
        ] {
            assert_eq!(event(&value.to_string()).body_text(), text);
        }
    }
}
