//! Promise 3: time runs from the first byte of each request, whatever is pipelined.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use gateway_core::Peer;

use crate::harness::{get, options, post, start};

#[test]
fn time_runs_from_the_first_byte_of_each_request() {
    let server = start(options());
    let mut client = server.connect();
    let mut is_in_doubt = false;
    for (request, status) in [
        (get("/"), 200),
        (post("/read", 2, "{}"), 200),
        (get("/"), 200),
        (post("/refuse", 2, "{}"), 413),
        (get("/"), 200),
    ] {
        let (first, rest) = request.split_at(1);
        let before = Instant::now();
        client.send(first);
        // Others are served after the byte above has been read: there is one thread.
        for _ in 0..2 {
            server.connect().expect_served();
            server.arrival();
        }
        let between = Instant::now();
        client.send(rest);
        assert_eq!(client.answer().status, status);
        let first_byte = server.arrival().first_byte;
        assert!(before <= first_byte, "{request}");
        // A byte behind a body that nobody read may be one of that body.
        assert!(first_byte <= between || is_in_doubt, "{request}");
        is_in_doubt = status == 413;
    }
}

#[test]
fn the_first_byte_is_not_the_last() {
    let server = start(options());
    let mut client = server.connect();
    // The first half of each request comes together with what is before it, so it has been read with it.
    client.send(&(get("/") + "GET / HTTP"));
    assert_eq!(client.answer().status, 200);
    let first = server.arrival().first_byte;
    let mut before = Instant::now();
    for behind in [post("/read", 2, "{}") + "POST", get("/") + "GET"] {
        let rest = if behind.starts_with("POST") {
            format!("/1.1\r\nHost: a\r\n\r\n{behind}")
        } else {
            format!(" /read HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n1{behind}")
        };
        // The rest of this one, then a whole request, then the beginning of the next one.
        client.send(&rest);
        assert_eq!(client.answer().status, 200);
        assert_eq!(client.answer().status, 200);
        let (split, whole) = (server.arrival().first_byte, server.arrival().first_byte);
        assert!(first <= split && split < before, "of the split one");
        assert!(before < whole, "of the whole one");
        before = Instant::now();
    }
}

#[test]
fn requests_that_come_together_have_one_first_byte() {
    let server = start(options());
    let mut client = server.connect();
    client.send(&(get("/") + &post("/read", 2, "{}") + &get("/") + &post("/refuse", 1, "1")));
    for status in [200, 200, 200, 413] {
        assert_eq!(client.answer().status, status);
    }
    let first = server.arrival().first_byte;
    for _ in 0..3 {
        assert_eq!(server.arrival().first_byte, first);
    }
}

#[test]
fn a_request_that_waits_for_another_keeps_its_first_byte() {
    let server = start(options());
    let mut client = server.connect();
    client.send(&get("/gate"));
    server.arrival();
    client.send(&get("/"));
    let sent = Instant::now();
    // Another connection is served after the bytes above have been read: there is one thread.
    server.connect().expect_served();
    server.arrival();
    server.connect().expect_served();
    let opened = server.arrival().first_byte;
    server.gate.notify_one();
    assert_eq!(client.answer().body, "opened");
    assert_eq!(client.answer().body, "hello");
    assert!(sent < opened && server.arrival().first_byte < opened);
}

#[test]
fn the_wall_clock_is_that_of_the_first_byte() {
    let now_ms = || {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_millis()
    };
    let server = start(options());
    let before = now_ms();
    server.connect().expect_served();
    let received_ms = u128::from(server.arrival().received_ms);
    // A millisecond is lost to rounding, between two clocks.
    assert!(before <= received_ms + 1 && received_ms <= now_ms());
}

#[test]
fn the_peer_is_the_socket_or_what_a_trusted_proxy_says() {
    let server = start(options());
    let mut client = server.connect();
    let request = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\nX-Forwarded-For: 3.3.3.3, 203.0.113.9:4711\r\n\r\n";
    for (trusted, expected) in [
        (None, "127.0.0.1"),
        (Some("10.0.0.0/8"), "127.0.0.1"),
        (Some("127.0.0.0/8"), "203.0.113.9"),
    ] {
        if let Some(network) = trusted {
            server.trust(network);
        }
        client.send(request);
        assert_eq!(client.answer().status, 200);
        let Peer::Network { address, certified } = server.arrival().peer else {
            panic!("it came over a network");
        };
        assert_eq!(address.to_string(), expected, "{trusted:?}");
        assert!(!certified);
    }
}
