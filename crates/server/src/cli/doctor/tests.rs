//! What the doctor makes of a gateway: one trouble at a time, each told at its level and with its evidence.

use serde_json::{Value, json};

use super::{running::Running, *};
use crate::cli::{
    exposition::Exposition,
    test_server::{self, answer},
};

const NOW_MS: u64 = 1_780_272_000_000;
const RECENTLY: &str = "2026-05-31T23:59:00Z";

/// A gateway that is well: a week old, heard of a minute ago, both halves of a pair called.
fn well() -> Value {
    json!({
        "apps": [{
            "name": "shop",
            "last_callback_at": RECENTLY,
            "tokens": [{ "last_matched_at": RECENTLY }],
        }],
        "commands": [
            { "command": "C2C.CallbackBeforeSendMsg", "received": 5 },
            { "command": "C2C.CallbackAfterSendMsg", "received": 5 },
            { "command": "Sns.CallbackPrevFriendAdd", "received": 5 },
            { "command": "Sns.CallbackFriendAdd", "received": 5 },
        ],
        "deciders": [{ "name": "calm", "url": "http://a/", "breaker": "closed", "answered": 99, "failed": 1 }],
        "refusals": [],
        "drift": [],
        "readiness": { "problems": [] },
        "metrics": "process_start_time_seconds 1779667200\n",
    })
}

fn running(gateway: &Value) -> Running {
    fn part<T: serde::de::DeserializeOwned>(gateway: &Value, name: &str) -> T {
        serde_json::from_value(gateway[name].clone()).unwrap()
    }
    Running {
        now_ms: NOW_MS,
        metrics: Exposition::parse(gateway["metrics"].as_str().unwrap()),
        readiness: part(gateway, "readiness"),
        apps: part(gateway, "apps"),
        commands: part(gateway, "commands"),
        deciders: part(gateway, "deciders"),
        refusals: part(gateway, "refusals"),
        drift: part(gateway, "drift"),
    }
}

/// What is found beside what is well: `level check what`.
fn found(gateway: &Value) -> Vec<String> {
    let config = config::load(None, []).unwrap();
    let running = running(gateway);
    let mut findings = work::work(&running, &config);
    findings.extend(traffic::traffic(&running, &config));
    let bad = findings
        .into_iter()
        .filter(|finding| finding.level > Level::Ok);
    bad.map(|finding| {
        assert!(
            !finding.evidence.is_empty() && !finding.remedy.is_empty(),
            "{finding:#?}"
        );
        let level = serde_json::to_value(finding.level).unwrap();
        format!(
            "{} {}: {}",
            level.as_str().unwrap(),
            finding.check,
            finding.what
        )
    })
    .collect()
}

/// Changes a part of what is well, or adds lines to its metrics.
fn check(part: &str, value: Value, expected: &[&str]) {
    let mut gateway = well();
    let place = gateway.pointer_mut(part).unwrap();
    *place = match (part, value.as_str()) {
        ("/metrics", Some(lines)) => json!(format!("{}{lines}", place.as_str().unwrap())),
        _ => value,
    };
    assert_eq!(found(&gateway), expected, "{part}");
}

#[test]
fn nothing_is_found_where_all_is_well() {
    assert_eq!(found(&well()), Vec::<String>::new());
}

#[test]
fn a_gateway_of_another_version_is_no_trouble() {
    let empty = json!([{}]);
    for part in ["apps", "commands", "deciders", "refusals", "drift"] {
        let mut gateway = well();
        gateway[part] = empty.clone();
        found(&gateway);
    }
}

#[test]
fn silence_of_an_app_is_told() {
    check(
        "/apps/0",
        json!({ "name": "shop", "tokens": [{}] }),
        &["warning app: no callback of the app shop has come"],
    );
}

#[test]
fn a_silent_app_of_a_young_gateway_is_a_note() {
    let mut gateway = well();
    gateway["metrics"] = json!("process_start_time_seconds 1780271990\n");
    gateway["apps"][0] = json!({ "name": "shop", "tokens": [{}] });
    assert_eq!(
        found(&gateway),
        ["note app: no callback of the app shop has come"]
    );
}

