//! Subscriptions are steered: what waits is skipped, what was passed on comes again, and the sums add up meanwhile.

use std::{process::Output, sync::mpsc, thread};

use gateway_test_support::{Connection, Heard, Manner, Sink};
use serde_json::{Value, json};

use super::harness::{FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete};

/// Of Standard Webhooks.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

fn answering(status: u16) -> Manner {
    Manner::Answer(status, String::new())
}

/// A setup whose subscription `billing` gets all events there.
fn setup(sink: &Sink, rest: &str) -> Setup {
    let setup = Setup::new();
    std::fs::write(setup.path("billing.secret"), SECRET).unwrap();
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [subscriptions.billing]\nurl = \"http://{}/events\"\nsecret_files = [\"{}\"]\n\
         networks = [\"127.0.0.0/8\"]\n{rest}",
        sink.address(),
        setup.path("billing.secret").display(),
    ));
    setup
}

fn call(gateway: &Gateway, events: u64) {
    for _ in 0..events {
        gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    }
}

fn billing(gateway: &Gateway) -> Value {
    let list: Value = serde_json::from_slice(&gateway.get("/v1/subscriptions").body).unwrap();
    list["data"][0].clone()
}

/// Waits until the subscription stands so.
fn comes_to(gateway: &Gateway, expected: &Value) -> Value {
    eventually(&format!("the subscription is {expected}"), || {
        let billing = billing(gateway);
        let is_so = |(name, value): (&String, &Value)| billing[name] == *value;
        expected
            .as_object()
            .unwrap()
            .iter()
            .all(is_so)
            .then_some(billing)
    })
}

/// Every event that the subscription was shown, and those that it was not.
fn sum(subscription: &Value) -> u64 {
    ["delivered", "filtered", "dead", "pending", "behind"]
        .iter()
        .map(|name| subscription[name].as_u64().unwrap())
        .sum()
}

fn steer(gateway: &Gateway, deed: &str, request: &Value) -> (u16, Value) {
    let mut connection = Connection::open(gateway.admin).unwrap();
    let target = format!("/v1/subscriptions/{deed}");
    let json_type = [("Content-Type", "application/json")];
    let request = request.to_string();
    let answer = connection.request("POST", &target, &json_type, request.as_bytes());
    let answer = answer.unwrap();
    let body = serde_json::from_slice(&answer.body).unwrap_or_default();
    (answer.status, body)
}

