//! Reading an ack that was written elsewhere, by the rules of its command.
//!
//! Start at [`AckRules::check`].

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value};

use super::{AckRules, CUSTOM_DATA, Codes, Extra, ITEMS, MESSAGE};
use crate::Ack;

/// An ack that Chat honours: nothing is in it that Chat would pass over. Serialized, it is what Chat gets.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedAck {
    code: i64,
    /// A text for people, which decides nothing.
    info: String,
    own: Own,
    effect: Effect,
}

/// What an ack says beside the three common fields.
#[derive(Debug, Clone, PartialEq)]
enum Own {
    Fields(Map<String, Value>),
    /// Under this name.
    Accounts(&'static str, Vec<String>),
    Results(Vec<ItemResult>),
}

/// The result for one account.
#[derive(Debug, Clone, PartialEq, Serialize)]
struct ItemResult {
    #[serde(rename = "To_Account")]
    account: String,
    #[serde(rename = "ResultCode")]
    code: i64,
    #[serde(rename = "ResultInfo")]
    info: String,
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
    #[error("not a JSON object that says each field once")]
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
    /// `ActionStatus` says that whoever was asked could not handle it.
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
const ACCOUNT: &str = "To_Account";
const RESULT_CODE: &str = "ResultCode";
const RESULT_INFO: &str = "ResultInfo";

/// Each value takes some fifty times its two bytes in memory; results for a thousand accounts have as many.
const VALUES_MAX: usize = 4_096;

// === impl AckRules ===

impl AckRules {
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
            // `FAILURE` stands on one of the vendor's pages.
            Some("FAIL" | "FAILURE") => return Err(AckFault::Failed),
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
            Ack::DROP if self.drops => Effect::Dropped,
            _ => Effect::Refused,
        };
        let (own, effect) = match self.extra {
            Extra::Unknown => (Own::Fields(given.others), effect),
            Extra::Message if code == 0 => take_message(given.others)?,
            Extra::Accounts(name) if code == 0 => take_accounts(given.others, name)?,
            Extra::Items => take_items(given.others, self.codes)?,
            Extra::Nothing | Extra::Message | Extra::Accounts(_) => {
                (Own::Fields(Map::new()), effect)
            }
        };
        // Beside results for each account Chat passes over another code, and so does whoever reads the event.
        let is_passed_over = self.extra == Extra::Items;
        Ok(CheckedAck {
            code: if is_passed_over { 0 } else { code },
            info,
            own,
            effect,
        })
    }

    /// Whether Chat honours a code.
    fn has(&self, code: i64) -> bool {
        let own = self.codes.is_some_and(|codes| codes.contains(code));
        code == 0 || code == Ack::REFUSE || (code == Ack::DROP && self.drops) || own
    }
}

fn not(field: &'static str, expected: &'static str) -> AckFault {
    AckFault::Field { field, expected }
}

fn no_info() -> Value {
    Value::String(String::new())
}

fn take_message(mut given: Map<String, Value>) -> Result<(Own, Effect), AckFault> {
    let mut fields = Map::new();
    if let Some(message) = given.remove(MESSAGE) {
        let elements = message.as_array().filter(|elements| !elements.is_empty());
        let are_elements = elements.is_some_and(|elements| elements.iter().all(is_element));
        if !are_elements {
            return Err(not(MESSAGE, "a list of message elements"));
        }
        fields.insert(MESSAGE.to_owned(), message);
    }
    if let Some(data) = given.remove(CUSTOM_DATA) {
        if !data.is_string() {
            return Err(not(CUSTOM_DATA, "a string"));
        }
        fields.insert(CUSTOM_DATA.to_owned(), data);
    }
    let effect = if fields.is_empty() {
        Effect::Allowed
    } else {
        Effect::Rewritten
    };
    Ok((Own::Fields(fields), effect))
}

fn is_element(element: &Value) -> bool {
    element.get("MsgType").is_some_and(Value::is_string)
        && element.get("MsgContent").is_some_and(Value::is_object)
}

fn take_accounts(
    mut given: Map<String, Value>,
    name: &'static str,
) -> Result<(Own, Effect), AckFault> {
    let accounts = given
        .remove(name)
        .unwrap_or_else(|| Value::Array(Vec::new()));
    let accounts: Vec<String> =
        serde_json::from_value(accounts).map_err(|_| not(name, "a list of accounts"))?;
    // One of the vendor's pages has two names for its list; under the wrong one everybody would pass in silence.
    if given.keys().any(|field| field.starts_with("Refused")) {
        return Err(not(name, "the only list of refused accounts"));
    }
    let effect = if accounts.is_empty() {
        Effect::Allowed
    } else {
        Effect::Refused
    };
    Ok((Own::Accounts(name, accounts), effect))
}

fn take_items(
    mut given: Map<String, Value>,
    codes: Option<Codes>,
) -> Result<(Own, Effect), AckFault> {
    let items = given.remove(ITEMS).unwrap_or_default();
    // One that names nobody would let everybody pass in silence.
    let list = items.as_array().filter(|items| !items.is_empty());
    let list = list.ok_or(not(ITEMS, "a list of results"))?;
    let mut seen = BTreeSet::new();
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
            code if codes.is_some_and(|codes| codes.contains(code)) => effect = Effect::Refused,
            _ => return Err(AckFault::Code(RESULT_CODE)),
        }
        results.push(ItemResult {
            account: account.to_owned(),
            code,
            info: info.to_owned(),
        });
    }
    Ok((Own::Results(results), effect))
}

