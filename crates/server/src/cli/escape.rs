//! What comes from outside, made safe for a terminal: no control character reaches it, nor one that reorders text.
//!
//! An account may call itself `\u{1b}]0;…`: printed as it is, it would drive the terminal of whoever looks.

use std::fmt::Write;

/// Replaces what is not safe to print by its Rust escape; the result is one line.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unsafe(c) {
            safe.extend(c.escape_default());
        } else {
            safe.push(c);
        }
    }
    safe
}

/// The same for a JSON text: stays the same JSON, since such characters occur within its strings only. Line breaks and
/// tabs between tokens become spaces.
pub(super) fn escape_json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    let mut units = [0; 2];
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' => safe.push(' '),
            c if is_unsafe(c) => {
                for unit in c.encode_utf16(&mut units) {
                    write!(safe, "\\u{unit:04x}").expect("a String takes every write");
                }
            }
            c => safe.push(c),
        }
    }
    safe
}

/// Control characters, line and paragraph separators, and the marks that reorder or hide text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn keeps_what_people_write() {
        for text in ["alice", "爱丽丝 🎉", "naïve \\ \" '"] {
            assert_eq!(escape(text), text);
        }
    }

    #[test]
    fn escapes_what_drives_a_terminal() {
        assert_eq!(escape("a\u{1b}[31m\r\n\u{9b}"), "a\\u{1b}[31m\\r\\n\\u{9b}");
        assert_eq!(escape("\u{202e}evil"), "\\u{202e}evil");
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in "\\PC*|.*|[\u{0}-\u{9f}\u{2000}-\u{2070}]*") {
            prop_assert!(!escape(&text).chars().any(is_unsafe));
        }

        #[test]
        fn escaped_json_is_the_same_json(text in ".*|[\u{0}-\u{9f}\u{2000}-\u{2070}]*") {
            let value = serde_json::json!({ text.clone(): [text] });
            let pretty = serde_json::to_string_pretty(&value).unwrap();
            let safe = escape_json(&pretty);
            prop_assert!(!safe.chars().any(is_unsafe));
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
        }
    }
}
