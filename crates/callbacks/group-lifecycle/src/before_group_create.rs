//! `Group.CallbackBeforeCreateGroup`: a group is about to be created.

use std::collections::BTreeMap;

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{GroupVerdict, Member};
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every group be created.
#[derive(Debug)]
pub struct BeforeGroupCreate;

/// The group as it is asked for; it has no id yet.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct BeforeGroupCreateRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who asks for the group.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who will own it.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Its name.
    pub name: String,
    /// How many groups of this type the user created before; on pages from before December 2025.
    #[serde(rename = "CreateGroupNum")]
    #[oai(rename = "CreateGroupNum")]
    pub groups_of_type: Option<i64>,
    /// How many groups the user created before, by type; only in an SDK's class, on no page of the vendor's.
    #[serde(rename = "CreatedGroupNum")]
    #[oai(rename = "CreatedGroupNum")]
    pub groups_by_type: Option<BTreeMap<String, i64>>,
    /// What holds for invitations, e.g. `DisableInvite`; only in an SDK's class, on no page of the vendor's.
    pub invite_option: Option<String>,
    /// The initial members.
    #[serde(rename = "MemberList", default)]
    #[oai(rename = "MemberList", default, skip_serializing_if_is_empty)]
    pub members: Vec<Member>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for BeforeGroupCreate {
    const COMMAND: &'static str = "Group.CallbackBeforeCreateGroup";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "A group is about to be created";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34368";
    const SAMPLE: &'static str = include_str!("../samples/before_group_create.json");

    type Request = BeforeGroupCreateRequest;
    type Answer = GroupVerdict;

    fn subjects(request: &BeforeGroupCreateRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.owner)
            .accounts(Member::accounts(&request.members))
    }

    fn time(request: &BeforeGroupCreateRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeGroupCreate>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeGroupCreate>();
    }

    #[test]
    fn is_found_by_who_asks_and_those_who_will_be_in_it() {
        check_subjects::<BeforeGroupCreate>(
            Subjects::default().accounts(["admin", "alice", "bob", "carol"]),
        );
    }

    #[test]
    fn counts_the_groups_of_this_type_of_every_type_or_none() {
        let check = |counts: &str, of_type, by_type| {
            let body = format!(
                r#"{{"CallbackCommand": "Group.CallbackBeforeCreateGroup", "Operator_Account": "alice",
                    "Owner_Account": "alice", "Type": "Public", "Name": "lobby",{counts} "EventTime": 1670574414123}}"#
            );
            let request = read::<BeforeGroupCreateRequest>(&body);
            assert_eq!(
                (request.groups_of_type, request.groups_by_type),
                (of_type, by_type)
            );
        };
        check("", None, None);
        check(r#""CreateGroupNum": 2,"#, Some(2), None);
        let by_type = BTreeMap::from([("Public".to_owned(), 2), ("Work".to_owned(), 1)]);
        check(
            r#""CreatedGroupNum": {"Public": 2, "Work": 1},"#,
            None,
            Some(by_type),
        );
    }
}
