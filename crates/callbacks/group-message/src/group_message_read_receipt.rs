//! `Group.CallbackAfterReadReceipt`: messages of a group were read.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use gateway_wire::Member;
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of read messages.
#[derive(Debug)]
pub struct GroupMessageReadReceipt;

/// The messages that were read.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupMessageReadReceiptRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// In which group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom` or `Live`; never `Community`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// One for each message.
    #[serde(rename = "GroupMsgReceiptList")]
    #[oai(rename = "GroupMsgReceiptList")]
    pub receipts: Vec<GroupMessageReceipt>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// Who read a message, and how many have.
#[derive(Debug, Deserialize, Object)]
pub struct GroupMessageReceipt {
    /// The message's place in the group.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// How many members have read it.
    #[serde(rename = "ReadNum")]
    #[oai(rename = "ReadNum")]
    pub read_count: i64,
    /// How many members have not.
    #[serde(rename = "UnreadNum")]
    #[oai(rename = "UnreadNum")]
    pub unread_count: i64,
    /// Who read it.
    #[serde(rename = "ReadReceiptMembers", default)]
    #[oai(rename = "ReadReceiptMembers", default, skip_serializing_if_is_empty)]
    pub members: Vec<Member>,
}

impl Callback for GroupMessageReadReceipt {
    const COMMAND: &'static str = "Group.CallbackAfterReadReceipt";
    const FEATURE: &'static str = "Group messages";
    const SUMMARY: &'static str = "Messages of a group were read";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60395";
    const SAMPLE: &'static str = include_str!("../samples/group_message_read_receipt.json");

    type Request = GroupMessageReadReceiptRequest;
    type Answer = Noted;

    fn subjects(request: &GroupMessageReadReceiptRequest) -> Subjects {
        let receipts = request.receipts.iter();
        Subjects::default()
            .accounts(receipts.flat_map(|receipt| Member::accounts(&receipt.members)))
            .group(&request.group)
    }

    fn time(request: &GroupMessageReadReceiptRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupMessageReadReceipt>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupMessageReadReceipt>();
    }

    #[test]
    fn is_found_by_every_reader_and_the_group() {
        let subjects = Subjects::default()
            .accounts(["alice", "bob"])
            .group("@TGS#2J4SZEAEL");
        check_subjects::<GroupMessageReadReceipt>(subjects);
    }

    #[test]
    fn a_receipt_may_name_nobody() {
        let receipt = r#"{ "MsgSeq": 1, "ReadNum": 2, "UnreadNum": 5 }"#;
        let receipt = read::<GroupMessageReceipt>(receipt);
        assert_eq!(receipt.members, []);
    }
}