/// A command line's output, when it succeeds.
fn run(setup: &Setup, gateway: &Gateway, arguments: &[&str]) -> String {
    let url = format!("http://{}", gateway.admin);
    let output: Output = setup.run(&[arguments, &["--admin-url", &url]].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Waits for so many deliveries.
fn heard(sink: &Sink, deliveries: usize) -> Vec<Heard> {
    let mut heard = Vec::new();
    eventually("the deliveries have come", || {
        heard.extend(sink.heard());
        (heard.len() >= deliveries).then_some(())
    });
    heard
}

fn ids(heard: &[Heard]) -> Vec<String> {
    let id = |heard: &Heard| heard.header("webhook-id").unwrap().to_owned();
    let mut ids: Vec<String> = heard.iter().map(id).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn what_waits_is_skipped_and_counts_as_filtered() {
    let sink = Sink::start(answering(500)).unwrap();
    let setup = setup(&sink, "retries = [\"1h\"]\n");
    let gateway = setup.start();
    call(&gateway, 4);
    comes_to(&gateway, &json!({ "pending": 4, "under_way": 0 }));
    steer(&gateway, "billing/pause", &json!({}));
    call(&gateway, 3);
    let before = comes_to(&gateway, &json!({ "pending": 4, "behind": 3 }));
    assert_eq!(sum(&before), 7);

    let (status, foreseen) = steer(&gateway, "billing/skip", &json!({ "dry_run": true }));
    assert_eq!(
        (status, &foreseen["events"]),
        (200, &json!(3)),
        "{foreseen}"
    );
    assert_eq!(
        (&foreseen["pending"], &foreseen["dead"]),
        (&json!(4), &json!(0))
    );
    assert_eq!(foreseen["subscription"], before, "it is a dry run");
    assert_eq!(
        run(&setup, &gateway, &["subscriptions", "skip", "billing"]),
        "7 events skipped: 4 pending, 3 past the cursor\n"
    );
    let after = billing(&gateway);
    assert_eq!((&after["filtered"], sum(&after)), (&json!(7), 7), "{after}");
    assert_eq!(after["status"], "paused");

    sink.behave(answering(200));
    sink.heard();
    steer(&gateway, "billing/resume", &json!({}));
    call(&gateway, 1);
    let after = comes_to(&gateway, &json!({ "delivered": 1 }));
    assert_eq!((sum(&after), sink.heard().len()), (8, 1), "{after}");
    gateway.kill();
    let gateway = setup.start();
    let again = comes_to(&gateway, &json!({ "delivered": 1, "filtered": 7 }));
    assert_eq!((sum(&again), sink.heard().len()), (8, 0), "{again}");
}

#[test]
fn a_skip_waits_for_the_attempt_under_way_and_none_begins() {
    let sink = Sink::start(Manner::Silence).unwrap();
    let setup = setup(&sink, "timeout = \"3s\"\nconcurrency = 2\n");
    let gateway = setup.start();
    call(&gateway, 1);
    comes_to(&gateway, &json!({ "under_way": 1 }));
    let (ended, ends) = mpsc::sync_channel(2);
    let skipped = thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| ended.send(steer(&gateway, "billing/skip", &json!({}))));
        }
        let (status, problem) = ends.recv().unwrap();
        assert_eq!(status, 503, "one at a time: {problem}");
        call(&gateway, 2);
        let (status, skipped) = ends.recv().unwrap();
        assert_eq!(status, 200, "{skipped}");
        skipped
    });
    let counts = (&skipped["events"], &skipped["pending"]);
    assert_eq!(counts, (&json!(2), &json!(1)));
    assert_eq!(skipped["subscription"]["under_way"], 0);
    assert_eq!(sink.heard().len(), 1, "the first of three");
    sink.behave(answering(200));
    call(&gateway, 1);
    let after = comes_to(&gateway, &json!({ "delivered": 1, "filtered": 3 }));
    assert_eq!(sum(&after), 4);
}

#[test]
fn what_was_passed_on_comes_again_under_the_same_ids() {
    let sink = Sink::start(answering(200)).unwrap();
    let setup = setup(
        &sink,
        "retries = [\"100ms\"]\ngive_up_after = \"50ms\"\norder = \"accounts\"\n",
    );
    let gateway = setup.start();
    call(&gateway, 3);
    let mut first = heard(&sink, 3);
    sink.behave(answering(500));
    call(&gateway, 1);
    let before = comes_to(
        &gateway,
        &json!({ "delivered": 3, "dead": 1, "pending": 0 }),
    );
    let failed = heard(&sink, 1);
    sink.behave(answering(200));

    let rewind = ["subscriptions", "rewind", "billing", "--to"];
    let future = [&rewind[..], &["2199-01-01T00:00:00Z"]].concat();
    let nothing = "0 events shown again; 0 pending and 0 dead among them start anew\n";
    assert_eq!(run(&setup, &gateway, &future), nothing);
    let all = [&rewind[..], &["beginning"]].concat();
    assert_eq!(
        run(&setup, &gateway, &[&all[..], &["--dry-run"]].concat()),
        "4 events would be shown again; 0 pending and 1 dead among them start anew\n"
    );
    assert_eq!(billing(&gateway), before);
    assert_eq!(
        run(&setup, &gateway, &all),
        "4 events shown again; 0 pending and 1 dead among them start anew\n"
    );
    let again = heard(&sink, 4);
    first.extend(failed.into_iter().take(1));
    assert_eq!(ids(&again), ids(&first));
    let after = comes_to(&gateway, &json!({ "delivered": 7, "dead": 0, "behind": 0 }));
    assert_eq!(sum(&after), 7, "three of them twice");
}

