//! `Profile.CallbackPortraitSet`: a profile was changed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;
use serde_json::Value;

/// Takes note of changed profiles.
#[derive(Debug)]
pub struct ProfileSet;

/// The changed items of a profile.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct ProfileSetRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who changed them.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Whose profile it is.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub owner: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
    /// One for each item that changed.
    #[serde(rename = "ProfileItem")]
    #[oai(rename = "ProfileItem")]
    pub profile_items: Vec<ProfileItem>,
}

/// An item of a profile.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct ProfileItem {
    /// Its name, e.g. `Tag_Profile_IM_Nick` or `Tag_Profile_Custom_…`.
    pub tag: String,
    /// Its new value: a number or a text, depending on the tag.
    pub value: Value,
}

impl Callback for ProfileSet {
    const COMMAND: &'static str = "Profile.CallbackPortraitSet";
    const FEATURE: &'static str = "Profile";
    const SUMMARY: &'static str = "A profile was changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/48733";
    const SAMPLE: &'static str = include_str!("../samples/profile_set.json");

    type Request = ProfileSetRequest;
    type Answer = Noted;

    fn subjects(request: &ProfileSetRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.owner)
    }

    fn time(request: &ProfileSetRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};
    use serde_json::json;

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<ProfileSet>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<ProfileSet>();
    }

    #[test]
    fn is_found_by_operator_and_owner() {
        check_subjects::<ProfileSet>(Subjects::default().accounts(["admin", "alice"]));
    }

    #[test]
    fn a_value_is_a_text_or_a_number() {
        let body = r#"{
            "CallbackCommand": "Profile.CallbackPortraitSet",
            "Operator_Account": "bob",
            "From_Account": "alice",
            "EventTime": 1656921052497,
            "ProfileItem": [
                { "Tag": "Tag_Profile_IM_Level", "Value": 4294967295 },
                { "Tag": "Tag_Profile_IM_Nick", "Value": "Al" }
            ]
        }"#;
        let request = read::<ProfileSetRequest>(body);
        let items = request.profile_items.into_iter();
        let values: Vec<Value> = items.map(|item| item.value).collect();
        assert_eq!(values, [json!(4_294_967_295_u32), json!("Al")]);
    }
}
