//! `C2C.CallbackAfterMsgReadAll`: all unread messages, also those of groups, were marked as read.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of accounts that read everything.
#[derive(Debug)]
pub struct C2cMessageReadAll;

/// Who read everything, in which groups.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct C2cMessageReadAllRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Whose unread messages were cleared.
    #[serde(rename = "Report_Account")]
    #[oai(rename = "Report_Account")]
    pub reader: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
    /// One entry for each group that was cleared, if any was.
    #[serde(rename = "GroupReadInfo", default)]
    #[oai(rename = "GroupReadInfo", default, skip_serializing_if_is_empty)]
    pub groups: Vec<ClearedGroup>,
}

/// A group without unread messages.
#[derive(Debug, Deserialize, Object)]
pub struct ClearedGroup {
    /// Which.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// The message number that the request to clear it named.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
}

impl Callback for C2cMessageReadAll {
    const COMMAND: &'static str = "C2C.CallbackAfterMsgReadAll";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "All unread messages of an account were marked as read";
    const SOURCE: &'static str = "https://cloud.tencent.com/document/product/269/128225";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_read_all.json");

    type Request = C2cMessageReadAllRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageReadAllRequest) -> Subjects {
        let groups = request.groups.iter();
        Subjects::default()
            .account(&request.reader)
            .groups(groups.map(|cleared| cleared.group.as_str()))
    }

    fn time(request: &C2cMessageReadAllRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageReadAll>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageReadAll>();
    }

    #[test]
    fn is_found_by_reader_and_groups() {
        check_subjects::<C2cMessageReadAll>(
            Subjects::default().account("alice").group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn an_account_may_have_had_no_groups_to_clear() {
        let body = r#"{
            "CallbackCommand": "C2C.CallbackAfterMsgReadAll", "Report_Account": "alice", "EventTime": 1769773302575
        }"#;
        let request = read::<C2cMessageReadAllRequest>(body);
        assert!(request.groups.is_empty());
    }
}
