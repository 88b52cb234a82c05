//! Damages a plug-in's sample in every way that Chat might, and checks what decoding makes of it.

use gateway_core::{Callback, Decoded, Drift, decode};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::{Value, json};

/// Stands in damaged samples where nothing must be told.
const SECRET: &str = "zq-told-secret";
/// A field that no type has.
const UNKNOWN: &str = "ZqUnknownField";
/// Shorter values of a sample may occur in words of drift's own.
const VALUE_LENGTH_MIN: usize = 4;

/// Where a value stands in a JSON document.
type Place = Vec<Step>;

#[derive(Debug, Clone)]
enum Step {
    Field(String),
    Element(usize),
}

/// Checks that a sample is read tolerantly: each of its values dropped, nulled, of another type, quoted or in a list,
/// each of its objects with a field more, and the whole cut at every byte. Nothing panics, whatever differs from the
/// types is told as drift, drift tells no value of the body, and what can be understood is understood as the sample.
///
/// # Panics
///
/// When one of these does not hold.
pub fn check_tolerance<C: Callback>() {
    let sample: Value = serde_json::from_str(C::SAMPLE).expect("the sample is JSON");
    let mut places = Vec::new();
    collect(&sample, &mut Vec::new(), &mut places);
    for place in &places {
        check_replaced::<C>(&sample, place);
        check_same_scalar::<C>(&sample, place);
        check_dropped::<C>(&sample, place);
        check_unknown_field::<C>(&sample, place);
    }
    for end in 0..C::SAMPLE.len() {
        check::<C>(C::SAMPLE.as_bytes().get(..end).unwrap_or_default());
    }
}

/// A value of another type: no panic, nothing told.
fn check_replaced<C: Callback>(sample: &Value, place: &Place) {
    for other in [
        json!(null),
        json!(SECRET),
        json!(7),
        json!(-1.5),
        json!(true),
        json!([]),
        json!({}),
        json!([SECRET, SECRET]),
        json!({ "Nested": SECRET }),
    ] {
        check::<C>(&bytes(&with(sample, place, |value| *value = other)));
    }
}

/// A scalar in quotes, without them, or in a list of one is still that scalar.
fn check_same_scalar<C: Callback>(sample: &Value, place: &Place) {
    let scalar = at(sample, place);
    let mut spellings = vec![json!([scalar])];
    match scalar {
        Value::Number(number) => spellings.push(json!(number.to_string())),
        Value::Bool(flag) => spellings.extend([json!(flag.to_string()), json!(u8::from(*flag))]),
        Value::String(text) => spellings.extend(text.parse::<u64>().map(|number| json!(number))),
        _ => return,
    }
    for spelling in spellings {
        let body = bytes(&with(sample, place, |value| *value = spelling));
        let request = check::<C>(&body).value;
        let request = request.unwrap_or_else(|| panic!("{}: unreadable at {place:?}", C::COMMAND));
        // A type that takes any JSON keeps what came.
        if serde_json::from_slice::<C::Request>(&body).is_err() {
            assert_eq!(request.to_json().as_ref(), Some(sample), "at {place:?}");
        }
    }
}

fn check_dropped<C: Callback>(sample: &Value, place: &Place) {
    let Some((last, parent)) = place.split_last() else {
        return;
    };
    let dropped = with(sample, parent, |value| match (value, last) {
        (Value::Object(fields), Step::Field(name)) => {
            fields.remove(name);
        }
        (Value::Array(elements), Step::Element(index)) => {
            elements.remove(*index);
        }
        _ => {}
    });
    check::<C>(&bytes(&dropped));
}

/// A field more changes nothing and is told, unless the type takes any field.
fn check_unknown_field<C: Callback>(sample: &Value, place: &Place) {
    if !at(sample, place).is_object() {
        return;
    }
    let more = with(sample, place, |value| value[UNKNOWN] = json!(SECRET));
    let decoded = check::<C>(&bytes(&more));
    let request = decoded.value.expect("a field more keeps no body unread");
    if request.to_json().as_ref() == Some(sample) {
        assert!(
            decoded.drift.iter().any(told_unknown),
            "{}: an unknown field at {place:?} is not told: {:?}",
            C::COMMAND,
            decoded.drift
        );
    }
}

fn told_unknown(drift: &Drift) -> bool {
    drift.found == "unknown field"
}

/// What holds for every body.
fn check<C: Callback>(body: &[u8]) -> Decoded<C::Request> {
    let decoded = decode::<C::Request>(body);
    let shown = String::from_utf8_lossy(body);
    match strict::<C>(body) {
        Some(strict) => {
            let value = decoded.value.as_ref();
            let tolerant = value.map(ToJSON::to_json);
            assert_eq!(tolerant, Some(strict.to_json()), "{shown}");
        }
        None => assert!(
            !decoded.drift.is_empty(),
            "{}: differs from the types without drift: {shown}",
            C::COMMAND
        ),
    }
    for drift in &decoded.drift {
        check_tells_nothing::<C>(drift);
    }
    decoded
}

/// What the type says without any tolerance. serde alone would take a list of values for a struct; poem-openapi, which
/// documents the type, does not.
fn strict<C: Callback>(body: &[u8]) -> Option<C::Request> {
    let document: Value = serde_json::from_slice(body).ok()?;
    C::Request::parse_from_json(Some(document)).ok()?;
    serde_json::from_slice(body).ok()
}

fn check_tells_nothing<C: Callback>(drift: &Drift) {
    let sample: Value = serde_json::from_str(C::SAMPLE).expect("the sample is JSON");
    let mut places = Vec::new();
    collect(&sample, &mut Vec::new(), &mut places);
    let values = places
        .iter()
        .filter_map(|place| at(&sample, place).as_str());
    // The sample quotes values and names alike; a value that is part of a name may be in a path.
    let private = values
        .filter(|value| value.len() >= VALUE_LENGTH_MIN && C::SAMPLE.matches(value).count() == 1);
    for value in private.chain([SECRET]) {
        for text in [&drift.path, &drift.expected, &drift.found] {
            assert!(
                !text.contains(value),
                "{}: drift tells a value: {drift:?}",
                C::COMMAND
            );
        }
    }
}

fn collect(value: &Value, place: &mut Place, places: &mut Vec<Place>) {
    places.push(place.clone());
    let inner: Vec<(Step, &Value)> = match value {
        Value::Object(fields) => {
            let fields = fields.iter();
            fields
                .map(|(name, value)| (Step::Field(name.clone()), value))
                .collect()
        }
        Value::Array(elements) => {
            let elements = elements.iter().enumerate();
            elements
                .map(|(index, value)| (Step::Element(index), value))
                .collect()
        }
        _ => return,
    };
    for (step, value) in inner {
        place.push(step);
        collect(value, place, places);
        place.pop();
    }
}

fn at<'a>(document: &'a Value, place: &[Step]) -> &'a Value {
    place.iter().fold(document, |value, step| match step {
        Step::Field(name) => &value[name],
        Step::Element(index) => &value[index],
    })
}

/// The document with a change at one place.
fn with(document: &Value, place: &[Step], change: impl FnOnce(&mut Value)) -> Value {
    let mut changed = document.clone();
    let value = place.iter().fold(&mut changed, |value, step| match step {
        Step::Field(name) => &mut value[name],
        Step::Element(index) => &mut value[index],
    });
    change(value);
    changed
}

fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
