//! `C2C.CallbackAfterMsgWithDraw`: a one-to-one message was recalled.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of recalled one-to-one messages.
#[derive(Debug)]
pub struct C2cMessageRecall;

/// The message that was recalled.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct C2cMessageRecallRequest {
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
    /// Identifies the message, as `MsgSeq_MsgRandom_MsgTime`.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: String,
    /// How many one-to-one messages the recipient has not read; may be absent.
    #[serde(rename = "UnreadMsgNum")]
    #[oai(rename = "UnreadMsgNum")]
    pub unread_messages: Option<i64>,
}

impl Callback for C2cMessageRecall {
    const COMMAND: &'static str = "C2C.CallbackAfterMsgWithDraw";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "A one-to-one message was recalled";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/43466";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_recall.json");

    type Request = C2cMessageRecallRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageRecallRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.recipient)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageRecall>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageRecall>();
    }

    #[test]
    fn is_found_by_sender_and_recipient() {
        check_subjects::<C2cMessageRecall>(Subjects::default().accounts(["alice", "bob"]));
    }
}
