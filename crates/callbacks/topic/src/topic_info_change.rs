//! `Group.CallbackAfterTopicInfoChanged`: a topic's profile was changed.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a changed topic profile.
#[derive(Debug)]
pub struct TopicInfoChange;

/// What changed in the profile of a topic; the body does not say of which, only of which community.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct TopicInfoChangeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The community that the topic belongs to.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// Always `Community`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who changed it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Its name; may be absent.
    pub name: Option<String>,
    /// Its introduction; may be absent.
    pub introduction: Option<String>,
    /// Its notification; may be absent.
    pub notification: Option<String>,
    /// The URL of its avatar; may be absent.
    pub face_url: Option<String>,
}

impl Callback for TopicInfoChange {
    const COMMAND: &'static str = "Group.CallbackAfterTopicInfoChanged";
    const FEATURE: &'static str = "Topics";
    const SUMMARY: &'static str = "A topic's profile was changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/49466";
    const SAMPLE: &'static str = include_str!("../samples/topic_info_change.json");

    type Request = TopicInfoChangeRequest;
    type Answer = Noted;

    fn subjects(request: &TopicInfoChangeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .group(&request.group)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<TopicInfoChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<TopicInfoChange>();
    }

    #[test]
    fn is_found_by_the_community_and_who_changed_it() {
        check_subjects::<TopicInfoChange>(
            Subjects::default().account("alice").group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn every_part_of_the_profile_may_be_absent() {
        let body = r#"{"CallbackCommand": "Group.CallbackAfterTopicInfoChanged", "GroupId": "lobby",
            "Type": "Community", "Operator_Account": "alice", "Notification": "closed"}"#;
        let request = read::<TopicInfoChangeRequest>(body);
        assert_eq!(request.notification.as_deref(), Some("closed"));
        let others = [request.name, request.introduction, request.face_url];
        assert_eq!(others, [None, None, None]);
    }
}
