//! `Group.CallbackAfterCreateTopic`: a topic was created.

use gateway_core::{Callback, Noted, Subjects};
use gateway_wire::CustomField;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a created topic.
#[derive(Debug)]
pub struct TopicCreate;

/// The topic that was created.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct TopicCreateRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The community that the topic belongs to.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// The topic.
    #[serde(rename = "TopicId")]
    #[oai(rename = "TopicId")]
    pub topic: String,
    /// Who created it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who owns the community.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// Always `Community`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Its name.
    pub name: String,
    /// Its custom fields; Chat sends them only where the app had that switched on.
    #[serde(rename = "UserDefinedDataList", default)]
    #[oai(rename = "UserDefinedDataList", default, skip_serializing_if_is_empty)]
    pub custom_fields: Vec<CustomField>,
}

impl Callback for TopicCreate {
    const COMMAND: &'static str = "Group.CallbackAfterCreateTopic";
    const FEATURE: &'static str = "Topics";
    const SUMMARY: &'static str = "A topic was created";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/49464";
    const SAMPLE: &'static str = include_str!("../samples/topic_create.json");

    type Request = TopicCreateRequest;
    type Answer = Noted;

    fn subjects(request: &TopicCreateRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.owner)
            .group(&request.group)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<TopicCreate>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<TopicCreate>();
    }

    #[test]
    fn is_found_by_the_community_its_owner_and_the_creator() {
        check_subjects::<TopicCreate>(
            Subjects::default()
                .accounts(["admin", "alice"])
                .group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn custom_fields_may_be_absent() {
        let body = r#"{"CallbackCommand": "Group.CallbackAfterCreateTopic", "GroupId": "lobby", "TopicId": "news",
            "Operator_Account": "alice", "Owner_Account": "alice", "Type": "Community", "Name": "news"}"#;
        let request = read::<TopicCreateRequest>(body);
        assert!(request.custom_fields.is_empty());
    }
}
