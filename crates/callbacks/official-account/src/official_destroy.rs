//! `OfficialAccount.CallbackAfterOfficialAccountDestroyed`: an official account was destroyed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of destroyed official accounts.
#[derive(Debug)]
pub struct OfficialDestroy;

/// The official account that was destroyed; by whom, Chat does not say.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct OfficialDestroyRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Its id, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// Who owned it.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// Its name.
    pub name: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for OfficialDestroy {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterOfficialAccountDestroyed";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account was destroyed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60798";
    const SAMPLE: &'static str = include_str!("../samples/official_destroy.json");

    type Request = OfficialDestroyRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialDestroyRequest) -> Subjects {
        Subjects::default()
            .account(&request.owner)
            .account(&request.official_account)
    }

    fn time(request: &OfficialDestroyRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialDestroy>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialDestroy>();
    }

    #[test]
    fn is_found_by_owner_and_official_account() {
        check_subjects::<OfficialDestroy>(Subjects::default().accounts(["bob", "@TOA#_2J4SZEAEL"]));
    }
}
