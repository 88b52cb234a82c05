//! `Alert.RequestOverLimit`: the rate of REST API calls is near its limit or over it.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of alerts; Chat sends them unasked as soon as it has a URL.
#[derive(Debug)]
pub struct LimitAlert;

/// What is called how often, and the limit.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct LimitAlertRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// The service that is called, e.g. `openim`.
    pub service_name: String,
    /// The command that is called, e.g. `batchsendmsg`.
    pub command: String,
    /// How often it is called; more than 80 % of the limit.
    #[serde(rename = "Request")]
    #[oai(rename = "Request")]
    pub requests_per_second: i64,
    /// How often it may be called.
    #[serde(rename = "Limit")]
    #[oai(rename = "Limit")]
    pub limit_per_second: i64,
}

impl Callback for LimitAlert {
    const COMMAND: &'static str = "Alert.RequestOverLimit";
    const FEATURE: &'static str = "Operations";
    const SUMMARY: &'static str = "REST API calls rose above 80 % of a limit";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/60256";
    const SAMPLE: &'static str = include_str!("../samples/limit_alert.json");

    type Request = LimitAlertRequest;
    type Answer = Noted;

    fn subjects(_request: &LimitAlertRequest) -> Subjects {
        Subjects::default()
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<LimitAlert>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<LimitAlert>();
    }

    #[test]
    fn is_found_by_no_account_and_no_group() {
        check_subjects::<LimitAlert>(Subjects::default());
    }
}
