//! `Group.CallbackAfterTopicDestroyed`: topics were deleted.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of deleted topics.
#[derive(Debug)]
pub struct TopicDestroy;

/// The topics of a community that were deleted.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct TopicDestroyRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The community that the topics belonged to.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// Always `Community`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// The topics.
    #[serde(rename = "TopicIdList")]
    #[oai(rename = "TopicIdList")]
    pub topics: Vec<String>,
}

impl Callback for TopicDestroy {
    const COMMAND: &'static str = "Group.CallbackAfterTopicDestroyed";
    const FEATURE: &'static str = "Topics";
    const SUMMARY: &'static str = "Topics were deleted";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/49465";
    const SAMPLE: &'static str = include_str!("../samples/topic_destroy.json");

    type Request = TopicDestroyRequest;
    type Answer = Noted;

    fn subjects(request: &TopicDestroyRequest) -> Subjects {
        Subjects::default().group(&request.group)
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::decode;
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<TopicDestroy>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<TopicDestroy>();
    }

    #[test]
    fn is_found_by_the_community() {
        check_subjects::<TopicDestroy>(Subjects::default().group("@TGS#_@TGS#cQVLVHIM62CJ"));
    }

    #[test]
    fn one_topic_may_stand_without_a_list() {
        let body = br#"{"CallbackCommand": "Group.CallbackAfterTopicDestroyed", "GroupId": "lobby",
            "Type": "Community", "TopicIdList": "news"}"#;
        let decoded = decode::<TopicDestroyRequest>(body);
        assert_eq!(decoded.drift[0].path, "TopicIdList");
        let request = decoded.value.unwrap();
        assert_eq!(request.topics, ["news"]);
    }
}
