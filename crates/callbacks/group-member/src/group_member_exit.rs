//! `Group.CallbackAfterMemberExit`: members left a group.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::Member;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of members that left or were removed.
#[derive(Debug)]
pub struct GroupMemberExit;

/// The members that are gone.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupMemberExitRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Which group they left.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// `Quit` when they left, `Kicked` when they were removed.
    pub exit_type: String,
    /// Who left, or who removed them.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who is no longer a member.
    #[serde(rename = "ExitMemberList")]
    #[oai(rename = "ExitMemberList")]
    pub members: Vec<Member>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupMemberExit {
    const COMMAND: &'static str = "Group.CallbackAfterMemberExit";
    const FEATURE: &'static str = "Group members";
    const SUMMARY: &'static str = "Members left a group or were removed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34373";
    const SAMPLE: &'static str = include_str!("../samples/group_member_exit.json");

    type Request = GroupMemberExitRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMemberExitRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .accounts(Member::accounts(&request.members))
            .group(&request.group)
    }

    fn time(request: &GroupMemberExitRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMemberExit>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMemberExit>();
    }

    #[test]
    fn is_found_by_operator_and_former_members() {
        let subjects = Subjects::default()
            .accounts(["alice", "bob", "carol"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMemberExit>(subjects);
    }
}
