//! Replacing fields of a sample body by names that are easy to type: `--from-account alice` is `From_Account`.

use std::collections::{BTreeSet, VecDeque};

use serde_json::Value;

/// Why a field can't be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FieldError {
    /// Not of the form `NAME=VALUE`.
    #[error("the field `{0}` needs a value")]
    NoValue(String),
    /// The body has no such field.
    #[error("the body has no field `{name}`; it has {known}")]
    Unknown {
        /// As it was written.
        name: String,
        /// Every field there is, or that there is none.
        known: String,
    },
    /// The value is not of the JSON type that the field has.
    #[error("the field `{name}` is {expected}")]
    Type {
        /// The vendor's name.
        name: String,
        /// With an article.
        expected: &'static str,
    },
}

/// Replaces each `NAME=VALUE` in `body`: the field of that name that is nearest to the root, in the first entry of a
/// list. A value keeps the JSON type that the field has.
///
/// # Errors
///
/// Names the field; the body is then partly changed.
pub(super) fn replace(body: &mut Value, fields: &[String]) -> Result<(), FieldError> {
    for field in fields {
        let (name, text) = field
            .split_once('=')
            .ok_or_else(|| FieldError::NoValue(field.clone()))?;
        let known = names(body);
        let Some((vendor_name, slot)) = find(body, &plain(name)) else {
            let known: Vec<String> = known.into_iter().collect();
            return Err(FieldError::Unknown {
                name: name.to_owned(),
                known: if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                },
            });
        };
        *slot = parse(slot, text).map_err(|expected| FieldError::Type {
            name: vendor_name,
            expected,
        })?;
    }
    Ok(())
}

/// Without what does not matter: case, `-` and `_`.
fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Breadth first, so that the nearest to the root is found.
fn find<'a>(body: &'a mut Value, wanted: &str) -> Option<(String, &'a mut Value)> {
    let mut queue = VecDeque::from([body]);
    while let Some(value) = queue.pop_front() {
        match value {
            Value::Object(object) => {
                let found = object.keys().find(|key| plain(key) == wanted).cloned();
                if let Some(key) = found {
                    let slot = object.get_mut(&key)?;
                    return Some((key, slot));
                }
                queue.extend(object.values_mut());
            }
            Value::Array(list) => queue.extend(list.first_mut()),
            _ => {}
        }
    }
    None
}

/// Every field that [`find`] can find.
fn names(body: &Value) -> BTreeSet<String> {
    match body {
        Value::Object(object) => {
            let inner = object.values().flat_map(names);
            object.keys().cloned().chain(inner).collect()
        }
        Value::Array(list) => list.first().map(names).unwrap_or_default(),
        _ => BTreeSet::new(),
    }
}

/// A value of the type that `old` has.
fn parse(old: &Value, text: &str) -> Result<Value, &'static str> {
    let json = serde_json::from_str::<Value>(text).ok();
    let (value, expected) = match old {
        Value::String(_) => (Some(Value::from(text)), "a string"),
        Value::Number(_) => (json.filter(Value::is_number), "a number"),
        Value::Bool(_) => (json.filter(Value::is_boolean), "true or false"),
        Value::Array(_) => (json.filter(Value::is_array), "a list in JSON"),
        Value::Object(_) => (json.filter(Value::is_object), "an object in JSON"),
        Value::Null => (Some(json.unwrap_or_else(|| Value::from(text))), "anything"),
    };
    value.ok_or(expected)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn body() -> Value {
        json!({
            "CallbackCommand": "Sns.CallbackFriendDelete",
            "PairList": [
                { "From_Account": "alice", "To_Account": "bob" },
                { "From_Account": "alice", "To_Account": "carol" },
            ],
            "EventTime": 1,
            "Info": { "Online": true, "EventTime": 2, "Note": null },
        })
    }

    fn check(fields: &[&str], expected: Result<(&str, Value), &str>) {
        let fields: Vec<String> = fields.iter().map(|&field| field.to_owned()).collect();
        let mut changed = body();
        let result = replace(&mut changed, &fields).map_err(|error| error.to_string());
        match expected {
            Ok((pointer, value)) => {
                assert_eq!(result, Ok(()));
                let mut wanted = body();
                *wanted.pointer_mut(pointer).unwrap() = value;
                assert_eq!(changed, wanted);
            }
            Err(text) => assert_eq!(result, Err(text.to_owned())),
        }
    }

    #[test]
    fn finds_a_field_however_it_is_written() {
        for name in [
            "from-account",
            "From_Account",
            "FROMACCOUNT",
            "from_account",
        ] {
            let field = format!("{name}=dave");
            check(&[&field], Ok(("/PairList/0/From_Account", json!("dave"))));
        }
    }

    #[test]
    fn the_nearest_to_the_root_wins() {
        check(&["event-time=9"], Ok(("/EventTime", json!(9))));
        let mut body = json!({ "A": { "Seq": 1 }, "B": { "C": { "Seq": 2 } } });
        assert_eq!(replace(&mut body, &["seq=9".to_owned()]), Ok(()));
        assert_eq!(
            body,
            json!({ "A": { "Seq": 9 }, "B": { "C": { "Seq": 2 } } })
        );
    }

    #[test]
    fn keeps_the_type_of_the_field() {
        check(
            &["from-account=7"],
            Ok(("/PairList/0/From_Account", json!("7"))),
        );
        check(
            &["from-account=a=b"],
            Ok(("/PairList/0/From_Account", json!("a=b"))),
        );
        check(&["online=false"], Ok(("/Info/Online", json!(false))));
        check(&["note=[1]"], Ok(("/Info/Note", json!([1]))));
        check(&["pair-list=[]"], Ok(("/PairList", json!([]))));
        check(
            &["event-time=soon"],
            Err("the field `EventTime` is a number"),
        );
        check(&["online=1"], Err("the field `Online` is true or false"));
        check(
            &["pair-list=alice"],
            Err("the field `PairList` is a list in JSON"),
        );
    }

    #[test]
    fn an_unknown_field_names_those_there_are() {
        check(
            &["frm-account=x"],
            Err(
                "the body has no field `frm-account`; it has CallbackCommand, EventTime, From_Account, Info, Note, Online, PairList, To_Account",
            ),
        );
        check(&["online"], Err("the field `online` needs a value"));
    }

    proptest! {
        #[test]
        fn never_changes_the_shape(name in "[a-zA-Z_-]{0,12}", value in ".{0,20}") {
            let mut changed = body();
            let unchanged = replace(&mut changed, &[format!("{name}={value}")]).is_err();
            prop_assert!(!unchanged || changed == body());
        }
    }
}
