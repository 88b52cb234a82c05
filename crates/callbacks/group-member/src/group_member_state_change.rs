//! `Group.CallbackOnMemberStateChange`: members of an audio-video group went online or offline.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::Member;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of members that went online or offline.
#[derive(Debug)]
pub struct GroupMemberStateChange;

/// The members whose state changed.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupMemberStateChangeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `AVChatRoom`; only in an SDK's class, on no page of the vendor's.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: Option<String>,
    /// `Online` or `Offline`.
    pub event_type: String,
    /// `HeartbeatInterrupt`, `HeartbeatRecover`, `Join` or `Quit`.
    pub event_cause: Option<String>,
    /// Whose state changed.
    #[serde(rename = "MemberList")]
    #[oai(rename = "MemberList")]
    pub members: Vec<Member>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: Option<i64>,
}

impl Callback for GroupMemberStateChange {
    const COMMAND: &'static str = "Group.CallbackOnMemberStateChange";
    const FEATURE: &'static str = "Group members";
    const SUMMARY: &'static str = "Members of an audio-video group went online or offline";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/48734";
    const SAMPLE: &'static str = include_str!("../samples/group_member_state_change.json");

    type Request = GroupMemberStateChangeRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMemberStateChangeRequest) -> Subjects {
        Subjects::default()
            .accounts(Member::accounts(&request.members))
            .group(&request.group)
    }

    fn time(request: &GroupMemberStateChangeRequest) -> Option<EventTime> {
        EventTime::first_of([request.event_time])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMemberStateChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMemberStateChange>();
    }

    #[test]
    fn is_found_by_every_member_and_the_group() {
        let subjects = Subjects::default()
            .accounts(["bob", "carol"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMemberStateChange>(subjects);
    }

    #[test]
    fn cause_and_time_may_be_absent() {
        let body = r#"{
            "CallbackCommand": "Group.CallbackOnMemberStateChange",
            "GroupId": "lobby",
            "EventType": "Offline",
            "MemberList": [{ "Member_Account": "bob" }]
        }"#;
        let request = read::<GroupMemberStateChangeRequest>(body);
        assert_eq!(request.event_cause, None);
        assert_eq!(GroupMemberStateChange::time(&request), None);
    }
}
