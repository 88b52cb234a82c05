//! `OfficialAccount.CallbackAfterCreateOfficialAccount`: an official account was created.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of created official accounts.
#[derive(Debug)]
pub struct OfficialCreate;

/// The official account that was created.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct OfficialCreateRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who asked for it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// The new account's id, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// Who owns it.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// Its name.
    pub name: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for OfficialCreate {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterCreateOfficialAccount";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account was created";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60796";
    const SAMPLE: &'static str = include_str!("../samples/official_create.json");

    type Request = OfficialCreateRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialCreateRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.owner)
            .account(&request.official_account)
    }

    fn time(request: &OfficialCreateRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialCreate>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialCreate>();
    }

    #[test]
    fn is_found_by_operator_owner_and_official_account() {
        check_subjects::<OfficialCreate>(Subjects::default().accounts([
            "alice",
            "bob",
            "@TOA#_2J4SZEAEL",
        ]));
    }
}
