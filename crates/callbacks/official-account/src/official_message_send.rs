//! `OfficialAccount.CallbackAfterSendMsg`: an official account sent a message.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of messages of official accounts.
#[derive(Debug)]
pub struct OfficialMessageSend;

/// The message that was sent, as the subscribers got it.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct OfficialMessageSendRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who sent it, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// Tells it from others; a recall names it.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: String,
    /// When it was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
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
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for OfficialMessageSend {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterSendMsg";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account sent a message";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60804";
    const SAMPLE: &'static str = include_str!("../samples/official_message_send.json");

    type Request = OfficialMessageSendRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialMessageSendRequest) -> Subjects {
        Subjects::default().account(&request.official_account)
    }

    fn time(request: &OfficialMessageSendRequest) -> Option<EventTime> {
        EventTime::first_of([Some(request.event_time), Some(request.message_time)])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialMessageSend>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialMessageSend>();
    }

    #[test]
    fn is_found_by_the_official_account() {
        check_subjects::<OfficialMessageSend>(Subjects::default().accounts(["@TOA#_2J4SZEAEL"]));
    }

    #[test]
    fn its_time_is_in_milliseconds_the_messages_in_seconds() {
        let body = r#"{
            "CallbackCommand": "OfficialAccount.CallbackAfterSendMsg",
            "Official_Account": "@TOA#_2J4SZEAEL",
            "MsgKey": "71_1_1698741698",
            "MsgTime": 1698741698,
            "OnlineOnlyFlag": 0,
            "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "red packet" } }],
            "EventTime": 1698741698123
        }"#;
        let request = read::<OfficialMessageSendRequest>(body);
        assert_eq!(request.message_time, 1_698_741_698);
        let time = OfficialMessageSend::time(&request).unwrap();
        assert_eq!(time.as_millis(), 1_698_741_698_123);
    }
}
