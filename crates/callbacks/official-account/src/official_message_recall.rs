//! `OfficialAccount.CallbackAfterMsgWithDraw`: messages of an official account were recalled.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of recalled messages of official accounts.
#[derive(Debug)]
pub struct OfficialMessageRecall;

/// The messages that were recalled.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct OfficialMessageRecallRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who had sent them, e.g. `@TOA#_2J4SZEAEL`; in the vendor's sample it starts with `#TOA#_`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// One for each message that was recalled.
    #[serde(rename = "WithdrawMsgList")]
    #[oai(rename = "WithdrawMsgList")]
    pub messages: Vec<RecalledOfficialMessage>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// A message that was recalled.
#[derive(Debug, Deserialize, Object)]
pub struct RecalledOfficialMessage {
    /// The key that it was sent with.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: String,
}

impl Callback for OfficialMessageRecall {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterMsgWithDraw";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "Messages of an official account were recalled";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60805";
    const SAMPLE: &'static str = include_str!("../samples/official_message_recall.json");

    type Request = OfficialMessageRecallRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialMessageRecallRequest) -> Subjects {
        Subjects::default().account(&request.official_account)
    }

    fn time(request: &OfficialMessageRecallRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialMessageRecall>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialMessageRecall>();
    }

    #[test]
    fn is_found_by_the_official_account() {
        check_subjects::<OfficialMessageRecall>(Subjects::default().accounts(["@TOA#_2J4SZEAEL"]));
    }

    #[test]
    fn names_every_message_of_a_batch() {
        let body = r##"{
            "CallbackCommand": "OfficialAccount.CallbackAfterMsgWithDraw",
            "Official_Account": "#TOA#_123",
            "WithdrawMsgList": [{ "MsgKey": "71_1_1698741698" }, { "MsgKey": "72_1_1698741701" }],
            "EventTime": 1698741702123
        }"##;
        let request = read::<OfficialMessageRecallRequest>(body);
        assert_eq!(request.official_account, "#TOA#_123");
        let messages = request.messages.iter();
        let keys: Vec<&str> = messages.map(|message| &*message.message_key).collect();
        assert_eq!(keys, ["71_1_1698741698", "72_1_1698741701"]);
    }
}
