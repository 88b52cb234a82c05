//! Scalars that stand for another: coerced where nothing is lost, refused where something would be.

use super::*;

#[test]
fn scalars_become_what_is_wanted() {
    check(
        r#"{"text": 12, "small": "7", "integer": -3.0, "float": " 1.5 ", "flag": "True"}"#,
        Some(Scalars {
            text: "12".to_owned(),
            small: 7,
            integer: -3,
            float: 1.5,
            flag: true,
        }),
        &[
            ("flag", "boolean", "string"),
            ("float", "number", "string"),
            ("integer", "integer", "number"),
            ("small", "integer", "string"),
            ("text", "string", "number"),
        ],
    );
    check(
        r#"{"text": true, "small": true, "integer": ["4"], "float": 2, "flag": 1}"#,
        Some(Scalars {
            text: "true".to_owned(),
            small: 1,
            integer: 4,
            float: 2.0,
            flag: true,
        }),
        &[
            ("flag", "boolean", "number"),
            ("integer", "integer", "list"),
            ("integer", "integer", "string"),
            ("small", "integer", "boolean"),
            ("text", "string", "boolean"),
        ],
    );
    check(
        r#"{"text": null, "small": null, "integer": null, "float": null, "flag": null}"#,
        Some(Scalars::default()),
        &[
            ("flag", "boolean", "null"),
            ("float", "number", "null"),
            ("integer", "integer", "null"),
            ("small", "integer", "null"),
            ("text", "string", "null"),
        ],
    );
}

#[test]
fn an_integer_is_read_however_it_is_written() {
    for (text, integer) in [("1e3", 1000), ("-3.0", -3), ("+5", 5), (" 7 ", 7)] {
        check(
            format!(r#"{{"integer": "{text}"}}"#),
            Some(Scalars {
                integer,
                ..Scalars::default()
            }),
            &[("integer", "integer", "string")],
        );
    }
}

#[test]
fn a_scalar_that_would_change_is_refused() {
    for (body, path, expected, found) in [
        (r#"{"small": 300}"#, "small", "integer", "unreadable number"),
        (r#"{"small": -1}"#, "small", "integer", "unreadable number"),
        (
            r#"{"integer": 1.5}"#,
            "integer",
            "integer",
            "unreadable number",
        ),
        (
            r#"{"integer": "12a"}"#,
            "integer",
            "integer",
            "unreadable string",
        ),
        (
            r#"{"integer": 1e300}"#,
            "integer",
            "integer",
            "unreadable number",
        ),
        (
            r#"{"float": "inf"}"#,
            "float",
            "number",
            "unreadable string",
        ),
        (r#"{"flag": 2}"#, "flag", "boolean", "unreadable number"),
        (
            r#"{"text": {"a": 1}}"#,
            "text",
            "string",
            "unreadable object",
        ),
        (r#"{"text": [1, 2]}"#, "text", "string", "unreadable list"),
        // Rounded by then, it would be another account.
        (
            r#"{"text": 1234567890123456789012345}"#,
            "text",
            "string",
            "unreadable number",
        ),
        // It was 1.10, and would be 1.1.
        (r#"{"text": 1.10}"#, "text", "string", "unreadable number"),
        (
            r#"{"text": 12345678.1234567891}"#,
            "text",
            "string",
            "unreadable number",
        ),
    ] {
        check::<Scalars>(body, None, &[(path, expected, found)]);
    }
}
