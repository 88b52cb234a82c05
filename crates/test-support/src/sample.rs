//! Checks of plug-ins' samples, and of the other bodies that their tests have.

use gateway_core::{Callback, Decoded, Subjects, decode};
use poem_openapi::types::ToJSON;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Checks that the sample decodes without drift, and that poem-openapi, which documents the type, encodes it as the
/// sample again: what stands twice on a request type (serde's and oai's names and defaults) agrees.
///
/// # Panics
///
/// When it does not.
pub fn check_sample<C: Callback>() {
    read::<C::Request>(C::SAMPLE);
}

/// Checks whom the sample is about.
///
/// # Panics
///
/// When it is about others.
#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
pub fn check_subjects<C: Callback>(expected: Subjects) {
    assert_eq!(C::subjects(&read::<C::Request>(C::SAMPLE)), expected);
}

/// Reads a body, or a part of one, that is exactly what its type says: without drift, and encoded by poem-openapi it is
/// the body again, so that each of its names stands on both derives. The body must have every field with a default:
/// poem-openapi writes them all.
///
/// # Panics
///
/// When it is not.
pub fn read<T: DeserializeOwned + ToJSON>(body: &str) -> T {
    let Decoded { value, drift } = decode::<T>(body.as_bytes());
    assert!(drift.is_empty(), "not quite {}: {drift:?}", T::name());
    let value = value.expect("a body without drift has a value");
    let body: Value = serde_json::from_str(body).expect("a body without drift is JSON");
    assert_eq!(
        value.to_json(),
        Some(body),
        "{} is not its body again: a name that differs between serde and oai, or a field with a default that the body \
         leaves out",
        T::name()
    );
    value
}

#[cfg(test)]
mod tests {
    use poem_openapi::Object;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, Object)]
    struct Named {
        #[serde(default)]
        #[oai(default)]
        command: String,
        #[serde(rename = "To_Account")]
        account: String,
    }

    #[derive(Debug, Deserialize, Object)]
    struct Defaulted {
        #[serde(default)]
        #[oai(default)]
        command: String,
    }

    #[test]
    fn reads_a_body_that_is_what_its_type_says() {
        let read = read::<Defaulted>(r#"{ "command": "Sns.CallbackFriendDelete" }"#);
        assert_eq!(read.command, "Sns.CallbackFriendDelete");
    }

    #[test]
    #[should_panic(expected = "a name that differs between serde and oai")]
    fn a_name_on_one_derive_only_fails() {
        let read = read::<Named>(r#"{ "command": "", "To_Account": "alice" }"#);
        unreachable!("{read:?}");
    }

    #[test]
    #[should_panic(expected = "a field with a default that the body leaves out")]
    fn a_body_without_a_field_that_has_a_default_fails() {
        let read = read::<Defaulted>("{}");
        unreachable!("{read:?}");
    }
}
