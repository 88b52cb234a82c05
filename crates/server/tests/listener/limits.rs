//! Promises 7 and 10: caps that hold, and one connection's trouble is no other's.

use std::{fs::File, io::Read, process::Command};

use tokio::sync::Semaphore;

use crate::harness::{get, options, post, start, start_threads};

#[test]
fn beyond_the_cap_the_next_connection_waits_for_its_turn() {
    let mut options = options();
    options.connections = Semaphore::new(1).into();
    let server = start(options);
    let mut first = server.connect();
    first.expect_served();
    let mut next = server.connect();
    next.send(&get("/next"));
    for _ in 0..10 {
        first.expect_served();
    }
    assert!(!server.called().contains(&"/next".to_owned()));
    assert_eq!(server.options.open_connections.get(), 1);
    drop(first);
    assert_eq!(next.answer().status, 200);
}

#[test]
fn a_panic_closes_its_own_connection_only() {
    let server = start(options());
    let mut bystander = server.connect();
    bystander.expect_served();
    for _ in 0..3 {
        let mut client = server.connect();
        client.send(&get("/panic"));
        client.expect_closed();
        bystander.expect_served();
    }
    server.stop.gently.cancel();
    server.join();
}

#[test]
fn a_head_without_end_is_refused() {
    let server = start(options());
    for head in [
        format!("GET /{} HTTP/1.1\r\n", "a".repeat(70_000)),
        format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(70_000)),
        format!("GET / HTTP/1.1\r\n{}\r\n", "A: a\r\n".repeat(200)),
    ] {
        let mut client = server.connect();
        client.send(&head);
        let status = client.answer().status;
        assert!([414, 431].contains(&status), "{status}");
        client.expect_closed();
    }
    server.stop.gently.cancel();
    server.join();
    assert_eq!(server.options.failures.http.get(), 3);
}

#[test]
fn what_is_not_http_1_is_refused() {
    let server = start(options());
    for text in [
        "hello\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
        "\x16\x03\x01\x02\0\x01\0\x01\u{7c}\x03\x03\r\n\r\n",
    ] {
        let mut client = server.connect();
        client.send(text);
        // A 400 where there is somebody to understand it.
        let mut answer = Vec::new();
        let end = client.stream.read_to_end(&mut answer);
        assert!(end.is_ok(), "{end:?}");
        assert!(!String::from_utf8_lossy(&answer).contains("200"));
    }
    assert_eq!(server.called(), Vec::<String>::new());
    server.stop.gently.cancel();
    server.join();
    assert_eq!(server.options.failures.http.get(), 3);
}

#[test]
fn large_bodies_flow_both_ways() {
    let server = start(options());
    let mut client = server.connect();
    let body = "b".repeat(3_000_000);
    for _ in 0..2 {
        client.send(&post("/read", body.len(), &body));
        assert_eq!(client.answer().body, body.len().to_string());
    }
}

#[test]
fn an_early_refusal_reaches_a_client_that_is_still_sending() {
    let server = start(options());
    let mut client = server.connect();
    let part = "b".repeat(20_000);
    client.send(&post("/refuse", 50 * part.len(), &part));
    assert_eq!(client.answer().status, 413);
    // The server has said all it has to say, and has had its turn to close the socket: had it done so with unread
    // bytes, these would meet a reset.
    assert_eq!(client.stream.read(&mut [0]).unwrap(), 0);
    server.connect().expect_served();
    for _ in 1..50 {
        client.send(&part);
    }
}

#[test]
fn an_old_client_gets_its_answer_and_is_closed() {
    let server = start(options());
    let mut client = server.connect();
    client.send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().body, "hello");
    client.expect_closed();
}

#[test]
fn several_runtimes_share_socket_and_cap() {
    let server = start_threads(options(), 3);
    let mut clients: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for client in &mut clients {
        client.expect_served();
    }
    assert_eq!(server.options.open_connections.get(), 100);
    assert_eq!(server.options.connections.available_permits(), 0);
    drop(clients);
    server.stop.gently.cancel();
    server.join();
}

#[test]
fn running_out_of_file_descriptors_is_survived() {
    let output = Command::new("sh")
        .args([
            "-c",
            r#"ulimit -n 40; exec "$0" --exact limits::with_few_file_descriptors --ignored"#,
        ])
        .arg(std::env::current_exe().unwrap())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "running_out_of_file_descriptors_is_survived runs it in a process that has few"]
fn with_few_file_descriptors() {
    let server = start(options());
    // Kept open: the end of it would free a descriptor later.
    let mut first = server.connect();
    first.expect_served();
    let mut hog = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        hog.push(file);
    }
    // One descriptor for the client's end; none is left to accept it with.
    hog.pop().expect("some were free");
    let mut client = server.connect();
    client.send(&get("/"));
    drop(hog);
    assert_eq!(client.answer().status, 200);
}
