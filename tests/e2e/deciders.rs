//! Before-callbacks that a service decides: what it is asked, what of its answers counts, and what is answered in its
//! place, whatever it does.

mod faults;
mod shadows;

use gateway_core::{Token, sign};
use gateway_test_support::{Answer, Manner, Sink};
use serde_json::{Value, json};

use super::harness::{Event, Gateway, SHOP, SHOP_TOKEN, Setup, eventually};

const C2C: &str = "C2C.CallbackBeforeSendMsg";
const GROUP: &str = "Group.CallbackBeforeSendMsg";
const FRIENDS: &str = "Sns.CallbackPrevFriendAdd";
const GIFT: &str = "Live.CallbackBeforeSendGift";

/// An ack with a code and further fields.
#[expect(clippy::needless_pass_by_value, reason = "reads better at the call")]
fn ack(code: i64, more: Value) -> Value {
    let mut ack = json!({ "ActionStatus": "OK", "ErrorCode": code, "ErrorInfo": "" });
    let fields = more.as_object().cloned().unwrap_or_default();
    ack.as_object_mut().unwrap().extend(fields);
    ack
}

fn answering(ack: &Value) -> Manner {
    Manner::Answer(200, ack.to_string())
}

fn message(text: &str) -> String {
    format!(
        r#"{{"CallbackCommand":"{C2C}","From_Account":"{text}","To_Account":"bob","MsgSeq":1,"MsgRandom":2,"MsgTime":3,"MsgKey":"1_2_3","OnlineOnlyFlag":0,"MsgBody":[{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"{text}"}}}}]}}"#
    )
}

/// A setup whose decider `sink` is asked about one-to-one messages.
fn setup(sink: &Sink, decider: &str, rest: &str) -> Setup {
    let setup = Setup::new();
    configure(&setup, sink, decider, rest);
    setup
}

fn configure(setup: &Setup, sink: &Sink, decider: &str, rest: &str) {
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.sink]\nurl = \"http://{}/chat\"\n{decider}\n\
         [commands.\"{C2C}\"]\ndecider = \"sink\"\n{rest}",
        sink.address()
    ));
}

fn json_of(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

/// The event of a command, once it is recorded: nobody waits for that.
fn recorded(gateway: &Gateway, query: &str) -> Event {
    eventually("the verdict is recorded", || gateway.page(query).data.pop())
}

#[test]
fn a_decider_is_asked_as_chat_asks_over_a_connection_that_is_kept() {
    let sink = Sink::start(answering(&ack(0, json!({})))).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    let mut connection = gateway.connect();
    for number in 0..5 {
        let signed = gateway.app.query(C2C);
        let (rest, sign) = signed.split_once("&Sign=").unwrap();
        let (sign, time) = sign.split_once("&RequestTime=").unwrap();
        let query = format!("Sign={sign}&New=%2f+1&{rest}&RequestTime={time}&RequestId={number}");
        let body = format!(" {}\n", message("alice"));
        let target = format!("/callback?{query}");
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        assert_eq!(json_of(&answer.unwrap()), ack(0, json!({})));
        let heard = sink.heard().pop().unwrap();
        let passed_on = format!("/chat?New=%2f+1&{rest}&RequestId={number}");
        assert_eq!(heard.target, passed_on);
        assert_eq!(heard.text(), body);
        let budget: u64 = heard.header("callback-budget-ms").unwrap().parse().unwrap();
        assert!((1_000..1_500).contains(&budget), "{budget}");
        assert_eq!(heard.header("content-type"), Some("application/json"));
    }
    assert_eq!(sink.connections(), 1);
    let event = recorded(&gateway, &format!("command={C2C}&account=alice"));
    let verdict = event.verdict.unwrap();
    assert_eq!(
        (&verdict["by"], &verdict["decider"]),
        (&json!("decider"), &json!("sink"))
    );
    assert!(verdict["asked_us"].as_u64() <= verdict["elapsed_us"].as_u64());
}

#[test]
fn an_existing_endpoint_gets_a_signature_of_its_own() {
    const TOKEN: &str = "the-endpoints-own-token";
    let sink = Sink::start(answering(&ack(0, json!({})))).unwrap();
    let setup = setup(&sink, "token_file = \"decider.token\"", "");
    std::fs::write(setup.path("decider.token"), format!("{TOKEN}\n")).unwrap();
    let gateway = setup.start();
    let answer = gateway.call(C2C, message("alice"));
    assert_eq!(json_of(&answer), ack(0, json!({})));
    let heard = sink.heard().pop().unwrap();
    let (rest, signature) = heard.target.split_once("&Sign=").unwrap();
    let (signature, time) = signature.split_once("&RequestTime=").unwrap();
    assert!(
        !rest.contains("Sign") && !rest.contains("RequestTime"),
        "{rest}"
    );
    assert_eq!(signature, sign(&Token::new(TOKEN).unwrap(), time));
    assert_ne!(signature, sign(&Token::new(SHOP_TOKEN).unwrap(), time));
}

#[test]
fn its_verdict_is_what_chat_gets_and_what_is_counted() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    let elements = json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "***" } }]);
    let verdicts = [
        (ack(0, json!({})), "ok"),
        (ack(1, json!({})), "refused"),
        (ack(2, json!({})), "dropped"),
        (
            ack(120_001, json!({ "ErrorInfo": "mind your words" })),
            "refused",
        ),
        (ack(0, json!({ "MsgBody": elements })), "rewritten"),
        (ack(0, json!({ "CloudCustomData": "x" })), "rewritten"),
    ];
    for (number, (told, _)) in verdicts.iter().enumerate() {
        sink.behave(answering(told));
        let answer = gateway.call(C2C, message(&format!("v{number}")));
        assert_eq!(json_of(&answer), *told);
        let event = recorded(&gateway, &format!("account=v{number}"));
        assert_eq!(event.verdict.unwrap()["ack"], *told);
    }
    for (outcome, count) in [("ok", 1), ("refused", 2), ("dropped", 1), ("rewritten", 2)] {
        let labels = [("command", C2C), ("outcome", outcome)];
        assert_eq!(gateway.metric("gateway_callbacks_total", &labels), count);
    }
    let ok = [("decider", "sink"), ("outcome", "ok")];
    assert_eq!(gateway.metric("gateway_decider_requests_total", &ok), 6);
}

