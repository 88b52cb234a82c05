//! What the doctor makes of a gateway: one trouble at a time, each told at its level and with its evidence.

use serde_json::{Value, json};

use super::{running::Running, *};
use crate::cli::{
    exposition::Exposition,
    test_server::{self, answer},
};

const NOW_MS: u64 = 1_780_272_000_000;
const RECENTLY: &str = "2026-05-31T23:59:00Z";
const YESTERDAY: &str = "2026-05-30T23:00:00Z";

/// A gateway that is well: a week old, heard of a minute ago, both halves of a pair called.
fn well() -> Value {
    json!({
        "apps": [{
            "name": "shop",
            "sdk_app_id": 1,
            "last_callback_at": RECENTLY,
            "tokens": [{ "last_matched_at": RECENTLY }],
        }],
        "commands": [
            { "command": "C2C.CallbackBeforeSendMsg", "received": 5 },
            { "command": "C2C.CallbackAfterSendMsg", "received": 5 },
            { "command": "Sns.CallbackPrevFriendAdd", "received": 5 },
            { "command": "Sns.CallbackFriendAdd", "received": 5 },
        ],
        "rulings": [{ "decided_by": "calm" }, { "decided_by": "plug-in" }],
        "deciders": [
            { "name": "calm", "url": "http://a/", "breaker": "closed" },
            { "name": "beside", "url": "http://b/", "breaker": "closed" },
        ],
        "subscriptions": [{ "name": "crm", "status": "active", "pending": 3, "dead": 2, "expired": 2 }],
        "refusals": [],
        "drift": [],
        "readiness": { "problems": [] },
        "metrics": "process_start_time_seconds 1779667200\n\
                    gateway_config_reload_ok 1\n\
                    gateway_requests_total 1000\n\
                    gateway_callback_duration_seconds_count{phase=\"before\",command=\"a\"} 100\n\
                    gateway_decider_requests_total{decider=\"calm\",outcome=\"ok\"} 99\n\
                    gateway_decider_requests_total{decider=\"calm\",outcome=\"status\"} 1\n\
                    gateway_decider_requests_total{decider=\"beside\",outcome=\"ok\"} 9\n",
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
        rulings: part(gateway, "rulings"),
        deciders: part(gateway, "deciders"),
        subscriptions: part(gateway, "subscriptions"),
        refusals: part(gateway, "refusals"),
        drift: part(gateway, "drift"),
        unread: Vec::new(),
    }
}

/// The configuration of the gateway that is well.
fn configured(more: &[(&str, &str)]) -> Config {
    let variables = [("APPS__SHOP__SDK_APP_ID", "1"), ("APPS__SHOP__TOKEN", "a")];
    let variables = variables.iter().chain(more);
    let variables = variables.map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()));
    config::load(None, variables).unwrap()
}

fn found_with(gateway: &Value, config: &Config) -> Vec<Finding> {
    let running = running(gateway);
    let mut findings = work::check_work(&running, config, &Certificates::read(config));
    findings.extend(subscriptions::check_subscriptions(&running));
    findings.extend(callers::check_callers(&running, config));
    findings.extend(commands::check_commands(&running));
    findings.retain(|finding| finding.level > Level::Ok);
    findings
}