#[test]
fn a_token_that_signs_nothing_is_told() {
    check(
        "/apps/0/tokens",
        json!([{}, { "last_matched_at": RECENTLY }]),
        &["warning token: token 1 of the app shop has signed nothing"],
    );
    let mut gateway = well();
    gateway["apps"][0] = json!({ "name": "shop", "tokens": [{}] });
    gateway["refusals"] =
        json!([{ "time": RECENTLY, "reason": "bad_sign", "address": "192.0.2.1" }]);
    assert_eq!(
        found(&gateway),
        [
            "warning app: no callback of the app shop has come",
            "problem token: token 1 of the app shop has signed nothing",
            "warning refusals: requests are refused: bad_sign",
        ]
    );
}

#[test]
fn clocks_that_are_apart_are_told() {
    for (skew, expected) in [
        (4, None),
        (
            -6,
            Some("note clock: Chat's clock and this machine's are -6 s apart"),
        ),
        (
            21,
            Some("warning clock: Chat's clock and this machine's are +21 s apart"),
        ),
        (
            -59,
            Some("problem clock: Chat's clock and this machine's are -59 s apart"),
        ),
    ] {
        let line = format!("gateway_clock_skew_seconds {skew}\n");
        check(
            "/metrics",
            json!(line),
            &expected.into_iter().collect::<Vec<_>>(),
        );
    }
    check(
        "/refusals",
        json!([{ "time": RECENTLY, "reason": "stale", "skew_seconds": -90 }]),
        &[
            "problem clock: requests are refused because clocks are apart, or because somebody replays old ones",
        ],
    );
}

#[test]
fn an_old_refusal_is_history() {
    let old =
        json!([{ "time": "2026-05-31T22:59:00Z", "reason": "bad_sign", "address": "192.0.2.1" }]);
    check("/refusals", old, &[]);
}

#[test]
fn a_before_command_without_its_partner_is_told() {
    let never = "note command: 1 of 4 installed commands were never called";
    for (place, pair) in [
        (
            "/commands/1/received",
            "note pair: C2C.CallbackBeforeSendMsg comes and C2C.CallbackAfterSendMsg does not",
        ),
        (
            "/commands/3/received",
            "note pair: Sns.CallbackPrevFriendAdd comes and Sns.CallbackFriendAdd does not",
        ),
    ] {
        check(place, json!(0), &[never, pair]);
    }
    check("/commands/0/received", json!(0), &[never]);
}

#[test]
fn a_decider_in_trouble_is_told() {
    check(
        "/deciders/0/breaker",
        json!("open"),
        &["problem decider: the decider calm is left alone, and the policy answers"],
    );
    check(
        "/deciders/0/failed",
        json!(9),
        &["warning decider: the decider calm fails"],
    );
    check(
        "/deciders/0",
        json!({ "name": "calm", "breaker": "closed" }),
        &["note decider: the decider calm was never asked"],
    );
}

#[test]
fn what_the_metrics_tell_is_told() {
    for (line, expected) in [
        (
            "gateway_journal_damaged_total 1",
            "problem journal: events can't be read from the journal",
        ),
        (
            "gateway_unrecorded_total 1",
            "warning journal: before-callbacks were answered and could not be recorded",
        ),
        (
            "gateway_config_reloads_total{result=\"failed\"} 1",
            "warning reload: a reload of the configuration was refused",
        ),
        (
            "gateway_callbacks_total{app=\"shop\",command=\"other\",outcome=\"ok\"} 3",
            "note command: callbacks come of commands that have no plug-in; they are journaled, and no handler gets them",
        ),
        (
            "gateway_callbacks_total{app=\"shop\",command=\"a\",outcome=\"unanswered\"} 3",
            "warning deadline: callbacks were not answered in time, or their callers hung up",
        ),
        (
            "gateway_connection_failures_total{listener=\"callbacks\",reason=\"tls\"} 3",
            "note listener: TLS handshakes with the callback listener fail",
        ),
        (
            "gateway_handler_abandoned_threads{command=\"a\"} 1",
            "problem handler: handlers block their threads",
        ),
        (
            "gateway_handler_dead_events{command=\"a\"} 2",
            "warning handler: events were given up by their handlers",
        ),
        (
            "gateway_handler_parked_events{command=\"a\"} 2",
            "note handler: events wait for another attempt of their handler",
        ),
        (
            "gateway_follower_lag_events 10001",
            "warning handler: handlers, or the index, are behind the journal",
        ),
    ] {
        check("/metrics", json!(format!("{line}\n")), &[expected]);
    }
}

