//! `OfficialAccount.CallbackBeforeCreateOfficialAccount`: an official account is about to be created.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{ActionVerdict, MESSAGE_CODES};
use poem_openapi::Object;
use serde::Deserialize;

/// Lets every official account be created.
#[derive(Debug)]
pub struct BeforeOfficialCreate;

/// The official account that somebody asks for.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeOfficialCreateRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who asks for it, always through the REST API.
    #[serde(rename = "Operator_Account")]
    #[oai(rename = "Operator_Account")]
    pub operator: String,
    /// Who is going to own it.
    #[serde(rename = "Owner_Account")]
    #[oai(rename = "Owner_Account")]
    pub owner: String,
    /// Its name.
    pub name: String,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// Whether the official account is created. The caller gets 20006 for a plain refusal, and a code of the command's own
/// as it is, with its text.
pub type BeforeOfficialCreateVerdict =
    ActionVerdict<{ MESSAGE_CODES.first }, { MESSAGE_CODES.last }>;

impl Callback for BeforeOfficialCreate {
    const COMMAND: &'static str = "OfficialAccount.CallbackBeforeCreateOfficialAccount";
    const FEATURE: &'static str = "Official accounts";
    const SUMMARY: &'static str = "An official account is about to be created";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60795";
    const SAMPLE: &'static str = include_str!("../samples/before_official_create.json");

    type Request = BeforeOfficialCreateRequest;
    type Answer = BeforeOfficialCreateVerdict;

    fn subjects(request: &BeforeOfficialCreateRequest) -> Subjects {
        Subjects::default()
            .account(&request.operator)
            .account(&request.owner)
    }

    fn time(request: &BeforeOfficialCreateRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeOfficialCreate>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeOfficialCreate>();
    }

    #[test]
    fn is_found_by_operator_and_owner() {
        check_subjects::<BeforeOfficialCreate>(Subjects::default().accounts(["alice", "bob"]));
    }
}
