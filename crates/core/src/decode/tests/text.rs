//! Bodies whose very text is broken: mended where it can be, borne where it can't.

use super::*;

#[test]
fn mends_the_text() {
    check(
        b"\xef\xbb\xbf{\"text\": \"a\xff\\ud800\0\"} \0",
        Some(Scalars {
            text: "a\u{fffd}\u{fffd}\0".to_owned(),
            ..Scalars::default()
        }),
        &[
            ("", "JSON", "byte order mark"),
            ("", "JSON", "control character"),
            ("", "UTF-16 pairs", "lone surrogate"),
            ("", "UTF-8", "invalid UTF-8"),
            ("", "nothing behind the JSON", "trailing bytes"),
        ],
    );
}

#[test]
fn what_is_not_json_has_no_value() {
    for body in ["", " ", "{", "\0", "hello", r#"{"PairList": ["#] {
        check::<Removal>(body, None, &[("", "JSON", "not JSON")]);
    }
}

#[test]
fn deep_nesting_ends_early() {
    let nested = "[".repeat(500_000);
    check::<Removal>(&nested, None, &[("", "JSON", "nesting too deep")]);
    let known = format!("{{\"PairList\": {}{}}}", "[".repeat(5000), "]".repeat(5000));
    check::<Removal>(known, None, &[("", "JSON", "nesting too deep")]);
    // Read strictly: what no type wants may be as deep as it likes.
    let unknown = format!(
        "{{\"PairList\": [], \"New\": {}{}}}",
        "[".repeat(5000),
        "]".repeat(5000)
    );
    check(
        unknown,
        Some(removal(&[])),
        &[("", "JSON", "nesting too deep")],
    );
}
