//! Metric series are the closed set that they are at the start, whatever callers, bodies and deciders say.

use std::collections::BTreeSet;

use gateway_test_support::{ChatApp, Manner, Sink};

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup};

const MESSAGE: &str = "C2C.CallbackBeforeSendMsg";

/// The names of all series, with their labels.
fn series(gateway: &Gateway) -> BTreeSet<String> {
    let text = gateway.get("/metrics").text();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let names = lines.map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
    names.collect()
}

/// Sends bytes as they are; whatever the gateway does with them, it lives.
fn send_raw(gateway: &Gateway, bytes: &[u8]) {
    let mut connection = gateway.connect();
    // It may be closed before all is written.
    let _sent = connection.send(bytes);
    let _answered = connection.answer(false);
}

/// Commands that nobody has installed, genuinely signed: some would break a line of the text format.
fn made_up_commands(gateway: &Gateway) {
    let mut names: Vec<String> = (0..100).map(|number| format!("Made.Up{number}")).collect();
    let long = "x".repeat(2_000);
    let odd = [
        "a%22%7D+1%0A",
        "%C3%A9",
        "%00",
        "other",
        "none",
        long.as_str(),
        FRIEND_DELETE,
    ];
    names.extend(odd.map(str::to_owned));
    for name in names {
        let query = gateway.app.query(&name);
        let mut connection = gateway.connect();
        let target = format!("/callback?{query}");
        let answer = connection.request("POST", &target, &[], b"{}").unwrap();
        // Control characters are refused, and what is longer than any command.
        let is_odd = name.contains("%0") || name.len() > 1_000;
        let expected = if is_odd { 400 } else { 200 };
        assert_eq!(answer.status, expected, "{name}");
    }
}

/// Apps, tokens and signatures that are none.
fn forged(gateway: &Gateway) {
    for number in 0..1_000 {
        let app = match number % 2 {
            0 => ChatApp::new(number, "no-token"),
            _ => ChatApp::new(SHOP, "no-token"),
        };
        let answer = gateway.call_as(&app, &format!("Made.Up{number}"), "{}");
        assert_eq!(answer.status, 401);
    }
}

/// Bodies that no type expects.
fn strange_bodies(gateway: &Gateway) {
    for number in 0..100 {
        let field = format!("{{\"Made_Up{number}\":{{\"app\":\"x\",\"command\":\"y{number}\"}}}}");
        gateway.call(FRIEND_DELETE, field);
    }
    let deep = "[".repeat(5_000);
    let command = format!("{{\"CallbackCommand\":\"{}\"}}", "z".repeat(9_000));
    for body in ["", "null", "\u{0}", deep.as_str(), command.as_str()] {
        gateway.call(FRIEND_DELETE, body);
        gateway.call(MESSAGE, body);
    }
    assert_eq!(gateway.call(FRIEND_DELETE, "x".repeat(2 << 20)).status, 413);
}

/// Requests that are no callbacks, and some that are no HTTP.
fn no_callbacks(gateway: &Gateway) {
    let good = gateway.app.query(FRIEND_DELETE);
    let heads = [
        "GET /made/up HTTP/1.1\r\nHost: x".to_owned(),
        "BREW /callback HTTP/1.1\r\nHost: x".to_owned(),
        "POST /callback?SdkAppid=1&SdkAppid=2 HTTP/1.1\r\nHost: x".to_owned(),
        "POST /callback?CallbackCommand=%zz HTTP/1.1\r\nHost: x".to_owned(),
        format!("POST /callback?{good}&Sign=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 0"),
        format!(
            "POST /callback?{good} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked"
        ),
        format!(
            "POST /callback?{good} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz"
        ),
        format!("POST /callback?{good} HTTP/9.9\r\nHost: x"),
        format!(
            "GET /callback HTTP/1.1\r\nHost: x\r\nX: {}",
            "y".repeat(40_000)
        ),
        "\u{0}\u{1}garbage".to_owned(),
    ];
    for head in heads {
        send_raw(gateway, format!("{head}\r\n\r\n").as_bytes());
    }
    for path in [
        "/v1/made-up",
        "/v1/events?command=Made.Up",
        "/v1/drift?command=x",
        "/metrics?x=y",
    ] {
        gateway.get(path);
    }
}

/// Answers of a decider that are none.
fn hostile_decider(gateway: &Gateway, sink: &Sink) {
    let answers = [
        (200, "{\"ErrorCode\":\"made up\"}".to_owned()),
        (299, "{}".to_owned()),
        (302, String::new()),
        (418, "x".to_owned()),
        (200, "y".repeat(100_000)),
    ];
    for (status, body) in answers {
        sink.behave(Manner::Answer(status, body));
        gateway.call(MESSAGE, "{}");
    }
}

#[test]
fn hostile_traffic_of_every_kind_makes_no_series_and_no_flood_of_logs() {
    let sink = Sink::start(Manner::Answer(500, String::new())).unwrap();
    let setup = Setup::new();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.one]\nurl = \"http://{0}/\"\nbreaker_failures = 1000\n\
         [deciders.two]\nurl = \"http://{0}/\"\nbreaker_failures = 1000\n\
         [commands.\"{MESSAGE}\"]\ndecider = \"one\"\nshadow = \"two\"\n",
        sink.address()
    ));
    let gateway = setup.start();
    let (before, logged) = (series(&gateway), setup.logs().len());
    made_up_commands(&gateway);
    forged(&gateway);
    strange_bodies(&gateway);
    no_callbacks(&gateway);
    hostile_decider(&gateway, &sink);
    gateway.signal("HUP");
    gateway.reaches("gateway_config_reloads_total", &[("result", "ok")], 1);
    gateway.reaches("gateway_decider_requests_total", &[("decider", "two")], 5);
    assert_eq!(series(&gateway), before);
    assert!(setup.logs().len() < logged + 8192, "{}", setup.logs());
    let refused = gateway.metric("gateway_rejected_total", &[]);
    assert!(refused > 1_000, "the traffic was counted: {refused}");
}

#[test]
fn the_series_of_every_command_stay_within_their_cap() {
    let setup = Setup::new();
    let gateway = setup.start();
    let all = series(&gateway);
    let of_app = all.iter().filter(|name| name.contains("app=\"")).count();
    let others = all.len() - of_app;
    assert!((200..=300).contains(&of_app), "{of_app} of an app");
    assert!((600..=1_000).contains(&others), "{others} of no app");
}
