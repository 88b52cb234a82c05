//! Checks what decoding makes of a plug-in's sample that was changed in every way that Chat might change it.

use std::collections::BTreeSet;

use gateway_core::{Callback, DRIFT_MAX, Decoded, Drift, decode};
use poem_openapi::types::{ParseFromJSON, ToJSON};
use serde_json::Value;

use crate::mutation::{self, Mutant, Mutation, SECRET};

/// Shorter values of a sample may occur in words of drift's own.
const VALUE_LENGTH_MIN: usize = 4;

/// Checks that a sample is read tolerantly: with each of its [`mutations`], and cut at every byte. Nothing panics,
/// whatever differs from the types is told as drift and nothing else is, drift tells no value of the body, and what can
/// be understood is understood.
///
/// # Panics
///
/// When one of these does not hold.
pub fn check_tolerance<C: Callback>() {
    for mutation in mutations::<C>() {
        check_mutated::<C>(&[mutation]);
    }
    for end in 0..C::SAMPLE.len() {
        check::<C>(C::SAMPLE.as_bytes().get(..end).unwrap_or_default());
    }
}

/// Every change of a single value of the sample: dropped, nulled, of another type, spelled otherwise, in a list or out
/// of one, its fields in another order or more of them. Where a type takes any JSON, what changes its meaning there
/// is no change to be forgiven, and left out.
pub fn mutations<C: Callback>() -> Vec<Mutation> {
    let sample = sample::<C>();
    let mut mutations = mutation::all(&sample);
    mutations.retain(|mutation| {
        let Mutant { body, meaning, .. } = Mutant::of(&sample, std::slice::from_ref(mutation));
        let meant = strict::<C>(&bytes(&meaning)).map(|meant| meant.to_json());
        strict::<C>(&bytes(&body))
            .is_none_or(|taken| meant.is_none_or(|meant| meant == taken.to_json()))
    });
    mutations
}

/// Checks what decoding makes of the sample with all of these changes, at most 30, and gives it back. If what the body means can be
/// read strictly, it is read as that, with its subjects, time and items, and each change is told and nothing else; if it
/// can't, there is drift.
///
/// # Panics
///
/// When that does not hold.
pub fn check_mutated<C: Callback>(mutations: &[Mutation]) -> Option<C::Request> {
    let Mutant {
        body,
        meaning,
        told,
    } = Mutant::of(&sample::<C>(), mutations);
    let Decoded { value, drift } = check::<C>(&bytes(&body));
    let Some(meant) = strict::<C>(&bytes(&meaning)) else {
        assert!(!drift.is_empty(), "{}: no drift in {body}", C::COMMAND);
        return value;
    };
    let value = value.unwrap_or_else(|| panic!("{}: not understood: {body}", C::COMMAND));
    assert_eq!(value.to_json(), meant.to_json(), "{}: {body}", C::COMMAND);
    assert_eq!(C::subjects(&value), C::subjects(&meant), "{body}");
    assert_eq!(C::time(&value), C::time(&meant), "{body}");
    assert_eq!(C::items(&value), C::items(&meant), "{body}");
    let drift: BTreeSet<(String, String)> = drift
        .into_iter()
        .map(|drift| (drift.path, drift.found))
        .collect();
    assert_eq!(drift, told, "{}: {body}", C::COMMAND);
    Some(value)
}

/// What holds for every body.
fn check<C: Callback>(body: &[u8]) -> Decoded<C::Request> {
    let decoded = decode::<C::Request>(body);
    let shown = String::from_utf8_lossy(body);
    assert!(
        !decoded.drift.is_empty() || serde_json::from_slice::<C::Request>(body).is_ok(),
        "{}: differs from the types without drift: {shown}",
        C::COMMAND
    );
    if let Some(strict) = strict::<C>(body) {
        let tolerant = decoded.value.as_ref().map(ToJSON::to_json);
        assert_eq!(tolerant, Some(strict.to_json()), "{shown}");
    }
    assert!(decoded.drift.len() <= DRIFT_MAX, "{shown}");
    check_tells_nothing::<C>(&decoded.drift);
    decoded
}

fn check_tells_nothing<C: Callback>(drift: &[Drift]) {
    if drift.is_empty() {
        return;
    }
    let sample = sample::<C>();
    let (mut names, mut values) = (String::new(), vec![SECRET.to_owned()]);
    mutation::walk(&sample, &mut Vec::new(), &mut |value, _| match value {
        Value::Object(fields) => fields.keys().for_each(|name| names.push_str(name)),
        Value::String(text) => values.push(text.clone()),
        Value::Number(number) => values.push(number.to_string()),
        _ => {}
    });
    // A value that is part of a name may be in a path.
    values.retain(|value| value.len() >= VALUE_LENGTH_MIN && !names.contains(value));
    for drift in drift {
        for text in [&drift.path, &drift.expected, &drift.found] {
            let told = values.iter().find(|value| text.contains(*value));
            assert!(
                told.is_none(),
                "{}: drift tells a value: {drift:?}",
                C::COMMAND
            );
        }
    }
}

fn sample<C: Callback>() -> Value {
    serde_json::from_str(C::SAMPLE).expect("the sample is JSON")
}

/// What the type says without any tolerance, in the documented names. serde alone would take a list of values for a
/// struct; poem-openapi, which documents the type, does not.
fn strict<C: Callback>(body: &[u8]) -> Option<C::Request> {
    let document: Value = serde_json::from_slice(body).ok()?;
    C::Request::parse_from_json(Some(document)).ok()?;
    serde_json::from_slice(body).ok()
}

fn bytes(document: &Value) -> Vec<u8> {
    document.to_string().into_bytes()
}
