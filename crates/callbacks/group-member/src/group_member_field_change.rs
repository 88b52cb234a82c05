//! `Group.CallbackAfterMemberFieldChanged`: a member's role or name card changed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of new roles and name cards.
#[derive(Debug)]
pub struct GroupMemberFieldChange;

/// What changed about a member.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupMemberFieldChangeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who changed it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Whose role or name card it is; the international pages name the field `Member_Account`.
    #[serde(rename = "Modified_Account", alias = "Member_Account")]
    #[oai(rename = "Modified_Account")]
    pub member: String,
    /// The new role: `Admin` or `Member`.
    pub role: Option<String>,
    /// The new name in the group.
    pub name_card: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupMemberFieldChange {
    const COMMAND: &'static str = "Group.CallbackAfterMemberFieldChanged";
    const FEATURE: &'static str = "Group members";
    const SUMMARY: &'static str = "A member's role or name card was changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60393";
    const SAMPLE: &'static str = include_str!("../samples/group_member_field_change.json");

    type Request = GroupMemberFieldChangeRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMemberFieldChangeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.member)
            .group(&request.group)
    }

    fn time(request: &GroupMemberFieldChangeRequest) -> Option<EventTime> {
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
        check_sample::<GroupMemberFieldChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMemberFieldChange>();
    }

    #[test]
    fn is_found_by_operator_and_member() {
        let subjects = Subjects::default()
            .accounts(["admin", "bob"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMemberFieldChange>(subjects);
    }

    #[test]
    fn the_member_has_two_names() {
        for name in ["Modified_Account", "Member_Account"] {
            let body = GroupMemberFieldChange::SAMPLE.replace("Modified_Account", name);
            let decoded = decode::<GroupMemberFieldChangeRequest>(body.as_bytes());
            assert_eq!(decoded.drift, []);
            assert_eq!(decoded.value.unwrap().member, "bob");
        }
    }
}
