//! `Group.CallbackAfterGroupMsgExtension`: extensions of a group message were set, deleted or cleared.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::MessageExtension;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of changed message extensions.
#[derive(Debug)]
pub struct GroupMessageExtension;

/// What changed about the extensions of a message.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupMessageExtensionRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// The message's place in the group.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// 1 set, 2 deleted, 3 cleared.
    #[serde(rename = "OperateType")]
    #[oai(rename = "OperateType")]
    pub operation: i64,
    /// What was set or deleted.
    #[serde(rename = "ExtensionList")]
    #[oai(rename = "ExtensionList")]
    pub extensions: Vec<MessageExtension>,
    /// The version of the message's extensions; it orders their changes.
    pub seq: i64,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupMessageExtension {
    const COMMAND: &'static str = "Group.CallbackAfterGroupMsgExtension";
    const FEATURE: &'static str = "Group messages";
    const SUMMARY: &'static str = "Extensions of a group message were set, deleted or cleared";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/76007";
    const SAMPLE: &'static str = include_str!("../samples/group_message_extension.json");

    type Request = GroupMessageExtensionRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMessageExtensionRequest) -> Subjects {
        Subjects::default().group(&request.group)
    }

    fn time(request: &GroupMessageExtensionRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMessageExtension>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMessageExtension>();
    }

    #[test]
    fn is_found_by_the_group() {
        let subjects = Subjects::default().group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMessageExtension>(subjects);
    }
}
