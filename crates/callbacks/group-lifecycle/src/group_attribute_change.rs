//! `Group.CallbackAfterGroupAttrChanged`: custom attributes of a group were changed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of changed group attributes.
#[derive(Debug)]
pub struct GroupAttributeChange;

/// What was done to a group's custom attributes.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupAttributeChangeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who changed them.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// What was done: `set`, `modify`, `clear` or `delete`.
    #[serde(rename = "OptionType")]
    #[oai(rename = "OptionType")]
    pub change: String,
    /// The attributes that it was done to.
    #[serde(rename = "GroupAttr", default)]
    #[oai(rename = "GroupAttr", default, skip_serializing_if_is_empty)]
    pub attributes: Vec<GroupAttribute>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// A custom attribute of a group. The vendor writes its names in lower case here.
#[derive(Debug, Deserialize, Object)]
pub struct GroupAttribute {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}

impl Callback for GroupAttributeChange {
    const COMMAND: &'static str = "Group.CallbackAfterGroupAttrChanged";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "Custom attributes of a group were changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60394";
    const SAMPLE: &'static str = include_str!("../samples/group_attribute_change.json");

    type Request = GroupAttributeChangeRequest;
    type Answer = Noted;

    fn subjects(request: &GroupAttributeChangeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .group(&request.group)
    }

    fn time(request: &GroupAttributeChangeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupAttributeChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupAttributeChange>();
    }

    #[test]
    fn is_found_by_the_group_and_who_changed_them() {
        check_subjects::<GroupAttributeChange>(
            Subjects::default().account("alice").group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn a_change_may_come_without_attributes() {
        let body = r#"{"CallbackCommand": "Group.CallbackAfterGroupAttrChanged", "GroupId": "lobby",
            "Type": "Public", "Operator_Account": "alice", "OptionType": "clear", "EventTime": 1670574414123}"#;
        let request = read::<GroupAttributeChangeRequest>(body);
        assert_eq!(request.change, "clear");
        assert!(request.attributes.is_empty());
    }
}
