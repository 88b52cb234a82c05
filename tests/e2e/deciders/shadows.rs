//! Shadow deciders: asked without their answer being used, and compared.

use std::time::{Duration, Instant};

use gateway_test_support::{Manner, Sink};
use serde_json::{Value, json};

use super::{C2C, GROUP, ack, answering, json_of, message};
use crate::harness::{Gateway, SHOP, SHOP_TOKEN, Setup, eventually};

/// `main` decides and `trial` is its shadow; about group messages the plug-in decides, with the same shadow.
fn start(main: &Sink, trial: &Sink) -> (Setup, Gateway) {
    let setup = Setup::new();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.main]\nurl = \"http://{}/\"\n\
         [deciders.trial]\nurl = \"http://{}/\"\n\
         [commands.\"{C2C}\"]\ndecider = \"main\"\nshadow = \"trial\"\n\
         [commands.\"{GROUP}\"]\nshadow = \"trial\"\n",
        main.address(),
        trial.address()
    ));
    let gateway = setup.start();
    (setup, gateway)
}

/// The shadow of the event about an account.
fn shadow(gateway: &Gateway, account: &str) -> Value {
    let event = eventually("the shadow is recorded", || {
        gateway.page(&format!("account={account}")).data.pop()
    });
    event.verdict.unwrap()["shadow"].clone()
}

#[test]
fn a_shadow_is_asked_the_same_and_compared() {
    let main = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let trial = Sink::start(answering(&ack(1, json!({ "ErrorInfo": "other words" })))).unwrap();
    let (setup, gateway) = start(&main, &trial);
    let call = |name: &str| json_of(&gateway.call(C2C, message(name)));

    assert_eq!(call("agrees"), ack(1, json!({})));
    let agrees = shadow(&gateway, "agrees");
    assert_eq!(
        (&agrees["decider"], &agrees["agreement"]),
        (&json!("trial"), &json!("agreed"))
    );
    let (asked, beside) = (main.heard().pop().unwrap(), trial.heard().pop().unwrap());
    assert_eq!((asked.target, asked.body), (beside.target, beside.body));

    trial.behave(answering(&ack(0, json!({ "CloudCustomData": "x" }))));
    assert_eq!(
        call("disagrees"),
        ack(1, json!({})),
        "its answer is not used"
    );
    let disagrees = shadow(&gateway, "disagrees");
    assert_eq!(disagrees["agreement"], "disagreed");
    assert_eq!(disagrees["ack"]["CloudCustomData"], "x");

    trial.behave(Manner::Answer(500, String::new()));
    assert_eq!(call("fails"), ack(1, json!({})));
    let fails = shadow(&gateway, "fails");
    assert_eq!(
        (&fails["agreement"], &fails["reason"]),
        (&json!("failed"), &json!("status"))
    );

    main.behave(Manner::Answer(500, String::new()));
    trial.behave(answering(&ack(0, json!({}))));
    assert_eq!(call("unmatched"), ack(0, json!({})), "the policy allows");
    assert_eq!(shadow(&gateway, "unmatched")["agreement"], "unmatched");

    for agreement in ["agreed", "disagreed", "failed", "unmatched"] {
        let labels = [("decider", "trial"), ("agreement", agreement)];
        assert_eq!(
            gateway.metric("gateway_shadow_total", &labels),
            1,
            "{agreement}"
        );
    }
    let listed = gateway.texts("shadow=disagreed");
    assert_eq!(listed, [message("disagrees")]);
    assert_eq!(gateway.get("/v1/events?shadow=perhaps").status, 400);
    let admin = format!("http://{}", gateway.admin);
    let listed = setup.run(&[
        "--json",
        "events",
        "--shadow",
        "disagreed",
        "--admin-url",
        &admin,
    ]);
    let listed = String::from_utf8(listed.stdout).unwrap();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    assert!(gateway.stop().success());
    let gateway = setup.start();
    assert_eq!(
        gateway.texts("shadow=disagreed").len(),
        1,
        "also after a restart"
    );
}

#[test]
fn nobody_waits_for_a_shadow() {
    let main = Sink::start(answering(&ack(1, json!({})))).unwrap();
    let trial = Sink::start(Manner::Silence).unwrap();
    let (_setup, gateway) = start(&main, &trial);
    let called = Instant::now();
    for number in 0..20 {
        let answer = json_of(&gateway.call(C2C, message(&format!("n{number}"))));
        assert_eq!(answer, ack(1, json!({})));
    }
    assert!(
        called.elapsed() < Duration::from_millis(1_400),
        "none has waited"
    );
    let hangs = shadow(&gateway, "n0");
    assert_eq!(
        (&hangs["agreement"], &hangs["reason"]),
        (&json!("failed"), &json!("deadline"))
    );
}

#[test]
fn a_plug_in_can_have_a_shadow_too_and_a_stop_loses_no_record() {
    let main = Sink::start(Manner::Silence).unwrap();
    let trial = Sink::start(Manner::Silence).unwrap();
    let (setup, gateway) = start(&main, &trial);
    let body = r#"{"GroupId":"lobby","From_Account":"alice","MsgBody":[]}"#;
    gateway.acked(GROUP, body);
    eventually("the shadow is asked", || {
        (!trial.heard().is_empty()).then_some(())
    });
    assert!(gateway.stop().success());
    let gateway = setup.start();
    let event = eventually("it is recorded", || gateway.page("group=lobby").data.pop());
    assert_eq!(event.verdict.unwrap()["by"], "plug-in");
}
