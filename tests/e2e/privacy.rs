//! After all that can happen to a callback, logs and metrics hold no token, signature, account or text of it.

use gateway_test_support::{ChatApp, Manner, Sink};

use super::harness::{FRIEND_DELETE, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete};

#[test]
fn logs_and_metrics_tell_nothing_of_a_callback() {
    let setup = Setup::faulty()
        .variable("GATEWAY_LOG__LEVEL", "trace")
        .variable("GATEWAY_LOG__FORMAT", "json");
    let sink = Sink::start(Manner::Answer(200, "private-answer".to_owned())).unwrap();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.sink]\nurl = \"http://{}/\"\nbreaker_failures = 1\n\
         [deciders.nowhere]\nurl = \"http://127.0.0.1:1/\"\nbreaker_failures = 1\n\
         [commands.\"Private.Asked\"]\nuntyped = true\ndecider = \"nowhere\"\nshadow = \"sink\"\n",
        sink.address()
    ));
    let gateway = setup.start();
    let shop = ChatApp::new(SHOP, SHOP_TOKEN);
    let good = shop.query(FRIEND_DELETE);
    let sign = good
        .split("Sign=")
        .nth(1)
        .unwrap()
        .split('&')
        .next()
        .unwrap()
        .to_owned();
    let bad = ChatApp::new(SHOP, "private-token-of-nobody").query(FRIEND_DELETE);
    let body = friend_delete("private-alice", "private-bob");
    for query in [
        &good,
        &bad,
        &format!("{good}&Sign=twice"),
        &format!("{good}%zz"),
        &bad.replace("1400000001", "77777777"),
    ] {
        gateway
            .connect()
            .request("POST", &format!("/callback?{query}"), &[], body.as_bytes())
            .unwrap();
    }
    gateway
        .connect()
        .request(
            "POST",
            &format!("/private-path?{good}"),
            &[],
            body.as_bytes(),
        )
        .unwrap();
    gateway.call(FRIEND_DELETE, "private-text that is not JSON");
    gateway.call(
        FRIEND_DELETE,
        "{\"private-key\":\"private-text\",\"PairList\":[]}",
    );
    gateway.call("Private.Command", &body);
    gateway.acked("Private.Asked", "private-question");
    let shadow = [("decider", "sink"), ("agreement", "failed")];
    gateway.reaches("gateway_shadow_total", &shadow, 1);
    for command in ["Faulty.Note", "Faulty.Panic", "Faulty.Err", "Faulty.Ask"] {
        gateway.call(command, "{\"id\":\"private-id\",\"act\":\"panic\"}");
    }
    gateway.get("/v1/events?account=private-alice");
    gateway.stream("account=private-alice", None).message();
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "panic")], 1);
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "error")], 1);
    let metrics = gateway.get("/metrics").text();
    gateway.signal("TERM");
    assert!(gateway.ended().success());
    let logs = eventually("there are logs", || {
        Some(setup.logs()).filter(|logs| logs.contains("stopp"))
    });
    for (what, text) in [("logs", &logs), ("metrics", &metrics)] {
        let lower = text.to_lowercase();
        for secret in ["private", SHOP_TOKEN, &sign, "sign=", "requesttime="] {
            let line = lower.lines().find(|line| line.contains(secret));
            assert!(
                line.is_none(),
                "{what} hold {secret}: {}",
                line.unwrap_or_default()
            );
        }
    }
}
