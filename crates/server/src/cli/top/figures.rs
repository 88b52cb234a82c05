//! Numbers for people: short, with their units.

use super::quantile::Quantile;

/// In the place of what is not known.
pub(super) const NONE: &str = "–";

/// Events a second: `0`, `0.05`, `3.5`, `120`, `12.3k`.
pub(super) fn rate(value: Option<f64>) -> String {
    let Some(value) = value else {
        return NONE.to_owned();
    };
    match value {
        0.0 => "0".to_owned(),
        value if value.abs() < 0.1 => format!("{value:.2}"),
        value => short(value),
    }
}

/// A share in percent: `0`, `12`, `250`.
pub(super) fn percent(value: f64) -> String {
    short(value.round())
}

/// A count, cut to three digits from ten thousand on.
pub(super) fn count(value: i64) -> String {
    if value.unsigned_abs() < 10_000 {
        return value.to_string();
    }
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    short(value as f64)
}

fn short(value: f64) -> String {
    const UNITS: [(f64, &str); 5] = [(1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    if value.abs() >= 1e18 {
        return format!("{value:.1e}");
    }
    let unit = UNITS.iter().find(|(unit, _)| value.abs() >= *unit);
    let (unit, name) = match unit {
        Some(unit) if value.abs() >= 1e4 => *unit,
        _ => (1.0, ""),
    };
    let scaled = value / unit;
    // What would be rounded to 100 has no digit behind the point either.
    if scaled.abs() < 99.95 && scaled.fract() != 0.0 {
        format!("{scaled:.1}{name}")
    } else {
        format!("{scaled:.0}{name}")
    }
}

/// `250µs`, `2.1ms`, `34ms`, `1.25s`, and `>2s` above what the histogram tells apart.
pub(super) fn seconds(value: Option<Quantile>) -> String {
    let Some(Quantile { value, is_above }) = value else {
        return NONE.to_owned();
    };
    let above = if is_above { ">" } else { "" };
    let shown = match value.abs() {
        size if size >= 1e6 => format!("{value:.1e}s"),
        size if size < 0.000_999_5 => format!("{:.0}µs", value * 1e6),
        size if size < 0.009_95 => format!("{:.1}ms", value * 1e3),
        size if size < 0.999_5 => format!("{:.0}ms", value * 1e3),
        _ => format!("{value:.2}s"),
    };
    format!("{above}{shown}")
}

/// `823 B`, `48.0 MiB`, `804 KiB`.
pub(super) fn bytes(value: Option<i64>) -> String {
    const UNITS: [&str; 7] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let Some(value) = value.filter(|value| *value >= 0) else {
        return NONE.to_owned();
    };
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    let mut scaled = value as f64;
    let mut units = UNITS.into_iter();
    let mut unit = units.next().unwrap_or_default();
    while scaled >= 1023.5 {
        let Some(next) = units.next() else { break };
        (scaled, unit) = (scaled / 1024.0, next);
    }
    if unit == "B" || scaled >= 99.95 {
        format!("{scaled:.0} {unit}")
    } else {
        format!("{scaled:.1} {unit}")
    }
}

/// In its two largest units: `45s`, `3m 20s`, `5h 1m`, `12d 3h`.
pub(super) fn age(seconds: i64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        _ => format!("{days}d {}h", hours % 24),
    }
}

/// The time of day of an RFC 3339 time in UTC: `12:00:00Z`.
pub(super) fn time_of_day(time: Option<&str>) -> String {
    let clock = time.and_then(|time| time.get(11..19));
    clock.map_or_else(String::new, |clock| format!("{clock}Z"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_rate_is_short() {
        for (value, expected) in [
            (0.0, "0"),
            (0.017, "0.02"),
            (0.5, "0.5"),
            (12.34, "12.3"),
            (99.96, "100"),
            (1234.5, "1234"),
            (9999.9, "10000"),
            (12_345.0, "12.3k"),
            (1.2e6, "1.2M"),
            (1.7e308, "1.7e308"),
            (f64::INFINITY, "inf"),
        ] {
            assert_eq!(rate(Some(value)), expected, "{value}");
        }
        assert_eq!(rate(None), "–");
    }

    #[test]
    fn a_count_is_exact_while_it_is_short() {
        for (value, expected) in [
            (0, "0"),
            (-3, "-3"),
            (9999, "9999"),
            (10_000, "10k"),
            (1_203_013, "1.2M"),
            (i64::MAX, "9.2e18"),
            (i64::MIN, "-9.2e18"),
        ] {
            assert_eq!(count(value), expected);
        }
    }

    #[test]
    fn a_time_has_the_unit_that_suits_it() {
        for (value, is_above, expected) in [
            (0.0, false, "0µs"),
            (0.000_25, false, "250µs"),
            (0.000_999_9, false, "1.0ms"),
            (0.002_14, false, "2.1ms"),
            (0.034_4, false, "34ms"),
            (0.999_9, false, "1.00s"),
            (2.0, true, ">2.00s"),
            (1e308, false, "1.0e308s"),
        ] {
            assert_eq!(seconds(Some(Quantile { value, is_above })), expected);
        }
        assert_eq!(seconds(None), "–");
    }

    #[test]
    fn an_age_has_two_units() {
        let shown = [0, 59, 60, 3599, 3600, 86_399, 86_400, 1_234_567].map(age);
        let expected = [
            "0s", "59s", "1m 0s", "59m 59s", "1h 0m", "23h 59m", "1d 0h", "14d 6h",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn bytes_have_the_unit_that_suits_them() {
        for (value, expected) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (823_296, "804 KiB"),
            (1_048_575, "1.0 MiB"),
            (50_331_648, "48.0 MiB"),
            (i64::MAX, "8.0 EiB"),
            (-1, "–"),
        ] {
            assert_eq!(bytes(Some(value)), expected, "{value}");
        }
        assert_eq!(bytes(None), "–");
    }

    #[test]
    fn a_time_of_day_is_that_of_a_time() {
        assert_eq!(time_of_day(Some("2026-01-31T12:00:02.000Z")), "12:00:02Z");
        assert_eq!(time_of_day(Some("爱")), "");
        assert_eq!(time_of_day(None), "");
    }

    proptest! {
        #[test]
        fn every_number_is_short(value: f64, whole: i64) {
            prop_assert!(rate(Some(value)).len() <= 9);
            prop_assert!(count(whole).len() <= 9);
            let quantile = Quantile { value, is_above: true };
            prop_assert!(seconds(Some(quantile)).len() <= 12);
            prop_assert!(bytes(Some(whole)).len() <= 8);
        }
    }
}
