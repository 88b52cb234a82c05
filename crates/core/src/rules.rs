//! What Chat honours in a command's ack, as data: the plug-ins' verdicts keep to it by their types, and what comes from
//! elsewhere (a decider, the configuration) is checked against it.
//!
//! Not here: the acks themselves ([`crate::Ack`]) and who decides (the server). Start at [`AckRules::check`].
//!
//! Source: section 3 of the protocol overview, <https://www.tencentcloud.com/document/product/1047/34354>.

use std::{collections::HashSet, fmt};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, json};

/// What Chat honours in a command's ack, beside code 0 (allow) and 1 (refuse).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AckRules {
    /// The codes of its own that refuse, and reach the client together with `ErrorInfo`.
    pub codes: Option<Codes>,
    /// Whether code 2 drops the message while its sender sees success.
    pub drops: bool,
    /// What an ack with code 0 may say beside the three common fields.
    pub extra: Extra,
}

/// A range of codes, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Codes {
    /// The lowest.
    pub first: i64,
    /// The highest.
    pub last: i64,
}

/// The fields of a command's ack beside the three common ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extra {
    /// None.
    Nothing,
    /// `MsgBody` and `CloudCustomData`, which take the place of the message's.
    Message,
    /// A list of accounts under this name, to which the action is denied.
    Accounts(&'static str),
    /// `ResultItem`, one result for each account, each with code 0 or one of these. They decide alone.
    Items(Codes),
    /// Whatever it says goes to Chat: nothing is known of the command.
    Unknown,
}

/// An ack that Chat honours: nothing is in it that Chat would pass over. Serialized, it is what Chat gets.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedAck {
    /// `ErrorCode`.
    pub code: i64,
    /// `ErrorInfo`: a text for people, which decides nothing.
    pub info: String,
    /// The fields that only this command has.
    pub own: Map<String, Value>,
    /// What it does.
    pub effect: Effect,
}

/// What an ack does to the action that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// It happens.
    Allowed,
    /// It does not happen, or not for some of those concerned.
    Refused,
    /// A message goes nowhere, and its sender sees success.
    Dropped,
    /// A message goes out in another form.
    Rewritten,
}

/// Why an ack is none that Chat would honour. Tells no value of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AckFault {
    /// It is not a JSON object, or one that says a common field twice.
    #[error("not a JSON object")]
    NotJson,
    /// It has more values than any ack needs.
    #[error("more than {VALUES_MAX} values")]
    TooMany,
    /// A field is missing or of another type.
    #[error("`{field}` is not {expected}")]
    Field {
        /// The field's name.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A code that the command does not have.
    #[error("`{0}` is not a code of this command")]
    Code(&'static str),
    /// `ActionStatus` is `FAIL`: whoever was asked could not handle it.
    #[error("`ActionStatus` is FAIL")]
    Failed,
}

/// An ack as it was written.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GivenAck {
    #[serde(default)]
    action_status: Value,
    #[serde(default)]
    error_code: Value,
    #[serde(default = "no_info")]
    error_info: Value,
    #[serde(flatten)]
    others: Map<String, Value>,
}

const STATUS: &str = "ActionStatus";
const CODE: &str = "ErrorCode";
const INFO: &str = "ErrorInfo";
const MESSAGE: &str = "MsgBody";
const CUSTOM_DATA: &str = "CloudCustomData";
const ITEMS: &str = "ResultItem";
const ACCOUNT: &str = "To_Account";
const RESULT_CODE: &str = "ResultCode";
const RESULT_INFO: &str = "ResultInfo";

/// Each value takes some fifty times its two bytes in memory; results for a thousand accounts have as many.
const VALUES_MAX: usize = 4_096;

/// The code that refuses whatever the command.
const REFUSE: i64 = 1;
/// The code that drops a message.
const DROP: i64 = 2;

// === impl AckRules ===

impl AckRules {
    /// Chat reads nothing of the ack: the rules of after-commands.
    pub const NOTHING: Self = Self {
        codes: None,
        drops: false,
        extra: Extra::Nothing,
    };

