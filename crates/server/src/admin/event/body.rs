//! Which bodies can stand in an answer as they came.

use serde_json::{Value, value::RawValue};

/// Deeper bodies are shown as base64: embedded in an answer they would be too deep for common JSON readers.
pub(super) const BODY_DEPTH_MAX: usize = 100;

/// A body that can stand in an answer as it is. Reading it strictly keeps lone surrogates and endless numbers out,
/// over which one reader or the other would lose the whole answer.
pub(super) fn embeddable(body: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(body).ok()?;
    if depth(body) > BODY_DEPTH_MAX {
        return None;
    }
    let _strict: Value = serde_json::from_str(text).ok()?;
    RawValue::from_string(text.trim().to_owned()).ok()
}

/// How deep the brackets of a JSON text go.
fn depth(body: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in body {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_within_strings_are_not_depth() {
        assert_eq!(depth(br#"{"a":"[[[\"[[\\"}"#), 1);
        assert_eq!(depth(b"[[1],[[2]]]"), 3);
        assert_eq!(depth(b"]]]["), 1);
    }
}
