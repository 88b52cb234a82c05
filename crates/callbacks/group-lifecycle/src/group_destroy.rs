//! `Group.CallbackAfterGroupDestroyed`: a group was disbanded.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::Member;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a disbanded group.
#[derive(Debug)]
pub struct GroupDestroy;

/// The group that was disbanded.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupDestroyRequest {
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
    /// Who owned it.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// Its name; absent from some bodies.
    pub name: Option<String>,
    /// All who were in it; absent for communities.
    #[serde(rename = "MemberList", default)]
    #[oai(rename = "MemberList", default, skip_serializing_if_is_empty)]
    pub members: Vec<Member>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupDestroy {
    const COMMAND: &'static str = "Group.CallbackAfterGroupDestroyed";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "A group was disbanded";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34377";
    const SAMPLE: &'static str = include_str!("../samples/group_destroy.json");

    type Request = GroupDestroyRequest;
    type Answer = Noted;

    fn subjects(request: &GroupDestroyRequest) -> Subjects {
        Subjects::default()
            .account(&request.owner)
            .accounts(Member::accounts(&request.members))
            .group(&request.group)
    }

    fn time(request: &GroupDestroyRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupDestroy>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupDestroy>();
    }

    #[test]
    fn is_found_by_the_group_and_those_who_were_in_it() {
        check_subjects::<GroupDestroy>(
            Subjects::default()
                .accounts(["alice", "bob", "carol"])
                .group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn a_community_comes_without_members() {
        let body = r#"{"CallbackCommand": "Group.CallbackAfterGroupDestroyed", "GroupId": "lobby",
            "Type": "Community", "Owner_Account": "alice", "EventTime": 1670574414123}"#;
        let request = read::<GroupDestroyRequest>(body);
        assert!(request.members.is_empty());
    }
}
