//! Seen live: the stream without a gap or a repeat, the command line's tail, events found by account, paging.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use super::harness::{Event, FRIEND_DELETE, Setup, eventually, friend_delete};

/// The numbered bodies from `first` on.
fn bodies(first: usize, count: usize) -> Vec<String> {
    (first..first + count)
        .map(|number| friend_delete("alice", &number.to_string()))
        .collect()
}

#[test]
fn a_stream_shows_each_event_once_and_resumes_where_it_was() {
    let setup = Setup::new();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("nobody", "sees this"));
    let stream = gateway.stream("", None);
    assert_eq!(stream.message().unwrap().event, "heartbeat");
    let sent = bodies(0, 20);
    for body in &sent {
        gateway.acked(FRIEND_DELETE, body);
    }
    let seen: Vec<_> = sent.iter().map(|_| stream.next()).collect();
    let texts: Vec<String> = seen.iter().map(|(event, _)| event.text()).collect();
    assert_eq!(texts, sent);

    let (_, place) = &seen[9];
    let resumed = gateway.stream("", Some(place));
    let again: Vec<String> = (10..20).map(|_| resumed.next().0.text()).collect();
    assert_eq!(
        again,
        sent[10..],
        "from behind the place on, without a repeat"
    );
    let last = bodies(20, 1).remove(0);
    gateway.acked(FRIEND_DELETE, &last);
    assert_eq!(resumed.next().0.text(), last, "and on into the present");
    assert_eq!(stream.next().0.text(), last);
}

#[test]
fn a_stream_resumes_over_restarts() {
    let setup = Setup::new();
    let gateway = setup.start();
    let stream = gateway.stream("", None);
    stream.message();
    gateway.acked(FRIEND_DELETE, &bodies(0, 1)[0]);
    let (_, place) = stream.next();
    for body in bodies(1, 3) {
        gateway.acked(FRIEND_DELETE, body);
    }
    assert!(gateway.stop().success());

    let gateway = setup.start();
    let stream = gateway.stream("", Some(&place));
    let seen: Vec<_> = (1..=3).map(|_| stream.next()).collect();
    let (_, place) = &seen[2];
    for body in bodies(4, 3) {
        gateway.acked(FRIEND_DELETE, body);
    }
    gateway.kill();

    let gateway = setup.start();
    let stream = gateway.stream("", Some(place));
    let texts: Vec<String> = (4..=6).map(|_| stream.next().0.text()).collect();
    assert_eq!(texts, bodies(4, 3));
}

#[test]
fn a_filtered_stream_shows_what_it_was_asked_for() {
    let setup = Setup::new();
    let gateway = setup.start();
    let stream = gateway.stream(&format!("command={FRIEND_DELETE}&account=bob"), None);
    stream.message();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "carol"));
    gateway.acked("Nobody.KnowsThis", friend_delete("alice", "bob"));
    let first = friend_delete("alice", "bob");
    gateway.acked(FRIEND_DELETE, &first);
    let second = friend_delete("bob", "alice");
    gateway.acked(FRIEND_DELETE, &second);
    assert_eq!(stream.next().0.text(), first);
    assert_eq!(stream.next().0.text(), second);
}

#[test]
fn events_are_found_by_either_account_at_once() {
    let setup = Setup::new();
    let gateway = setup.start();
    for number in 0..50 {
        gateway.acked(
            FRIEND_DELETE,
            friend_delete("owner", &format!("removed-{number}")),
        );
        let found = gateway.events(&format!("account=removed-{number}"));
        assert_eq!(found.len(), 1, "the newest event is visible at once");
    }
    assert_eq!(gateway.events("account=owner").len(), 50);
    assert!(gateway.events("account=own").is_empty());
    assert!(gateway.events("account=owner&app=another").is_empty());
    gateway.reaches(
        "gateway_handler_outcomes_total",
        &[("command", FRIEND_DELETE), ("outcome", "ok")],
        50,
    );
    assert_eq!(
        gateway.events("account=owner").len(),
        50,
        "also from the index"
    );
    assert_eq!(gateway.events("account=removed-7").len(), 1);
    assert!(gateway.stop().success());
    let gateway = setup.start();
    assert_eq!(
        gateway.events("account=removed-7").len(),
        1,
        "also after a restart"
    );
}

#[test]
fn pages_hold_every_event_once_while_new_ones_come() {
    let setup = Setup::new();
    let gateway = setup.start();
    let sent = bodies(0, 25);
    for body in &sent {
        gateway.acked(FRIEND_DELETE, body);
    }
    for query in ["limit=10", "limit=10&account=alice"] {
        let mut paged = Vec::new();
        let mut cursor = String::new();
        loop {
            let page = gateway.page(&format!("{query}{cursor}"));
            paged.extend(page.data.iter().map(Event::text));
            gateway.acked(FRIEND_DELETE, friend_delete("alice", "comes meanwhile"));
            let Some(next) = page.next else { break };
            cursor = format!("&cursor={next}");
        }
        paged.retain(|text| !text.contains("meanwhile"));
        paged.reverse();
        assert_eq!(paged, sent, "{query}");
    }
}

#[test]
fn tail_prints_an_event_the_moment_it_is_acked() {
    let setup = Setup::new();
    let gateway = setup.start();
    let url = format!("http://{}", gateway.admin);
    let mut tail = setup
        .command(&["tail", "--json", "--admin-url", &url])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let stdout = tail.stdout.take().unwrap();
    let (sender, lines) = mpsc::sync_channel(1024);
    thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    // Nothing tells when it follows: events are sent until one is printed.
    let mut number = 0;
    let first = eventually("tail prints an event", || {
        number += 1;
        gateway.acked(FRIEND_DELETE, friend_delete("alice", &number.to_string()));
        lines.recv_timeout(Duration::from_millis(200)).ok()
    });
    assert!(first.contains(FRIEND_DELETE), "{first}");
    let last = friend_delete("alice", "the last one");
    gateway.acked(FRIEND_DELETE, &last);
    eventually("tail prints the last one", || {
        let line = lines.recv_timeout(Duration::from_secs(1)).ok()?;
        line.contains("the last one").then_some(())
    });
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test]
fn trigger_goes_through_the_pipeline_and_prints_the_ack() {
    let setup = Setup::new();
    let gateway = setup.start();
    let url = format!("http://{}", gateway.admin);
    let output = setup.run(&[
        "trigger",
        FRIEND_DELETE,
        "--from-account",
        "alice",
        "--to-account",
        "bob",
        "--admin-url",
        &url,
    ]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("OK"), "{said}");
    let events = gateway.events("account=bob");
    assert_eq!(events.len(), 1);
    assert!(events[0].simulated);
}
