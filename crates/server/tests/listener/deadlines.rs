//! Promise 7: who sends nothing, half of something, or takes nothing, is closed.

use std::time::Duration;

use crate::harness::{SHORT, Told, get, options, post, start};

#[test]
fn a_connection_that_is_never_used_is_closed() {
    let mut options = options();
    options.header_deadline = SHORT;
    let server = start(options);
    server.connect().expect_closed();
}

#[test]
fn a_half_sent_head_is_closed() {
    let mut options = options();
    options.header_deadline = SHORT;
    let server = start(options);
    let mut client = server.connect();
    client.send("GET / HTTP/1.1\r\nHost: gate");
    client.expect_closed();
}

#[test]
fn a_half_sent_head_on_a_used_connection_is_closed() {
    let mut options = options();
    options.header_deadline = SHORT;
    let server = start(options);
    let mut client = server.connect();
    client.expect_served();
    client.send("G");
    client.expect_closed();
}

#[test]
fn a_half_head_behind_a_request_is_closed() {
    let mut options = options();
    options.header_deadline = SHORT;
    let server = start(options);
    let mut client = server.connect();
    client.send(&(get("/") + "GET / HT"));
    assert_eq!(client.answer().status, 200);
    client.expect_closed();
}

#[test]
fn a_half_sent_body_is_closed() {
    let mut options = options();
    options.request_deadline = Some(SHORT);
    let server = start(options);
    let mut client = server.connect();
    client.send(&post("/read", 10, "half"));
    client.expect_closed();
}

#[test]
fn a_half_sent_body_is_closed_without_a_request_deadline() {
    let mut options = options();
    options.header_deadline = SHORT / 6;
    options.request_deadline = None;
    let server = start(options);
    let mut client = server.connect();
    client.send(&post("/read", 10, "half"));
    client.expect_closed();
}

#[test]
fn a_chunked_body_without_an_end_is_closed() {
    let mut options = options();
    options.request_deadline = Some(SHORT);
    let server = start(options);
    let mut client = server.connect();
    client.send("POST /read HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
    client.expect_closed();
}

#[test]
fn a_request_without_an_answer_is_closed_without_one() {
    let mut options = options();
    options.request_deadline = Some(SHORT);
    let server = start(options);
    for request in [get("/hang"), post("/hang", 2, "{}")] {
        let mut client = server.connect();
        client.send(&request);
        client.expect_closed();
    }
}

#[test]
fn an_idle_connection_is_closed_after_its_own_deadline() {
    let mut options = options();
    options.idle_deadline = SHORT;
    let server = start(options);
    let mut client = server.connect();
    client.expect_served();
    client.expect_closed();
}

#[test]
fn an_idle_connection_outlives_header_and_request_deadline() {
    let mut options = options();
    options.header_deadline = SHORT;
    options.request_deadline = Some(SHORT);
    let server = start(options);
    let mut read = server.connect();
    let mut unread = server.connect();
    let mut plain = server.connect();
    read.send(&post("/read", 2, "{}"));
    assert_eq!(read.answer().body, "2");
    // More than hyper reads at once, so it is still reading when the answer is out.
    unread.send(&post("/refuse", 9000, &"a".repeat(9000)));
    assert_eq!(unread.answer().status, 413);
    plain.expect_served();
    // Two of them, one after the other: more than either deadline has passed since the answers.
    server.connect().expect_closed();
    server.connect().expect_closed();
    read.expect_served();
    unread.expect_served();
    plain.expect_served();
}

#[test]
fn an_endless_answer_outlives_every_deadline_but_not_a_client_that_takes_nothing() {
    let mut options = options();
    options.header_deadline = SHORT / 6;
    options.idle_deadline = SHORT;
    options.request_deadline = None;
    let server = start(options);
    let mut waiting = server.connect();
    waiting.send(&get("/gate"));
    server.arrival();

    let mut stalled = server.connect();
    stalled.send(&get("/flood"));
    server.arrival();
    assert!(matches!(server.told(), Told::Dropped));

    // The witness of the header, the body and the idle deadline.
    let mut half = server.connect();
    half.send(&post("/read", 10, "half"));
    half.expect_closed();
    server.gate.notify_one();
    assert_eq!(waiting.answer().body, "opened");
    drop(stalled);
}

#[test]
fn deadlines_of_any_length_are_fine() {
    let mut options = options();
    options.header_deadline = Duration::MAX;
    options.idle_deadline = Duration::MAX;
    options.request_deadline = None;
    let server = start(options);
    let mut client = server.connect();
    client.send(&post("/read", 1, "a"));
    assert_eq!(client.answer().status, 200);
    client.expect_served();
}
