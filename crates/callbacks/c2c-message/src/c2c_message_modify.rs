//! `C2C.CallbackAfterModifyMsg`: a one-to-one message was edited.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of edited one-to-one messages.
#[derive(Debug)]
pub struct C2cMessageModify;

/// The message as it is now.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct C2cMessageModifyRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who edited it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who sent it.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// To whom.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// A random number, to tell it from others.
    #[serde(rename = "MsgRandom")]
    #[oai(rename = "MsgRandom")]
    pub message_random: i64,
    /// Orders messages of the same second.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// When it was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
    /// Identifies the message, as `MsgSeq_MsgRandom_MsgTime`.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: String,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for C2cMessageModify {
    const COMMAND: &'static str = "C2C.CallbackAfterModifyMsg";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "A one-to-one message was edited";
    const SOURCE: &'static str = "https://cloud.tencent.com/document/product/269/128224";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_modify.json");

    type Request = C2cMessageModifyRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageModifyRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.sender)
            .account(&request.recipient)
    }

    fn time(request: &C2cMessageModifyRequest) -> Option<EventTime> {
        // Not `MsgTime`, where this is missing: that is when the message was sent, and this tells of its edit.
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageModify>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageModify>();
    }

    #[test]
    fn is_found_by_editor_sender_and_recipient() {
        check_subjects::<C2cMessageModify>(Subjects::default().accounts(["admin", "alice", "bob"]));
    }

    #[test]
    fn its_time_is_that_of_the_edit() {
        let request = read::<C2cMessageModifyRequest>(C2cMessageModify::SAMPLE);
        let time = C2cMessageModify::time(&request);
        assert_eq!(time.map(EventTime::as_millis), Some(1_769_772_027_036));
    }
}
