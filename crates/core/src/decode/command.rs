//! Whether a body names the command that it was sent for. The query routes; a body that says otherwise is drift.

use std::{borrow::Cow, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

use super::{Drift, repair::strip_byte_order_mark};

const FIELD: &str = "CallbackCommand";
const QUOTED_FIELD: &[u8] = b"\"CallbackCommand\"";

/// Drift when the body's own `CallbackCommand` is not the query's; `None` when it is, or when the body has none that
/// can be read. Looks no further than that field, which is the first one of most bodies.
pub fn command_drift(body: &[u8], command: &str) -> Option<Drift> {
    if begins_with(body, command) {
        return None;
    }
    let body = strip_byte_order_mark(body).unwrap_or(body);
    let mut named = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    // The search ends amid the object, which the parser takes for an error.
    let _ended_early = json.deserialize_map(Search { named: &mut named });
    let named = named?;
    (named != command).then(|| Drift {
        path: FIELD.to_owned(),
        expected: "the query's command".to_owned(),
        found: "another command".to_owned(),
    })
}

/// Whether the body begins with the command, byte for byte, as most do: a parser costs more than all of this.
fn begins_with(body: &[u8], command: &str) -> bool {
    behind_command(body, command).is_some_and(|rest| rest.starts_with(b"\""))
}

/// What stands behind the command that the body begins with.
fn behind_command<'a>(body: &'a [u8], command: &str) -> Option<&'a [u8]> {
    let rest = body.trim_ascii_start().strip_prefix(b"{")?;
    let rest = rest.trim_ascii_start().strip_prefix(QUOTED_FIELD)?;
    let rest = rest.trim_ascii_start().strip_prefix(b":")?;
    let rest = rest.trim_ascii_start().strip_prefix(b"\"")?;
    rest.strip_prefix(command.as_bytes())
}

struct Search<'a, 'de> {
    named: &'a mut Option<Cow<'de, str>>,
}

/// A string, borrowed from the body if it has no escape.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> Visitor<'de> for Search<'_, 'de> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<(), A::Error> {
        while let Some(Text(name)) = access.next_key()? {
            if name == FIELD {
                let Text(named) = access.next_value()?;
                *self.named = Some(named);
                return Ok(());
            }
            access.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, differs: bool) {
        let drift = command_drift(body.as_bytes(), "Sns.CallbackFriendDelete");
        assert_eq!(drift.is_some(), differs, "{body}");
    }

    #[test]
    fn compares_the_command_wherever_it_stands() {
        check(r#"{"CallbackCommand": "Sns.CallbackFriendDelete"}"#, false);
        check(r#"{"CallbackCommand": "Sns.CallbackFriendAdd", "A"#, true);
        check(
            " {\n\"CallbackCommand\" :\t\"Sns.CallbackFriendDelete\", ",
            false,
        );
        check(r#"{"CallbackCommand": "Sns.CallbackFriendDeleted"}"#, true);
        check(r#"{"CallbackCommand": " Sns.CallbackFriendDelete"}"#, true);
        check(r#"{"A": {"B": [1]}, "CallbackCommand": "Other"}"#, true);
        check("\u{feff}{\"CallbackCommand\": \"Other\"}", true);
        check(
            r#"{"CallbackCommand": "\u0053ns.CallbackFriendDelete"}"#,
            false,
        );
    }

    #[test]
    fn has_nothing_to_say_without_a_readable_command() {
        for body in [
            "",
            "{}",
            "[]",
            "{",
            "null",
            r#"{"CallbackCommand": 7}"#,
            r#"{"callbackcommand": "Other"}"#,
            r#"{"Nested": {"CallbackCommand": "Other"}}"#,
        ] {
            check(body, false);
        }
    }
}
