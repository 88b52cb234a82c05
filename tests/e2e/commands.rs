//! Every installed command, from the signed request to its handler: acked, found by whom it is about, read without
//! drift. What is special about some of them on the wire: parameters, times, batches.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::harness::{ACK, Event, Gateway, Setup, eventually};

/// An installed command, as the API tells it.
#[derive(Debug, Deserialize)]
struct Known {
    command: String,
    phase: String,
    sample: Box<RawValue>,
}

fn known(gateway: &Gateway) -> Vec<Known> {
    #[derive(Deserialize)]
    struct List {
        data: Vec<Known>,
    }
    let answer = gateway.get("/v1/commands");
    let List { data } = serde_json::from_slice(&answer.body).unwrap();
    assert!(data.len() >= 60, "Chat documents sixty");
    data
}

/// An ack that lets the action happen.
fn check_allows(known: &Known, ack: &str) {
    let command = known.command.as_str();
    if known.phase == "after" {
        assert_eq!(ack, ACK, "{command}");
        return;
    }
    let ack: Value = serde_json::from_str(ack).unwrap();
    assert_eq!(ack["ActionStatus"], "OK", "{command}");
    assert_eq!(ack["ErrorCode"], 0, "{command}");
    assert!(ack["MsgBody"].is_null(), "{command} changes no message");
    let sample: Value = serde_json::from_str(known.sample.get()).unwrap();
    let asked = ["FriendItem", "ResponseFriendItem"]
        .iter()
        .find_map(|list| sample[list].as_array());
    let Some(asked) = asked else {
        assert!(ack["ResultItem"].is_null(), "{command}");
        return;
    };
    let verdicts: Value = asked
        .iter()
        .map(|item| json!({"To_Account": item["To_Account"], "ResultCode": 0, "ResultInfo": ""}))
        .collect();
    assert_eq!(ack["ResultItem"], verdicts, "{command}");
}

