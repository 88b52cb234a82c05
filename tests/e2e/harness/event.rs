//! Events as the admin API tells them.

use serde::{Deserialize, Deserializer};
use serde_json::{Value, value::RawValue};

/// A page of events, newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Page {
    pub(crate) data: Vec<Event>,
    pub(crate) next: Option<String>,
}

/// An event; what only `/v1/events/{id}` tells is empty elsewhere.
#[derive(Debug, Deserialize)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) sequence: u64,
    pub(crate) app: String,
    pub(crate) command: String,
    pub(crate) journaled_at: String,
    #[serde(rename = "event_time")]
    pub(crate) happened_at: Option<String>,
    pub(crate) subjects: Subjects,
    pub(crate) proof: String,
    pub(crate) simulated: bool,
    pub(crate) client_ip: Option<String>,
    pub(crate) platform: Option<String>,
    pub(crate) verdict: Option<Value>,
    /// Read as it is: `null` is a body, too.
    #[serde(default, deserialize_with = "present")]
    body: Option<Box<RawValue>>,
    body_base64: Option<String>,
    pub(crate) decoded: Option<Value>,
    #[serde(default)]
    pub(crate) items: Vec<Value>,
    #[serde(default)]
    pub(crate) drift: Vec<Value>,
    #[serde(default)]
    pub(crate) outcome: Value,
    #[serde(default)]
    pub(crate) story: Vec<Value>,
}

/// Whom an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Subjects {
    pub(crate) accounts: Vec<String>,
    pub(crate) groups: Vec<String>,
}

impl Event {
    /// The body as it was received.
    pub(crate) fn body(&self) -> Vec<u8> {
        match (&self.body, &self.body_base64) {
            (Some(body), None) => body.get().as_bytes().to_vec(),
            (None, Some(text)) => from_base64(text),
            bodies => panic!("one body was expected, not {bodies:?}"),
        }
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    /// Where it stands with its handler, e.g. `done`.
    pub(crate) fn status(&self) -> &str {
        self.outcome["status"].as_str().unwrap_or_default()
    }

    /// Why its handler failed last.
    pub(crate) fn reason(&self) -> &str {
        self.outcome["reason"].as_str().unwrap_or_default()
    }
}

fn present<'de, D: Deserializer<'de>>(body: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Deserialize::deserialize(body).map(Some)
}

fn from_base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for character in text.bytes().filter(|byte| *byte != b'=') {
        let digit = DIGITS.iter().position(|digit| *digit == character).unwrap();
        bits = bits << 6 | u32::try_from(digit).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}
