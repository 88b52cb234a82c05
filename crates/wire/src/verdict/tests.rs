//! Every verdict is an ack that Chat honours, and does what its name says.

use gateway_core::{Answer, Effect};
use serde_json::{Value, json};

use super::*;
use crate::MessageElement;

struct Request;

impl Targets for Request {
    fn targets(&self) -> impl Iterator<Item = &str> {
        ["bob", "carol"].into_iter()
    }
}

/// Two items of it name one account.
struct Repetitive;

impl Targets for Repetitive {
    fn targets(&self) -> impl Iterator<Item = &str> {
        ["bob", "carol", "bob"].into_iter()
    }
}

#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn check<A: Answer<Request>>(answer: A, effect: Effect, expected: Value) {
    let ack = serde_json::to_value(answer.into_ack()).unwrap();
    assert_eq!(ack, expected);
    let checked = A::RULES.check(ack.to_string().as_bytes()).unwrap();
    assert_eq!(checked.effect(), effect);
    assert_eq!(serde_json::to_value(checked).unwrap(), expected);
}

fn ack(code: i64, info: &str) -> Value {
    json!({ "ActionStatus": "OK", "ErrorCode": code, "ErrorInfo": info })
}

fn with(name: &str, value: Value) -> Value {
    let mut ack = ack(0, "");
    ack[name] = value;
    ack
}

#[test]
fn an_action_happens_or_does_not() {
    check(GroupVerdict::allow(&Request), Effect::Allowed, ack(0, ""));
    check(GroupVerdict::refuse(&Request), Effect::Refused, ack(1, ""));
    let refused = GroupVerdict::RefuseWith {
        code: GroupCode::new(10_100).unwrap(),
        info: "later".to_owned(),
    };
    check(refused, Effect::Refused, ack(10_100, "later"));
}

#[test]
fn a_code_is_of_the_commands_range() {
    assert_eq!(GroupCode::new(10_200).map(GroupCode::get), Ok(10_200));
    for code in [-1, 0, 1, 2, 10_099, 10_201, 120_001] {
        let error = GroupCode::new(code).unwrap_err().to_string();
        assert!(error.ends_with("10100–10200"), "{error}");
    }
}

#[test]
fn a_message_is_sent_refused_dropped_or_rewritten() {
    type Verdict = MessageVerdict<120_001, 130_000>;
    check(Verdict::allow(&Request), Effect::Allowed, ack(0, ""));
    check(Verdict::refuse(&Request), Effect::Refused, ack(1, ""));
    check(Verdict::Drop, Effect::Dropped, ack(2, ""));
    let refused = Verdict::RefuseWith {
        code: MessageCode::new(120_001).unwrap(),
        info: "mind your words".to_owned(),
    };
    check(refused, Effect::Refused, ack(120_001, "mind your words"));
    let data = Verdict::Rewrite(Rewrite::custom_data("x"));
    check(data, Effect::Rewritten, with("CloudCustomData", json!("x")));
    let both = Rewrite::elements(vec![MessageElement::text("***")]).unwrap();
    let mut expected = with(
        "MsgBody",
        json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "***" } }]),
    );
    expected["CloudCustomData"] = json!("y");
    let both = Verdict::Rewrite(both.and_custom_data("y"));
    check(both, Effect::Rewritten, expected);
    assert_eq!(Rewrite::elements(Vec::new()), Err(RewriteError));
}

#[test]
fn some_may_be_refused() {
    let bob = || vec!["bob".to_owned()];
    check(InviteVerdict::allow(&Request), Effect::Allowed, ack(0, ""));
    check(InviteVerdict::refuse(&Request), Effect::Refused, ack(1, ""));
    let invited = with("RefusedMembers_Account", json!(["bob"]));
    check(InviteVerdict::RefuseSome(bob()), Effect::Refused, invited);
    let refused = InviteVerdict::RefuseWith {
        code: GroupCode::DEFAULT,
        info: "full".to_owned(),
    };
    check(refused, Effect::Refused, ack(10_100, "full"));
    let allowed = SubscribeVerdict::allow(&Request);
    check(allowed, Effect::Allowed, ack(0, ""));
    let refused = SubscribeVerdict::refuse(&Request);
    check(refused, Effect::Refused, ack(1, ""));
    let subscribed = with("RefusedSubscribers_Account", json!(["bob"]));
    let some = SubscribeVerdict::RefuseSome(bob());
    check(some, Effect::Refused, subscribed);
}

#[test]
fn each_account_has_its_result() {
    let result = |account: &str, code: i64, info: &str| json!({ "To_Account": account, "ResultCode": code, "ResultInfo": info });
    let results = |bob, carol| with("ResultItem", json!([bob, carol]));
    check(
        FriendVerdicts::allow(&Request),
        Effect::Allowed,
        results(result("bob", 0, ""), result("carol", 0, "")),
    );
    let refused = |account| result(account, 38_000, "not allowed");
    check(
        FriendVerdicts::refuse(&Request),
        Effect::Refused,
        results(refused("bob"), refused("carol")),
    );
    let only_bob = FriendVerdicts::each(&Request, |account| match account {
        "bob" => FriendVerdict::Allow,
        _ => FriendVerdict::refuse(),
    });
    check(
        only_bob,
        Effect::Refused,
        results(result("bob", 0, ""), refused("carol")),
    );
    check(
        FriendVerdicts::allow(&Repetitive),
        Effect::Allowed,
        results(result("bob", 0, ""), result("carol", 0, "")),
    );
}
