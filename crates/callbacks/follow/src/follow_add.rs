//! `Follow.CallbackAfterFollowAdd`: an account followed others.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of followed accounts.
#[derive(Debug)]
pub struct FollowAdd;

/// The accounts that one now follows.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct FollowAddRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who follows them.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub follower: String,
    /// One for each account that is followed.
    pub follow_list: Vec<FollowedAccount>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// An account that is followed.
#[derive(Debug, Deserialize, Object)]
pub struct FollowedAccount {
    /// Who is followed.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub account: String,
}

impl Callback for FollowAdd {
    const COMMAND: &'static str = "Follow.CallbackAfterFollowAdd";
    const FEATURE: &'static str = "Follow";
    const SUMMARY: &'static str = "An account followed others";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/70355";
    const SAMPLE: &'static str = include_str!("../samples/follow_add.json");

    type Request = FollowAddRequest;
    type Answer = Noted;

    fn subjects(request: &FollowAddRequest) -> Subjects {
        let followed = request.follow_list.iter();
        Subjects::default()
            .account(&request.follower)
            .accounts(followed.map(|followed| followed.account.as_str()))
    }

    fn time(request: &FollowAddRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<FollowAdd>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<FollowAdd>();
    }

    #[test]
    fn is_found_by_the_follower_and_the_followed() {
        check_subjects::<FollowAdd>(Subjects::default().accounts(["alice", "bob", "carol"]));
    }
}
