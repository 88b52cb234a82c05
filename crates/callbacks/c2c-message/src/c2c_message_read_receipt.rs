//! `C2C.CallbackAfterMsgReadReceipt`: read receipts of one-to-one messages were sent.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of read receipts.
#[derive(Debug)]
pub struct C2cMessageReadReceipt;

/// The messages whose receipts were sent.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct C2cMessageReadReceiptRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who sent the receipts.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// The other side of the conversation.
    #[serde(rename = "Peer_Account")]
    #[oai(rename = "Peer_Account")]
    pub peer: String,
    /// One entry for each message.
    #[serde(rename = "C2CMsgInfo")]
    #[oai(rename = "C2CMsgInfo")]
    pub messages: Vec<C2cReceiptMessage>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// A message whose receipt was sent.
#[derive(Debug, Deserialize, Object)]
pub struct C2cReceiptMessage {
    /// Who sent the message.
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
    /// The client's id of the message.
    #[serde(rename = "MsgId")]
    #[oai(rename = "MsgId")]
    pub message_id: String,
}

impl Callback for C2cMessageReadReceipt {
    const COMMAND: &'static str = "C2C.CallbackAfterMsgReadReceipt";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "Read receipts of one-to-one messages were sent";
    const SOURCE: &'static str = "https://cloud.tencent.com/document/product/269/128223";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_read_receipt.json");

    type Request = C2cMessageReadReceiptRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageReadReceiptRequest) -> Subjects {
        let messages = request.messages.iter();
        Subjects::default()
            .account(&request.operator)
            .account(&request.peer)
            .accounts(
                messages.flat_map(|message| [message.sender.as_str(), message.recipient.as_str()]),
            )
    }

    fn time(request: &C2cMessageReadReceiptRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageReadReceipt>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageReadReceipt>();
    }

    #[test]
    fn is_found_by_either_side() {
        check_subjects::<C2cMessageReadReceipt>(Subjects::default().accounts(["alice", "bob"]));
    }

    #[test]
    fn one_body_tells_of_several_messages() {
        let body = r#"{
            "CallbackCommand": "C2C.CallbackAfterMsgReadReceipt", "Operator_Account": "alice", "Peer_Account": "bob",
            "C2CMsgInfo": [
                { "From_Account": "bob", "To_Account": "alice", "MsgKey": "1_2_1769139583", "MsgId": "1" },
                { "From_Account": "carol", "To_Account": "dave", "MsgKey": "3_4_1769139584", "MsgId": "2" }
            ],
            "EventTime": 1769139587754
        }"#;
        let request = read::<C2cMessageReadReceiptRequest>(body);
        let keys = request.messages.iter().map(|message| &*message.message_key);
        assert_eq!(
            keys.collect::<Vec<_>>(),
            ["1_2_1769139583", "3_4_1769139584"]
        );
        let everyone = Subjects::default().accounts(["alice", "bob", "carol", "dave"]);
        assert_eq!(C2cMessageReadReceipt::subjects(&request), everyone);
    }
}
