//! SIGTERM: unready first, then what is in flight is finished, synced, and the exit code is 0.

use super::harness::{ACK, FRIEND_DELETE, Setup, eventually, friend_delete};

#[test]
fn is_unready_while_it_drains_and_still_acks() {
    let setup = Setup::new().variable("GATEWAY_SHUTDOWN__DRAIN", "2s");
    let gateway = setup.start();
    gateway.signal("TERM");
    let why = eventually("it is unready", || {
        let answer = gateway.try_get("/readyz")?;
        (answer.status == 503).then(|| answer.text())
    });
    assert!(why.contains("stopping"), "{why}");
    assert_eq!(gateway.metric("gateway_ready", &[]), 0);
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "in the drain"));
    assert_eq!(
        gateway.get("/healthz").status,
        200,
        "unready is not unhealthy"
    );
    assert!(gateway.ended().success());
    let gateway = setup.start();
    assert_eq!(gateway.events("").len(), 1);
}

#[test]
fn finishes_what_is_in_flight_and_turns_new_connections_away() {
    let setup = Setup::new().variable("GATEWAY_CALLBACKS__DEADLINE", "1.9s");
    let gateway = setup.start();
    let body = friend_delete("alice", "in flight");
    let (first, second) = body.split_at(10);
    let head = format!(
        "POST /callback?{} HTTP/1.1\r\nHost: chat\r\nContent-Length: {}\r\n\r\n{first}",
        gateway.app.query(FRIEND_DELETE),
        body.len()
    );
    let mut idle = gateway.connect();
    let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
    idle.request("POST", &target, &[], b"{\"PairList\":[]}")
        .unwrap();
    let mut half = gateway.connect();
    half.send(head.as_bytes()).unwrap();
    // Its bytes are on their way before the signal is: the answer to a later request says that they were taken.
    gateway.acked(FRIEND_DELETE, "{\"PairList\":[]}");
    gateway.signal("TERM");
    eventually("nobody listens any more", || {
        (!gateway.is_listening()).then_some(())
    });
    idle.closed().unwrap();
    half.send(second.as_bytes()).unwrap();
    let answer = half.answer(false).unwrap();
    assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
    assert!(gateway.ended().success());
    let gateway = setup.start();
    assert_eq!(gateway.events("account=alice").len(), 1);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let setup = Setup::new().variable("GATEWAY_SHUTDOWN__DRAIN", "1h");
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    gateway.signal("TERM");
    eventually("it is unready", || {
        (gateway.try_get("/readyz")?.status == 503).then_some(())
    });
    gateway.signal("INT");
    assert_eq!(gateway.ended().code(), Some(1));
    assert!(setup.logs().contains("asked twice"), "{}", setup.logs());
    assert_eq!(setup.start().events("").len(), 1);
}

#[test]
fn loses_nothing_acked_under_load() {
    let setup = Setup::faulty();
    let gateway = setup.start();
    let acked = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for sender in 0..8 {
            let (gateway, acked) = (&gateway, &acked);
            scope.spawn(move || {
                let mut connection = gateway.connect();
                for number in 0.. {
                    let target = format!("/callback?{}", gateway.app.query("Faulty.Note"));
                    let body = format!("{{\"id\":\"{sender}-{number}\"}}");
                    match connection.request("POST", &target, &[], body.as_bytes()) {
                        Ok(answer) if answer.status == 200 => acked.lock().unwrap().push(body),
                        _ => return,
                    }
                }
            });
        }
        eventually("there is load", || {
            (acked.lock().unwrap().len() > 200).then_some(())
        });
        gateway.signal("TERM");
    });
    assert!(gateway.ended().success());
    let gateway = setup.start();
    let mut stored: Vec<String> = gateway.texts("");
    stored.sort_unstable();
    let count = stored.len();
    stored.dedup();
    assert_eq!(stored.len(), count, "none twice");
    for body in acked.into_inner().unwrap() {
        assert!(stored.binary_search(&body).is_ok(), "{body} is lost");
    }
}

#[test]
fn ends_the_streams_of_those_who_watch() {
    let setup = Setup::new();
    let gateway = setup.start();
    let stream = gateway.stream("", None);
    stream.message();
    gateway.signal("TERM");
    assert!(stream.news().is_none());
    assert!(gateway.ended().success());
}