    /// Nothing is known of the command: any code and any field pass.
    pub const UNKNOWN: Self = Self {
        codes: Some(Codes {
            first: i64::MIN,
            last: i64::MAX,
        }),
        drops: true,
        extra: Extra::Unknown,
    };

    /// Checks an ack that was written elsewhere. Fields that Chat would pass over are left out of the result.
    ///
    /// # Errors
    ///
    /// The first fault that is found.
    pub fn check(&self, ack: &[u8]) -> Result<CheckedAck, AckFault> {
        // Before anything is built of them; those within texts count, too.
        let begins = |byte: &&u8| matches!(byte, b',' | b'[' | b'{');
        if ack.iter().filter(begins).count() > VALUES_MAX {
            return Err(AckFault::TooMany);
        }
        let given = serde_json::from_slice(ack).map_err(|_| AckFault::NotJson)?;
        self.check_given(given)
    }

    /// The same for an ack that is JSON already.
    ///
    /// # Errors
    ///
    /// The first fault that is found.
    pub fn check_object(&self, ack: Map<String, Value>) -> Result<CheckedAck, AckFault> {
        let given = serde_json::from_value(ack.into()).map_err(|_| AckFault::NotJson)?;
        self.check_given(given)
    }

    fn check_given(&self, given: GivenAck) -> Result<CheckedAck, AckFault> {
        match given.action_status.as_str() {
            Some("OK") => {}
            Some("FAIL") => return Err(AckFault::Failed),
            _ => return Err(not(STATUS, "`OK` or `FAIL`")),
        }
        let code = given.error_code.as_i64();
        let code = code.ok_or(not(CODE, "a whole number"))?;
        let Value::String(info) = given.error_info else {
            return Err(not(INFO, "a string"));
        };
        if !self.has(code) {
            return Err(AckFault::Code(CODE));
        }
        let effect = match code {
            0 => Effect::Allowed,
            DROP if self.drops => Effect::Dropped,
            _ => Effect::Refused,
        };
        let (own, effect) = match self.extra {
            Extra::Unknown => (given.others, effect),
            Extra::Message if code == 0 => take_message(given.others)?,
            Extra::Accounts(name) if code == 0 => take_accounts(given.others, name)?,
            Extra::Items(codes) => take_items(given.others, codes)?,
            Extra::Nothing | Extra::Message | Extra::Accounts(_) => (Map::new(), effect),
        };
        // Beside results for each account Chat passes over another code, and so does whoever reads the event.
        let is_decided_alone = matches!(self.extra, Extra::Items(_));
        Ok(CheckedAck {
            code: if is_decided_alone { 0 } else { code },
            info,
            own,
            effect,
        })
    }

    /// Whether Chat honours a code.
    fn has(&self, code: i64) -> bool {
        let own = self.codes.is_some_and(|codes| codes.contains(code));
        code == 0 || code == REFUSE || (code == DROP && self.drops) || own
    }
}

fn not(field: &'static str, expected: &'static str) -> AckFault {
    AckFault::Field { field, expected }
}

fn no_info() -> Value {
    Value::String(String::new())
}

/// A command's own fields, and what they do.
type Own = (Map<String, Value>, Effect);

fn take_message(mut given: Map<String, Value>) -> Result<Own, AckFault> {
    let mut own = Map::new();
    if let Some(message) = given.remove(MESSAGE) {
        let elements = message.as_array().filter(|elements| !elements.is_empty());
        let are_elements = elements.is_some_and(|elements| elements.iter().all(is_element));
        if !are_elements {
            return Err(not(MESSAGE, "a list of message elements"));
        }
        own.insert(MESSAGE.to_owned(), message);
    }
    if let Some(data) = given.remove(CUSTOM_DATA) {
        if !data.is_string() {
            return Err(not(CUSTOM_DATA, "a string"));
        }
        own.insert(CUSTOM_DATA.to_owned(), data);
    }
    let effect = if own.is_empty() {
        Effect::Allowed
    } else {
        Effect::Rewritten
    };
    Ok((own, effect))
}

