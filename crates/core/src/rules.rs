//! What Chat honours in a command's ack, as data: the plug-ins' verdicts keep to it by their types, and what comes from
//! elsewhere (a decider, the configuration) is checked against it.
//!
//! Not here: the acks themselves ([`crate::Ack`]) and who decides (the server). Start at [`AckRules::check`].
//!
//! Source: section 3 of the protocol overview, <https://www.tencentcloud.com/document/product/1047/34354>.

use std::{collections::HashSet, fmt};

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

/// An ack that Chat honours.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedAck {
    /// The JSON object; nothing in it that Chat would pass over.
    pub ack: Value,
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
    /// It is not a JSON object.
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
        match serde_json::from_slice(ack) {
            Ok(Value::Object(given)) => self.check_object(given),
            _ => Err(AckFault::NotJson),
        }
    }

    /// The same for an ack that is JSON already.
    ///
    /// # Errors
    ///
    /// The first fault that is found.
    pub fn check_object(&self, mut given: Map<String, Value>) -> Result<CheckedAck, AckFault> {
        match given.get(STATUS).map(Value::as_str) {
            Some(Some("OK")) => {}
            Some(Some("FAIL")) => return Err(AckFault::Failed),
            _ => return Err(not(STATUS, "`OK` or `FAIL`")),
        }
        let code = given.get(CODE).and_then(Value::as_i64);
        let code = code.ok_or(not(CODE, "a whole number"))?;
        let info = given.get(INFO).map_or(Some(""), Value::as_str);
        let info = info.ok_or(not(INFO, "a string"))?.to_owned();
        if !self.has(code) {
            return Err(AckFault::Code(CODE));
        }
        let mut ack = Map::new();
        if self.extra == Extra::Unknown {
            ack = std::mem::take(&mut given);
        }
        ack.insert(STATUS.to_owned(), "OK".into());
        ack.insert(CODE.to_owned(), code.into());
        ack.insert(INFO.to_owned(), info.into());
        let decided = match self.extra {
            Extra::Message if code == 0 => take_message(&mut given, &mut ack)?,
            Extra::Accounts(name) if code == 0 => take_accounts(&mut given, name, &mut ack)?,
            Extra::Nothing | Extra::Unknown | Extra::Message | Extra::Accounts(_) => None,
            Extra::Items(codes) => Some(take_items(&mut given, codes, &mut ack)?),
        };
        Ok(CheckedAck {
            ack: Value::Object(ack),
            effect: decided.unwrap_or(match code {
                0 => Effect::Allowed,
                DROP if self.drops => Effect::Dropped,
                _ => Effect::Refused,
            }),
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

fn take_message(
    given: &mut Map<String, Value>,
    ack: &mut Map<String, Value>,
) -> Result<Option<Effect>, AckFault> {
    let mut effect = None;
    if let Some(message) = given.remove(MESSAGE) {
        let elements = message.as_array().filter(|elements| !elements.is_empty());
        let are_elements = elements.is_some_and(|elements| elements.iter().all(is_element));
        if !are_elements {
            return Err(not(MESSAGE, "a list of message elements"));
        }
        ack.insert(MESSAGE.to_owned(), message);
        effect = Some(Effect::Rewritten);
    }
    if let Some(data) = given.remove(CUSTOM_DATA) {
        if !data.is_string() {
            return Err(not(CUSTOM_DATA, "a string"));
        }
        ack.insert(CUSTOM_DATA.to_owned(), data);
        effect = Some(Effect::Rewritten);
    }
    Ok(effect)
}

fn is_element(element: &Value) -> bool {
    element.get("MsgType").is_some_and(Value::is_string)
        && element.get("MsgContent").is_some_and(Value::is_object)
}

fn take_accounts(
    given: &mut Map<String, Value>,
    name: &'static str,
    ack: &mut Map<String, Value>,
) -> Result<Option<Effect>, AckFault> {
    let Some(accounts) = given.remove(name) else {
        return Ok(None);
    };
    let list = accounts.as_array().ok_or(not(name, "a list of accounts"))?;
    if !list.iter().all(Value::is_string) {
        return Err(not(name, "a list of accounts"));
    }
    let effect = (!list.is_empty()).then_some(Effect::Refused);
    ack.insert(name.to_owned(), accounts);
    Ok(effect)
}

fn take_items(
    given: &mut Map<String, Value>,
    codes: Codes,
    ack: &mut Map<String, Value>,
) -> Result<Effect, AckFault> {
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
    ack.insert(ITEMS.to_owned(), results.into());
    // Chat passes over another one, and so does whoever reads the event.
    ack.insert(CODE.to_owned(), 0.into());
    Ok(effect)
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
        fn accounts(ack: &Value) -> HashSet<&str> {
            let items = ack
                .get(ITEMS)
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            items
                .filter_map(|item| item.get(ACCOUNT)?.as_str())
                .collect()
        }
        let other: Value = serde_json::from_slice(other).unwrap_or_default();
        if accounts(&self.ack).is_superset(&accounts(&other)) {
            Ok(())
        } else {
            Err(not(ITEMS, "a list with a result for each account"))
        }
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
    fn a_message_may_be_rewritten_while_it_is_allowed() {
        let elements = json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "hi" } }]);
        let both = json!({ "MsgBody": elements, "CloudCustomData": "x" });
        check(MESSAGES, ack(0, both.clone()), Ok(Effect::Rewritten));
        let data = json!({ "CloudCustomData": "" });
        check(MESSAGES, ack(0, data), Ok(Effect::Rewritten));
        let refused = MESSAGES.check(ack(1, both).to_string().as_bytes()).unwrap();
        assert_eq!(refused.ack, ack(1, json!({})));
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
        let checked = rules.check_object(ack(1, items(odd)).as_object().unwrap().clone());
        assert_eq!(checked.unwrap().ack, ack(0, items(json!([item(0)]))));
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
        let checked = with(Extra::Nothing).check(given.to_string().as_bytes());
        assert_eq!(checked.unwrap().ack, ack(0, json!({})));
        let given = ack(0, json!({ "Gift": 1 }));
        let checked = AckRules::UNKNOWN.check(given.to_string().as_bytes());
        assert_eq!(checked.unwrap().ack, given);
    }
}
