//! `C2C.CallbackAfterSendMsg`: a one-to-one message was sent, or could not be delivered.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of sent one-to-one messages.
#[derive(Debug)]
pub struct C2cMessageSend;

/// The message that was sent, as a before-callback may have rewritten it.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct C2cMessageSendRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who sent it.
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
    /// When it was sent, in seconds since the Unix epoch.
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
    /// 0 when it was delivered, else an error code.
    #[serde(rename = "SendMsgResult")]
    #[oai(rename = "SendMsgResult")]
    pub send_result: i64,
    /// What became of the delivery; `send msg succeed` when it succeeded.
    pub error_info: String,
    /// How many one-to-one messages the recipient has not read; -1 when the delivery failed. Older versions send it.
    #[serde(rename = "UnreadMsgNum")]
    #[oai(rename = "UnreadMsgNum")]
    pub unread_messages: Option<i64>,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch; newer versions send it.
    pub event_time: Option<i64>,
}

impl Callback for C2cMessageSend {
    const COMMAND: &'static str = "C2C.CallbackAfterSendMsg";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "A one-to-one message was sent, or could not be delivered";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34365";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_send.json");

    type Request = C2cMessageSendRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageSendRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.recipient)
    }

    fn time(request: &C2cMessageSendRequest) -> Option<EventTime> {
        EventTime::first_of([request.event_time, Some(request.message_time)])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageSend>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageSend>();
    }

    #[test]
    fn is_found_by_sender_and_recipient() {
        check_subjects::<C2cMessageSend>(Subjects::default().accounts(["alice", "bob"]));
    }

    #[test]
    fn a_failed_delivery_is_told_too() {
        let body = r#"{
            "CallbackCommand": "C2C.CallbackAfterSendMsg", "From_Account": "alice", "To_Account": "bob",
            "MsgSeq": 1, "MsgRandom": 2, "MsgTime": 1557481126, "MsgKey": "1_2_1557481126", "OnlineOnlyFlag": 0,
            "SendMsgResult": 1, "ErrorInfo": "not delivered", "UnreadMsgNum": -1,
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }]
        }"#;
        let request = read::<C2cMessageSendRequest>(body);
        assert_eq!(request.send_result, 1);
        assert_eq!(request.error_info, "not delivered");
        assert_eq!(request.unread_messages, Some(-1));
    }

    #[test]
    fn an_event_time_comes_before_the_messages() {
        let request = read::<C2cMessageSendRequest>(C2cMessageSend::SAMPLE);
        assert_eq!(request.message_time, 1_557_481_126);
        let time = C2cMessageSend::time(&request);
        assert_eq!(time.map(EventTime::as_millis), Some(1_557_481_126_123));
    }

    #[test]
    fn without_an_event_time_the_message_tells_the_time() {
        let body = r#"{
            "CallbackCommand": "C2C.CallbackAfterSendMsg", "From_Account": "alice", "To_Account": "bob",
            "MsgSeq": 1, "MsgRandom": 2, "MsgTime": 1557481126, "MsgKey": "1_2_1557481126", "OnlineOnlyFlag": 0,
            "SendMsgResult": 0, "ErrorInfo": "send msg succeed",
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }]
        }"#;
        let request = read::<C2cMessageSendRequest>(body);
        let time = C2cMessageSend::time(&request);
        assert_eq!(time.map(EventTime::as_millis), Some(1_557_481_126_000));
    }
}
