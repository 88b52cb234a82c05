//! `Group.CallbackAfterCreateGroup`: a group was created.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::{CustomField, Member};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a created group.
#[derive(Debug)]
pub struct GroupCreate;

/// The group that was created; of a community Chat tells 3 s later.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupCreateRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The group.
    #[serde(rename = "GroupId", alias = "groupID")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// Who created it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who owns it.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Its name.
    pub name: String,
    /// The initial members.
    #[serde(rename = "MemberList", default)]
    #[oai(rename = "MemberList", default, skip_serializing_if_is_empty)]
    pub members: Vec<Member>,
    /// Its custom fields; Chat sends them only where the app had that switched on.
    #[serde(rename = "UserDefinedDataList", default)]
    #[oai(rename = "UserDefinedDataList", default, skip_serializing_if_is_empty)]
    pub custom_fields: Vec<CustomField>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupCreate {
    const COMMAND: &'static str = "Group.CallbackAfterCreateGroup";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "A group was created";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34369";
    const SAMPLE: &'static str = include_str!("../samples/group_create.json");

    type Request = GroupCreateRequest;
    type Answer = Noted;

    fn subjects(request: &GroupCreateRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.owner)
            .accounts(Member::accounts(&request.members))
            .group(&request.group)
    }

    fn time(request: &GroupCreateRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::decode;
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupCreate>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupCreate>();
    }

    #[test]
    fn is_found_by_the_group_and_those_who_are_in_it() {
        check_subjects::<GroupCreate>(
            Subjects::default()
                .accounts(["admin", "alice", "bob", "carol"])
                .group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn bears_the_field_tables_spelling_of_the_group() {
        let body = br#"{"CallbackCommand": "Group.CallbackAfterCreateGroup", "groupID": "lobby",
            "Operator_Account": "alice", "Owner_Account": "alice", "Type": "Public", "Name": "lobby",
            "EventTime": 1670574414123}"#;
        let decoded = decode::<GroupCreateRequest>(body);
        assert_eq!(decoded.drift, []);
        assert_eq!(decoded.value.unwrap().group, "lobby");
    }
}
