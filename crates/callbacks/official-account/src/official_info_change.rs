//! `OfficialAccount.CallbackAfterOfficialAccountInfoChanged`: an official account's profile was changed.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of changed profiles of official accounts.
#[derive(Debug)]
pub struct OfficialInfoChange;

/// What was changed about an official account.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct OfficialInfoChangeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Whose profile it is, e.g. `@TOA#_2J4SZEAEL`.
    #[serde(rename = "Official_Account")]
    #[oai(rename = "Official_Account")]
    pub official_account: String,
    /// Who changed it.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// The new name; absent when it is the old one.
    pub name: Option<String>,
    /// The new introduction; absent when it is the old one.
    pub introduction: Option<String>,
    /// The new picture's URL; absent when it is the old one.
    pub face_url: Option<String>,
    /// The new organization; absent when it is the old one.
    pub organization: Option<String>,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for OfficialInfoChange {
    const COMMAND: &'static str = "OfficialAccount.CallbackAfterOfficialAccountInfoChanged";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account's profile was changed";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60797";
    const SAMPLE: &'static str = include_str!("../samples/official_info_change.json");

    type Request = OfficialInfoChangeRequest;
    type Answer = Noted;

    fn subjects(request: &OfficialInfoChangeRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.official_account)
    }

    fn time(request: &OfficialInfoChangeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<OfficialInfoChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<OfficialInfoChange>();
    }

    #[test]
    fn is_found_by_operator_and_official_account() {
        check_subjects::<OfficialInfoChange>(
            Subjects::default().accounts(["alice", "@TOA#_2J4SZEAEL"]),
        );
    }

    #[test]
    fn what_was_not_changed_is_absent() {
        let body = r#"{
            "CallbackCommand": "OfficialAccount.CallbackAfterOfficialAccountInfoChanged",
            "Official_Account": "@TOA#_2J4SZEAEL",
            "Operator_Account": "alice",
            "Introduction": "new intro",
            "EventTime": 1670574414123
        }"#;
        let request = read::<OfficialInfoChangeRequest>(body);
        assert_eq!(request.introduction.as_deref(), Some("new intro"));
        assert_eq!(request.name, None);
        assert_eq!(request.face_url, None);
        assert_eq!(request.organization, None);
    }
}
