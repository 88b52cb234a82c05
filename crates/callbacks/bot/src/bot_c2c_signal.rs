//! `Chatbot.OnC2CSignalMessage`: a signal message passed between an account and a chatbot.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of chatbots' signal messages.
#[derive(Debug)]
pub struct BotC2cSignal;

/// The signal message.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BotC2cSignalRequest {
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
    /// Orders messages of the same second.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// A random number, to tell it from others.
    #[serde(rename = "MsgRandom")]
    #[oai(rename = "MsgRandom")]
    pub message_random: i64,
    /// Identifies the message, as `MsgSeq_MsgRandom_MsgTime`.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
    /// What it says in the chatbot's pass-through protocol.
    pub data: String,
}

impl Callback for BotC2cSignal {
    const COMMAND: &'static str = "Chatbot.OnC2CSignalMessage";
    const FEATURE: &'static str = "Bots";
    const SUMMARY: &'static str = "A signal message passed between an account and a chatbot";
    const SOURCE: &'static str = "https://github.com/doocs/qcloud-im-server-sdk-java/blob/5971fe4/\
        src/main/java/io/github/doocs/im/model/callback/ChatBotOnC2cSignalMessageCallback.java";
    const SAMPLE: &'static str = include_str!("../samples/bot_c2c_signal.json");

    type Request = BotC2cSignalRequest;
    type Answer = Noted;

    fn subjects(request: &BotC2cSignalRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.recipient)
    }

    fn time(request: &BotC2cSignalRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BotC2cSignal>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BotC2cSignal>();
    }

    #[test]
    fn is_found_by_sender_and_recipient() {
        check_subjects::<BotC2cSignal>(Subjects::default().accounts(["alice", "@RBT#001"]));
    }
}