#[test]
fn unreadiness_and_drift_are_told() {
    check(
        "/readiness/problems",
        json!(["the journal is full"]),
        &["problem readiness: after-callbacks are not acked"],
    );
    let kind = json!([{ "command": "a", "path": "b", "last_seen": RECENTLY }]);
    check(
        "/drift",
        kind,
        &["note drift: bodies differ from what the types expect"],
    );
}

#[test]
fn other_apps_than_configured_are_told() {
    let variables = [
        ("GATEWAY_APPS__SHOP__SDK_APP_ID".to_owned(), "1".to_owned()),
        ("GATEWAY_APPS__GAME__SDK_APP_ID".to_owned(), "2".to_owned()),
    ];
    let config = config::load(None, variables).unwrap();
    let findings = traffic::traffic(&running(&well()), &config);
    let told = findings
        .iter()
        .find(|finding| finding.check == "reload")
        .unwrap();
    assert_eq!(told.evidence, "running: shop; configured: game, shop");
}

/// What is printed of a configuration whose journal does not exist, and how it ends.
fn printed(json: bool, variables: &[(&str, &str)]) -> (Ending, String) {
    let mut all = vec![(
        "GATEWAY_JOURNAL__PATH".to_owned(),
        "no/such/journal".to_owned(),
    )];
    all.extend(
        variables
            .iter()
            .map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned())),
    );
    let options = DoctorOptions {
        offline: true,
        ..DoctorOptions::default()
    };
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, json, false);
    let ending = run(&options, &[], &Loader::new(None, all), &mut output).unwrap();
    (ending, String::from_utf8(bytes).unwrap())
}

#[test]
fn the_worst_finding_decides_on_the_end() {
    let (ending, text) = printed(false, &[]);
    assert_eq!(ending, Ending::Done);
    insta::assert_snapshot!(text);
    let (ending, text) = printed(false, &[("SHUTDOWN__GRACE", "1s")]);
    assert_eq!(ending, Ending::Bad);
    assert!(text.starts_with("warning"), "{text}");
    let (ending, text) = printed(
        false,
        &[("CALLBACKS__PATH", "callback"), ("SHUTDOWN__GRACE", "1s")],
    );
    assert_eq!(ending, Ending::Worse);
    assert!(text.starts_with("problem"), "{text}");
    let (ending, _) = printed(false, &[("NO__SUCH", "1")]);
    assert_eq!(ending, Ending::Worse);
}

#[test]
fn scripts_get_a_line_of_json_for_each_finding() {
    let (_, text) = printed(true, &[("SHUTDOWN__GRACE", "1s")]);
    let findings: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let keys: Vec<&String> = findings[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["level", "check", "what", "evidence", "do"]);
    assert_eq!(findings[0]["level"], "warning");
}

#[test]
fn a_gateway_that_does_not_answer_as_one_is_a_finding() {
    let server = test_server::serve(vec![answer("200 OK", "text/html", "<html>")]);
    let options = DoctorOptions {
        offline: false,
        admin: server.options(),
    };
    let findings = gateway(&options, &config::load(None, []).unwrap(), NOW_MS);
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(finding.level, Level::Problem);
    let said = "did not answer as a gateway does";
    assert!(finding.evidence.contains(said), "{finding:#?}");
}
