//! `Group.CallbackBeforeInviteJoinGroup`: accounts are about to be invited into a group.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{InviteVerdict, Member};
use poem_openapi::Object;
use serde::Deserialize;

/// Lets everybody join who is invited.
#[derive(Debug)]
pub struct BeforeGroupInvite;

/// The invitation.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeGroupInviteRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Into which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who invites.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who is invited.
    #[serde(rename = "DestinationMembers")]
    #[oai(rename = "DestinationMembers")]
    pub invited: Vec<Member>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for BeforeGroupInvite {
    const COMMAND: &'static str = "Group.CallbackBeforeInviteJoinGroup";
    const FEATURE: &'static str = "Group members";
    const SUMMARY: &'static str = "Accounts are about to be invited into a group";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34371";
    const SAMPLE: &'static str = include_str!("../samples/before_group_invite.json");

    type Request = BeforeGroupInviteRequest;
    type Answer = InviteVerdict;

    fn subjects(request: &BeforeGroupInviteRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .accounts(Member::accounts(&request.invited))
            .group(&request.group)
    }

    fn time(request: &BeforeGroupInviteRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeGroupInvite>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeGroupInvite>();
    }

    #[test]
    fn is_found_by_inviter_and_everybody_invited() {
        let subjects = Subjects::default()
            .accounts(["alice", "bob", "carol"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<BeforeGroupInvite>(subjects);
    }
}