#[test]
fn a_body_that_our_types_cannot_read_is_no_bypass() {
    let refusal = ack(120_002, json!({ "ErrorInfo": "odd" }));
    let sink = Sink::start(answering(&refusal)).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    for body in [
        "not JSON",
        "",
        "\u{feff}[[1",
        r#"{"MsgBody":{"a":{"b":1}}}"#,
    ] {
        assert_eq!(json_of(&gateway.call(C2C, body)), refusal, "{body}");
        assert_eq!(sink.heard().pop().unwrap().text(), body);
    }
}

#[test]
fn an_app_may_differ() {
    let sink = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let setup = setup(
        &sink,
        "",
        &format!(
            "[apps.lab]\nsdk_app_id = 7\nunsigned = true\n\
             [apps.lab.commands.\"{C2C}\"]\ndecider = \"plug-in\"\n"
        ),
    );
    let gateway = setup.start();
    assert_eq!(
        json_of(&gateway.call(C2C, message("alice"))),
        ack(1, json!({}))
    );
    let lab = gateway_test_support::ChatApp {
        sdk_app_id: 7,
        token: None,
    };
    let answer = gateway.call_as(&lab, C2C, message("alice"));
    assert_eq!(json_of(&answer), ack(0, json!({})));
    assert_eq!(sink.heard().len(), 1);
    let rulings = gateway.get("/v1/rulings").text();
    let expected =
        format!(r#"{{"command":"{C2C}","app":"lab","decided_by":"plug-in","policy":"allow"}}"#);
    assert!(rulings.contains(&expected), "{rulings}");
}

#[test]
fn a_command_without_a_plug_in_can_be_decided_too() {
    let told = ack(
        102_101,
        json!({ "ErrorInfo": "no gifts", "Gift": { "kept": true } }),
    );
    let sink = Sink::start(answering(&told)).unwrap();
    let commands = format!(
        "[commands.\"{GIFT}\"]\nuntyped = true\ndecider = \"sink\"\n\
         [commands.\"Live.Other\"]\nuntyped = true\npolicy = {{ ErrorCode = 5 }}\n"
    );
    let setup = setup(&sink, "", &commands);
    let gateway = setup.start();
    assert_eq!(json_of(&gateway.call(GIFT, r#"{"a":1}"#)), told);
    assert_eq!(sink.heard().pop().unwrap().text(), r#"{"a":1}"#);
    assert_eq!(
        json_of(&gateway.call("Live.Other", "{}")),
        ack(5, json!({}))
    );
    let verdict = recorded(&gateway, "command=Live.Other").verdict.unwrap();
    assert_eq!(
        (&verdict["by"], &verdict["reason"]),
        (&json!("policy"), &json!("nobody"))
    );
    let others = [("command", "other"), ("outcome", "refused")];
    assert_eq!(gateway.metric("gateway_callbacks_total", &others), 1);
}

#[test]
fn simulated_callbacks_reach_only_who_asks_for_them() {
    let sink = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let setup = setup(&sink, "", "");
    let gateway = setup.start();
    let trigger = || {
        let admin = format!("http://{}", gateway.admin);
        let output = setup.run(&["trigger", C2C, "--admin-url", &admin]);
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    assert_eq!(trigger(), ack(0, json!({})));
    assert!(sink.heard().is_empty(), "the plug-in decides in its place");
    configure(&setup, &sink, "simulated = true", "");
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &[("result", "ok")], 1);
    assert_eq!(trigger(), ack(1, json!({})));
    let heard = sink.heard().pop().unwrap();
    assert_eq!(heard.header("callback-simulated"), Some("true"));
}

#[test]
fn a_reload_exchanges_who_decides_or_nothing() {
    let sink = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let setup = setup(&sink, "", "policy = \"refuse\"\n");
    let gateway = setup.start();
    assert_eq!(json_of(&gateway.call(C2C, message("a"))), ack(1, json!({})));
    configure(&setup, &sink, "", "policy = { ErrorCode = 10100 }\n");
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &[("result", "failed")], 1);
    let origin = setup.path("gateway.toml");
    let expected = format!(
        "policy ({}): not an ack that Chat honours",
        origin.display()
    );
    assert!(setup.logs().contains(&expected), "{}", setup.logs());
    assert_eq!(json_of(&gateway.call(C2C, message("b"))), ack(1, json!({})));
    assert_eq!(sink.connections(), 1, "the decider goes on as it was");
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n"
    ));
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &[("result", "ok")], 1);
    assert_eq!(json_of(&gateway.call(C2C, message("c"))), ack(0, json!({})));
    assert_eq!(sink.heard().len(), 2);
}

#[test]
fn a_configuration_that_cannot_hold_is_refused_with_its_keys() {
    let setup = Setup::new();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = 1\ntoken = \"a\"\n\
         [apps.shop.commands.\"{GROUP}\"]\nshadow = \"nowhere\"\n\
         [deciders.plug-in]\nurl = \"http://127.0.0.1/\"\n\
         [deciders.Odd]\nurl = \"ftp://x\"\nanswer_max = \"1 B\"\n\
         [commands.\"No.Such\"]\npolicy = \"allow\"\n\
         [commands.\"Sns.CallbackFriendDelete\"]\npolicy = \"allow\"\n\
         [commands.\"{C2C}\"]\ndecider = \"nobody\"\npolicy = {{ ErrorCode = 10100 }}\n\
         [commands.\"{FRIENDS}\"]\npolicy = {{ ResultItem = [{{ To_Account = \"bob\", ResultCode = 38000 }}] }}\n\
         [deciders.one]\nurl = \"http://one/\"\nbreaker_pause = \"2h\"\n\
         [commands.\"Group.CallbackBeforeCreateGroup\"]\ndecider = \"one\"\nshadow = \"one\"\n"
    ));
    let output = setup.run(&["config", "check"]);
    assert_eq!(output.status.code(), Some(2));
    let problems = String::from_utf8(output.stderr).unwrap();
    let origin = format!(" ({})", setup.path("gateway.toml").display());
    let problems = problems.replace(&origin, "");
    for key in [
        "deciders.Odd: ",
        "deciders.Odd.answer_max: ",
        "deciders.Odd.url: ",
        "deciders.plug-in: ",
        "deciders.one.breaker_pause: ",
        "commands.\"Group.CallbackBeforeCreateGroup\".shadow: expected another decider",
        "commands.\"No.Such\": no plug-in is installed",
        "commands.\"Sns.CallbackFriendDelete\": nobody is asked",
        "commands.\"C2C.CallbackBeforeSendMsg\".decider: ",
        "commands.\"C2C.CallbackBeforeSendMsg\".policy: not an ack that Chat honours for this command: `ErrorCode`",
        "commands.\"Sns.CallbackPrevFriendAdd\".policy: this command wants a result for each",
        "apps.shop.commands.\"Group.CallbackBeforeSendMsg\".shadow: ",
    ] {
        assert!(problems.contains(key), "{key} is missing in\n{problems}");
    }
    setup.configure("[commands.\"C2C.CallbackBeforeSendMsg\"]\npolicy = \"perhaps\"\n");
    let output = setup.run(&["config", "check"]);
    let problems = String::from_utf8(output.stderr).unwrap();
    assert!(problems.contains("policy"), "{problems}");
    assert!(
        problems.contains("expected one of allow, refuse"),
        "{problems}"
    );
}

#[test]
fn the_handler_that_the_documents_show_decides() {
    let gateway = Setup::example("word_filter").start();
    let answer = |text: &str| {
        let body =
            json!({ "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }] });
        json_of(&gateway.call(C2C, body.to_string()))
    };
    assert_eq!(answer("hello"), ack(0, json!({})));
    let refused = json!({ "ErrorInfo": "no red packet here" });
    assert_eq!(answer("a red packet!"), ack(120_001, refused));
    let element = json!({ "MsgType": "TIMTextElem", "MsgContent": { "Text": "a ***" } });
    let rewritten = ack(0, json!({ "MsgBody": [element] }));
    assert_eq!(answer("a secret"), rewritten);
}
