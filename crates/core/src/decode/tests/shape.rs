//! Lists, objects and enums that are not quite of the type's shape.

use std::collections::BTreeMap;

use serde_json::json;

use super::*;

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
fn values_without_names_are_no_struct() {
    check::<Removal>(
        r#"{"PairList": [["alice", "bob"]]}"#,
        None,
        &[("PairList[]", "object", "unreadable list")],
    );
    check::<Removal>(
        r#"["Sns.CallbackFriendDelete", [], null]"#,
        None,
        &[("", "object", "unreadable list")],
    );
    check::<Element>(
        r#"["TIMFaceElem", {"index": 3}]"#,
        None,
        &[("", "object", "unreadable list")],
    );
    check::<External>(
        r#"{"Face": [3]}"#,
        None,
        &[
            ("Face", "object", "list"),
            ("Face", "object", "unreadable number"),
        ],
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
