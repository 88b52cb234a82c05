//! `OfficialAccount.CallbackAfterAddSubscriber`: accounts subscribed to an official account.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

use crate::subscriber::{OfficialSubscriber, accounts};

/// Takes note of subscriptions to official accounts.
#[derive(Debug)]
pub struct OfficialSubscribe;

/// The subscriptions that were added.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct OfficialSubscribeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// To whom they subscribed, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// Who asked for it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// One for each account that subscribed.
    #[serde(rename = "SubscribeAccountList")]
    #[oai(rename = "SubscribeAccountList")]
    pub subscribers: Vec<OfficialSubscriber>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for OfficialSubscribe {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterAddSubscriber";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "Accounts subscribed to an official account";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60800";
    const SAMPLE: &'static str = include_str!("../samples/official_subscribe.json");

    type Request = OfficialSubscribeRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialSubscribeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .accounts(accounts(&request.subscribers))
            .account(&request.official_account)
    }

    fn time(request: &OfficialSubscribeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialSubscribe>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialSubscribe>();
    }

    #[test]
    fn is_found_by_operator_subscribers_and_official_account() {
        check_subjects::<OfficialSubscribe>(Subjects::default().accounts([
            "carol",
            "alice",
            "bob",
            "@TOA#_2J4SZEAEL",
        ]));
    }
}
