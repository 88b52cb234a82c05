//! Logs: no kind of line floods them, and lines about one callback say which.

use std::time::{Duration, Instant};

use gateway_test_support::{Manner, Sink};
use serde_json::Value;

use super::harness::{FRIEND_DELETE, Setup, eventually, friend_delete};

/// Lines of a kind that pass in each ten seconds.
const BURST: usize = 10;

/// The lines that hold a text.
fn lines(setup: &Setup, text: &str) -> Vec<String> {
    let logs = setup.logs();
    let lines = logs.lines().filter(|line| line.contains(text));
    lines.map(str::to_owned).collect()
}

/// The first line of a JSON log that says something.
fn line(setup: &Setup, message: &str) -> Value {
    let logs = setup.logs();
    let mut lines = logs
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.find(|line| line["message"] == message).unwrap()
}

#[test]
fn a_kind_of_line_that_repeats_is_cut_short_and_counted() {
    for format in ["human", "json"] {
        let setup = Setup::faulty().variable("GATEWAY_LOG__FORMAT", format);
        let started = Instant::now();
        let gateway = setup.start();
        for number in 0..200 {
            gateway.acked("Faulty.Panic", format!(r#"{{"id":"{number}"}}"#));
        }
        let metric = "gateway_log_lines_held_back_total";
        gateway.reaches(metric, &[], 190);
        assert!(gateway.stop().success());

        let periods = started.elapsed().as_secs() / 10 + 1;
        let most = BURST * usize::try_from(periods).unwrap();
        let told = lines(&setup, "lines of one kind were held back");
        assert!(told.iter().all(|line| line.contains("panic")), "{told:?}");
        assert!(
            told.iter().all(|line| line.contains("faulty.rs")),
            "{told:?}"
        );
        let panics = lines(&setup, "faulty.rs").len() - told.len();
        assert!((BURST..=most).contains(&panics), "{panics} of {most}");
        assert!((1..=2 * most).contains(&told.len()), "{told:?}");
        assert!(setup.logs().lines().count() <= 2 * most + told.len());
    }
}

#[test]
fn a_decider_that_comes_and_goes_does_not_fill_the_log() {
    let sink = Sink::start(Manner::Close).unwrap();
    let setup = Setup::new();
    let shop = std::fs::read_to_string(setup.path("gateway.toml")).unwrap();
    setup.configure(&format!(
        "{shop}[deciders.sink]\nurl = \"http://{}/\"\nbreaker_failures = 1\nbreaker_pause = \"1ms\"\n\
         [commands.\"Any.Asked\"]\nuntyped = true\ndecider = \"sink\"\n",
        sink.address()
    ));
    let started = Instant::now();
    let gateway = setup.start();
    let open = [("decider", "sink")];
    for _ in 0..30 {
        for (manner, is_open) in [
            (Manner::Close, 1),
            (Manner::Answer(200, r#"{"ErrorCode":0}"#.to_owned()), 0),
        ] {
            sink.behave(manner);
            eventually("the breaker turns", || {
                gateway.acked("Any.Asked", "{}");
                (gateway.metric("gateway_decider_open", &open) == is_open).then_some(())
            });
        }
    }
    assert!(gateway.stop().success());
    let periods = started.elapsed().as_secs() / 10 + 1;
    let most = BURST * usize::try_from(periods).unwrap();
    for message in [
        "failed too often in a row; the",
        "the decider answers again",
    ] {
        let said = lines(&setup, message);
        let said = said.iter().filter(|line| !line.contains("held back"));
        assert!((1..=most).contains(&said.count()), "{}", setup.logs());
    }
}

#[test]
fn lines_about_one_callback_say_which() {
    let collector = Sink::start(Manner::Answer(200, String::new())).unwrap();
    let setup = Setup::new()
        .variable("GATEWAY_LOG__LEVEL", "gateway_server=debug")
        .variable("GATEWAY_LOG__FORMAT", "json")
        .variable(
            "GATEWAY_TRACES__ENDPOINT",
            &format!("http://{}", collector.address()),
        );
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "ok")], 1);
    let event = gateway.page("").data.remove(0);
    assert!(gateway.stop().success());

    let answered = line(&setup, "a callback has ended");
    assert_eq!(answered["app"], "shop");
    let handled = line(&setup, "a handler has ended");
    assert_eq!(handled["attempt"], 1);
    assert_eq!(answered["trace"].as_str().unwrap().len(), 32);
    for line in [&answered, &handled] {
        assert_eq!(line["command"], FRIEND_DELETE);
        assert_eq!(line["event"], event.id);
        assert_eq!(line["trace"], answered["trace"]);
        assert_eq!(line["outcome"], "ok");
    }
    let took = Duration::from_micros(answered["elapsed_us"].as_u64().unwrap());
    assert!(took > Duration::ZERO && took < Duration::from_secs(2));
    assert!(!setup.logs().contains("alice"));
}

#[test]
fn the_start_says_what_serves_and_where() {
    let setup = Setup::new().variable("GATEWAY_LOG__FORMAT", "json");
    let gateway = setup.start();
    let serving = eventually("the start is told", || {
        setup
            .logs()
            .contains("serving")
            .then(|| line(&setup, "serving"))
    });
    assert_eq!(serving["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(serving["callbacks"], gateway.callbacks.to_string());
    assert_eq!(serving["admin"], gateway.admin.to_string());
}

#[test]
fn the_end_of_an_indexs_building_is_told_and_its_beginning_is_no_warning() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    assert!(gateway.stop().success());
    let gateway = setup.start();
    assert!(gateway.stop().success());
    assert!(lines(&setup, "the index is").is_empty());

    // The same journal, with other commands.
    let setup = setup
        .with_real_commands()
        .variable("GATEWAY_LOG__FORMAT", "json");
    let gateway = setup.start();
    eventually("the index is complete", || {
        (lines(&setup, "the index is complete").len() == 1).then_some(())
    });
    let begun = line(&setup, "the index is built anew");
    assert_eq!(begun["level"], "INFO");
    assert_eq!(begun["reason"], "it was built with other commands");
    assert_eq!(gateway.events("account=alice").len(), 1);
}
