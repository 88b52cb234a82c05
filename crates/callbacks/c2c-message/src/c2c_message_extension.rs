//! `C2C.CallbackAfterC2CMsgExtension`: a one-to-one message's extensions were set, deleted or cleared.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageExtension;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of changed extensions.
#[derive(Debug)]
pub struct C2cMessageExtension;

/// What was changed of which message.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct C2cMessageExtensionRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
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
    /// 1 set, 2 deleted, 3 cleared.
    #[serde(rename = "OperateType")]
    #[oai(rename = "OperateType")]
    pub operation: i64,
    /// What was set or deleted; empty when all were cleared.
    #[serde(rename = "ExtensionList")]
    #[oai(rename = "ExtensionList")]
    pub extensions: Vec<MessageExtension>,
    /// The version of the message's extensions; it orders their changes.
    pub seq: i64,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for C2cMessageExtension {
    const COMMAND: &'static str = "C2C.CallbackAfterC2CMsgExtension";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "A one-to-one message's extensions were set, deleted or cleared";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/76006";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_extension.json");

    type Request = C2cMessageExtensionRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageExtensionRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.recipient)
    }

    fn time(request: &C2cMessageExtensionRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageExtension>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageExtension>();
    }

    #[test]
    fn is_found_by_sender_and_recipient() {
        check_subjects::<C2cMessageExtension>(Subjects::default().accounts(["alice", "bob"]));
    }

    #[test]
    fn a_clearing_names_no_extension() {
        let body = r#"{
            "CallbackCommand": "C2C.CallbackAfterC2CMsgExtension", "From_Account": "alice", "To_Account": "bob",
            "MsgKey": "93847636_1287657_1764688415", "OperateType": 3, "ExtensionList": [], "Seq": 3,
            "EventTime": 1764688540182
        }"#;
        let request = read::<C2cMessageExtensionRequest>(body);
        assert_eq!(request.operation, 3);
        assert_eq!(request.extensions, []);
    }
}
