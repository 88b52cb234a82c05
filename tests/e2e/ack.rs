//! What Chat gets: the documented request is acked in every form it comes in, and what is refused gets its status, its
//! reason, and leaves nothing behind.

use std::time::SystemTime;

use gateway_test_support::{ChatApp, Connection};

use super::harness::{
    ACK, FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete,
};

fn now() -> u64 {
    SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs()
}

fn shop() -> ChatApp {
    ChatApp::new(SHOP, SHOP_TOKEN)
}

#[test]
fn the_documented_request_is_acked_and_journaled() {
    let setup = Setup::new();
    let gateway = setup.start();
    let body = friend_delete("alice", "bob");
    let answer = gateway.call(FRIEND_DELETE, &body);
    assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
    assert_eq!(answer.header("content-type"), Some("application/json"));

    let events = gateway.events("");
    let [event] = events.as_slice() else {
        panic!("one event was expected, not {events:?}");
    };
    assert_eq!(event.text(), body);
    assert_eq!(
        (event.app.as_str(), event.command.as_str()),
        ("shop", FRIEND_DELETE)
    );
    assert_eq!(event.proof, "sign");
    assert_eq!(event.client_ip.as_deref(), Some("192.0.2.1"));
    assert_eq!(event.platform.as_deref(), Some("iOS"));
    assert!(!event.simulated);
    let detail = gateway.event(&event.id);
    assert_eq!(
        detail.decoded.unwrap()["PairList"][0]["From_Account"],
        "alice"
    );
    assert!(detail.drift.is_empty(), "{:?}", detail.drift);
    gateway.reaches(
        "gateway_handler_outcomes_total",
        &[("command", FRIEND_DELETE), ("outcome", "ok")],
        1,
    );
}

#[test]
fn parameters_come_in_any_order_and_spelling() {
    let setup = Setup::new();
    let gateway = setup.start();
    let mut connection = gateway.connect();
    let documented = shop().query(FRIEND_DELETE);
    let reversed: Vec<&str> = documented.split('&').rev().collect();
    let queries = [
        reversed.join("&"),
        documented.replace("SdkAppid", "SDKAppID"),
        documented.replace("SdkAppid", "SdkAppId"),
        documented.replace("contenttype=json", "contenttype=JSON"),
        documented
            .replace("&contenttype=json", "")
            .replace("&ClientIP=192.0.2.1", ""),
        documented.replace("Sns.CallbackFriendDelete", "Sns%2ECallbackFriendDelete"),
    ];
    for (number, query) in queries.iter().enumerate() {
        let body = friend_delete("alice", &number.to_string());
        let answer = connection
            .request("POST", &format!("/callback?{query}"), &[], body.as_bytes())
            .unwrap();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, ACK),
            "{number}"
        );
    }
    assert_eq!(
        gateway.events(&format!("command={FRIEND_DELETE}")).len(),
        queries.len()
    );
}

#[test]
fn the_body_comes_with_any_type_and_framing() {
    let setup = Setup::new();
    let gateway = setup.start();
    let mut connection = gateway.connect();
    let body = friend_delete("alice", "bob");
    for content_type in [
        "application/json",
        "text/plain",
        "no type at all",
        "application/x-www-form-urlencoded",
    ] {
        let target = format!("/callback?{}", shop().query(FRIEND_DELETE));
        let answer = connection
            .request(
                "POST",
                &target,
                &[("Content-Type", content_type)],
                body.as_bytes(),
            )
            .unwrap();
        assert_eq!(
            (answer.status, answer.text().as_str()),
            (200, ACK),
            "{content_type}"
        );
    }
    let (first, second) = body.split_at(20);
    let head = format!(
        "POST /callback?{} HTTP/1.1\r\nHost: chat\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n",
        shop().query(FRIEND_DELETE),
        first.len()
    );
    connection.send(head.as_bytes()).unwrap();
    connection
        .send(format!("{:x}\r\n{second}\r\n0\r\n\r\n", second.len()).as_bytes())
        .unwrap();
    assert_eq!(connection.answer(false).unwrap().text(), ACK);
    let events = gateway.events("");
    assert_eq!(events.len(), 5);
    assert!(events.iter().all(|event| event.text() == body));
}