#[test]
fn dead_letters_are_tried_again_one_by_one_or_by_filter() {
    let sink = Sink::start(answering(500)).unwrap();
    let setup = setup(&sink, "retries = [\"100ms\"]\ngive_up_after = \"50ms\"\n");
    let gateway = setup.start();
    call(&gateway, 3);
    comes_to(&gateway, &json!({ "dead": 3 }));
    let events = gateway.events("");
    let first = &events[0].id;
    let list = |query: &str| -> Vec<String> {
        let answer = gateway.get(&format!("/v1/deliveries?status=dead{query}"));
        let list: Value = serde_json::from_slice(&answer.body).unwrap();
        let letters = list["data"].as_array().unwrap().iter();
        let ids = letters.map(|letter| letter["id"].as_str().unwrap().to_owned());
        ids.collect()
    };
    let mut newest_first: Vec<&str> = events.iter().map(|event| &*event.id).collect();
    newest_first.reverse();
    assert_eq!(list(""), newest_first);
    assert_eq!(
        list(&format!("&since={}", events[2].journaled_at)).last(),
        Some(&events[2].id)
    );
    assert!(list("&since=2199-01-01T00:00:00Z").is_empty());

    sink.behave(answering(200));
    sink.heard();
    let replay = ["replay", "--subscription", "billing"];
    let dry = run(&setup, &gateway, &[&replay[..], &["--dry-run"]].concat());
    let lines: Vec<&str> = dry.lines().collect();
    assert_eq!(lines[0], format!("{first}  {FRIEND_DELETE}  status 500"));
    assert_eq!(lines[3], "3 dead letters would be tried again");
    assert_eq!(sink.heard().len(), 0, "it is a dry run");
    let done = run(
        &setup,
        &gateway,
        &["replay", first, "--subscription", "billing"],
    );
    assert_eq!(done, "1 dead letter of billing tried again\n");
    assert_eq!(ids(&heard(&sink, 1)), std::slice::from_ref(first));
    let filtered = [&replay[..], &["--command", FRIEND_DELETE, "--since", "1h"]].concat();
    let done = run(&setup, &gateway, &filtered);
    assert_eq!(done, "2 dead letters of billing tried again\n");
    let after = comes_to(
        &gateway,
        &json!({ "delivered": 3, "dead": 0, "pending": 0 }),
    );
    assert_eq!(sum(&after), 3);
    let url = format!("http://{}", gateway.admin);
    let none = [
        "replay",
        first,
        "--subscription",
        "billing",
        "--admin-url",
        &url,
    ];
    assert_eq!(setup.run(&none).status.code(), Some(1));
}

/// More than is forgotten in one transaction.
#[test]
fn a_cursor_moves_over_a_thousand_rows_in_several_pieces() {
    const EVENTS: u64 = 1_100;
    let sink = Sink::start(answering(500)).unwrap();
    let setup = setup(
        &sink,
        "retries = [\"1h\"]\nrate = 10000\norder = \"accounts\"\n",
    );
    let gateway = setup.start();
    let mut connection = gateway.connect();
    let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
    for event in 0..EVENTS {
        // Some share a lane.
        let body = friend_delete("alice", &format!("friend {}", event % 700));
        let answer = connection.request("POST", &target, &[], body.as_bytes());
        assert_eq!(answer.unwrap().status, 200);
    }
    comes_to(&gateway, &json!({ "pending": EVENTS, "under_way": 0 }));
    steer(&gateway, "billing/pause", &json!({}));
    let (_, moved) = steer(&gateway, "billing/rewind", &json!({ "to": "beginning" }));
    assert_eq!(
        (&moved["events"], &moved["pending"]),
        (&json!(EVENTS), &json!(EVENTS))
    );
    let rewound = billing(&gateway);
    assert_eq!(
        (&rewound["pending"], &rewound["behind"]),
        (&json!(0), &json!(EVENTS))
    );
    steer(&gateway, "billing/resume", &json!({}));
    comes_to(&gateway, &json!({ "pending": EVENTS, "under_way": 0 }));
    let (_, moved) = steer(&gateway, "billing/skip", &json!({}));
    assert_eq!(
        (&moved["events"], &moved["pending"]),
        (&json!(0), &json!(EVENTS))
    );
    let skipped = billing(&gateway);
    assert_eq!(
        (&skipped["filtered"], sum(&skipped)),
        (&json!(EVENTS), EVENTS)
    );

    // Their lanes are free again.
    sink.behave(answering(200));
    call(&gateway, 2);
    comes_to(&gateway, &json!({ "delivered": 2, "pending": 0 }));
}

