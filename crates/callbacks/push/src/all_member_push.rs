//! `Push.AllMemberPush`: pushes to all, tagged or single users were sent, reached them or were clicked.

use gateway_core::{Callback, EventTime, Item, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

use crate::batch::{self, Event};

/// Takes note of pushes to all, tagged or single users.
#[derive(Debug)]
pub struct AllMemberPush;

/// A batch of events.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct AllMemberPushRequest {
    /// 1 to 100 events.
    pub events: Vec<AllMemberPushEvent>,
}

/// What became of a task's push to one user.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct AllMemberPushEvent {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// 1 for an offline push, 2 for an online push.
    pub event_type: i64,
    /// The task that pushes.
    pub task_id: String,
    /// The task's time, in seconds since the Unix epoch.
    pub task_time: i64,
    /// When it happened, in seconds since the Unix epoch.
    pub event_time: i64,
    /// Who gets the push.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// 0 unknown, 1 `APNs`, 2 Xiaomi, 3 Huawei, 4 FCM, 5 Meizu, 6 OPPO, 7 vivo, 8 Honor.
    pub push_platform: i64,
    /// 1 sent, 2 reached, 3 clicked.
    pub push_stage: i64,
    /// The push's own error code; 0 when all is well.
    #[serde(rename = "ErrCode")]
    #[oai(rename = "ErrCode")]
    pub error_code: i64,
    /// The error in words, or `OK`.
    #[serde(rename = "ErrInfo")]
    #[oai(rename = "ErrInfo")]
    pub error_info: Option<String>,
}

impl Callback for AllMemberPush {
    const COMMAND: &'static str = "Push.AllMemberPush";
    const FEATURE: &'static str = "Push";
    const SUMMARY: &'static str =
        "Pushes to all, tagged or single users were sent, reached them or were clicked";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/67551";
    const SAMPLE: &'static str = include_str!("../samples/all_member_push.json");

    type Request = AllMemberPushRequest;
    type Answer = Noted;

    fn subjects(request: &AllMemberPushRequest) -> Subjects {
        batch::subjects(&request.events)
    }

    fn time(request: &AllMemberPushRequest) -> Option<EventTime> {
        batch::time(&request.events)
    }

    fn items(request: &AllMemberPushRequest) -> Vec<Item> {
        batch::items(&request.events)
    }
}

// === impl AllMemberPushEvent ===

impl Event for AllMemberPushEvent {
    fn time(&self) -> i64 {
        self.event_time
    }

    fn accounts(&self) -> impl Iterator<Item = &str> {
        [self.recipient.as_str()].into_iter()
    }

    fn group(&self) -> Option<&str> {
        None
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<AllMemberPush>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<AllMemberPush>();
    }

    #[test]
    fn is_found_by_every_recipient() {
        check_subjects::<AllMemberPush>(Subjects::default().accounts(["bob", "carol"]));
    }

    #[test]
    fn a_batch_has_an_item_for_each_event() {
        let request = read::<AllMemberPushRequest>(AllMemberPush::SAMPLE);
        let items = [
            Item {
                subjects: Subjects::default().account("bob"),
                time: EventTime::from_unix(1_557_481_128),
            },
            Item {
                subjects: Subjects::default().account("carol"),
                time: EventTime::from_unix(1_557_481_129),
            },
        ];
        assert_eq!(AllMemberPush::items(&request), items);
    }

    #[test]
    fn happened_at_the_first_event_in_seconds() {
        let request = read::<AllMemberPushRequest>(AllMemberPush::SAMPLE);
        let time = AllMemberPush::time(&request).map(EventTime::as_millis);
        assert_eq!(time, Some(1_557_481_128_000));
    }
}