#[test]
fn a_refusal_has_its_status_and_reason_and_stores_nothing() {
    let setup = Setup::new();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [apps.far]\nsdk_app_id = 7\ntoken = \"{SHOP_TOKEN}\"\nsources = [\"203.0.113.0/24\"]\n"
    ));
    let gateway = setup.start();
    let good = shop().query(FRIEND_DELETE);
    let at = |seconds: u64| shop().query_at(FRIEND_DELETE, seconds);
    let unsigned = ChatApp {
        token: None,
        ..shop()
    }
    .query(FRIEND_DELETE);
    let time = now();
    let callback = |query: &str| format!("/callback?{query}");
    let refusals = [
        (
            "POST",
            callback(&ChatApp::new(8, SHOP_TOKEN).query(FRIEND_DELETE)),
            401,
            "unknown_app",
        ),
        ("POST", callback(&unsigned), 401, "missing_sign"),
        (
            "POST",
            callback(&format!("{unsigned}&RequestTime={time}")),
            401,
            "missing_sign",
        ),
        (
            "POST",
            callback(&ChatApp::new(SHOP, "another-token").query(FRIEND_DELETE)),
            401,
            "bad_sign",
        ),
        (
            "POST",
            callback(&format!("{unsigned}&Sign=&RequestTime={time}")),
            401,
            "bad_sign",
        ),
        ("POST", callback(&at(time - 120)), 401, "stale"),
        ("POST", callback(&at(time + 120)), 401, "stale"),
        ("POST", callback("SdkAppid=%zz"), 400, "malformed_query"),
        (
            "POST",
            callback(&good.replace(FRIEND_DELETE, "")),
            400,
            "malformed_query",
        ),
        (
            "POST",
            callback(&format!("{good}&SDKAppID=8")),
            400,
            "repeated_parameter",
        ),
        (
            "POST",
            callback(&format!("{good}&Sign=0")),
            400,
            "repeated_parameter",
        ),
        (
            "POST",
            callback(&ChatApp::new(7, SHOP_TOKEN).query(FRIEND_DELETE)),
            403,
            "source",
        ),
        ("POST", format!("/elsewhere?{good}"), 404, "not_found"),
        ("POST", format!("/v1/events?{good}"), 404, "not_found"),
        ("PUT", callback(&good), 405, "method"),
        ("DELETE", callback(&good), 405, "method"),
    ];
    for (method, target, status, reason) in &refusals {
        let before = gateway.metric("gateway_rejected_total", &[("reason", reason)]);
        let answer = gateway
            .connect()
            .request(
                method,
                target,
                &[],
                friend_delete("alice", "bob").as_bytes(),
            )
            .unwrap();
        assert_eq!(answer.status, *status, "{reason}");
        let ack: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (&ack["ActionStatus"], &ack["ErrorCode"]),
            (&"FAIL".into(), &1.into())
        );
        let after = gateway.metric("gateway_rejected_total", &[("reason", reason)]);
        assert_eq!(after, before + 1, "{reason} is counted");
        assert_eq!(answer.header("allow").is_some(), *status == 405, "{reason}");
    }
    assert!(gateway.events("").is_empty());
    assert_eq!(gateway.metric("gateway_callbacks_total", &[]), 0);
}

#[test]
fn all_failures_of_authentication_look_the_same() {
    let setup = Setup::new();
    let gateway = setup.start();
    let unsigned = ChatApp {
        token: None,
        ..shop()
    };
    let queries = [
        ChatApp::new(8, SHOP_TOKEN).query(FRIEND_DELETE),
        unsigned.query(FRIEND_DELETE),
        ChatApp::new(SHOP, "another-token").query(FRIEND_DELETE),
        shop().query_at(FRIEND_DELETE, now() - 120),
    ];
    let answers = queries.map(|query| {
        let target = format!("/callback?{query}");
        let mut answer = gateway
            .connect()
            .request("POST", &target, &[], b"{}")
            .unwrap();
        answer.headers.retain(|(name, _)| name != "date");
        answer
    });
    let [first, others @ ..] = &answers;
    for other in others {
        assert_eq!(other, first);
    }
}

#[test]
fn a_body_over_the_limit_is_refused_however_it_comes() {
    let setup = Setup::new().variable("GATEWAY_CALLBACKS__BODY_MAX", "4 KiB");
    let gateway = setup.start();
    let fits = format!("{{\"PairList\":[],\"x\":\"{}\"}}", "x".repeat(4000));
    gateway.acked(FRIEND_DELETE, &fits);

    let head = |framing: &str| {
        let query = shop().query(FRIEND_DELETE);
        format!("POST /callback?{query} HTTP/1.1\r\nHost: chat\r\n{framing}\r\n\r\n")
    };
    let mut announced = gateway.connect();
    announced
        .send(head("Content-Length: 4097").as_bytes())
        .unwrap();
    assert_eq!(
        announced.answer(false).unwrap().status,
        413,
        "before a byte of it was read"
    );
    let mut chunked = gateway.connect();
    let chunk = format!(
        "{}800\r\n{}\r\n",
        head("Transfer-Encoding: chunked"),
        "x".repeat(0x800)
    );
    chunked.send(chunk.as_bytes()).unwrap();
    chunked
        .send(format!("801\r\n{}\r\n", "x".repeat(0x801)).as_bytes())
        .unwrap();
    assert_eq!(chunked.answer(false).unwrap().status, 413);
    assert_eq!(
        gateway.metric("gateway_rejected_total", &[("reason", "too_large")]),
        2
    );
    assert_eq!(gateway.events("").len(), 1);
}

