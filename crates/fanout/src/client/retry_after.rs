//! `Retry-After`, as a subscriber may send it.

use std::time::{Duration, SystemTime};

use http::HeaderValue;

/// How long a `Retry-After` asks to wait: a number of seconds or a date, as RFC 9110, 10.2.3 has it. `None` for anything
/// else; zero for a date that has passed.
pub(super) fn retry_after(value: &HeaderValue, now: SystemTime) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check_retry_after(text: &str, expected: Option<u64>) {
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        let asked = retry_after(&HeaderValue::from_str(text).unwrap(), now);
        assert_eq!(asked, expected.map(Duration::from_secs), "{text}");
    }

    #[test]
    fn reads_seconds_and_dates() {
        check_retry_after("0", Some(0));
        check_retry_after("120", Some(120));
        check_retry_after(" 120 ", Some(120));
        check_retry_after("99999999999999999999999", Some(u64::MAX));
        check_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", Some(60));
        check_retry_after("Sunday, 06-Nov-94 08:50:37 GMT", Some(60));
        check_retry_after("Sun Nov  6 08:50:37 1994", Some(60));
        check_retry_after("Sun, 06 Nov 1994 08:49:36 GMT", Some(0));
    }

    #[test]
    fn passes_over_what_is_neither() {
        for text in [
            "",
            "-1",
            "+1",
            "1.5",
            "1s",
            "soon",
            "١",
            "1994-11-06T08:49:37Z",
        ] {
            let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else {
                continue;
            };
            assert_eq!(retry_after(&value, SystemTime::UNIX_EPOCH), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_retry_after_is_read_or_passed_over(bytes in prop::collection::vec(32u8..=255, 0..40)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let _asked = retry_after(&value, SystemTime::now());
            }
        }
    }
}
