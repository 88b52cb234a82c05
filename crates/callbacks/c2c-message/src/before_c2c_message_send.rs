//! `C2C.CallbackBeforeSendMsg`: a one-to-one message is about to be sent.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{MESSAGE_CODES, MessageElement, MessageVerdict};
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every one-to-one message pass.
#[derive(Debug)]
pub struct BeforeC2cMessageSend;

/// The message that is about to be sent.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct BeforeC2cMessageSendRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who sends it.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// To whom.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// Orders messages of the same second; 32 bits, unsigned.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// A random number, to tell it from others; 32 bits, unsigned.
    #[serde(rename = "MsgRandom")]
    #[oai(rename = "MsgRandom")]
    pub message_random: i64,
    /// The time of the message, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
    /// Identifies the message, as `MsgSeq_MsgRandom_MsgTime`; it can be recalled by it.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: String,
    /// The client's id of it; newer versions send it.
    #[serde(rename = "MsgId")]
    #[oai(rename = "MsgId")]
    pub message_id: Option<String>,
    /// 1 when only clients that are online get it, else 0.
    #[serde(rename = "OnlineOnlyFlag")]
    #[oai(rename = "OnlineOnlyFlag")]
    pub online_only: i64,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// When it was asked for, in milliseconds since the Unix epoch; newer versions send it.
    pub event_time: Option<i64>,
}

/// What becomes of the message. Chat passes the command's codes on to the sender, who gets 20006 for a plain refusal and
/// success for a drop; new elements and custom data take the place of the message's.
pub type BeforeC2cMessageSendVerdict =
    MessageVerdict<{ MESSAGE_CODES.first }, { MESSAGE_CODES.last }>;

impl Callback for BeforeC2cMessageSend {
    const COMMAND: &'static str = "C2C.CallbackBeforeSendMsg";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "A one-to-one message is about to be sent";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34364";
    const SAMPLE: &'static str = include_str!("../samples/before_c2c_message_send.json");

    type Request = BeforeC2cMessageSendRequest;
    type Answer = BeforeC2cMessageSendVerdict;

    fn subjects(request: &BeforeC2cMessageSendRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.recipient)
    }

    fn time(request: &BeforeC2cMessageSendRequest) -> Option<EventTime> {
        EventTime::first_of([request.event_time, Some(request.message_time)])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeC2cMessageSend>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeC2cMessageSend>();
    }

    #[test]
    fn is_found_by_sender_and_recipient() {
        check_subjects::<BeforeC2cMessageSend>(Subjects::default().accounts(["alice", "bob"]));
    }

    #[test]
    fn an_event_time_comes_before_the_messages() {
        let request = read::<BeforeC2cMessageSendRequest>(BeforeC2cMessageSend::SAMPLE);
        assert_eq!(request.message_time, 1_557_481_126);
        let time = BeforeC2cMessageSend::time(&request);
        assert_eq!(time.map(EventTime::as_millis), Some(1_557_481_126_123));
    }

    #[test]
    fn without_an_event_time_the_message_tells_the_time() {
        let body = r#"{
            "CallbackCommand": "C2C.CallbackBeforeSendMsg", "From_Account": "alice", "To_Account": "bob",
            "MsgSeq": 1, "MsgRandom": 2, "MsgTime": 1557481126, "MsgKey": "1_2_1557481126", "OnlineOnlyFlag": 0,
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }]
        }"#;
        let request = read::<BeforeC2cMessageSendRequest>(body);
        let time = BeforeC2cMessageSend::time(&request);
        assert_eq!(time.map(EventTime::as_millis), Some(1_557_481_126_000));
    }
}
