//! Stopping: first gently, then at once.

use crate::harness::{get, options, post, start};

#[test]
fn a_gentle_stop_closes_what_is_idle_and_finishes_what_runs() {
    let server = start(options());
    let mut running = server.connect();
    running.send(&get("/gate"));
    server.arrival();
    let mut idle = server.connect();
    idle.expect_served();
    let unused = server.connect();
    let mut half = server.connect();
    half.send("GET / HTTP/1.1\r\n");
    // Served last, so all of them have been accepted and read.
    let mut last = server.connect();
    last.expect_served();

    server.stop.gently.cancel();
    idle.expect_closed();
    unused.expect_closed();
    last.expect_closed();
    half.send("Host: a\r\n\r\n");
    assert_eq!(half.answer().status, 200);
    half.expect_closed();
    server.gate.notify_one();
    let answer = running.answer();
    assert_eq!(answer.body, "opened");
    assert!(answer.head.contains("connection: close"), "{}", answer.head);
    running.expect_closed();
    server.join();
}

#[test]
fn a_request_whose_body_is_on_its_way_is_finished() {
    let server = start(options());
    let mut client = server.connect();
    client.send(&post("/read", 4, "ab"));
    server.arrival();
    server.stop.gently.cancel();
    client.send("cd");
    assert_eq!(client.answer().body, "4");
    client.expect_closed();
    server.join();
}

#[test]
fn stopping_at_once_closes_everything() {
    let server = start(options());
    let mut running = server.connect();
    running.send(&get("/hang"));
    server.arrival();
    let mut idle = server.connect();
    idle.expect_served();
    server.stop.gently.cancel();
    idle.expect_closed();
    server.stop.now.cancel();
    running.expect_closed();
    server.join();
}

#[test]
fn stopping_at_once_needs_no_gentle_stop() {
    let server = start(options());
    let mut running = server.connect();
    running.send(&get("/hang"));
    server.arrival();
    server.stop.now.cancel();
    running.expect_closed();
    server.join();
}

#[test]
fn the_cap_does_not_hold_up_a_stop() {
    let server = start(options());
    let permits = server.options.connections.clone();
    let all = permits.try_acquire_many(99).unwrap();
    let mut only = server.connect();
    only.expect_served();
    server.stop.gently.cancel();
    only.expect_closed();
    drop(all);
    server.join();
}