#[test]
fn an_event_tells_how_far_it_has_come_to_each_subscription() {
    let sink = Sink::start(answering(500)).unwrap();
    let crm = format!(
        "retries = [\"1h\"]\n[subscriptions.crm]\nurl = \"http://{}/crm\"\n\
         secret_files = [\"billing.secret\"]\ncommands = [\"Group.*\"]\nnetworks = [\"127.0.0.0/8\"]\n",
        sink.address()
    );
    let setup = setup(&sink, &crm);
    let gateway = setup.start();
    call(&gateway, 1);
    comes_to(&gateway, &json!({ "pending": 1, "under_way": 0 }));
    let id = gateway.events("").remove(0).id;
    let deliveries = |id: &str| -> Value {
        let answer = gateway.get(&format!("/v1/events/{id}"));
        let event: Value = serde_json::from_slice(&answer.body).unwrap();
        event["deliveries"].clone()
    };
    let found = deliveries(&id);
    let billing = json!({ "subscription": "billing", "status": "pending", "attempts": 1, "reason": "status",
        "detail": "status 500", "next_attempt_at": found[0]["next_attempt_at"] });
    assert_eq!(
        found,
        json!([billing, { "subscription": "crm", "status": "filtered" }])
    );
    let text = run(&setup, &gateway, &["explain", &id]);
    assert!(
        text.contains("  billing: pending after 1 attempt: status 500; next attempt "),
        "{text}"
    );
    assert!(
        text.contains("  crm: not wanted, by the filters of now\n"),
        "{text}"
    );

    steer(&gateway, "billing/pause", &json!({}));
    call(&gateway, 1);
    let second = gateway.events("").remove(1).id;
    assert_eq!(
        deliveries(&second)[0],
        json!({ "subscription": "billing", "status": "ahead" })
    );
    sink.behave(answering(200));
    steer(&gateway, "billing/rewind", &json!({ "to": "beginning" }));
    steer(&gateway, "billing/resume", &json!({}));
    comes_to(
        &gateway,
        &json!({ "delivered": 2, "pending": 0, "behind": 0 }),
    );
    assert_eq!(
        deliveries(&id)[0],
        json!({ "subscription": "billing", "status": "delivered" })
    );
}

#[test]
fn whoever_steers_wrongly_is_told() {
    let sink = Sink::start(answering(200)).unwrap();
    let setup = setup(&sink, "");
    let gateway = setup.start();
    assert_eq!(steer(&gateway, "nobody/skip", &json!({})).0, 404);
    assert_eq!(
        steer(&gateway, "nobody/skip", &json!({ "dry_run": true })).0,
        404
    );
    assert_eq!(steer(&gateway, "billing/rewind", &json!({})).0, 400);
    let (status, problem) = steer(&gateway, "billing/rewind", &json!({ "to": "soon" }));
    assert_eq!(status, 400);
    assert!(
        problem.to_string().contains("`soon` is not a time"),
        "{problem}"
    );
}
