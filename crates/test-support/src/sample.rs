//! Checks that hold for every plug-in's sample.

use gateway_core::{Callback, Decoded, Subjects, decode};
use poem_openapi::types::ToJSON;
use serde_json::Value;

/// Checks that the sample decodes without drift, and that poem-openapi, which documents the type, encodes it as the
/// sample again: what stands twice on a request type (serde's and oai's names and defaults) agrees.
///
/// # Panics
///
/// When it does not.
pub fn check_sample<C: Callback>() {
    let sample: Value = serde_json::from_str(C::SAMPLE).expect("the sample is JSON");
    let again = sample_request::<C>().to_json();
    assert_eq!(
        again,
        Some(sample),
        "{}: serde and oai disagree about the request type",
        C::COMMAND
    );
}

/// Checks whom the sample is about.
///
/// # Panics
///
/// When it is about others.
#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
pub fn check_subjects<C: Callback>(expected: Subjects) {
    assert_eq!(C::subjects(&sample_request::<C>()), expected);
}

fn sample_request<C: Callback>() -> C::Request {
    let Decoded { value, drift } = decode::<C::Request>(C::SAMPLE.as_bytes());
    assert!(
        drift.is_empty(),
        "{}: the sample drifts from the types: {drift:?}",
        C::COMMAND
    );
    value.expect("a sample without drift has a value")
}
