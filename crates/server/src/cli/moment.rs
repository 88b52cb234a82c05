//! Times on the command line and on the screen.

use std::str::FromStr;

use crate::{
    clock,
    time::{self, TimeError},
};

/// A time in one of the forms that the admin API takes, in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment(u64);

impl Moment {
    /// As the admin API takes it.
    pub(super) fn to_query(self) -> String {
        self.0.to_string()
    }
}

impl FromStr for Moment {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        time::parse(text, clock::now_ms()).map(Self)
    }
}

/// A time of the admin API for people, in UTC: `2026-01-31 12:00:00.000Z`. Takes RFC 3339 or milliseconds since 1970;
/// what is neither stays as it is.
pub(super) fn show(time: &serde_json::Value) -> String {
    let text = time.as_str();
    let unix_ms = text.map_or_else(|| time.as_u64(), time::parse_rfc3339);
    unix_ms.and_then(time::format).map_or_else(
        || text.map_or_else(|| time.to_string(), ToOwned::to_owned),
        |shown| shown.replace('T', " "),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_moment_is_what_the_api_takes() {
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T20:00:00+08:00",
            "2026-01-31 12:00:00.000Z",
            "1769860800000",
        ] {
            let moment: Moment = text.parse().unwrap();
            assert_eq!(moment.to_query(), "1769860800000", "{text}");
        }
        let age: Moment = "15m".parse().unwrap();
        assert!(age.0 < clock::now_ms());
        for wrong in ["", "yesterday", "2026-01-31"] {
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
