//! `Push.OfflinePush`: pushes of messages were sent, reached their users or were clicked.

use gateway_core::{Callback, EventTime, Item, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

use crate::batch::{self, Event};

/// Takes note of pushes of messages.
#[derive(Debug)]
pub struct OfflinePush;

/// A batch of events.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct OfflinePushRequest {
    /// 1 to 100 events.
    pub events: Vec<OfflinePushEvent>,
}

/// What became of the push of a message.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct OfflinePushEvent {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// 1 for a message to a user, 2 for one to a group.
    pub event_type: i64,
    /// When it happened, in seconds since the Unix epoch.
    pub event_time: i64,
    /// Who sent the message.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// Who gets the push.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// 0 unknown, 1 `APNs`, 2 Xiaomi, 3 Huawei, 4 FCM, 5 Meizu, 6 OPPO, 7 vivo, 8 Honor.
    pub push_platform: i64,
    /// 1 sent, 2 reached, 3 clicked.
    pub push_stage: i64,
    /// The message's key, with event type 1.
    #[serde(rename = "MsgKey")]
    #[oai(rename = "MsgKey")]
    pub message_key: Option<String>,
    /// The message's group, with event type 2.
    #[serde(rename = "GroupID")]
    #[oai(rename = "GroupID")]
    pub group: Option<String>,
    /// The message's sequence number.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// The message's random number.
    #[serde(rename = "MsgRandom")]
    #[oai(rename = "MsgRandom")]
    pub message_random: Option<i64>,
    /// When the message was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTime")]
    #[oai(rename = "MsgTime")]
    pub message_time: i64,
    /// Tells this push from others.
    #[serde(rename = "PushID")]
    #[oai(rename = "PushID")]
    pub push_id: String,
    /// The push's own error code; 0 when all is well.
    #[serde(rename = "ErrCode")]
    #[oai(rename = "ErrCode")]
    pub error_code: i64,
    /// The error in words, or `OK`.
    #[serde(rename = "ErrInfo")]
    #[oai(rename = "ErrInfo")]
    pub error_info: Option<String>,
}

impl Callback for OfflinePush {
    const COMMAND: &'static str = "Push.OfflinePush";
    const FEATURE: &'static str = "Push";
    const SUMMARY: &'static str =
        "Pushes of messages were sent, reached their users or were clicked";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/67552";
    const SAMPLE: &'static str = include_str!("../samples/offline_push.json");

    type Request = OfflinePushRequest;
    type Answer = Noted;

    fn subjects(request: &OfflinePushRequest) -> Subjects {
        batch::subjects(&request.events)
    }

    fn time(request: &OfflinePushRequest) -> Option<EventTime> {
        batch::time(&request.events)
    }

    fn items(request: &OfflinePushRequest) -> Vec<Item> {
        batch::items(&request.events)
    }
}

// === impl OfflinePushEvent ===

impl Event for OfflinePushEvent {
    fn time(&self) -> i64 {
        self.event_time
    }

    fn accounts(&self) -> impl Iterator<Item = &str> {
        [self.sender.as_str(), self.recipient.as_str()].into_iter()
    }

    fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfflinePush>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfflinePush>();
    }

    #[test]
    fn is_found_by_every_side_of_every_event() {
        check_subjects::<OfflinePush>(
            Subjects::default()
                .accounts(["alice", "bob", "carol"])
                .group("@TGS#2J4SZEAEL"),
        );
    }

    #[test]
    fn a_batch_has_an_item_for_each_event() {
        let request = read::<OfflinePushRequest>(OfflinePush::SAMPLE);
        let items = [
            Item {
                subjects: Subjects::default().accounts(["alice", "bob"]),
                time: EventTime::from_unix(1_557_481_127),
            },
            Item {
                subjects: Subjects::default()
                    .accounts(["bob", "carol"])
                    .group("@TGS#2J4SZEAEL"),
                time: EventTime::from_unix(1_557_481_127),
            },
        ];
        assert_eq!(OfflinePush::items(&request), items);
    }

    #[test]
    fn happened_at_the_first_event_in_seconds() {
        let request = read::<OfflinePushRequest>(OfflinePush::SAMPLE);
        let time = OfflinePush::time(&request).map(EventTime::as_millis);
        assert_eq!(time, Some(1_557_481_127_000));
    }
}
