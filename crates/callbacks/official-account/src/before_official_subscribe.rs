//! `OfficialAccount.CallbackBeforeAddSubscriber`: accounts are about to subscribe to an official account.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::SubscribeVerdict;
use poem_openapi::Object;
use serde::Deserialize;

use crate::subscriber::{OfficialSubscriber, accounts};

/// Lets everybody subscribe to official accounts.
#[derive(Debug)]
pub struct BeforeOfficialSubscribe;

/// The subscriptions that somebody asks for.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeOfficialSubscribeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// To whom they subscribe, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// Who asks for it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// One for each account that would subscribe.
    #[serde(rename = "SubscribeAccountList")]
    #[oai(rename = "SubscribeAccountList")]
    pub subscribers: Vec<OfficialSubscriber>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for BeforeOfficialSubscribe {
    const COMMAND: &'static str = "OfficialAccount.CallbackBeforeAddSubscriber";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "Accounts are about to subscribe to an official account";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60799";
    const SAMPLE: &'static str = include_str!("../samples/before_official_subscribe.json");

    type Request = BeforeOfficialSubscribeRequest;
    type Answer = SubscribeVerdict;

    fn subjects(request: &BeforeOfficialSubscribeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .accounts(accounts(&request.subscribers))
            .account(&request.official_account)
    }

    fn time(request: &BeforeOfficialSubscribeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeOfficialSubscribe>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeOfficialSubscribe>();
    }

    #[test]
    fn is_found_by_operator_subscribers_and_official_account() {
        check_subjects::<BeforeOfficialSubscribe>(Subjects::default().accounts([
            "carol",
            "alice",
            "bob",
            "@TOA#_2J4SZEAEL",
        ]));
    }
}
