//! After all that can happen to a callback, logs and metrics hold no token, signature, account or text of it.

use gateway_test_support::{ChatApp, Manner, Sink};

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete};

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

/// The series of an app, and all others.
fn series(gateway: &Gateway) -> (usize, usize) {
    let text = gateway.get("/metrics").text();
    let series = text.lines().filter(|line| !line.starts_with('#'));
    let (of_app, others): (Vec<_>, Vec<_>) = series.partition(|line| line.contains("app=\""));
    (of_app.len(), others.len())
}

#[test]
fn an_attacker_makes_no_series_and_no_flood_of_logs() {
    let setup = Setup::new();
    let gateway = setup.start();
    gateway.acked("Unknown.Command", "{}");
    let (before, logged) = (series(&gateway), setup.logs().len());
    for number in 0..1_000 {
        let command = format!("Made.Up{number}");
        let query = match number % 2 {
            0 => ChatApp::new(number, "no-token").query(&command),
            _ => ChatApp::new(SHOP, "no-token").query(&command),
        };
        let mut connection = gateway.connect();
        let answer = connection.request("POST", &format!("/callback?{query}"), &[], b"{}");
        assert_eq!(answer.unwrap().status, 401);
        if number % 10 == 0 {
            gateway.acked(&command, "{}");
        }
    }
    assert_eq!(series(&gateway), before);
    assert!(setup.logs().len() < logged + 4096, "{}", setup.logs());
}

#[test]
fn the_series_of_every_command_stay_within_their_cap() {
    let setup = Setup::new();
    let gateway = setup.start();
    let (of_app, others) = series(&gateway);
    assert!((200..=300).contains(&of_app), "{of_app} of an app");
    assert!((600..=1_000).contains(&others), "{others} of no app");
}
