//! `Group.CallbackAfterSendMsg`: a message was sent in a group.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of sent messages.
#[derive(Debug)]
pub struct GroupMessageSend;

/// The message.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupMessageSendRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who sent it.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// Who made the request; an administrator when it came over the REST API.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// A random number, to tell it from others; 32 bits, unsigned.
    #[serde(rename = "Random")]
    #[oai(rename = "Random")]
    pub message_random: i64,
    /// The client's id of it; absent from older versions.
    #[serde(rename = "MsgId")]
    #[oai(rename = "MsgId")]
    pub message_id: Option<String>,
    /// Its place in the group.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// When it was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
    /// 1 when only clients that are online get it, else 0.
    #[serde(rename = "OnlineOnlyFlag")]
    #[oai(rename = "OnlineOnlyFlag")]
    pub online_only: Option<i64>,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// In which topic of a community.
    #[serde(rename = "TopicId")]
    #[oai(rename = "TopicId")]
    pub topic: Option<String>,
    /// Whom it mentions, at most 30 members.
    #[serde(rename = "GroupAtInfo", default)]
    #[oai(rename = "GroupAtInfo", default, skip_serializing_if_is_empty)]
    pub mentions: Vec<GroupMention>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// Whom a message mentions: a member or everybody.
#[derive(Debug, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct GroupMention {
    /// 1 mentions everybody, 0 a member.
    #[serde(rename = "GroupAtAllFlag")]
    #[oai(rename = "GroupAtAllFlag")]
    pub everybody: i64,
    /// Who is mentioned.
    #[serde(rename = "GroupAt_Account")]
    #[oai(rename = "GroupAt_Account")]
    pub account: Option<String>,
}

impl Callback for GroupMessageSend {
    const COMMAND: &'static str = "Group.CallbackAfterSendMsg";
    const FEATURE: &'static str = "Group messages";
    const SUMMARY: &'static str = "A message was sent in a group";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34375";
    const SAMPLE: &'static str = include_str!("../samples/group_message_send.json");

    type Request = GroupMessageSendRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMessageSendRequest) -> Subjects {
        let mentions = request.mentions.iter();
        Subjects::default()
            .account(&request.sender)
            .account(&request.operator)
            .accounts(mentions.filter_map(|mention| mention.account.as_deref()))
            .group(&request.group)
    }

    fn time(request: &GroupMessageSendRequest) -> Option<EventTime> {
        EventTime::first_of([Some(request.event_time), Some(request.message_time)])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMessageSend>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMessageSend>();
    }

    #[test]
    fn is_found_by_sender_operator_and_everybody_mentioned() {
        let subjects = Subjects::default()
            .accounts(["alice", "admin", "bob"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMessageSend>(subjects);
    }

    #[test]
    fn a_mention_of_everybody_names_nobody() {
        let mention = r#"{ "GroupAtAllFlag": 1 }"#;
        let mention = read::<GroupMention>(mention);
        assert_eq!((mention.everybody, mention.account), (1, None));
    }
}
