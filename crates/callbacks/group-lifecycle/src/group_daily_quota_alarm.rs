//! `Group.CallbackOnDailyGroupQuotaAlarm`: the day's new groups reached the alarm threshold.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of a quota alarm.
#[derive(Debug)]
pub struct GroupDailyQuotaAlarm;

/// How much of the app's daily quota of groups is used; no single group is concerned.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct GroupDailyQuotaAlarmRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// How many groups were added today.
    pub quota_used: i64,
    /// How many may be added a day.
    pub quota: i64,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

impl Callback for GroupDailyQuotaAlarm {
    const COMMAND: &'static str = "Group.CallbackOnDailyGroupQuotaAlarm";
    const FEATURE: &'static str = "Groups";
    const SUMMARY: &'static str = "The day's new groups reached the alarm threshold";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/57455";
    const SAMPLE: &'static str = include_str!("../samples/group_daily_quota_alarm.json");

    type Request = GroupDailyQuotaAlarmRequest;
    type Answer = Noted;

    fn subjects(_request: &GroupDailyQuotaAlarmRequest) -> Subjects {
        Subjects::default()
    }

    fn time(request: &GroupDailyQuotaAlarmRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<GroupDailyQuotaAlarm>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<GroupDailyQuotaAlarm>();
    }

    #[test]
    fn is_found_by_nobody() {
        check_subjects::<GroupDailyQuotaAlarm>(Subjects::default());
    }
}
