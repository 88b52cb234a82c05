//! Bodies and types made to cost: time, memory and the report of drift have bounds.

use super::*;

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
