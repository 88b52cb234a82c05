//! Times on the command line and on the screen.

use std::{
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::admin::time;

/// Milliseconds since 1970 at the end of the year 9999, where RFC 3339 ends.
const MILLIS_MAX: u64 = 253_402_300_799_999;

/// A time given as an age (`15m`), in UTC (`2026-01-31T12:00:00Z`) or with an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(SystemTime);

impl Moment {
    /// RFC 3339 with milliseconds, as the admin API takes it.
    pub(super) fn to_query(self) -> String {
        humantime::format_rfc3339_millis(self.0).to_string()
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || "expected an age such as 15m or a time such as 2026-01-31T12:00:00Z".to_owned();
        if let Ok(age) = humantime::parse_duration(text) {
            let moment = SystemTime::now().checked_sub(age);
            return moment
                .filter(|moment| *moment >= UNIX_EPOCH)
                .map(Self)
                .ok_or_else(expected);
        }
        if let Ok(moment) = humantime::parse_rfc3339_weak(text) {
            return Ok(Self(moment));
        }
        time::parse_rfc3339(text)
            .filter(|millis| *millis <= MILLIS_MAX)
            .map(|millis| Self(UNIX_EPOCH + Duration::from_millis(millis)))
            .ok_or_else(expected)
    }
}

/// A time of the admin API for people, in UTC: `2026-01-31 12:00:00.000Z`. Takes RFC 3339 or milliseconds since 1970;
/// what is neither stays as it is.
pub(super) fn show(time: &serde_json::Value) -> String {
    if let Some(text) = time.as_str() {
        return humantime::parse_rfc3339_weak(text).map_or_else(|_| text.to_owned(), show_system);
    }
    match time.as_u64() {
        Some(millis) if millis <= MILLIS_MAX => {
            show_system(UNIX_EPOCH + Duration::from_millis(millis))
        }
        _ => time.to_string(),
    }
}

fn show_system(time: SystemTime) -> String {
    humantime::format_rfc3339_millis(time)
        .to_string()
        .replace('T', " ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_is_an_age_or_a_time() {
        let time: Moment = "2026-01-31T12:00:00Z".parse().unwrap();
        assert_eq!(time.to_query(), "2026-01-31T12:00:00.000Z");
        let offset: Moment = "2026-01-31T20:00:00+08:00".parse().unwrap();
        assert_eq!(offset, time);
        let age: Moment = "15m".parse().unwrap();
        assert!(age.0 < SystemTime::now());
        for wrong in [
            "",
            "yesterday",
            "15",
            "9999999y",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert!(wrong.parse::<Moment>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn shows_every_form_of_a_time() {
        for (time, shown) in [
            (json!("2026-01-31T12:00:00.5Z"), "2026-01-31 12:00:00.500Z"),
            (json!(1_769_860_800_500_u64), "2026-01-31 12:00:00.500Z"),
            (json!("soon"), "soon"),
            (json!(u64::MAX), "18446744073709551615"),
            (json!(null), "null"),
        ] {
            assert_eq!(show(&time), shown);
        }
    }
}