fn is_element(element: &Value) -> bool {
    element.get("MsgType").is_some_and(Value::is_string)
        && element.get("MsgContent").is_some_and(Value::is_object)
}

fn take_accounts(mut given: Map<String, Value>, name: &'static str) -> Result<Own, AckFault> {
    let mut own = Map::new();
    let Some(accounts) = given.remove(name) else {
        return Ok((own, Effect::Allowed));
    };
    let list = accounts.as_array().ok_or(not(name, "a list of accounts"))?;
    if !list.iter().all(Value::is_string) {
        return Err(not(name, "a list of accounts"));
    }
    let effect = if list.is_empty() {
        Effect::Allowed
    } else {
        Effect::Refused
    };
    own.insert(name.to_owned(), accounts);
    Ok((own, effect))
}

fn take_items(mut given: Map<String, Value>, codes: Codes) -> Result<Own, AckFault> {
    let items = given.remove(ITEMS).unwrap_or_default();
    // One that names nobody would let everybody pass in silence.
    let list = items.as_array().filter(|items| !items.is_empty());
    let list = list.ok_or(not(ITEMS, "a list of results"))?;
    let mut seen = HashSet::new();
    let mut results = Vec::with_capacity(list.len());
    let mut effect = Effect::Allowed;
    for item in list {
        let account = item.get(ACCOUNT).and_then(Value::as_str);
        let info = item.get(RESULT_INFO).map_or(Some(""), Value::as_str);
        let (Some(account), Some(info)) = (account, info) else {
            return Err(not(ITEMS, "a list of results"));
        };
        if !seen.insert(account) {
            return Err(not(ITEMS, "a list with one result for an account"));
        }
        let code = item.get(RESULT_CODE).and_then(Value::as_i64);
        let code = code.ok_or(not(RESULT_CODE, "a whole number"))?;
        match code {
            0 => {}
            code if codes.contains(code) => effect = Effect::Refused,
            _ => return Err(AckFault::Code(RESULT_CODE)),
        }
        results.push(json!({ ACCOUNT: account, RESULT_CODE: code, RESULT_INFO: info }));
    }
    let own = Map::from_iter([(ITEMS.to_owned(), results.into())]);
    Ok((own, effect))
}

// === impl Extra ===

impl Extra {
    /// The names of the fields; none also where nothing is known.
    pub fn names(self) -> Vec<&'static str> {
        match self {
            Self::Nothing | Self::Unknown => Vec::new(),
            Self::Message => vec![MESSAGE, CUSTOM_DATA],
            Self::Accounts(name) => vec![name],
            Self::Items(_) => vec![ITEMS],
        }
    }
}

// === impl CheckedAck ===

impl CheckedAck {
    /// Whether it has a result for each account for which another ack of the same command has one.
    ///
    /// # Errors
    ///
    /// When a result is missing.
    pub fn check_accounts(&self, other: &[u8]) -> Result<(), AckFault> {
        fn accounts(items: Option<&Value>) -> HashSet<&str> {
            let items = items.and_then(Value::as_array).into_iter().flatten();
            items
                .filter_map(|item| item.get(ACCOUNT)?.as_str())
                .collect()
        }
        let other: Value = serde_json::from_slice(other).unwrap_or_default();
        if accounts(self.own.get(ITEMS)).is_superset(&accounts(other.get(ITEMS))) {
            Ok(())
        } else {
            Err(not(ITEMS, "a list with a result for each account"))
        }
    }
}

impl Serialize for CheckedAck {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ack = serializer.serialize_map(Some(3 + self.own.len()))?;
        ack.serialize_entry(STATUS, "OK")?;
        ack.serialize_entry(CODE, &self.code)?;
        ack.serialize_entry(INFO, &self.info)?;
        for (name, value) in &self.own {
            ack.serialize_entry(name, value)?;
        }
        ack.end()
    }
}

// === impl Codes ===

impl Codes {
    /// Whether a code is one of them.
    pub const fn contains(self, code: i64) -> bool {
        self.first <= code && code <= self.last
    }
}

