//! Moments as the API and the command line read and write them.
//!
//! Written: RFC 3339 in UTC with milliseconds. Read: that, with any offset, also as it is shown to people, with a space in
//! the place of the `T`; milliseconds since the Unix epoch; or an age such as `15m`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The first millisecond that RFC 3339, with its four digits of a year, can't say.
const YEAR_10000_MS: u64 = 253_402_300_800_000;

/// What a moment must look like.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a time: write 2026-01-31T08:00:00Z, milliseconds since the Unix epoch, or an age such as 15m"
)]
pub(crate) struct TimeError(String);

/// RFC 3339 in UTC; `None` before 1970 and after 9999.
pub(crate) fn format(unix_ms: u64) -> Option<String> {
    let time = UNIX_EPOCH + Duration::from_millis(unix_ms);
    (unix_ms < YEAR_10000_MS).then(|| humantime::format_rfc3339_millis(time).to_string())
}

/// The moment that a text means at `now_ms`, in milliseconds since the Unix epoch.
///
/// # Errors
///
/// When it is none of the three forms; a text that is too long is cut in the error.
pub(crate) fn parse(text: &str, now_ms: u64) -> Result<u64, TimeError> {
    let trimmed = text.trim();
    if let Ok(unix_ms) = trimmed.parse() {
        return Ok(unix_ms);
    }
    if let Ok(age) = humantime::parse_duration(trimmed) {
        let age_ms = u64::try_from(age.as_millis()).unwrap_or(u64::MAX);
        return Ok(now_ms.saturating_sub(age_ms));
    }
    parse_rfc3339(trimmed).ok_or_else(|| TimeError(text.chars().take(40).collect()))
}

/// RFC 3339 with `Z`, an offset or neither, in milliseconds since the Unix epoch. A `+` that was not escaped in a query
/// arrives as a space.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    if let Ok(time) = humantime::parse_rfc3339_weak(text) {
        return millis(time);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let (hours, minutes) = offset.get(1..)?.split_once(':')?;
    let is_number = |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(hours) || !is_number(minutes) {
        return None;
    }
    let (hours, minutes): (u64, u64) = (hours.parse().ok()?, minutes.parse().ok()?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset_ms = (hours * 60 + minutes) * 60_000;
    let local_ms = millis(humantime::parse_rfc3339_weak(&format!("{local}Z")).ok()?)?;
    match offset.chars().next()? {
        '+' | ' ' => local_ms.checked_sub(offset_ms),
        '-' => local_ms.checked_add(offset_ms),
        _ => None,
    }
}

fn millis(time: SystemTime) -> Option<u64> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_800_000_000_000;
    const MOMENT: u64 = 1_769_846_400_000;

    #[test]
    fn reads_three_forms() {
        for (text, expected) in [
            ("1769846400000", MOMENT),
            ("2026-01-31T08:00:00Z", MOMENT),
            ("2026-01-31T08:00:00.250Z", MOMENT + 250),
            ("2026-01-31T16:00:00+08:00", MOMENT),
            ("2026-01-31T16:00:00 08:00", MOMENT),
            ("2026-01-31T02:30:00-05:30", MOMENT),
            ("2026-01-31 08:00:00.250Z", MOMENT + 250),
            ("2026-01-31 08:00:00", MOMENT),
            ("15m", NOW - 900_000),
            ("1h 30m", NOW - 5_400_000),
        ] {
            assert_eq!(parse(text, NOW), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in [
            "",
            "yesterday",
            "-5",
            "2026-01-31",
            "2026-13-31T08:00:00Z",
            "2026-01-31T08:00:00+8:00",
            "2026-01-31T08:00:00+24:00",
        ] {
            assert!(parse(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn an_age_before_the_epoch_is_the_epoch() {
        assert_eq!(parse("1000years", NOW), Ok(0));
    }

    #[test]
    fn writes_milliseconds_in_utc() {
        assert_eq!(
            format(MOMENT + 5).as_deref(),
            Some("2026-01-31T08:00:00.005Z")
        );
        assert_eq!(format(YEAR_10000_MS), None);
        assert!(format(YEAR_10000_MS - 1).is_some());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(unix_ms in 0..YEAR_10000_MS) {
            let text = format(unix_ms).unwrap();
            prop_assert_eq!(parse(&text, NOW), Ok(unix_ms));
        }

        #[test]
        fn never_panics(text in ".{0,60}") {
            let _parsed = parse(&text, NOW);
        }
    }
}
