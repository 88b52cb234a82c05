//! `OfficialAccount.CallbackBeforeSendMsg`: an official account is about to send a message.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{MESSAGE_CODES, MessageElement, MessageVerdict};
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every message of an official account through.
#[derive(Debug)]
pub struct BeforeOfficialMessageSend;

/// The message that an official account would send.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct BeforeOfficialMessageSendRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who sends it, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// 1 when only subscribers who are online get it, else 0.
    #[serde(rename = "OnlineOnlyFlag")]
    #[oai(rename = "OnlineOnlyFlag")]
    pub online_only: i64,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own that goes along with it.
    pub cloud_custom_data: Option<String>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// What becomes of the message. The sender gets 10016 for a plain refusal, success for a drop, and a code of the
/// command's own as it is, with its text.
pub type BeforeOfficialMessageSendVerdict =
    MessageVerdict<{ MESSAGE_CODES.first }, { MESSAGE_CODES.last }>;

impl Callback for BeforeOfficialMessageSend {
    const COMMAND: &'static str = "OfficialAccount.CallbackBeforeSendMsg";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account is about to send a message";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60803";
    const SAMPLE: &'static str = include_str!("../samples/before_official_message_send.json");

    type Request = BeforeOfficialMessageSendRequest;
    type Answer = BeforeOfficialMessageSendVerdict;

    fn subjects(request: &BeforeOfficialMessageSendRequest) -> Subjects {
        Subjects::default().account(&request.official_account)
    }

    fn time(request: &BeforeOfficialMessageSendRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeOfficialMessageSend>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeOfficialMessageSend>();
    }

    #[test]
    fn is_found_by_the_official_account() {
        check_subjects::<BeforeOfficialMessageSend>(
            Subjects::default().accounts(["@TOA#_2J4SZEAEL"]),
        );
    }

    #[test]
    fn custom_data_may_be_absent() {
        let body = r#"{
            "CallbackCommand": "OfficialAccount.CallbackBeforeSendMsg",
            "Official_Account": "@TOA#_2J4SZEAEL",
            "OnlineOnlyFlag": 0,
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "red packet" } }],
            "EventTime": 1670574414123
        }"#;
        let request = read::<BeforeOfficialMessageSendRequest>(body);
        assert_eq!(request.cloud_custom_data, None);
        assert_eq!(request.elements, [MessageElement::text("red packet")]);
    }
}
