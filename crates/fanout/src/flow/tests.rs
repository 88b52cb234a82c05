//! What a flow does with events, and in which order.

mod model;

use gateway_core::Proof;
use rustls::RootCertStore;
use uuid::Uuid;

use super::*;
use crate::{Named, Secret, Secrets, Start, SubscriptionConfig};

const NOW_MS: u64 = 1_700_000_000_000;

/// In the order of accounts, where there are any; events without filter.
fn flow(cursor: Sequence) -> Flow {
    let row = Subscription {
        cursor,
        ..Subscription::default()
    };
    Flow::new(subscriber(2), row, BTreeMap::new(), Instant::now())
}

fn subscriber(concurrency: usize) -> Arc<Subscriber> {
    let keys = r#"{"url":"http://127.0.0.1/","secret_files":[],"order":"accounts","retries":["1s"],"give_up_after":"10s"}"#;
    let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    let named = Named {
        url: "http://127.0.0.1/".parse().unwrap(),
        secrets: Secrets::new(vec![secret]).unwrap(),
        roots: Arc::new(RootCertStore::empty()),
        start: Start::Now,
    };
    let config = SubscriptionConfig {
        concurrency,
        ..serde_json::from_str(keys).unwrap()
    };
    Arc::new(Subscriber::new("billing", &config, named).unwrap())
}

fn event(sequence: Sequence, account: Option<&str>) -> Arc<Decoded> {
    Arc::new(Decoded {
        id: EventId::new(Uuid::from_u128(1), sequence, NOW_MS),
        envelope: Arc::new(Envelope {
            app: "shop".to_owned(),
            sdk_app_id: 1,
            command: "A.B".to_owned(),
            received_ms: NOW_MS,
            client_ip: None,
            platform: None,
            request_id: None,
            peer: None,
            proof: Proof::default(),
            simulated: false,
            verdict: None,
            trace: None,
        }),
        body: Bytes::new(),
        subjects: Subjects::default().accounts(account),
        time: None,
    })
}

/// The events whose attempts begin now.
fn begun(flow: &mut Flow, now: Instant, now_ms: u64) -> Vec<Sequence> {
    flow.advance(now, now_ms);
    let attempts = flow.saved();
    attempts
        .iter()
        .map(|attempt| attempt.decoded.sequence())
        .collect()
}

#[test]
fn one_that_starts_ahead_of_the_live_reading_is_not_taken_back() {
    let (mut flow, now) = (flow(10), Instant::now());
    assert_eq!(flow.reads_after(7, now), None, "there is nothing yet");
    assert!(!flow.is_attached());
    assert_eq!(flow.reads_after(10, now), None);
    assert!(flow.is_attached());
}

#[test]
fn one_that_has_caught_up_is_fed_at_once() {
    let (mut flow, now) = (flow(3), Instant::now());
    assert_eq!(flow.reads_after(7, now), Some((3, READY_MAX)));
    flow.has_read(5, 7);
    assert!(!flow.is_attached());
    flow.has_read(7, 7);
    assert!(flow.is_attached());
}

#[test]
fn an_event_that_ended_the_process_in_its_last_attempt_is_given_up() {
    let row = |since_ms| Delivery {
        subscription: "billing".to_owned(),
        sequence: 1,
        command: "A.B".to_owned(),
        status: DeliveryStatus::Pending,
        attempts: 9,
        first_ms: NOW_MS,
        due_ms: since_ms,
        lane: None,
        reason: Some(DeliveryReason::Interrupted),
        detail: None,
        since_ms,
    };
    for (after_ms, is_dead) in [(9_000, false), (9_001, true)] {
        let (mut flow, since_ms) = (flow(1), NOW_MS + after_ms);
        let event = Some(event(1, Some("alice")));
        // However long the gateway was away.
        let now_ms = since_ms + 1_000_000;
        flow.retry(row(since_ms), event, Instant::now(), now_ms);
        assert_eq!(flow.row().dead, u64::from(is_dead));
        assert_eq!(flow.saved().is_empty(), is_dead);
    }
}

#[test]
fn while_it_is_down_its_cursor_stands_still() {
    let (mut flow, now) = (flow(0), Instant::now());
    for sequence in 1..=2 {
        assert!(flow.offer(&event(sequence, Some("alice"))));
    }
    assert_eq!(begun(&mut flow, now, NOW_MS), [1]);
    assert_eq!(flow.row().cursor, 2, "the second is a row behind the first");
    while !flow.pace.is_down() {
        flow.pace.end(Sign::Down, now);
    }
    assert!(flow.offer(&event(3, Some("alice"))));
    assert!(begun(&mut flow, now, NOW_MS).is_empty());
    assert_eq!(flow.row().cursor, 2);
    flow.pace.end(Sign::Well, now);
    assert!(begun(&mut flow, now, NOW_MS).is_empty());
    assert_eq!(flow.row().cursor, 3);
}
