//! `Group.CallbackBeforeSendMsg`: a message is about to be sent in a group.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{GROUP_CODES, MessageElement, MessageVerdict};
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every message be sent.
#[derive(Debug)]
pub struct BeforeGroupMessageSend;

/// The message.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct BeforeGroupMessageSendRequest {
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
    /// 1 when only clients that are online get it, else 0; absent when the type is `Live`.
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
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// What becomes of the message. Chat passes the codes of groups on to the sender; a plain refusal shows the sender
/// 10016, a drop success.
pub type BeforeGroupMessageSendVerdict =
    MessageVerdict<{ GROUP_CODES.first }, { GROUP_CODES.last }>;

impl Callback for BeforeGroupMessageSend {
    const COMMAND: &'static str = "Group.CallbackBeforeSendMsg";
    const FEATURE: &'static str = "Group messages";
    const SUMMARY: &'static str = "A message is about to be sent in a group";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34374";
    const SAMPLE: &'static str = include_str!("../samples/before_group_message_send.json");

    type Request = BeforeGroupMessageSendRequest;
    type Answer = BeforeGroupMessageSendVerdict;

    fn subjects(request: &BeforeGroupMessageSendRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.operator)
            .group(&request.group)
    }

    fn time(request: &BeforeGroupMessageSendRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeGroupMessageSend>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeGroupMessageSend>();
    }

    #[test]
    fn is_found_by_sender_operator_and_group() {
        let subjects = Subjects::default()
            .accounts(["alice", "admin"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<BeforeGroupMessageSend>(subjects);
    }

    #[test]
    fn a_message_in_a_live_room_has_fewer_fields() {
        let body = r#"{
            "CallbackCommand": "Group.CallbackBeforeSendMsg",
            "GroupId": "room",
            "Type": "Live",
            "From_Account": "alice",
            "Operator_Account": "alice",
            "Random": 4294967295,
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hello" } }],
            "EventTime": 1670574414123
        }"#;
        let request = read::<BeforeGroupMessageSendRequest>(body);
        assert_eq!(request.message_random, i64::from(u32::MAX));
        assert_eq!(request.online_only, None);
    }
}
