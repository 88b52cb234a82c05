//! Subscribers that fail in every way: events are tried again under the same id, as the answers ask for.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use super::*;

/// Fails that many of a hundred, the same ones in each run.
fn failing(percent: u64) -> Manner {
    let asked = AtomicUsize::new(1);
    Manner::each(move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed) as u64;
        // Steps of a linear congruence, whose upper bits look random.
        let random = number.wrapping_mul(6_364_136_223_846_793_005) >> 33;
        Manner::status(if random % 100 < percent { 500 } else { 200 })
    })
}

fn deliveries(gateway: &Gateway, query: &str) -> Vec<Value> {
    let answer = gateway.get(&format!("/v1/deliveries?limit=500&{query}"));
    let page: Value = serde_json::from_slice(&answer.body).unwrap();
    page["data"].as_array().unwrap().clone()
}

/// The most that came within a second, by the sink's clock.
fn in_a_second(heard: &[Heard]) -> usize {
    let mut times: Vec<Instant> = heard.iter().map(|heard| heard.at).collect();
    times.sort_unstable();
    let within = |start: &Instant| {
        let times = times.iter().filter(|time| *time >= start);
        times
            .take_while(|time| time.duration_since(*start) < Duration::from_secs(1))
            .count()
    };
    times.iter().map(within).max().unwrap_or(0)
}

#[test]
fn one_that_fails_now_and_then_gets_all_each_under_one_id() {
    let billing = Subscriber::new("billing", failing(30), "");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 150);
    all_delivered(&gateway, &[&billing]);
    let by_id = billing.by_id();
    assert_eq!(by_id.len(), 150);
    for all in by_id.values() {
        let attempts: Vec<u32> = all.iter().map(attempt).collect();
        let expected: Vec<u32> = (1..).take(attempts.len()).collect();
        assert_eq!(attempts, expected);
        for heard in all {
            assert_eq!(heard.body, all[0].body);
            let signed = signature(heard, KEY);
            assert_eq!(heard.header("webhook-signature"), Some(&*signed));
        }
    }
    let failed = billing.sink.so_far().len() - 150;
    assert!((20..150).contains(&failed), "{failed} attempts failed");
    let outcome = |outcome| {
        let labels = [("subscription", "billing"), ("outcome", outcome)];
        gateway.metric("gateway_delivery_attempts_total", &labels)
    };
    assert_eq!((outcome("ok"), outcome("status")), (150, failed as u64));
}

#[test]
fn later_attempts_are_no_more_at_once_than_allowed() {
    let first = Manner::each(|heard| match attempt(heard) {
        1 => Manner::status(500),
        _ => Manner::Late(Duration::from_millis(30), 200),
    });
    let billing = Subscriber::new("billing", first, "concurrency = 3\n");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 60);
    all_delivered(&gateway, &[&billing]);
    assert_eq!(billing.sink.at_once(), 3);
}

#[test]
fn one_that_was_down_all_the_time_gets_its_backlog_at_its_rate() {
    let mut billing = Subscriber::new("billing", Manner::status(200), "rate = 60\n");
    let setup = Setup::new();
    configure(&setup, &[&billing]);
    let address = billing.sink.address();
    drop(billing.sink);
    let gateway = setup.start();
    send(&gateway, 150);
    eventually("it is taken for down", || {
        let answer = gateway.get("/v1/subscriptions").text();
        answer.contains("\"down\"").then_some(())
    });
    billing.sink = Sink::start_at(address, Manner::status(200)).unwrap();
    all_delivered(&gateway, &[&billing]);
    let heard = billing.sink.so_far();
    assert_eq!(heard.len(), 150);
    let most = in_a_second(&heard);
    // A tenth of a second may be made up for, and what began in turn may arrive together.
    assert!(most <= 90, "{most} in a second");
}

#[test]
fn an_answer_after_the_timeout_is_none() {
    let late = Manner::each(|heard| match attempt(heard) {
        1 => Manner::Late(Duration::from_millis(1_500), 200),
        _ => Manner::status(200),
    });
    let billing = Subscriber::new("billing", late, "");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 5);
    all_delivered(&gateway, &[&billing]);
    for all in billing.by_id().values() {
        let attempts: Vec<u32> = all.iter().map(attempt).collect();
        assert_eq!(attempts, [1, 2]);
    }
    let labels = [("subscription", "billing"), ("outcome", "timeout")];
    assert_eq!(
        gateway.metric("gateway_delivery_attempts_total", &labels),
        5
    );
}

