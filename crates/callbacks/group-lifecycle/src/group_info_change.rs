//! `Group.CallbackAfterGroupInfoChanged`: a group's profile was changed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a changed group profile.
#[derive(Debug)]
pub struct GroupInfoChange;

/// What changed in a group's profile; what did not is absent.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupInfoChangeRequest {
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
    /// The new name of the group, if it changed.
    pub name: Option<String>,
    /// The new introduction, if it changed.
    pub introduction: Option<String>,
    /// The new notification, if it changed.
    pub notification: Option<String>,
    /// The URL of the new avatar, if it changed.
    pub face_url: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupInfoChange {
    const COMMAND: &'static str = "Group.CallbackAfterGroupInfoChanged";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "A group's profile was changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34378";
    const SAMPLE: &'static str = include_str!("../samples/group_info_change.json");

    type Request = GroupInfoChangeRequest;
    type Answer = Noted;

    fn subjects(request: &GroupInfoChangeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .group(&request.group)
    }

    fn time(request: &GroupInfoChangeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupInfoChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupInfoChange>();
    }

    #[test]
    fn is_found_by_the_group_and_who_changed_it() {
        check_subjects::<GroupInfoChange>(
            Subjects::default().account("alice").group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn says_only_what_changed() {
        let body = r#"{"CallbackCommand": "Group.CallbackAfterGroupInfoChanged", "GroupId": "lobby",
            "Type": "Public", "Operator_Account": "alice", "Notification": "closed", "EventTime": 1670574414123}"#;
        let request = read::<GroupInfoChangeRequest>(body);
        assert_eq!(request.notification.as_deref(), Some("closed"));
        let others = [request.name, request.introduction, request.face_url];
        assert_eq!(others, [None, None, None]);
    }
}
