//! `Group.CallbackAfterChangeGroupOwner`: a group's owner changed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a changed group owner.
#[derive(Debug)]
pub struct GroupOwnerChange;

/// Who owned the group, and who does now.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupOwnerChangeRequest {
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
    /// Who changed it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who owned it before.
    #[serde(rename = "OldOwner_Account")]
    #[oai(rename = "OldOwner_Account")]
    pub old_owner: String,
    /// Who owns it now.
    #[serde(rename = "NewOwner_Account")]
    #[oai(rename = "NewOwner_Account")]
    pub new_owner: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupOwnerChange {
    const COMMAND: &'static str = "Group.CallbackAfterChangeGroupOwner";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "A group's owner changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60396";
    const SAMPLE: &'static str = include_str!("../samples/group_owner_change.json");

    type Request = GroupOwnerChangeRequest;
    type Answer = Noted;

    fn subjects(request: &GroupOwnerChangeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.old_owner)
            .account(&request.new_owner)
            .group(&request.group)
    }

    fn time(request: &GroupOwnerChangeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupOwnerChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupOwnerChange>();
    }

    #[test]
    fn is_found_by_the_group_and_both_owners() {
        check_subjects::<GroupOwnerChange>(
            Subjects::default()
                .accounts(["admin", "alice", "bob"])
                .group("@TGS#2TTV7VSII"),
        );
    }
}
