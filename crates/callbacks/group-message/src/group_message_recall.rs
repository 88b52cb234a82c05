//! `Group.CallbackAfterRecallMsg`: messages of a group were recalled.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of recalled messages.
#[derive(Debug)]
pub struct GroupMessageRecall;

/// The messages that were recalled.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupMessageRecallRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who recalled them.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// One for each recalled message.
    #[serde(rename = "MsgSeqList")]
    #[oai(rename = "MsgSeqList")]
    pub messages: Vec<RecalledGroupMessage>,
    /// In which topic of a community.
    #[serde(rename = "TopicId")]
    #[oai(rename = "TopicId")]
    pub topic: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// A message that was recalled.
#[derive(Debug, Deserialize, Object)]
pub struct RecalledGroupMessage {
    /// Its place in the group.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
}

impl Callback for GroupMessageRecall {
    const COMMAND: &'static str = "Group.CallbackAfterRecallMsg";
    const FEATURE: &'static str = "Group messages";
    const SUMMARY: &'static str = "Messages of a group were recalled";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/46979";
    const SAMPLE: &'static str = include_str!("../samples/group_message_recall.json");

    type Request = GroupMessageRecallRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMessageRecallRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .group(&request.group)
    }

    fn time(request: &GroupMessageRecallRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMessageRecall>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMessageRecall>();
    }

    #[test]
    fn is_found_by_operator_and_group_and_not_by_topic() {
        let subjects = Subjects::default().account("admin").group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMessageRecall>(subjects);
    }
}