// === impl CheckedAck ===

impl CheckedAck {
    /// What it does to the action.
    pub const fn effect(&self) -> Effect {
        self.effect
    }

    /// Whether Chat would do the same for another ack of the same command. Texts and the order of accounts don't count.
    pub fn does_as(&self, other: &Self) -> bool {
        self.code == other.code
            && match (&self.own, &other.own) {
                (Own::Fields(own), Own::Fields(others)) => own == others,
                (Own::Accounts(_, own), Own::Accounts(_, others)) => {
                    BTreeSet::from_iter(own) == BTreeSet::from_iter(others)
                }
                (Own::Results(own), Own::Results(others)) => codes(own) == codes(others),
                _ => false,
            }
    }

    /// Whether it has a result for each account for which another ack of the same command has one.
    ///
    /// # Errors
    ///
    /// When a result is missing.
    pub fn covers(&self, other: &Self) -> Result<(), AckFault> {
        let (Own::Results(own), Own::Results(others)) = (&self.own, &other.own) else {
            return Ok(());
        };
        let own = codes(own);
        if others
            .iter()
            .all(|result| own.contains_key(&*result.account))
        {
            Ok(())
        } else {
            Err(not(ITEMS, "a list with a result for each account"))
        }
    }
}

/// The code of each account.
fn codes(results: &[ItemResult]) -> BTreeMap<&str, i64> {
    let results = results.iter();
    results
        .map(|result| (&*result.account, result.code))
        .collect()
}

impl Serialize for CheckedAck {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut ack = serializer.serialize_map(None)?;
        ack.serialize_entry(STATUS, "OK")?;
        ack.serialize_entry(CODE, &self.code)?;
        ack.serialize_entry(INFO, &self.info)?;
        match &self.own {
            Own::Fields(fields) => {
                for (name, value) in fields {
                    ack.serialize_entry(name, value)?;
                }
            }
            Own::Accounts(_, accounts) if accounts.is_empty() => {}
            Own::Accounts(name, accounts) => ack.serialize_entry(name, accounts)?,
            Own::Results(results) => ack.serialize_entry(ITEMS, results)?,
        }
        ack.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        assert_eq!(checked.map(|checked| checked.effect()), expected, "{ack}");
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
        let misnamed = Err(AckFault::Field {
            field: "RefusedMembers_Account",
            expected: "the only list of refused accounts",
        });
        let other = json!({ "RefusedSubscribers_Account": ["bob"] });
        check(rules, ack(0, other), misnamed);
    }

    #[test]
    fn items_decide_alone() {
        let rules = AckRules {
            codes: Some(FRIENDS),
            ..with(Extra::Items)
        };
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
        let rules = AckRules {
            codes: Some(FRIENDS),
            ..with(Extra::Items)
        };
        let both = rules.check(items(&["bob", "carol"]).as_bytes()).unwrap();
        for (given, has_all) in [(&["carol", "bob", "dave"][..], true), (&["bob"], false)] {
            let checked = rules.check(items(given).as_bytes()).unwrap();
            assert_eq!(checked.covers(&both).is_ok(), has_all);
        }
    }

    #[test]
    fn what_chat_passes_over_is_left_out() {
        let given = ack(0, json!({ "Debug": 1, "MsgBody": "for another command" }));
        assert_eq!(honoured(with(Extra::Nothing), &given), ack(0, json!({})));
        let given = ack(0, json!({ "Gift": 1 }));
        assert_eq!(honoured(AckRules::UNKNOWN, &given), given);
    }

    #[test]
    fn texts_and_the_order_of_accounts_do_not_count() {
        fn check(rules: AckRules, one: &Value, other: &Value, expected: bool) {
            let read = |ack: &Value| rules.check(ack.to_string().as_bytes()).unwrap();
            assert_eq!(read(one).does_as(&read(other)), expected, "{one} {other}");
        }
        let told = json!({ "ActionStatus": "OK", "ErrorCode": 1, "ErrorInfo": "no" });
        check(MESSAGES, &ack(1, json!({})), &told, true);
        check(MESSAGES, &ack(1, json!({})), &ack(0, json!({})), false);
        let data = |data| ack(0, json!({ "CloudCustomData": data }));
        check(MESSAGES, &data("x"), &data("y"), false);

        let rules = with(Extra::Accounts("RefusedMembers_Account"));
        let denied = |accounts: Value| ack(0, json!({ "RefusedMembers_Account": accounts }));
        let both = denied(json!(["bob", "carol"]));
        check(rules, &both, &denied(json!(["carol", "bob"])), true);
        check(rules, &both, &denied(json!(["bob"])), false);
        check(rules, &denied(json!([])), &ack(0, json!({})), true);

        let rules = AckRules {
            codes: Some(FRIENDS),
            ..with(Extra::Items)
        };
        let results = |items: [(&str, i64, &str); 2]| {
            let items = items.map(|(account, code, info)| {
                json!({ "To_Account": account, "ResultCode": code, "ResultInfo": info })
            });
            ack(0, json!({ "ResultItem": items }))
        };
        let one = results([("bob", 38_000, ""), ("carol", 0, "")]);
        let other = results([("carol", 0, ""), ("bob", 38_000, "no")]);
        check(rules, &one, &other, true);
        let swapped = results([("bob", 0, ""), ("carol", 38_000, "")]);
        check(rules, &one, &swapped, false);
    }
}
