//! `State.StateChange`: a user came online, went offline or set a status.

use gateway_core::{Callback, EventTime, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of changed states.
#[derive(Debug)]
pub struct StateChange;

/// The change, and what it did to the user's other devices.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct StateChangeRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// When it happened, in milliseconds since the Unix epoch.
    pub event_time: i64,
    /// What changed.
    #[serde(rename = "Info")]
    #[oai(rename = "Info")]
    pub change: PresenceChange,
    /// The other devices that a login ended; empty for other changes.
    #[serde(rename = "KickedDevice", default)]
    #[oai(rename = "KickedDevice", default, skip_serializing_if_is_empty)]
    pub kicked_devices: Vec<KickedDevice>,
}

/// What a user did, and why.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct PresenceChange {
    /// `Login`, `Logout`, `Disconnect` or `CustomStatusChange`.
    pub action: String,
    /// The user.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub account: String,
    /// `Register` for a login, `Unregister` for a logout, `LinkClose` or `TimeOut` for a disconnection,
    /// `SetCustomStatus` for a custom status.
    pub reason: String,
    /// The new custom status; absent from other changes.
    pub custom_status: Option<String>,
}

/// A device that a login ended.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct KickedDevice {
    /// `iOS`, `Android`, `Web`, `Windows`, `iPad`, `Mac` or `Linux`.
    pub platform: Option<String>,
}

impl Callback for StateChange {
    const COMMAND: &'static str = "State.StateChange";
    const FEATURE: &'static str = "Presence";
    const SUMMARY: &'static str = "A user came online, went offline or set a status";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34357";
    const SAMPLE: &'static str = include_str!("../samples/state_change.json");

    type Request = StateChangeRequest;
    type Answer = Noted;

    fn subjects(request: &StateChangeRequest) -> Subjects {
        Subjects::default().account(&request.change.account)
    }

    fn time(request: &StateChangeRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<StateChange>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<StateChange>();
    }

    #[test]
    fn is_found_by_the_user() {
        check_subjects::<StateChange>(Subjects::default().account("alice"));
    }

    #[test]
    fn a_custom_status_kicks_no_device() {
        let body = r#"{
            "CallbackCommand": "State.StateChange",
            "EventTime": 1629883332497,
            "Info": {
                "Action": "CustomStatusChange", "To_Account": "alice",
                "Reason": "SetCustomStatus", "CustomStatus": "away"
            }
        }"#;
        let request = read::<StateChangeRequest>(body);
        assert_eq!(request.change.custom_status.as_deref(), Some("away"));
        assert!(request.kicked_devices.is_empty());
    }
}
