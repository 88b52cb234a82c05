//! `OfficialAccount.CallbackAfterOfficialAccountFull`: an official account reached its limit of subscribers.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of official accounts that take no more subscribers.
#[derive(Debug)]
pub struct OfficialFull;

/// The official account that is full.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct OfficialFullRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Its id, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for OfficialFull {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterOfficialAccountFull";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account reached its limit of subscribers";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60801";
    const SAMPLE: &'static str = include_str!("../samples/official_full.json");

    type Request = OfficialFullRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialFullRequest) -> Subjects {
        Subjects::default().account(&request.official_account)
    }

    fn time(request: &OfficialFullRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialFull>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialFull>();
    }

    #[test]
    fn is_found_by_the_official_account() {
        check_subjects::<OfficialFull>(Subjects::default().accounts(["@TOA#_2J4SZEAEL"]));
    }
}