#[test]
fn gone_pauses_until_somebody_resumes() {
    let billing = Subscriber::new("billing", Manner::status(410), "concurrency = 1\n");
    let (setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 10);
    eventually("it is gone", || {
        (standing(&gateway, "billing")["status"] == "gone").then_some(())
    });
    sums_hold(&gateway, &[&billing]);
    assert_eq!(billing.sink.so_far().len(), 1);
    // A restart changes nothing.
    gateway.kill();
    let gateway = setup.start();
    assert_eq!(standing(&gateway, "billing")["status"], "gone");
    billing.sink.behave(Manner::status(200));
    assert_eq!(steer(&gateway, "billing", "resume").status, 200);
    all_delivered(&gateway, &[&billing]);
    assert_eq!(billing.sink.so_far().len(), 11);
}

#[test]
fn paused_by_hand_it_is_left_alone_and_goes_on_where_it_was() {
    let billing = Subscriber::new("billing", Manner::status(200), "");
    let (_setup, gateway) = gateway_of(&[&billing]);
    assert_eq!(steer(&gateway, "billing", "pause").status, 200);
    assert_eq!(standing(&gateway, "billing")["status"], "paused");
    send(&gateway, 700);
    stands_at(&gateway, "billing", "behind", 700);
    sums_hold(&gateway, &[&billing]);
    assert_eq!(billing.sink.so_far().len(), 0);
    assert_eq!(steer(&gateway, "billing", "resume").status, 200);
    all_delivered(&gateway, &[&billing]);
    assert_eq!(billing.ids().len(), 700);
    assert_eq!(steer(&gateway, "nobody", "pause").status, 404);
}

#[test]
fn who_asks_to_be_left_alone_is_whatever_others_of_the_same_time_say() {
    let together = Barrier::new(4);
    let asked = AtomicUsize::new(0);
    let overloaded = Manner::each(move |_| {
        let number = asked.fetch_add(1, Ordering::Relaxed);
        if number < 4 {
            together.wait();
        }
        match number {
            0 => Manner::Headed(429, vec![("Retry-After".to_owned(), "2".to_owned())]),
            1..4 => Manner::Late(Duration::from_millis(100), 200),
            _ => Manner::status(200),
        }
    });
    let billing = Subscriber::new("billing", overloaded, "concurrency = 4\n");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 20);
    all_delivered(&gateway, &[&billing]);
    let mut times: Vec<Instant> = billing.sink.so_far().iter().map(|one| one.at).collect();
    times.sort_unstable();
    let pause = times[4].duration_since(times[3]);
    assert!(pause >= Duration::from_millis(1_900), "{pause:?}");
}

#[test]
fn redirects_are_not_followed() {
    let elsewhere = Sink::start(Manner::status(200)).unwrap();
    let location = format!("http://{}/", elsewhere.address());
    let headers = vec![("Location".to_owned(), location)];
    let billing = Subscriber::new("billing", Manner::Headed(307, headers), "");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 1);
    let labels = [("subscription", "billing"), ("outcome", "redirect")];
    gateway.reaches("gateway_delivery_attempts_total", &labels, 2);
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(count(&standing(&gateway, "billing"), "pending"), 1);
    let reasons = eventually("the last attempt has failed", || {
        let found = deliveries(&gateway, "subscription=billing");
        (found[0]["reason"] != "interrupted").then_some(found)
    });
    assert_eq!(reasons[0]["reason"], "redirect");
    billing.sink.behave(Manner::status(200));
    all_delivered(&gateway, &[&billing]);
}

#[test]
fn what_fails_for_too_long_is_a_dead_letter_and_can_be_tried_again() {
    let odd = Manner::each(|heard| {
        let is_odd = heard.text().contains("friend-1\"");
        Manner::status(if is_odd { 500 } else { 200 })
    });
    let billing = Subscriber::new("billing", odd, "give_up_after = \"1s\"\n");
    let (setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 3);
    stands_at(&gateway, "billing", "dead", 1);
    stands_at(&gateway, "billing", "delivered", 2);
    sums_hold(&gateway, &[&billing]);
    let dead = deliveries(&gateway, "status=dead");
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["reason"], "status");
    assert_eq!(dead[0]["detail"], "status 500");
    let attempts = dead[0]["attempts"].as_u64().unwrap();
    assert!((3..=12).contains(&attempts), "{attempts}");

    gateway.kill();
    let gateway = setup.start();
    sums_hold(&gateway, &[&billing]);
    billing.sink.behave(Manner::status(200));
    let body = format!("{{\"sequences\":[{}]}}", dead[0]["sequence"]);
    let answer = Connection::open(gateway.admin).unwrap().request(
        "POST",
        "/v1/subscriptions/billing/retry",
        &[("Content-Type", "application/json")],
        body.as_bytes(),
    );
    assert_eq!(answer.unwrap().status, 200);
    all_delivered(&gateway, &[&billing]);
    let by_id = billing.by_id();
    assert_eq!(by_id.len(), 3, "it has the id that it had");
}

