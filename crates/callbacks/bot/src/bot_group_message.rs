//! `Bot.OnGroupMessage`: a bot was mentioned in a group.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of group messages that mention bots.
#[derive(Debug)]
pub struct BotGroupMessage;

/// The message that mentions bots; a mention of all members is not told.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct BotGroupMessageRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who sent it.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// Who asked to send it; an administrator where the REST API did.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// A random number, to tell it from others; 32 bits, unsigned.
    #[serde(rename = "Random")]
    #[oai(rename = "Random")]
    pub message_random: i64,
    /// Its place in the group.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// When it was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
    /// 1 when only clients that are online get it, else 0.
    #[serde(rename = "OnlineOnlyFlag")]
    #[oai(rename = "OnlineOnlyFlag")]
    pub online_only: Option<i64>,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// The bots that it mentions, e.g. `@RBT#001`.
    #[serde(rename = "AtRobots_Account")]
    #[oai(rename = "AtRobots_Account")]
    pub bots: Vec<String>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// In which topic of a community.
    #[serde(rename = "TopicId")]
    #[oai(rename = "TopicId")]
    pub topic: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for BotGroupMessage {
    const COMMAND: &'static str = "Bot.OnGroupMessage";
    const FEATURE: &'static str = "Bots";
    const SUMMARY: &'static str = "A bot was mentioned in a group";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/68953";
    const SAMPLE: &'static str = include_str!("../samples/bot_group_message.json");

    type Request = BotGroupMessageRequest;
    type Answer = Noted;

    fn subjects(request: &BotGroupMessageRequest) -> Subjects {
        let bots = request.bots.iter();
        Subjects::default()
            .account(&request.sender)
            .account(&request.operator)
            .accounts(bots.map(String::as_str))
            .group(&request.group)
    }

    fn time(request: &BotGroupMessageRequest) -> Option<EventTime> {
        EventTime::first_of([Some(request.event_time), Some(request.message_time)])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BotGroupMessage>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BotGroupMessage>();
    }

    #[test]
    fn is_found_by_sender_operator_bots_and_group() {
        check_subjects::<BotGroupMessage>(
            Subjects::default()
                .accounts(["alice", "admin", "@RBT#001"])
                .group("@TGS#2J4SZEAEL"),
        );
    }
}
