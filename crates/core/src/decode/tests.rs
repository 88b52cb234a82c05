//! What is forgiven and what is not, by example: here the types that are decoded, below them a file an idea.
//! `tests/property.rs` says what holds for any body.

mod bounds;
mod property;
mod scalar;
mod shape;
mod text;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::*;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Removal {
    #[serde(default)]
    callback_command: String,
    pair_list: Vec<Pair>,
    event_time: Option<i64>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Pair {
    #[serde(rename = "From_Account")]
    owner: String,
    #[serde(rename = "To_Account")]
    removed: String,
}

/// One field of each scalar type.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Scalars {
    text: String,
    small: u8,
    integer: i64,
    float: f64,
    flag: bool,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Message {
    #[serde(alias = "Modified_Account", rename = "Member_Account")]
    member: Box<str>,
    body: Vec<Element>,
    #[serde(default)]
    platform: Platform,
    #[serde(default)]
    counts: BTreeMap<u32, u32>,
    #[serde(default)]
    custom: Value,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(tag = "MsgType", content = "MsgContent")]
enum Element {
    #[serde(rename = "TIMTextElem")]
    Text(Text),
    #[serde(rename = "TIMFaceElem")]
    Face { index: u32 },
}

#[derive(Debug, PartialEq, Deserialize)]
enum External {
    Face { index: u32 },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Text {
    text: String,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
enum Platform {
    Web,
    #[serde(rename = "iOS")]
    Ios,
    #[default]
    #[serde(other)]
    Unknown,
}

/// Types that never end, if they are let.
#[derive(Debug, PartialEq, Deserialize)]
struct Lists(Vec<Lists>);

#[derive(Debug, PartialEq, Deserialize)]
struct Chain {
    next: Box<Chain>,
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check<T>(body: impl AsRef<[u8]>, expected: Option<T>, drift: &[(&str, &str, &str)])
where
    T: DeserializeOwned + PartialEq + std::fmt::Debug,
{
    let decoded = decode::<T>(body.as_ref());
    assert_eq!(decoded.value, expected);
    let found: Vec<_> = decoded
        .drift
        .iter()
        .map(|drift| (&*drift.path, &*drift.expected, &*drift.found))
        .collect();
    assert_eq!(found, drift);
}

fn removal(pairs: &[(&str, &str)]) -> Removal {
    let pair = |(owner, removed): &(&str, &str)| Pair {
        owner: (*owner).to_owned(),
        removed: (*removed).to_owned(),
    };
    Removal {
        callback_command: String::new(),
        pair_list: pairs.iter().map(pair).collect(),
        event_time: None,
    }
}

const ALICE: &str = r#"{"From_Account": "alice", "To_Account": "bob"}"#;