#[test]
fn a_clock_that_was_set_back_holds_nothing_up() {
    let billing = Subscriber::new("billing", Manner::status(500), "");
    let (setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 5);
    billing.gets(5);
    assert!(gateway.stop().success());
    // What was written by a clock that was ten years ahead.
    let state = rusqlite::Connection::open(setup.journal().join("state.db")).unwrap();
    let ahead = "UPDATE deliveries SET due_ms = due_ms + 315360000000,
        first_ms = first_ms + 315360000000, since_ms = since_ms + 315360000000";
    assert_eq!(state.execute(ahead, []).unwrap(), 5);
    drop(state);
    let gateway = setup.start();
    billing.sink.behave(Manner::status(200));
    all_delivered(&gateway, &[&billing]);
    assert!(setup.logs().contains("the clock was set back"));
}

#[test]
fn an_address_that_is_not_allowed_is_never_called() {
    let proxy = Sink::start(Manner::status(200)).unwrap();
    let billing = Subscriber::new("billing", Manner::status(200), "");
    let url = format!("http://{}", proxy.address());
    let setup = Setup::new()
        .variable("HTTP_PROXY", &url)
        .variable("http_proxy", &url)
        .variable("ALL_PROXY", &url);
    configure(&setup, &[&billing]);
    let config = fs::read_to_string(setup.path("gateway.toml")).unwrap();
    let public = config.replace("networks = [\"127.0.0.0/8\"]\n", "");
    setup.configure(&public);
    let checked = setup.run(&["config", "check"]);
    let said = String::from_utf8_lossy(&checked.stderr).into_owned();
    assert!(
        said.contains("127.0.0.1 is neither public nor in `networks`"),
        "{said}"
    );
    // A name shows what it stands for only when it is connected to.
    setup.configure(&public.replace("//127.0.0.1", "//localhost"));
    let gateway = setup.start();
    send(&gateway, 1);
    let labels = [("subscription", "billing"), ("outcome", "refused")];
    gateway.reaches("gateway_delivery_attempts_total", &labels, 2);
    assert_eq!(billing.sink.connections(), 0);
    assert_eq!(proxy.connections(), 0);
    sums_hold(&gateway, &[&billing]);
    setup.configure(&config);
    gateway.signal("HUP");
    all_delivered(&gateway, &[&billing]);
    assert_eq!(proxy.connections(), 0);
}

#[test]
fn a_state_that_cannot_be_written_for_a_while_loses_and_doubles_nothing() {
    let late = Manner::Late(Duration::from_millis(20), 200);
    let billing = Subscriber::new("billing", late, "concurrency = 4\n");
    let (setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 20);
    let state = rusqlite::Connection::open(setup.journal().join("state.db")).unwrap();
    state.busy_timeout(Duration::from_secs(5)).unwrap();
    state.execute_batch("BEGIN IMMEDIATE").unwrap();
    send(&gateway, 20);
    eventually("the fan-out complains", || {
        let logs = setup.logs();
        logs.contains("events are not passed on").then_some(())
    });
    send(&gateway, 20);
    state.execute_batch("ROLLBACK").unwrap();
    all_delivered(&gateway, &[&billing]);
    assert_eq!(billing.sink.so_far().len(), 60);
}

#[test]
fn many_that_fail_leave_room_for_others() {
    let odd = Manner::each(|heard| {
        let is_odd = heard.text().contains("\"friend-");
        Manner::status(if is_odd { 500 } else { 200 })
    });
    let billing = Subscriber::new("billing", odd, "rate = 50\n");
    let (_setup, gateway) = gateway_of(&[&billing]);
    send(&gateway, 80);
    billing.gets(80);
    for number in 0..20 {
        gateway.acked(FRIEND_DELETE, friend_delete("alice", &number.to_string()));
    }
    stands_at(&gateway, "billing", "delivered", 20);
    billing.sink.behave(Manner::status(200));
    all_delivered(&gateway, &[&billing]);
}
