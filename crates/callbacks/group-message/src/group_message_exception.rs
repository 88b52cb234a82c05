//! `Group.CallbackSendMsgException`: a group message could not be delivered.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageElement;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of messages that were not delivered.
#[derive(Debug)]
pub struct GroupMessageException;

/// The message, and why it was not delivered.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct GroupMessageExceptionRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group; there may be no such group.
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
    /// Who made the request; an administrator when it came over the REST API.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// A random number, to tell it from others; 32 bits, unsigned.
    #[serde(rename = "Random")]
    #[oai(rename = "Random")]
    pub message_random: i64,
    /// 1 when only clients that are online get it, else 0.
    #[serde(rename = "OnlineOnlyFlag")]
    #[oai(rename = "OnlineOnlyFlag")]
    pub online_only: Option<i64>,
    /// What it says.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
    /// Data of the app's own, kept with the message.
    pub cloud_custom_data: Option<String>,
    /// Why it was not delivered, e.g. 10023 when there are too many messages.
    pub error_code: i64,
    /// The same for people.
    pub error_info: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupMessageException {
    const COMMAND: &'static str = "Group.CallbackSendMsgException";
    const FEATURE: &'static str = "Group messages";
    const SUMMARY: &'static str = "A group message could not be delivered";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/49462";
    const SAMPLE: &'static str = include_str!("../samples/group_message_exception.json");

    type Request = GroupMessageExceptionRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMessageExceptionRequest) -> Subjects {
        Subjects::default()
            .account(&request.sender)
            .account(&request.operator)
            .group(&request.group)
    }

    fn time(request: &GroupMessageExceptionRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMessageException>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMessageException>();
    }

    #[test]
    fn is_found_by_sender_operator_and_group() {
        let subjects = Subjects::default()
            .accounts(["alice", "admin"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMessageException>(subjects);
    }
}
