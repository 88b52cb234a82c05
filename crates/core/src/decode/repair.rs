//! Mends a body's text, so that a JSON parser can read it: byte order mark, invalid UTF-8, lone surrogates, raw control
//! characters. Each is drift. Not here: mending the structure; a body that is cut short stays unreadable.

use std::{borrow::Cow, fmt::Write};

use super::report::{Path, Report};

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// Length of `\u0000`.
const ESCAPE: usize = 6;

/// What stands behind a backslash.
enum Escape {
    /// A surrogate without its other half.
    LoneSurrogate,
    /// Two halves, or a single escape; so many bytes long.
    Whole(usize),
}

/// The body without a byte order mark.
pub(super) fn strip_byte_order_mark(body: &[u8]) -> Option<&[u8]> {
    body.strip_prefix(BYTE_ORDER_MARK)
}

/// The body as text that a strict JSON parser can take; borrowed where nothing was to be mended.
pub(super) fn repair<'a>(body: &'a [u8], report: &Report) -> Cow<'a, str> {
    let body = match strip_byte_order_mark(body) {
        Some(rest) => {
            report.note(&Path::Root, "JSON", "byte order mark");
            rest
        }
        None => body,
    };
    let text = String::from_utf8_lossy(body);
    if matches!(text, Cow::Owned(_)) {
        report.note(&Path::Root, "UTF-8", "invalid UTF-8");
    }
    match repair_strings(&text, report) {
        Some(repaired) => Cow::Owned(repaired),
        None => text,
    }
}

/// `None` when there is nothing to repair.
fn repair_strings(text: &str, report: &Report) -> Option<String> {
    let bytes = text.as_bytes();
    let mut repaired = String::new();
    let mut copied = 0;
    let mut at = 0;
    let mut in_string = false;
    while let Some(&byte) = bytes.get(at) {
        let start = at;
        at += 1;
        match byte {
            b'"' => in_string = !in_string,
            b'\\' => match escape(text, start) {
                Escape::Whole(length) => at = start + length,
                Escape::LoneSurrogate => {
                    report.note(&Path::Root, "UTF-16 pairs", "lone surrogate");
                    repaired.push_str(text.get(copied..start).unwrap_or_default());
                    repaired.push(char::REPLACEMENT_CHARACTER);
                    at = start + ESCAPE;
                    copied = at;
                }
            },
            0..0x20 if in_string => {
                report.note(&Path::Root, "JSON", "control character");
                repaired.push_str(text.get(copied..start).unwrap_or_default());
                write!(repaired, "\\u{byte:04x}").expect("a string takes any text");
                copied = at;
            }
            _ => {}
        }
    }
    if copied == 0 {
        return None;
    }
    repaired.push_str(text.get(copied..).unwrap_or_default());
    Some(repaired)
}

fn escape(text: &str, at: usize) -> Escape {
    match unit(text, at) {
        Some(0xd800..0xdc00) if matches!(unit(text, at + ESCAPE), Some(0xdc00..0xe000)) => {
            Escape::Whole(2 * ESCAPE)
        }
        Some(0xd800..0xe000) => Escape::LoneSurrogate,
        _ => Escape::Whole(2),
    }
}

/// The UTF-16 unit that is written at this place as `\u` and four digits.
fn unit(text: &str, at: usize) -> Option<u16> {
    let digits = text.get(at..at + ESCAPE)?.strip_prefix("\\u")?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &[u8], expected: &str, found: &[&str]) {
        let report = Report::default();
        assert_eq!(repair(body, &report), expected);
        let drift = report.into_sorted();
        let notes: Vec<&str> = drift.iter().map(|drift| drift.found.as_str()).collect();
        assert_eq!(notes, found);
    }

    #[test]
    fn leaves_good_text_alone() {
        let text = r#"{"a": "é \\ \" \u00e9 \ud83d\ude00 \\ud800"}"#;
        check(text.as_bytes(), text, &[]);
        assert!(matches!(
            repair(text.as_bytes(), &Report::default()),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn replaces_each_lone_surrogate() {
        check(
            br#"["\ud800", "\udc00\ud800", "\ud800\u0041", "\ud83d\ude00"]"#,
            "[\"\u{fffd}\", \"\u{fffd}\u{fffd}\", \"\u{fffd}\\u0041\", \"\\ud83d\\ude00\"]",
            &["lone surrogate"],
        );
    }

    #[test]
    fn escapes_control_characters_in_strings_only() {
        check(
            b"{\n\"a\": \"x\0y\n\"}",
            "{\n\"a\": \"x\\u0000y\\u000a\"}",
            &["control character"],
        );
    }

    #[test]
    fn mends_mark_and_encoding() {
        check(
            b"\xef\xbb\xbf[\"\xff\"]",
            "[\"\u{fffd}\"]",
            &["byte order mark", "invalid UTF-8"],
        );
    }

    #[test]
    fn survives_an_escape_cut_short() {
        for text in [
            "\"\\",
            "\"\\u",
            "\"\\ud80",
            "\"\\ud800\\",
            "\"\\ud800\\u00é",
            "\\é\\",
        ] {
            repair(text.as_bytes(), &Report::default());
        }
    }
}
