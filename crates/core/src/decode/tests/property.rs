//! Any body at all is borne, and drift tells nothing of its values.

use proptest::prelude::*;

use super::*;

/// Decodes as each of the shapes; nothing of the body's values may be told.
fn check_shapes(body: &[u8], secret: &str) {
    fn check_shape<T: DeserializeOwned>(body: &[u8], secret: &str) {
        let strict = serde_json::from_slice::<T>(body).is_ok();
        let decoded = decode::<T>(body);
        // serde alone also takes values without names for a struct, which is drift.
        assert!(decoded.value.is_some() || !decoded.drift.is_empty());
        assert!(strict || !decoded.drift.is_empty());
        assert!(decoded.drift.len() <= DRIFT_MAX);
        assert!(decoded.drift.is_sorted());
        let text = format!("{:?}", decoded.drift);
        assert!(secret.is_empty() || !text.contains(secret), "{text}");
    }
    check_shape::<Removal>(body, secret);
    check_shape::<Scalars>(body, secret);
    check_shape::<Message>(body, secret);
    check_shape::<Lists>(body, secret);
    check_shape::<Chain>(body, secret);
    check_shape::<Vec<Option<String>>>(body, secret);
}

const SECRET: &str = "zq-secret";

/// JSON made of the shapes' own names and of values that must not be told.
fn json() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "PairList",
        "From_Account",
        "To_Account",
        "EventTime",
        "text",
        "small",
        "flag",
        "body",
        "MsgType",
        "MsgContent",
        "Member_Account",
        "Modified_Account",
        "platform",
        "counts",
        "next",
        "index",
        "7",
        "New",
    ]);
    let scalars = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[0-9]{0,4}".prop_map(Value::from),
        prop::sample::select(vec!["TIMTextElem", "TIMFaceElem", SECRET]).prop_map(Value::from),
    ];
    scalars.prop_recursive(5, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(names.clone().prop_map(str::to_owned), inner, 0..6)
                .prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn any_bytes_are_borne(body in prop::collection::vec(any::<u8>(), 0..256)) {
        check_shapes(&body, "");
    }

    #[test]
    fn any_json_is_borne(value in json()) {
        check_shapes(value.to_string().as_bytes(), SECRET);
    }

    #[test]
    fn any_damage_is_borne(value in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut body = value.to_string().into_bytes();
        let at = at.index(body.len());
        body[at] = byte;
        check_shapes(&body, SECRET);
        body.truncate(at);
        check_shapes(&body, SECRET);
    }
}