#[test]
fn half_sent_requests_end_by_deadline_and_store_nothing() {
    let setup = Setup::new();
    let gateway = setup.start();
    let query = shop().query(FRIEND_DELETE);
    let start = |bytes: String| -> Connection {
        let mut connection = gateway.connect();
        connection.send(bytes.as_bytes()).unwrap();
        connection
    };
    let mut half_head = start(format!("POST /callback?{query} HTTP/1.1\r\nHost: ch"));
    let mut silent = start(String::new());
    let mut half_body = start(format!(
        "POST /callback?{query} HTTP/1.1\r\nHost: chat\r\nContent-Length: 100\r\n\r\nhalf"
    ));
    let mut half_question = start(format!(
        "POST /callback?{} HTTP/1.1\r\nHost: chat\r\nContent-Length: 100\r\n\r\nhalf",
        shop().query("C2C.CallbackBeforeSendMsg")
    ));
    assert_eq!(half_question.answer(false).unwrap().status, 408);
    half_head.closed().unwrap();
    silent.closed().unwrap();
    // Chat repeats what it got no answer to.
    half_body.closed().unwrap();
    let labels = [("command", FRIEND_DELETE), ("outcome", "unanswered")];
    assert_eq!(gateway.metric("gateway_callbacks_total", &labels), 1);
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    assert_eq!(gateway.events("").len(), 1);
}

#[test]
fn waiting_bodies_are_capped_and_give_their_room_back() {
    let setup = Setup::new()
        .variable("GATEWAY_CALLBACKS__BODY_MAX", "4 KiB")
        // Three quarters of it, for others than before-callbacks, are 8,193 bytes.
        .variable("GATEWAY_CALLBACKS__BODIES_MAX", "10924 B");
    let gateway = setup.start();
    let halves: Vec<Connection> = (0..2)
        .map(|_| {
            let query = shop().query(FRIEND_DELETE);
            let head = format!(
                "POST /callback?{query} HTTP/1.1\r\nHost: chat\r\nContent-Length: 4096\r\n\r\n"
            );
            let mut half = gateway.connect();
            half.send(head.as_bytes()).unwrap();
            // What has come counts, not what was announced: a byte of each would otherwise keep everybody out.
            half.send(&[b' '; 4095]).unwrap();
            half
        })
        .collect();
    let body = friend_delete("alice", "bob");
    eventually("a body has no room", || {
        (gateway.call(FRIEND_DELETE, &body).status == 503).then_some(())
    });
    assert!(gateway.metric("gateway_rejected_total", &[("reason", "overload")]) >= 1);
    gateway.acked("C2C.CallbackBeforeSendMsg", &body);
    drop(halves);
    eventually("there is room again", || {
        (gateway.call(FRIEND_DELETE, &body).status == 200).then_some(())
    });
}

#[test]
fn only_a_genuine_caller_may_keep_its_connection() {
    let setup = Setup::new();
    let gateway = setup.start();
    for target in ["/callback", "/healthz", "/nowhere"] {
        let mut connection = gateway.connect();
        connection.request("GET", target, &[], b"").unwrap();
        assert!(
            connection.request("GET", target, &[], b"").is_err(),
            "{target}"
        );
    }
    let mut connection = gateway.connect();
    for _ in 0..2 {
        let target = format!("/callback?{}", shop().query(FRIEND_DELETE));
        let body = friend_delete("alice", "bob");
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
}

#[test]
fn a_consoles_check_of_the_url_is_answered_and_stores_nothing() {
    let setup = Setup::new();
    let gateway = setup.start();
    let probe = |gateway: &Gateway, method: &str, target: &str, body: &[u8]| {
        let answer = gateway
            .connect()
            .request(method, target, &[], body)
            .unwrap();
        assert_eq!(answer.status, 200, "{method} {target}");
    };
    probe(&gateway, "GET", "/callback", b"");
    probe(&gateway, "HEAD", "/callback", b"");
    probe(&gateway, "POST", "/callback", b"");
    probe(&gateway, "POST", "/callback?hello=1", br#"{"hello":1}"#);
    // Not even an unsigned read of a callback's URL reaches anything.
    probe(
        &gateway,
        "GET",
        &format!("/callback?{}", shop().query(FRIEND_DELETE)),
        b"",
    );
    assert_eq!(gateway.metric("gateway_probes_total", &[]), 5);
    assert_eq!(
        gateway
            .connect()
            .request("GET", "/healthz", &[], b"")
            .unwrap()
            .status,
        200
    );
    assert!(gateway.events("").is_empty());
}

#[test]
fn a_before_callback_whose_sender_hangs_up_is_recorded() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let target = format!("/callback?{}", gateway.app.query("Faulty.Ask"));
    let body = r#"{"id":"gone","act":"hang"}"#;
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: chat\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut connection = gateway.connect();
    connection.send(head.as_bytes()).unwrap();
    eventually("it is being decided", || {
        (!setup.ran("Faulty.Ask").is_empty()).then_some(())
    });
    drop(connection);
    eventually("it is recorded", || {
        (gateway.texts("") == [body]).then_some(())
    });
    let unanswered = [("command", "Faulty.Ask"), ("outcome", "unanswered")];
    gateway.reaches("gateway_callbacks_total", &unanswered, 1);
}