/// What is found beside what is well: `level check: what`.
fn found(gateway: &Value) -> Vec<String> {
    let findings = found_with(gateway, &configured(&[])).into_iter();
    findings
        .map(|finding| {
            let is_whole = !finding.evidence.is_empty() && !finding.remedy.is_empty();
            assert!(is_whole, "{finding:#?}");
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
fn a_subscription_that_gets_nothing_is_told() {
    let crm = |status: &str, oldest: u64, dead: u64| json!({ "name": "crm", "status": status, "oldest_seconds": oldest, "dead": dead, "expired": 1 });
    for (subscription, expected) in [
        (crm("active", 3_600, 1), &[][..]),
        (
            crm("active", 3_601, 0),
            &["warning subscription: the subscription crm is behind"],
        ),
        (
            crm("paused", 0, 0),
            &["note subscription: the subscription crm is paused"],
        ),
        (
            crm("gone", 0, 0),
            &["warning subscription: the subscription crm has answered 410 and gets nothing"],
        ),
        (
            crm("down", 9, 2),
            &[
                "warning subscription: the subscription crm can't be reached",
                "warning subscription: events for the subscription crm were given up",
            ],
        ),
    ] {
        check("/subscriptions/0", subscription, expected);
    }
}

#[test]
fn silence_of_an_app_is_told() {
    let app = |last: &str| json!({ "name": "shop", "sdk_app_id": 1, "last_callback_at": last, "tokens": [{ "last_matched_at": last }] });
    check("/apps/0", app(RECENTLY), &[]);
    check(
        "/apps/0",
        app("2026-05-31T22:00:00Z"),
        &["note app: the app shop was heard of last 2h ago"],
    );
    check(
        "/apps/0",
        app(YESTERDAY),
        &["warning app: the app shop was heard of last 1day 1h ago"],
    );
    check(
        "/apps/0",
        json!({ "name": "shop", "sdk_app_id": 1, "tokens": [{}] }),
        &["warning app: no callback of the app shop has come"],
    );
}

#[test]
fn an_app_that_a_reload_has_just_brought_is_a_note() {
    for (since, level) in [(RECENTLY, "note"), (YESTERDAY, "warning")] {
        check(
            "/apps/0",
            json!({ "name": "shop", "sdk_app_id": 1, "known_since": since, "tokens": [{}] }),
            &[&format!(
                "{level} app: no callback of the app shop has come"
            )],
        );
    }
}

#[test]
fn what_a_young_gateway_has_not_seen_is_a_note() {
    for metrics in ["process_start_time_seconds 1780271990\n", ""] {
        let mut gateway = well();
        gateway["metrics"] = json!(metrics);
        gateway["deciders"] = json!([]);
        gateway["apps"][0] = json!({ "name": "shop", "sdk_app_id": 1, "tokens": [{}] });
        assert_eq!(
            found(&gateway),
            ["note app: no callback of the app shop has come"]
        );
    }
}

#[test]
fn a_token_that_is_not_in_use_is_told() {
    let newest = json!({ "last_matched_at": RECENTLY });
    check(
        "/apps/0/tokens",
        json!([{}, newest]),
        &["warning token: token 1 of the app shop has signed nothing"],
    );
    check(
        "/apps/0/tokens",
        json!([{ "last_matched_at": YESTERDAY }, newest]),
        &["warning token: token 1 of the app shop signed last 1day 1h ago"],
    );
    check(
        "/apps/0/tokens",
        json!([{ "last_matched_at": "2026-05-31T23:00:00Z" }, newest]),
        &[],
    );
}

#[test]
fn tokens_that_have_all_failed_are_suspected() {
    let mut gateway = well();
    gateway["apps"][0] = json!({ "name": "shop", "sdk_app_id": 1, "tokens": [{}, {}] });
    gateway["refusals"] =
        json!([{ "time": RECENTLY, "reason": "bad_sign", "address": "192.0.2.1" }]);
    assert_eq!(
        found(&gateway),
        [
            "warning app: no callback of the app shop has come",
            "warning token: no token of the app shop has signed a callback",
            "note refusals: requests are refused: bad_sign",
        ]
    );
}

#[test]
fn clocks_that_are_apart_are_told() {
    for (skew, expected) in [
        (5, None),
        (
            -6,
            Some("note clock: Chat's clock and this machine's are -6 s apart"),
        ),
        (
            20,
            Some("note clock: Chat's clock and this machine's are +20 s apart"),
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
        let expected: Vec<&str> = expected.into_iter().collect();
        check("/metrics", json!(line), &expected);
    }
}

#[test]
fn stale_requests_are_the_clocks_only_if_that_drifts() {
    let stale = json!({ "time": RECENTLY, "reason": "stale", "skew_seconds": -90 });
    let clocks = "problem clock: requests are refused as stale: the clocks are apart";
    let replays = "note clock: requests are refused as stale, though the clocks agree";
    check("/refusals", json!([stale, stale]), &[replays]);
    let mut gateway = well();
    gateway["refusals"] = json!([stale, stale]);
    gateway["metrics"] = json!(format!(
        "{}gateway_clock_skew_seconds -50\n",
        well()["metrics"].as_str().unwrap()
    ));
    assert_eq!(found(&gateway), [clocks]);
    // What has no time at all says nothing of clocks.
    check(
        "/refusals",
        json!([{ "time": RECENTLY, "reason": "stale" }]),
        &["note refusals: requests are refused: stale"],
    );
}

#[test]
fn it_is_the_share_of_refusals_that_counts() {
    let guess = json!([{ "time": RECENTLY, "reason": "bad_sign", "address": "192.0.2.1" }]);
    check(
        "/refusals",
        guess.clone(),
        &["note refusals: requests are refused: bad_sign"],
    );
    let mut gateway = well();
    gateway["refusals"] = guess;
    let many = "gateway_rejected_total{reason=\"bad_sign\"} 60\n";
    gateway["metrics"] = json!(format!("{}{many}", well()["metrics"].as_str().unwrap()));
    assert_eq!(
        found(&gateway),
        ["warning refusals: requests are refused: bad_sign"]
    );
    let old = json!([{ "time": "2026-05-31T22:59:00Z", "reason": "bad_sign" }]);
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
fn a_decider_in_trouble_is_told_and_a_shadow_less_loudly() {
    check(
        "/deciders/0/breaker",
        json!("open"),
        &["problem decider: the decider calm is left alone, and the policy answers"],
    );
    check(
        "/deciders/1/breaker",
        json!("open"),
        &["note decider: the shadow beside is left alone, and nothing is compared"],
    );
    let failed = |decider: &str, outcome: &str| {
        json!(format!(
            "gateway_decider_requests_total{{decider=\"{decider}\",outcome=\"{outcome}\"}} 9\n"
        ))
    };
    check(
        "/metrics",
        failed("calm", "deadline"),
        &["warning decider: the decider calm fails"],
    );
    // What was not asked has not failed, and a few questions say nothing.
    check("/metrics", failed("calm", "breaker"), &[]);
    check("/metrics", failed("beside", "deadline"), &[]);
    check(
        "/deciders/0/name",
        json!("new"),
        &["note decider: the decider new was never asked"],
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
            "note journal: before-callbacks were answered and could not be recorded",
        ),
        (
            "gateway_callbacks_total{app=\"shop\",command=\"other\",outcome=\"ok\"} 3",
            "note command: callbacks come of commands that have no plug-in; they are journaled, and no handler gets them",
        ),
        (
            "gateway_callbacks_total{app=\"shop\",command=\"a\",outcome=\"unanswered\"} 3",
            "note deadline: callbacks were not answered in time, or their callers hung up",
        ),
        (
            "gateway_callbacks_total{app=\"shop\",command=\"a\",outcome=\"unanswered\"} 11",
            "warning deadline: callbacks were not answered in time, or their callers hung up",
        ),
        (
            "gateway_policy_total{command=\"a\",reason=\"deadline\"} 1",
            "note policy: before-callbacks were answered by the failure policy",
        ),
        (
            "gateway_policy_total{command=\"a\",reason=\"deadline\"} 2",
            "warning policy: before-callbacks were answered by the failure policy",
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
            "gateway_spans_total{outcome=\"failed\"} 1",
            "note traces: spans are lost: the collector does not take them",
        ),
        (
            "gateway_spans_total{outcome=\"overflow\"} 1",
            "note traces: spans are lost: too many wait for the collector",
        ),
        (
            "gateway_log_lines_held_back_total 1",
            "note log: the log holds lines back: something goes wrong again and again",
        ),
        (
            "gateway_handler_dead_events{command=\"a\"} 2",
            "warning handler: events of a were given up",
        ),
        (
            "gateway_handler_parked_events{command=\"a\"} 2",
            "note handler: events of a wait for another attempt",
        ),
        (
            "gateway_follower_lag_events 10001",
            "warning handler: handlers, or the index, are behind the journal",
        ),
        (
            "process_max_fds 1024",
            "warning files: connections may run out of open files before they reach their cap",
        ),
    ] {
        check("/metrics", json!(format!("{line}\n")), &[expected]);
    }
}

#[test]
fn a_refused_reload_is_told_until_another_is_taken() {
    let mut gateway = well();
    let metrics = well()["metrics"]
        .as_str()
        .unwrap()
        .replace("reload_ok 1", "reload_ok 0");
    gateway["metrics"] = json!(metrics);
    assert_eq!(
        found(&gateway),
        ["warning reload: the last reload of the configuration was refused"]
    );
}

#[test]
fn unreadiness_and_drift_are_told() {
    for (problem, expected) in [
        (
            "the gateway is stopping",
            "note readiness: the gateway stops",
        ),
        (
            "the journal is full",
            "problem readiness: after-callbacks are not acked",
        ),
        (
            "the journal can't be written: x",
            "problem readiness: after-callbacks are not acked",
        ),
    ] {
        check("/readiness/problems", json!([problem]), &[expected]);
    }
    let kind = json!([{ "command": "a", "path": "", "last_seen": RECENTLY }]);
    check(
        "/drift",
        kind,
        &["note drift: bodies differ from what the types expect"],
    );
}

#[test]
fn other_apps_than_configured_are_told() {
    let reload = |gateway: &Value, config: &Config| {
        let findings = found_with(gateway, config).into_iter();
        let told = findings.filter(|finding| finding.check == "reload");
        told.map(|finding| finding.evidence).collect::<Vec<_>>()
    };
    let more = [("APPS__GAME__SDK_APP_ID", "2"), ("APPS__GAME__TOKEN", "a")];
    assert_eq!(
        reload(&well(), &configured(&more)),
        ["running: shop (1); configured: game (2), shop (1)"]
    );
    let none = config::load(None, []).unwrap();
    assert_eq!(
        reload(&well(), &none),
        ["running: shop (1); configured: none"]
    );
    let mut demo = well();
    demo["apps"][0]["name"] = json!("demo");
    assert_eq!(reload(&demo, &none), Vec::<String>::new());
}

/// What is printed of a configuration whose journal does not exist, and how it ends.
fn printed(json: bool, variables: &[(&str, &str)]) -> (Ending, String) {
    let fixed = [
        ("JOURNAL__PATH", "no/such/journal"),
        // Whatever the limit of open files is here.
        ("CALLBACKS__CONNECTIONS_MAX", "16"),
    ];
    let all = fixed.iter().chain(variables);
    let all = all.map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()));
    let options = DoctorOptions {
        offline: true,
        ..DoctorOptions::default()
    };
    let mut bytes = Vec::new();
    let mut output = Output::new(&mut bytes, json, false);
    let loader = Loader::new(None, all.collect());
    let ending = run(&options, &[], &loader, &mut output).unwrap();
    (ending, String::from_utf8(bytes).unwrap())
}

#[test]
fn the_worst_finding_decides_on_the_end() {
    let (ending, text) = printed(false, &[]);
    assert_eq!(ending, Ending::Done);
    insta::assert_snapshot!(text);
    let short = ("SHUTDOWN__GRACE", "1s");
    let (ending, text) = printed(false, &[short]);
    assert_eq!(ending, Ending::Bad);
    assert!(text.starts_with("warning"), "{text}");
    let (ending, text) = printed(false, &[("CALLBACKS__PATH", "callback"), short]);
    assert_eq!(ending, Ending::Worst);
    assert!(text.starts_with("problem"), "{text}");
    let (ending, _) = printed(false, &[("NO__SUCH", "1")]);
    assert_eq!(ending, Ending::Worst);
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

/// What is said of a server that gives these answers, one a request.
fn asked(answers: Vec<String>) -> Vec<Finding> {
    let server = test_server::serve(answers);
    let options = DoctorOptions {
        offline: false,
        admin: server.options(),
    };
    let config = config::load(None, []).unwrap();
    check_gateway(&options, &config, &Certificates::default(), NOW_MS)
}

#[test]
fn a_gateway_that_does_not_answer_as_one_is_a_problem() {
    let findings = asked(vec![answer("200 OK", "text/html", "<html>")]);
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(finding.level, Level::Problem);
    let said = "did not answer as a gateway does";
    assert!(finding.evidence.contains(said), "{finding:#?}");
}

#[test]
fn metrics_of_something_else_are_not_judged() {
    let findings = asked(vec![
        answer(
            "200 OK",
            "application/json",
            "{\"ready\":true,\"problems\":[]}",
        ),
        answer("200 OK", "text/plain", "up 1\n"),
    ]);
    let [finding] = findings.as_slice() else {
        panic!("{findings:#?}");
    };
    assert_eq!(finding.level, Level::Problem);
    assert!(
        finding.evidence.contains("gateway_build_info"),
        "{finding:#?}"
    );
}

#[test]
fn whoever_names_thousands_of_commands_is_cut_short() {
    let mut gateway = well();
    let lines: Vec<String> = (0..5_000)
        .map(|number| {
            format!(
                "gateway_handler_dead_events{{command=\"{number}\"}} 1\n\
                 gateway_handler_abandoned_threads{{command=\"{number}\"}} 1\n"
            )
        })
        .collect();
    gateway["metrics"] = json!(lines.concat());
    let findings = found_with(&gateway, &configured(&[]));
    let mut bytes = Vec::new();
    finding::print(findings, &mut Output::new(&mut bytes, true, false)).unwrap();
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.lines().count() < 50, "{text}");
    assert!(text.len() < 20_000, "{text}");
    assert!(text.contains("and 4980 more"), "{text}");
}

#[test]
fn what_another_version_does_not_know_is_noted_and_the_rest_is_told() {
    let json = |text: &str| answer("200 OK", "application/json", text);
    let findings = asked(vec![
        answer(
            "503 Service Unavailable",
            "application/json",
            "{\"problems\":[\"the journal is full\"]}",
        ),
        answer(
            "200 OK",
            "text/plain",
            "gateway_build_info 1\ngateway_journal_damaged_total 1\n",
        ),
        answer("404 Not Found", "application/problem+json", "{}"),
        json("{\"data\":[{}]}"),
        json("{\"data\":[{}]}"),
        json("{\"data\":[{}]}"),
        json("{\"data\":[{}]}"),
        json("{\"data\":[{}]}"),
    ]);
    let told = |check: &str, level| {
        let mut findings = findings.iter();
        findings.any(|finding| finding.check == check && finding.level == level)
    };
    assert!(told("gateway", Level::Note), "{findings:#?}");
    assert!(told("readiness", Level::Problem), "{findings:#?}");
    assert!(told("journal", Level::Problem), "{findings:#?}");
}
