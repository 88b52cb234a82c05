//! What is forgiven and what is not, by example; `tests/property.rs` says what holds for any body.

mod property;

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};

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

#[test]
fn what_the_type_says_is_no_drift() {
    check(
        format!(r#"{{"PairList": [{ALICE}], "EventTime": null}}"#),
        Some(removal(&[("alice", "bob")])),
        &[],
    );
}

#[test]
fn an_unknown_field_is_told_and_passed_over() {
    check(
        r#"{"PairList": [{"From_Account": "alice", "To_Account": "bob", "Remark": {"x": [1]}}], "New": 1}"#,
        Some(removal(&[("alice", "bob")])),
        &[
            ("New", "no such field", "unknown field"),
            ("PairList[].Remark", "no such field", "unknown field"),
        ],
    );
}

#[test]
fn scalars_become_what_is_wanted() {
    check(
        r#"{"text": 12, "small": "7", "integer": -3.0, "float": " 1.5 ", "flag": "True"}"#,
        Some(Scalars {
            text: "12".to_owned(),
            small: 7,
            integer: -3,
            float: 1.5,
            flag: true,
        }),
        &[
            ("flag", "boolean", "string"),
            ("float", "number", "string"),
            ("integer", "integer", "number"),
            ("small", "integer", "string"),
            ("text", "string", "number"),
        ],
    );
    check(
        r#"{"text": true, "small": true, "integer": ["4"], "float": 2, "flag": 1}"#,
        Some(Scalars {
            text: "true".to_owned(),
            small: 1,
            integer: 4,
            float: 2.0,
            flag: true,
        }),
        &[
            ("flag", "boolean", "number"),
            ("integer", "integer", "list"),
            ("integer", "integer", "string"),
            ("small", "integer", "boolean"),
            ("text", "string", "boolean"),
        ],
    );
    check(
        r#"{"text": null, "small": null, "integer": null, "float": null, "flag": null}"#,
        Some(Scalars::default()),
        &[
            ("flag", "boolean", "null"),
            ("float", "number", "null"),
            ("integer", "integer", "null"),
            ("small", "integer", "null"),
            ("text", "string", "null"),
        ],
    );
}

#[test]
fn a_scalar_that_would_change_is_refused() {
    for (body, path, expected, found) in [
        (r#"{"small": 300}"#, "small", "integer", "unreadable number"),
        (r#"{"small": -1}"#, "small", "integer", "unreadable number"),
        (
            r#"{"integer": 1.5}"#,
            "integer",
            "integer",
            "unreadable number",
        ),
        (
            r#"{"integer": "12a"}"#,
            "integer",
            "integer",
            "unreadable string",
        ),
        (
            r#"{"integer": 1e300}"#,
            "integer",
            "integer",
            "unreadable number",
        ),
        (
            r#"{"float": "inf"}"#,
            "float",
            "number",
            "unreadable string",
        ),
        (r#"{"flag": 2}"#, "flag", "boolean", "unreadable number"),
        (
            r#"{"text": {"a": 1}}"#,
            "text",
            "string",
            "unreadable object",
        ),
        (r#"{"text": [1, 2]}"#, "text", "string", "unreadable list"),
        // Rounded by then, it would be another account.
        (
            r#"{"text": 1234567890123456789012345}"#,
            "text",
            "string",
            "unreadable number",
        ),
    ] {
        check::<Scalars>(body, None, &[(path, expected, found)]);
    }
}

#[test]
fn one_or_many() {
    let one = removal(&[("alice", "bob")]);
    check(
        format!(r#"{{"PairList": {ALICE}}}"#),
        Some(one),
        &[("PairList", "list", "object")],
    );
    check(
        r#"[{"PairList": [[{"From_Account": ["alice"], "To_Account": "bob"}]]}]"#,
        Some(removal(&[("alice", "bob")])),
        &[
            ("", "object", "list"),
            ("PairList[]", "object", "list"),
            ("PairList[].From_Account", "string", "list"),
        ],
    );
    check::<Removal>(
        format!(r#"{{"PairList": [[{ALICE}, {ALICE}]]}}"#),
        None,
        &[("PairList[]", "object", "unreadable list")],
    );
}

#[test]
fn nothing_is_empty() {
    for (list, found) in [("null", "null"), ("{}", "object")] {
        check(
            format!(r#"{{"PairList": {list}}}"#),
            Some(removal(&[])),
            &[("PairList", "list", found)],
        );
    }
    check::<Removal>("null", None, &[("", "object", "null")]);
}

#[test]
fn missing_fields_are_empty() {
    check(
        r#"{"PairList": [{"From_Account": "alice"}, {"To_Account": "bob"}, {}]}"#,
        Some(removal(&[("alice", ""), ("", "bob"), ("", "")])),
        &[
            ("PairList[].From_Account", "string", "missing"),
            ("PairList[].To_Account", "string", "missing"),
        ],
    );
    check("{}", Some(removal(&[])), &[("PairList", "list", "missing")]);
    check(
        "[]",
        Some(removal(&[])),
        &[("", "object", "list"), ("PairList", "list", "missing")],
    );
}

#[test]
fn a_repeated_field_counts_once() {
    check(
        format!(r#"{{"PairList": 7, "PairList": [{ALICE}]}}"#),
        Some(removal(&[("alice", "bob")])),
        &[("PairList", "a field once", "repeated field")],
    );
    let message = |member: &str| Message {
        member: member.into(),
        body: Vec::new(),
        platform: Platform::Unknown,
        counts: BTreeMap::new(),
        custom: Value::Null,
    };
    check(
        r#"{"Modified_Account": "alice", "Member_Account": "bob", "body": []}"#,
        Some(message("bob")),
        &[("Modified_Account", "a field once", "repeated field")],
    );
}

#[test]
fn coerces_inside_enums_whatever_the_order() {
    check(
        r#"{"Member_Account": "alice", "platform": "iOS", "counts": {"7": "8"}, "custom": {"a": [1, "b"]},
            "body": [{"MsgContent": {"index": "3", "new": 1}, "MsgType": "TIMFaceElem"},
                     {"MsgContent": {"text": 4, "new": 1}, "MsgType": "TIMTextElem"}]}"#,
        Some(Message {
            member: "alice".into(),
            body: vec![
                Element::Face { index: 3 },
                Element::Text(Text {
                    text: "4".to_owned(),
                }),
            ],
            platform: Platform::Ios,
            counts: BTreeMap::from([(7, 8)]),
            custom: json!({"a": [1, "b"]}),
        }),
        &[
            // A struct variant does not tell serde its fields; a variant with a struct in it does.
            ("body[].MsgContent.*", "integer", "string"),
            ("body[].MsgContent.*", "no such field", "unknown field"),
            ("body[].MsgContent.new", "no such field", "unknown field"),
            ("body[].MsgContent.text", "string", "number"),
            ("counts.*", "integer", "string"),
        ],
    );
    check::<Message>(
        r#"{"Member_Account": "alice", "body": [{"MsgType": "TIMSecretElem", "MsgContent": {}}]}"#,
        None,
        &[("body[].MsgType", "one of the known values", "unknown value")],
    );
}

#[test]
fn mends_the_text() {
    check(
        b"\xef\xbb\xbf{\"text\": \"a\xff\\ud800\0\"} \0",
        Some(Scalars {
            text: "a\u{fffd}\u{fffd}\0".to_owned(),
            ..Scalars::default()
        }),
        &[
            ("", "JSON", "byte order mark"),
            ("", "JSON", "control character"),
            ("", "UTF-16 pairs", "lone surrogate"),
            ("", "UTF-8", "invalid UTF-8"),
            ("", "nothing behind the JSON", "trailing bytes"),
        ],
    );
}

#[test]
fn what_is_not_json_has_no_value() {
    for body in ["", " ", "{", "\0", "hello", r#"{"PairList": ["#] {
        check::<Removal>(body, None, &[("", "JSON", "not JSON")]);
    }
}

#[test]
fn deep_nesting_ends_early() {
    let nested = "[".repeat(500_000);
    check::<Removal>(&nested, None, &[("", "JSON", "nesting too deep")]);
    let known = format!("{{\"PairList\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
    check::<Removal>(known, None, &[("", "JSON", "nesting too deep")]);
    // Read strictly: what no type wants may be as deep as it likes.
    let unknown = format!(
        "{{\"PairList\": [], \"New\": {}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    check(
        unknown,
        Some(removal(&[])),
        &[("", "JSON", "nesting too deep")],
    );
}

#[test]
fn endless_types_end() {
    check::<Lists>("7", None, &[("[]", "list", "unreadable number")]);
    let drift = decode::<Chain>(b"{}").drift;
    assert!(drift.iter().any(|drift| drift.found == "missing"));
    assert!(drift.len() <= DRIFT_MAX);
}

#[test]
fn hostile_names_are_bounded() {
    let fields: Vec<String> = (0..10_000)
        .map(|number| format!("\"\\u001b{number}{}\": 1", "x".repeat(80)))
        .collect();
    let body = format!("{{\"PairList\": 7, {}}}", fields.join(","));
    let decoded = decode::<Removal>(body.as_bytes());
    assert!(decoded.value.is_none());
    assert!(decoded.drift.len() <= DRIFT_MAX);
    assert!(decoded.drift.is_sorted());
    let reason = decoded
        .drift
        .iter()
        .find(|drift| drift.path == "PairList[]");
    assert_eq!(reason.unwrap().found, "unreadable number");
    for drift in &decoded.drift {
        assert!(drift.path.chars().count() <= 64, "{drift:?}");
        assert!(!drift.path.contains(char::is_control), "{drift:?}");
    }
}

#[test]
fn ten_thousand_pairs_without_an_owner() {
    let body = format!(
        r#"{{"PairList": [{}]}}"#,
        vec![r#"{"To_Account": 7}"#; 10_000].join(",")
    );
    let decoded = decode::<Removal>(body.as_bytes());
    assert_eq!(decoded.value.unwrap().pair_list.len(), 10_000);
    assert_eq!(decoded.drift.len(), 2);
}

#[test]
fn room_is_found_for_another_entry() {
    let drift = |number: usize| Drift {
        path: format!("Field{number:02}"),
        expected: "nothing".to_owned(),
        found: "unknown field".to_owned(),
    };
    let mut full: Vec<Drift> = (1..=DRIFT_MAX).map(drift).collect();
    insert_drift(&mut full, drift(0));
    insert_drift(&mut full, drift(0));
    assert!(full.len() <= DRIFT_MAX && full.is_sorted());
    assert_eq!(full.first(), Some(&drift(0)));
}