impl fmt::Display for Codes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}–{}", self.first, self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRIENDS: Codes = Codes {
        first: 38_000,
        last: 39_000,
    };

    const MESSAGES: AckRules = AckRules {
        codes: Some(Codes {
            first: 120_001,
            last: 130_000,
        }),
        drops: true,
        extra: Extra::Message,
    };

    fn with(extra: Extra) -> AckRules {
        AckRules {
            extra,
            ..AckRules::NOTHING
        }
    }

    /// An ack with a code and further fields.
    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn ack(code: i64, more: Value) -> Value {
        let mut ack = json!({ "ActionStatus": "OK", "ErrorCode": code, "ErrorInfo": "" });
        let fields = more.as_object().cloned().unwrap_or_default();
        ack.as_object_mut().unwrap().extend(fields);
        ack
    }

    /// What Chat gets.
    fn honoured(rules: AckRules, given: &Value) -> Value {
        let checked = rules.check(given.to_string().as_bytes()).unwrap();
        serde_json::to_value(checked).unwrap()
    }

    #[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
    fn check(rules: AckRules, ack: Value, expected: Result<Effect, AckFault>) {
        let checked = rules.check(ack.to_string().as_bytes());
        assert_eq!(checked.map(|checked| checked.effect), expected, "{ack}");
    }

    #[test]
    fn codes_are_those_of_the_command() {
        let code = Err(AckFault::Code("ErrorCode"));
        for (code_given, expected) in [
            (0, Ok(Effect::Allowed)),
            (1, Ok(Effect::Refused)),
            (2, Ok(Effect::Dropped)),
            (120_000, code),
            (120_001, Ok(Effect::Refused)),
            (130_000, Ok(Effect::Refused)),
            (130_001, code),
            (-1, code),
        ] {
            check(MESSAGES, ack(code_given, json!({})), expected);
        }
        check(with(Extra::Nothing), ack(2, json!({})), code);
        check(AckRules::UNKNOWN, ack(-7, json!({})), Ok(Effect::Refused));
    }

    #[test]
    fn the_common_fields_have_their_types() {
        let field = |field, expected| Err(AckFault::Field { field, expected });
        let status = field("ActionStatus", "`OK` or `FAIL`");
        let code = field("ErrorCode", "a whole number");
        for (given, expected) in [
            (json!({}), status),
            (json!({ "ActionStatus": "ok", "ErrorCode": 0 }), status),
            (
                json!({ "ActionStatus": "FAIL", "ErrorCode": 0 }),
                Err(AckFault::Failed),
            ),
            (json!({ "ActionStatus": "OK" }), code),
            (json!({ "ActionStatus": "OK", "ErrorCode": "0" }), code),
            (json!({ "ActionStatus": "OK", "ErrorCode": 0.5 }), code),
            (
                ack(0, json!({ "ErrorInfo": 7 })),
                field("ErrorInfo", "a string"),
            ),
            (
                json!({ "ActionStatus": "OK", "ErrorCode": 0 }),
                Ok(Effect::Allowed),
            ),
            (json!([]), Err(AckFault::NotJson)),
        ] {
            check(MESSAGES, given, expected);
        }
        assert_eq!(MESSAGES.check(b"{"), Err(AckFault::NotJson));
        assert_eq!(MESSAGES.check(b"\xff"), Err(AckFault::NotJson));
    }

    #[test]
    fn an_ack_with_two_codes_is_none() {
        let twice = br#"{"ActionStatus":"OK","ErrorCode":1,"ErrorCode":0}"#;
        assert_eq!(MESSAGES.check(twice), Err(AckFault::NotJson));
    }

    #[test]
    fn a_message_may_be_rewritten_while_it_is_allowed() {
        let elements = json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }]);
        let both = json!({ "MsgBody": elements, "CloudCustomData": "x" });
        check(MESSAGES, ack(0, both.clone()), Ok(Effect::Rewritten));
        let data = json!({ "CloudCustomData": "" });
        check(MESSAGES, ack(0, data), Ok(Effect::Rewritten));
        assert_eq!(honoured(MESSAGES, &ack(1, both)), ack(1, json!({})));
        let fault = Err(AckFault::Field {
            field: "MsgBody",
            expected: "a list of message elements",
        });
        for body in [
            json!([]),
            json!("hi"),
            json!([{ "MsgType": "TIMTextElem" }]),
            json!([{ "MsgType": 1, "MsgContent": {} }]),
        ] {
            check(MESSAGES, ack(0, json!({ "MsgBody": body })), fault);
        }
    }

    #[test]
    fn accounts_may_be_denied() {
        let rules = with(Extra::Accounts("RefusedMembers_Account"));
        let denied = |accounts| json!({ "RefusedMembers_Account": accounts });
        check(rules, ack(0, denied(json!(["bob"]))), Ok(Effect::Refused));
        check(rules, ack(0, denied(json!([]))), Ok(Effect::Allowed));
        check(rules, ack(0, json!({})), Ok(Effect::Allowed));
        let fault = Err(AckFault::Field {
            field: "RefusedMembers_Account",
            expected: "a list of accounts",
        });
        check(rules, ack(0, denied(json!("bob"))), fault);
        check(rules, ack(0, denied(json!([7]))), fault);
    }

    #[test]
    fn items_decide_alone() {
        let rules = with(Extra::Items(FRIENDS));
        let item = |code| json!({ "To_Account": "bob", "ResultCode": code, "ResultInfo": "" });
        let items = |items: Value| json!({ "ResultItem": items });
        check(rules, ack(0, items(json!([item(0)]))), Ok(Effect::Allowed));
        check(rules, ack(1, items(json!([item(0)]))), Ok(Effect::Allowed));
        let carol = json!({ "To_Account": "carol", "ResultCode": 38_001 });
        let one_refused = json!([item(0), carol]);
        check(rules, ack(0, items(one_refused)), Ok(Effect::Refused));
        let code = Err(AckFault::Code("ResultCode"));
        check(rules, ack(0, items(json!([item(1)]))), code);
        let list = Err(AckFault::Field {
            field: "ResultItem",
            expected: "a list of results",
        });
        check(rules, ack(0, json!({})), list);
        check(rules, ack(0, items(json!([]))), list);
        check(rules, ack(0, items(json!([{ "ResultCode": 0 }]))), list);
        let twice = Err(AckFault::Field {
            field: "ResultItem",
            expected: "a list with one result for an account",
        });
        check(rules, ack(0, items(json!([item(0), item(38_000)]))), twice);
        let odd = json!([{ "To_Account": "bob", "ResultCode": 0, "Z": 1 }]);
        let given = ack(1, items(odd));
        assert_eq!(honoured(rules, &given), ack(0, items(json!([item(0)]))));
    }

    #[test]
    fn an_ack_of_endless_values_is_none() {
        let many = format!("{{\"MsgBody\":[{}]}}", "[0],".repeat(VALUES_MAX));
        assert_eq!(MESSAGES.check(many.as_bytes()), Err(AckFault::TooMany));
    }

    #[test]
    fn every_account_wants_a_result() {
        let items = |accounts: &[&str]| {
            let items = accounts.iter();
            let items = items.map(|account| json!({ "To_Account": account, "ResultCode": 0 }));
            ack(0, json!({ "ResultItem": items.collect::<Vec<_>>() })).to_string()
        };
        let both = items(&["bob", "carol"]);
        let rules = with(Extra::Items(FRIENDS));
        for (given, has_all) in [(&["carol", "bob", "dave"][..], true), (&["bob"], false)] {
            let checked = rules.check(items(given).as_bytes()).unwrap();
            assert_eq!(checked.check_accounts(both.as_bytes()).is_ok(), has_all);
        }
    }

    #[test]
    fn what_chat_passes_over_is_left_out() {
        let given = ack(0, json!({ "Debug": 1, "MsgBody": "for another command" }));
        assert_eq!(honoured(with(Extra::Nothing), &given), ack(0, json!({})));
        let given = ack(0, json!({ "Gift": 1 }));
        assert_eq!(honoured(AckRules::UNKNOWN, &given), given);
    }
}
