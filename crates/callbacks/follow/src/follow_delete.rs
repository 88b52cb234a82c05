//! `Follow.CallbackAfterFollowDelete`: an account no longer follows others.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of accounts that are no longer followed.
#[derive(Debug)]
pub struct FollowDelete;

/// The accounts that one no longer follows.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct FollowDeleteRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who followed them.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub follower: String,
    /// Who is no longer followed; a list, where other commands have one account of that name.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub unfollowed: Vec<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for FollowDelete {
    const COMMAND: &'static str = "Follow.CallbackAfterFollowDelete";
    const FEATURE: &'static str = "Follow";
    const SUMMARY: &'static str = "An account unfollowed others";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/70356";
    const SAMPLE: &'static str = include_str!("../samples/follow_delete.json");

    type Request = FollowDeleteRequest;
    type Answer = Noted;

    fn subjects(request: &FollowDeleteRequest) -> Subjects {
        let unfollowed = request.unfollowed.iter();
        Subjects::default()
            .account(&request.follower)
            .accounts(unfollowed.map(String::as_str))
    }

    fn time(request: &FollowDeleteRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::decode;
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<FollowDelete>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<FollowDelete>();
    }

    #[test]
    fn is_found_by_the_follower_and_the_unfollowed() {
        check_subjects::<FollowDelete>(Subjects::default().accounts(["alice", "bob", "carol"]));
    }

    #[test]
    fn a_single_account_is_a_list_of_one() {
        let body =
            br#"{ "From_Account": "alice", "To_Account": "bob", "EventTime": 1702018343678 }"#;
        let decoded = decode::<FollowDeleteRequest>(body);
        assert_eq!(decoded.drift[0].path, "To_Account");
        let request = decoded.value.unwrap();
        assert_eq!(request.unfollowed, ["bob"]);
    }
}
