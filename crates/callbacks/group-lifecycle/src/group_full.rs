//! `Group.CallbackAfterGroupFull`: a group became full.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a full group.
#[derive(Debug)]
pub struct GroupFull;

/// The group that is full; Chat tells again for each user who fails to join it.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupFullRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The group.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupFull {
    const COMMAND: &'static str = "Group.CallbackAfterGroupFull";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "A group became full";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34376";
    const SAMPLE: &'static str = include_str!("../samples/group_full.json");

    type Request = GroupFullRequest;
    type Answer = Noted;

    fn subjects(request: &GroupFullRequest) -> Subjects {
        Subjects::default().group(&request.group)
    }

    fn time(request: &GroupFullRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupFull>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupFull>();
    }

    #[test]
    fn is_found_by_the_group() {
        check_subjects::<GroupFull>(Subjects::default().group("@TGS#2J4SZEAEL"));
    }
}
