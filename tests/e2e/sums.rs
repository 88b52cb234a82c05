//! What is counted adds up: nothing that comes in is lost to the metrics, and nothing is counted twice.

use gateway_test_support::{ChatApp, Manner, Sink};

use serde_json::Value;

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, friend_delete};

const MESSAGE: &str = "C2C.CallbackBeforeSendMsg";

fn total(gateway: &Gateway, name: &str) -> u64 {
    gateway.metric(name, &[])
}

fn outcome(gateway: &Gateway, outcome: &str) -> u64 {
    gateway.metric("gateway_callbacks_total", &[("outcome", outcome)])
}

#[test]
fn requests_and_events_add_up() {
    let sink = Sink::start(Manner::Answer(500, String::new())).unwrap();
    let setup = Setup::new().variable("GATEWAY_CALLBACKS__BODY_MAX", "4 KiB");
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.sink]\nurl = \"http://{}/\"\n\
         [apps.shop.commands.\"Group.CallbackBeforeSendMsg\"]\ndecider = \"sink\"\n",
        sink.address()
    ));
    let gateway = setup.start();
    for number in 0..3 {
        gateway.acked(FRIEND_DELETE, friend_delete("alice", &number.to_string()));
    }
    gateway.acked("No.Such", "{}");
    gateway.acked(MESSAGE, "{}");
    gateway.acked("Group.CallbackBeforeSendMsg", "{}");
    let repeated = format!("{}&RequestId=1", gateway.app.query(FRIEND_DELETE));
    for _ in 0..2 {
        let mut connection = gateway.connect();
        let request = format!(
            "POST /callback?{repeated} HTTP/1.1\r\nHost: chat\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        connection.send(request.as_bytes()).unwrap();
        assert_eq!(connection.answer(false).unwrap().status, 200);
    }
    let forged = ChatApp::new(SHOP, "a-guess");
    assert_eq!(gateway.call_as(&forged, FRIEND_DELETE, "{}").status, 401);
    assert_eq!(gateway.call(FRIEND_DELETE, "x".repeat(5_000)).status, 413);
    for (head, status) in [
        ("GET /callback", 200),
        ("GET /elsewhere", 404),
        ("PUT /callback", 405),
        ("GET /healthz", 200),
    ] {
        let mut connection = gateway.connect();
        let request = format!("{head} HTTP/1.1\r\nHost: chat\r\n\r\n");
        connection.send(request.as_bytes()).unwrap();
        assert_eq!(connection.answer(false).unwrap().status, status, "{head}");
    }
    // One that hangs up with half a body, and one that never ends it.
    let half = format!(
        "POST /callback?{} HTTP/1.1\r\nHost: chat\r\nContent-Length: 100\r\n\r\nhalf",
        gateway.app.query(FRIEND_DELETE)
    );
    let mut slow = gateway.connect();
    slow.send(half.as_bytes()).unwrap();
    gateway.connect().send(half.as_bytes()).unwrap();
    slow.closed().unwrap();

    let callbacks = total(&gateway, "gateway_callbacks_total");
    let rejected = total(&gateway, "gateway_rejected_total");
    let probes = total(&gateway, "gateway_probes_total");
    assert_eq!((callbacks, rejected, probes), (9, 5, 1));
    let requests = total(&gateway, "gateway_requests_total");
    assert_eq!(requests, callbacks + rejected + probes);

    let listed: Value = serde_json::from_slice(&gateway.get("/v1/refusals").body).unwrap();
    let listed = listed["data"].as_array().unwrap();
    assert_eq!(listed.len() as u64, rejected);
    let app_of = |reason| {
        let one = listed.iter().find(|one| one["reason"] == reason);
        one.unwrap().get("app").cloned()
    };
    assert_eq!(app_of("too_large"), Some("shop".into()));
    assert_eq!(app_of("not_found"), None);
    let forged = listed.iter().find(|one| one["reason"] == "bad_sign");
    let forged = forged.unwrap();
    assert_eq!(forged["address"], "127.0.0.1");
    assert_eq!(forged["app"], "shop");
    assert!(
        forged["skew_seconds"].as_i64().unwrap().abs() < 60,
        "{forged}"
    );

    let unstored = outcome(&gateway, "repeated") + outcome(&gateway, "unanswered");
    assert_eq!(unstored, 2);
    let stored = total(&gateway, "gateway_journal_batch_events_sum");
    let unrecorded = total(&gateway, "gateway_unrecorded_total");
    assert_eq!(stored, callbacks - unstored - unrecorded);
    assert_eq!(gateway.page("limit=100").data.len() as u64, stored);

    let by_policy = total(&gateway, "gateway_policy_total");
    assert_eq!((by_policy, outcome(&gateway, "policy")), (1, 1));
}
