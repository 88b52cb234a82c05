//! `C2C.CallbackAfterMsgReport`: one-to-one messages were read.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of read one-to-one messages.
#[derive(Debug)]
pub struct C2cMessageRead;

/// The conversation that was read.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct C2cMessageReadRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who read.
    #[serde(rename = "Report_Account")]
    #[oai(rename = "Report_Account")]
    pub reader: String,
    /// The other side of the conversation.
    #[serde(rename = "Peer_Account")]
    #[oai(rename = "Peer_Account")]
    pub peer: String,
    /// Everything before it is read; in seconds since the Unix epoch.
    pub last_read_time: i64,
    /// When it happened, in milliseconds since the Unix epoch; newer versions send it.
    pub event_time: Option<i64>,
    /// How many one-to-one messages the reader has not read; older versions send it.
    #[serde(rename = "UnreadMsgNum")]
    #[oai(rename = "UnreadMsgNum")]
    pub unread_messages: Option<i64>,
}

impl Callback for C2cMessageRead {
    const COMMAND: &'static str = "C2C.CallbackAfterMsgReport";
    const FEATURE: &'static str = "One-to-one messages";
    const SUMMARY: &'static str = "One-to-one messages were read";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/43465";
    const SAMPLE: &'static str = include_str!("../samples/c2c_message_read.json");

    type Request = C2cMessageReadRequest;
    type Answer = Noted;

    fn subjects(request: &C2cMessageReadRequest) -> Subjects {
        Subjects::default()
            .account(&request.reader)
            .account(&request.peer)
    }

    fn time(request: &C2cMessageReadRequest) -> Option<EventTime> {
        EventTime::first_of([request.event_time])
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<C2cMessageRead>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<C2cMessageRead>();
    }

    #[test]
    fn is_found_by_reader_and_peer() {
        check_subjects::<C2cMessageRead>(Subjects::default().accounts(["alice", "bob"]));
    }

    #[test]
    fn older_and_newer_versions_are_read() {
        let older = r#"{
            "CallbackCommand": "C2C.CallbackAfterMsgReport", "Report_Account": "alice", "Peer_Account": "bob",
            "LastReadTime": 1614754606, "UnreadMsgNum": 7
        }"#;
        let newer = r#"{
            "CallbackCommand": "C2C.CallbackAfterMsgReport", "Report_Account": "alice", "Peer_Account": "bob",
            "LastReadTime": 1614754606, "EventTime": 1670574414123
        }"#;
        let older = read::<C2cMessageReadRequest>(older);
        let newer = read::<C2cMessageReadRequest>(newer);
        assert_eq!(older.unread_messages, Some(7));
        assert_eq!(C2cMessageRead::time(&older), None);
        assert_eq!(newer.unread_messages, None);
        let time = C2cMessageRead::time(&newer);
        assert_eq!(time.map(EventTime::as_millis), Some(1_670_574_414_123));
    }
}
