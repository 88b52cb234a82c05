//! `Group.CallbackBeforeApplyJoinGroup`: an application to join a group is about to be processed.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::GroupVerdict;
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every application through; where a group asks for an administrator's approval, that is still needed.
#[derive(Debug)]
pub struct BeforeGroupJoin;

/// The application.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeGroupJoinRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Which group it is for.
    #[serde(rename = "GroupId")]
    #[oai(rename = "GroupId")]
    pub group: String,
    /// `Private` (also `Work`), `Public`, `ChatRoom` (also `Meeting`), `AVChatRoom`, `Community` or `Live`.
    #[serde(rename = "Type")]
    #[oai(rename = "Type")]
    pub group_type: String,
    /// Who wants to join.
    #[serde(rename = "Requestor_Account")]
    #[oai(rename = "Requestor_Account")]
    pub applicant: String,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for BeforeGroupJoin {
    const COMMAND: &'static str = "Group.CallbackBeforeApplyJoinGroup";
    const FEATURE: &'static str = "Group members";
    const SUMMARY: &'static str = "An application to join a group is about to be processed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34370";
    const SAMPLE: &'static str = include_str!("../samples/before_group_join.json");

    type Request = BeforeGroupJoinRequest;
    type Answer = GroupVerdict;

    fn subjects(request: &BeforeGroupJoinRequest) -> Subjects {
        Subjects::default()
            .account(&request.applicant)
            .group(&request.group)
    }

    fn time(request: &BeforeGroupJoinRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeGroupJoin>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeGroupJoin>();
    }

    #[test]
    fn is_found_by_applicant_and_group() {
        let subjects = Subjects::default().account("bob").group("@TGS#2J4SZEAEL");
        check_subjects::<BeforeGroupJoin>(subjects);
    }
}