/// The events of all commands, by command, once all are there.
fn events(gateway: &Gateway, count: usize) -> BTreeMap<String, Event> {
    eventually("every command has its event", || {
        let events = gateway.events("");
        (events.len() == count).then(|| {
            let events = events.into_iter();
            events.map(|event| (event.command.clone(), event)).collect()
        })
    })
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// Sends a callback that must be acked, and gives its event back with all that is known of it.
fn sent(gateway: &Gateway, query: &str, body: &str) -> Event {
    let target = format!("/callback?{query}");
    let mut connection = gateway.connect();
    let answer = connection.request("POST", &target, &[], body.as_bytes());
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
    gateway.event(&gateway.page("limit=1").data[0].id)
}

#[test]
fn every_command_is_acked_found_and_handled_without_drift() {
    let setup = Setup::new();
    let gateway = setup.start();
    let all = known(&gateway);
    let mut acks = BTreeMap::new();
    for known in &all {
        let answer = gateway.call(&known.command, known.sample.get());
        assert_eq!(answer.status, 200, "{}", known.command);
        check_allows(known, &answer.text());
        acks.insert(&known.command, answer.text());
    }
    let events = events(&gateway, all.len());
    eventually("the index and every handler have caught up", || {
        let is_done = |known: &Known| {
            let detail = gateway.event(&events[&known.command].id);
            detail.status()
                == if known.phase == "after" {
                    "done"
                } else {
                    "none"
                }
        };
        (all.iter().all(is_done) && gateway.metric("gateway_follower_lag_events", &[]) == 0)
            .then_some(())
    });
    for known in &all {
        let event = gateway.event(&events[&known.command].id);
        check_found(&gateway, &event);
        assert_eq!(event.text(), known.sample.get());
        assert!(event.decoded.is_some(), "{}", known.command);
        assert!(
            event.drift.is_empty(),
            "{}: {:?}",
            known.command,
            event.drift
        );
        let verdict = event.verdict.unwrap_or_default();
        if known.phase == "before" {
            assert_eq!(verdict["by"], "plug-in", "{}", known.command);
            let ack: Value = serde_json::from_str(&acks[&known.command]).unwrap();
            assert_eq!(verdict["ack"], ack, "{}", known.command);
        } else {
            assert!(verdict.is_null(), "{}", known.command);
        }
    }
    let ok = [("outcome", "ok")];
    assert_eq!(
        gateway.metric("gateway_callbacks_total", &ok),
        all.len() as u64
    );
    assert_eq!(gateway.metric("gateway_decode_drift_total", &[]), 0);
    assert_eq!(gateway.metric("gateway_policy_total", &[]), 0);
}

/// An event is found by its command together with each of its subjects, or with its time.
fn check_found(gateway: &Gateway, event: &Event) {
    let command = &event.command;
    let found = |query: &str| {
        let events = gateway.events(&format!("command={command}&{query}"));
        let ids: Vec<String> = events.into_iter().map(|event| event.id).collect();
        assert!(ids.is_empty() || ids == [event.id.as_str()], "{ids:?}");
        !ids.is_empty()
    };
    for account in &event.subjects.accounts {
        assert!(found(&format!("account={}", encoded(account))), "{command}");
    }
    for group in &event.subjects.groups {
        assert!(found(&format!("group={}", encoded(group))), "{command}");
    }
    let is_nobodys = event.subjects.accounts.is_empty() && event.subjects.groups.is_empty();
    let nobodys = [
        "Alert.RequestOverLimit",
        "Group.CallbackOnDailyGroupQuotaAlarm",
    ];
    assert_eq!(is_nobodys, nobodys.contains(&command.as_str()), "{command}");
    assert!(!found("account=nobody") && !found("group=nowhere"));
    let at = &event.journaled_at;
    assert!(found(&format!("since={at}")) && !found(&format!("until={at}")));
}

#[test]
fn the_command_line_triggers_every_command() {
    let setup = Setup::new();
    let gateway = setup.start();
    let admin = format!("http://{}", gateway.admin);
    let all = known(&gateway);
    for known in &all {
        let output = setup.run(&["trigger", &known.command, "--admin-url", &admin]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let ack: Box<RawValue> = serde_json::from_slice(&output.stdout).unwrap();
        check_allows(known, ack.get());
    }
    let events = events(&gateway, all.len());
    assert!(events.values().all(|event| event.simulated));
}

#[test]
fn parameters_that_some_commands_leave_out_are_not_missed() {
    let setup = Setup::new();
    let gateway = setup.start();
    let samples: BTreeMap<String, String> = known(&gateway)
        .into_iter()
        .map(|known| (known.command, known.sample.get().to_owned()))
        .collect();
    let check = |command: &str, change: &[(&str, &str)], client_ip, platform| {
        let mut query = gateway.app.query(command);
        for (from, to) in change {
            assert!(query.contains(from), "{query}");
            query = query.replace(from, to);
        }
        let event = sent(&gateway, &query, &samples[command]);
        assert_eq!(event.command, command);
        assert_eq!(event.client_ip.as_deref(), client_ip, "{command}");
        assert_eq!(event.platform.as_deref(), platform, "{command}");
        assert!(event.drift.is_empty(), "{command}");
    };
    let no_address = ("&ClientIP=192.0.2.1", "");
    let no_platform = ("&OptPlatform=iOS", "");
    for command in [
        "Group.CallbackOnMemberStateChange",
        "ContentCallback.ResultNotify",
        "Push.OfflinePush",
        "Push.AllMemberPush",
    ] {
        check(command, &[no_address, no_platform], None, None);
    }
    check(
        "Alert.RequestOverLimit",
        &[
            no_address,
            no_platform,
            ("&contenttype", "&OptPlatform=RESTAPI&contenttype"),
        ],
        None,
        Some("RESTAPI"),
    );
    check(
        "State.StateChange",
        &[("OptPlatform=iOS", "OptPlatform=IOS")],
        Some("192.0.2.1"),
        Some("IOS"),
    );
}

#[test]
fn times_are_read_in_seconds_milliseconds_and_quotes() {
    let setup = Setup::new();
    let gateway = setup.start();
    let check = |command: &str, body: &Value, event_time: Option<&str>, drift: usize| {
        let query = gateway.app.query(command);
        let event = sent(&gateway, &query, &body.to_string());
        assert_eq!(event.happened_at.as_deref(), event_time, "{body}");
        assert_eq!(event.drift.len(), drift, "{body}: {:?}", event.drift);
    };
    let full = "Group.CallbackAfterGroupFull";
    let body =
        |time: Value| json!({"CallbackCommand": full, "GroupId": "lobby", "EventTime": time});
    let (second, milli) = ("2022-12-09T08:26:54.000Z", "2022-12-09T08:26:54.123Z");
    check(full, &body(json!(1_670_574_414_123_i64)), Some(milli), 0);
    check(full, &body(json!(1_670_574_414)), Some(second), 0);
    check(full, &body(json!("1670574414123")), Some(milli), 1);
    check(full, &body(json!("1670574414")), Some(second), 1);
    check(full, &body(Value::Null), None, 1);
    check(
        full,
        &json!({"CallbackCommand": full, "GroupId": "lobby"}),
        None,
        1,
    );
    let pair = json!({"PairList": [{"From_Account": "alice", "To_Account": "bob"}]});
    check("Sns.CallbackBlackListAdd", &pair, None, 0);
}

/// A body with so many events, each between two accounts of its own.
fn pushes(events: usize) -> String {
    let event = |number: usize| {
        json!({
            "CallbackCommand": "Push.OfflinePush", "EventType": 1, "EventTime": 1_557_481_127 + number,
            "From_Account": format!("sender-{number}"), "To_Account": format!("recipient-{number}"),
            "PushPlatform": 1, "PushStage": 1, "MsgSeq": number, "MsgTime": 1_557_481_126,
            "PushID": format!("push-{number}"), "ErrCode": 0
        })
    };
    let events: Vec<Value> = (0..events).map(event).collect();
    json!({ "Events": events }).to_string()
}

#[test]
fn a_batch_is_one_event_of_all_whom_it_is_about() {
    let setup = Setup::new();
    let gateway = setup.start();
    let query = gateway.app.query("Push.OfflinePush");
    // The vendor says 100 at most; more is no reason to lose one.
    for size in [100, 101] {
        let event = sent(&gateway, &query, &pushes(size));
        assert_eq!(event.subjects.accounts.len(), 2 * size);
        assert_eq!(event.items.len(), size);
        let last = size - 1;
        let accounts = json!([format!("sender-{last}"), format!("recipient-{last}")]);
        assert_eq!(event.items[last]["accounts"], accounts);
        assert_eq!(
            event.happened_at.as_deref(),
            Some("2019-05-10T09:38:47.000Z")
        );
        assert!(event.drift.is_empty(), "{:?}", event.drift);
        eventually("it is handled and in the index", || {
            let is_indexed = gateway.metric("gateway_follower_lag_events", &[]) == 0;
            (is_indexed && gateway.event(&event.id).status() == "done").then_some(())
        });
        for side in ["sender", "recipient"] {
            for number in 0..size {
                let found =
                    gateway.events(&format!("account={side}-{number}&command=Push.OfflinePush"));
                assert_eq!(found.last().unwrap().id, event.id, "{side}-{number}");
            }
        }
    }
    assert_eq!(gateway.events("").len(), 2);
}
