//! `Group.CallbackAfterNewMemberJoin`: members joined a group.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::Member;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of new members.
#[derive(Debug)]
pub struct GroupMemberJoin;

/// The members that joined.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupMemberJoinRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Which group they joined.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// `Apply` when they asked to join, `Invited` when they were invited.
    pub join_type: String,
    /// Whose action it was.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who joined.
    #[serde(rename = "NewMemberList")]
    #[oai(rename = "NewMemberList")]
    pub members: Vec<Member>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupMemberJoin {
    const COMMAND: &'static str = "Group.CallbackAfterNewMemberJoin";
    const FEATURE: &'static str = "Group members";
    const SUMMARY: &'static str = "Members joined a group";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34372";
    const SAMPLE: &'static str = include_str!("../samples/group_member_join.json");

    type Request = GroupMemberJoinRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMemberJoinRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .accounts(Member::accounts(&request.members))
            .group(&request.group)
    }

    fn time(request: &GroupMemberJoinRequest) -> Option<EventTime> {
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
        check_sample::<GroupMemberJoin>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMemberJoin>();
    }

    #[test]
    fn is_found_by_operator_and_new_members() {
        let subjects = Subjects::default()
            .accounts(["alice", "bob", "carol"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMemberJoin>(subjects);
    }

    #[test]
    fn a_body_without_event_time_is_read() {
        let body = r#"{
            "CallbackCommand": "Group.CallbackAfterNewMemberJoin",
            "GroupId": "lobby",
            "Type": "Public",
            "JoinType": "Invited",
            "Operator_Account": "alice",
            "NewMemberList": [{ "Member_Account": "bob" }]
        }"#;
        let decoded = decode::<GroupMemberJoinRequest>(body.as_bytes());
        assert_eq!(decoded.drift[0].path, "EventTime");
        let request = decoded.value.unwrap();
        assert_eq!(request.members.len(), 1);
        assert_eq!(GroupMemberJoin::time(&request), None);
    }
}
