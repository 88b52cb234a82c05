//! `Bot.OnC2CMessage`: a bot was sent a one-to-one message.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of one-to-one messages to bots.
#[derive(Debug)]
pub struct BotC2cMessage;

/// The message; where `C2C.CallbackAfterSendMsg` is on too, that tells of it as well.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct BotC2cMessageRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who sent it.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// The bot, e.g. `@RBT#001`.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// Orders messages of the same second.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// A random number, to tell it from others.
    #[serde(rename = "MsgRandom")]
    #[oai(rename = "MsgRandom")]
    pub message_random: i64,
    /// When it was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
    /// Identifies the message, as `MsgSeq_MsgRandom_MsgTime`.
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
    /// How many one-to-one messages the bot has not read; older versions send it.
    #[serde(rename = "UnreadMsgNum")]
    #[oai(rename = "UnreadMsgNum")]
    pub unread_messages: Option<i64>,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for BotC2cMessage {
    const COMMAND: &'static str = "Bot.OnC2CMessage";
    const FEATURE: &'static str = "Bots";
    const SUMMARY: &'static str = "A bot was sent a one-to-one message";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/68952";
    const SAMPLE: &'static str = include_str!("../samples/bot_c2c_message.json");

    type Request = BotC2cMessageRequest;
    type Answer = Noted;

    fn subjects(request: &BotC2cMessageRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.recipient)
    }

    fn time(request: &BotC2cMessageRequest) -> Option<EventTime> {
        EventTime::first_of([Some(request.event_time), Some(request.message_time)])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BotC2cMessage>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BotC2cMessage>();
    }

    #[test]
    fn is_found_by_sender_and_bot() {
        check_subjects::<BotC2cMessage>(Subjects::default().accounts(["alice", "@RBT#001"]));
    }
}
