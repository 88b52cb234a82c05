//! One event's story: every step with its time, while the gateway runs; after a restart less the times in memory.

use super::harness::{FRIEND_DELETE, Gateway, Setup, eventually, friend_delete};

/// The steps with the milliseconds after the first byte.
fn story(gateway: &Gateway, id: &str) -> Vec<(String, Option<u64>)> {
    let steps = gateway.event(id).story;
    let steps = steps.iter().map(|step| {
        let name = step["step"].as_str().unwrap().to_owned();
        (name, step["after_ms"].as_u64())
    });
    steps.collect()
}

/// Waits until the story ends with a step.
fn ends(gateway: &Gateway, id: &str, last: &str) -> Vec<(String, Option<u64>)> {
    eventually(&format!("the story ends with {last}"), || {
        let steps = story(gateway, id);
        (steps.last().unwrap().0 == last).then_some(steps)
    })
}

fn names(steps: &[(String, Option<u64>)]) -> Vec<&str> {
    steps.iter().map(|(name, _)| name.as_str()).collect()
}

const AFTER: [&str; 5] = [
    "accepted",
    "authenticated",
    "journaled",
    "decoded",
    "handled",
];

#[test]
fn an_after_callback_is_followed_to_its_handlers_end() {
    let setup = Setup::new();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    let id = gateway.events("").remove(0).id;
    let steps = ends(&gateway, &id, "handled");
    assert_eq!(names(&steps), AFTER);
    let times: Vec<u64> = steps.iter().filter_map(|(_, after_ms)| *after_ms).collect();
    assert_eq!(times.len(), 4, "all but the authentication: {steps:?}");
    assert!(times.is_sorted(), "{steps:?}");
    assert!(gateway.stop().success());

    let gateway = setup.start();
    let steps = ends(&gateway, &id, "handled");
    assert_eq!(names(&steps), AFTER);
    assert_eq!(steps[4].1, None, "forgotten with the process");
}

#[test]
fn a_before_callback_is_answered_before_it_is_journaled() {
    let setup = Setup::new();
    let gateway = setup.start();
    let answer = gateway.call("C2C.CallbackBeforeSendMsg", r#"{"From_Account":"alice"}"#);
    assert_eq!(answer.status, 200);
    let id = eventually("the event is journaled", || {
        gateway.events("").pop().map(|event| event.id)
    });
    let steps = ends(&gateway, &id, "decoded");
    let expected = [
        "accepted",
        "authenticated",
        "answered",
        "journaled",
        "decoded",
    ];
    assert_eq!(names(&steps), expected);
}
