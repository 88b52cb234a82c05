//! `Group.CallbackBeforeCreateTopic`: a topic is about to be created.

use gateway_core::{Callback, Subjects};
use gateway_wire::GroupVerdict;
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every topic be created.
#[derive(Debug)]
pub struct BeforeTopicCreate;

/// The topic as it is asked for; the body does not name its community.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeTopicCreateRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who asks for the topic.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Always `Community`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Its name.
    pub name: String,
}

impl Callback for BeforeTopicCreate {
    const COMMAND: &'static str = "Group.CallbackBeforeCreateTopic";
    const FEATURE: &'static str = "Topics";
    const SUMMARY: &'static str = "A topic is about to be created";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/49463";
    const SAMPLE: &'static str = include_str!("../samples/before_topic_create.json");

    type Request = BeforeTopicCreateRequest;
    type Answer = GroupVerdict;

    fn subjects(request: &BeforeTopicCreateRequest) -> Subjects {
        Subjects::default().account(&request.operator)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeTopicCreate>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeTopicCreate>();
    }

    #[test]
    fn is_found_by_who_asks() {
        check_subjects::<BeforeTopicCreate>(Subjects::default().account("alice"));
    }
}
