//! The promises of the deliveries, through their public interface.

mod lanes;
mod model;
mod reading;
mod sharing;
mod steering;

use std::fs;

use bytes::Bytes;
use gateway_core::{Envelope, Proof};
use rusqlite::Connection;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;

const LOG: Uuid = Uuid::from_u128(1);
const REMOVED: &str = "Sns.CallbackFriendDelete";

fn open(dir: &TempDir) -> (State, Deliveries) {
    let state = State::open(dir.path(), LOG).unwrap();
    let deliveries = Deliveries::open(&state).unwrap();
    (state, deliveries)
}

/// A state with these subscriptions at 0.
fn with_subscriptions(dir: &TempDir, names: &[&'static str]) -> (State, Deliveries) {
    let (state, mut deliveries) = open(dir);
    let subscriptions = names.iter().map(|name| (*name, Subscription::default()));
    let change = Change {
        subscriptions: subscriptions.collect(),
        ..Change::default()
    };
    deliveries.save(&change).unwrap();
    (state, deliveries)
}

/// Of all subscriptions.
fn oldest_pending(deliveries: &Deliveries) -> Option<Sequence> {
    deliveries.oldest_pending().unwrap().into_values().min()
}

fn pending(subscription: &str, sequence: Sequence, due_ms: u64) -> Delivery {
    Delivery {
        subscription: subscription.to_owned(),
        sequence,
        command: REMOVED.to_owned(),
        status: DeliveryStatus::Pending,
        attempts: 1,
        first_ms: 1_700_000_000_000,
        due_ms,
        lane: None,
        reason: Some(DeliveryReason::Interrupted),
        detail: None,
        since_ms: 1_700_000_000_000,
    }
}

fn dead(subscription: &str, sequence: Sequence, since_ms: u64) -> Delivery {
    Delivery {
        status: DeliveryStatus::Dead,
        since_ms,
        ..pending(subscription, sequence, 0)
    }
}

fn event(sequence: Sequence, body: &str) -> StoredEvent {
    StoredEvent {
        sequence,
        journaled_ms: 1_700_000_000_000 + sequence,
        envelope: Envelope {
            app: "demo".to_owned(),
            sdk_app_id: 1_400_000_000,
            command: REMOVED.to_owned(),
            received_ms: 1_700_000_000_000,
            client_ip: None,
            platform: Some("iOS".to_owned()),
            request_id: None,
            peer: None,
            proof: Proof {
                sign: true,
                ..Proof::default()
            },
            simulated: false,
            verdict: None,
            trace: None,
        },
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn save_pending(deliveries: &mut Deliveries, pending: Vec<Delivery>) {
    let change = Change {
        pending,
        ..Change::default()
    };
    deliveries.save(&change).unwrap();
}

fn settle(deliveries: &mut Deliveries, settled: Vec<(&str, Sequence)>) {
    let change = Change {
        settled,
        ..Change::default()
    };
    deliveries.save(&change).unwrap();
}

fn bury(deliveries: &mut Deliveries, delivery: Delivery, event: Option<StoredEvent>) {
    let change = Change {
        dead: vec![DeadLetter { delivery, event }],
        ..Change::default()
    };
    deliveries.save(&change).unwrap();
}

fn due(deliveries: &Deliveries, subscription: &str, now_ms: u64, limit: usize) -> Vec<Sequence> {
    let due = deliveries.due(subscription, now_ms, limit).unwrap();
    due.iter().map(|delivery| delivery.sequence).collect()
}

fn count(deliveries: &Deliveries, subscription: &str, status: DeliveryStatus) -> u64 {
    let counts = deliveries.counts().unwrap();
    let key = (subscription.to_owned(), status);
    counts.get(&key).copied().unwrap_or_default()
}

fn bodies(event: Option<StoredEvent>) -> Option<String> {
    event.map(|event| String::from_utf8(event.body.to_vec()).unwrap())
}

#[test]
fn keeps_everything_over_a_kill_between_two_saves() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut deliveries) = open(&dir);
    let billing = Subscription {
        cursor: 9,
        delivered: 4,
        filtered: 3,
        dead: 1,
        expired: 0,
        paused: Some(Pause {
            by: PauseReason::Gone,
            since_ms: 1_700_000_000_777,
        }),
    };
    let tried = Delivery {
        command: "C2C.CallbackAfterSendMsg".to_owned(),
        attempts: 3,
        lane: Some(u64::MAX - 5),
        detail: Some("status 500".to_owned()),
        ..pending("billing", 9, 1_700_000_000_123)
    };
    let given_up = dead("billing", 8, 1_700_000_000_456);
    deliveries
        .save(&Change {
            subscriptions: vec![("billing", billing.clone())],
            pending: vec![tried.clone()],
            dead: vec![DeadLetter {
                delivery: given_up.clone(),
                event: Some(event(8, "{}")),
            }],
            ..Change::default()
        })
        .unwrap();

    let copied = tempfile::tempdir().unwrap();
    for name in ["state.db", "state.db-wal"] {
        fs::copy(dir.path().join(name), copied.path().join(name)).unwrap();
    }
    drop((state, deliveries));
    let (state, deliveries) = open(&copied);
    let subscriptions = BTreeMap::from([("billing".to_owned(), billing)]);
    assert_eq!(deliveries.subscriptions().unwrap(), subscriptions);
    assert_eq!(state.reader().subscriptions().unwrap(), subscriptions);
    assert_eq!(deliveries.delivery("billing", 9).unwrap(), Some(tried));
    assert_eq!(deliveries.delivery("billing", 8).unwrap(), Some(given_up));
    assert_eq!(deliveries.delivery("billing", 7).unwrap(), None);
    let copy = deliveries.event_of("billing", 8).unwrap().unwrap();
    let original = event(8, "{}");
    assert_eq!(copy.sequence, 8);
    assert_eq!(copy.journaled_ms, original.journaled_ms);
    assert_eq!(copy.envelope, original.envelope);
    assert_eq!(copy.body, original.body);
}

#[test]
fn another_thread_moves_the_write_ahead_file() {
    for is_asked in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let (_state, mut deliveries) = with_subscriptions(&dir, &["a"]);
        let many = (1..=500).map(|sequence| pending("a", sequence, 1));
        save_pending(&mut deliveries, many.collect());
        let bytes = || fs::metadata(dir.path().join("state.db")).unwrap().len();
        let before = bytes();
        if is_asked {
            deliveries.move_soon();
        }
        // Waits for the thread.
        drop(deliveries);
        assert_eq!(bytes() > before, is_asked);
    }
}

#[test]
fn every_reason_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    let reasons = [
        DeliveryReason::Status,
        DeliveryReason::Redirect,
        DeliveryReason::Gone,
        DeliveryReason::Timeout,
        DeliveryReason::Refused,
        DeliveryReason::Connect,
        DeliveryReason::Tls,
        DeliveryReason::Reset,
        DeliveryReason::Unreadable,
        DeliveryReason::Interrupted,
        DeliveryReason::Damaged,
    ];
    for reason in reasons.map(Some).into_iter().chain([None]) {
        let delivery = Delivery {
            reason,
            ..pending("a", 1, 1)
        };
        save_pending(&mut deliveries, vec![delivery.clone()]);
        assert_eq!(deliveries.delivery("a", 1).unwrap(), Some(delivery));
    }
    for by in [PauseReason::Operator, PauseReason::Gone] {
        let paused = Some(Pause { by, since_ms: 5 });
        let subscription = Subscription {
            paused,
            ..Subscription::default()
        };
        let change = Change {
            subscriptions: vec![("a", subscription.clone())],
            ..Change::default()
        };
        deliveries.save(&change).unwrap();
        assert_eq!(deliveries.subscriptions().unwrap()["a"], subscription);
    }
}

#[test]
fn a_save_that_fails_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    save_pending(
        &mut deliveries,
        vec![pending("a", 1, 5), pending("a", 2, 5)],
    );
    // The last statement of the save fails.
    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON copies BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    let change = Change {
        subscriptions: vec![(
            "a",
            Subscription {
                cursor: 3,
                delivered: 1,
                dead: 1,
                ..Subscription::default()
            },
        )],
        settled: vec![("a", 1)],
        pending: vec![pending("a", 3, 5)],
        dead: vec![DeadLetter {
            delivery: dead("a", 2, 5),
            event: Some(event(2, "two")),
        }],
        ..Change::default()
    };

    let failed = deliveries.save(&change);

    assert!(matches!(failed, Err(StateError::Write { .. })));
    let nothing = Subscription::default();
    assert_eq!(deliveries.subscriptions().unwrap()["a"], nothing);
    assert_eq!(due(&deliveries, "a", 5, 9), [1, 2]);
    assert_eq!(count(&deliveries, "a", DeliveryStatus::Pending), 2);
    assert_eq!(count(&deliveries, "a", DeliveryStatus::Dead), 0);
    assert_eq!(state.reader().deliveries_of(3).unwrap(), []);

    other.execute_batch("DROP TRIGGER refuse").unwrap();
    deliveries.save(&change).unwrap();
    assert_eq!(deliveries.subscriptions().unwrap()["a"].delivered, 1);
    assert_eq!(due(&deliveries, "a", 5, 9), [3]);
    assert_eq!(count(&deliveries, "a", DeliveryStatus::Dead), 1);
    let copy = deliveries.event_of("a", 2).unwrap();
    assert_eq!(bodies(copy).as_deref(), Some("two"));
}

#[test]
fn a_dead_letter_keeps_its_event_until_it_is_over() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    save_pending(
        &mut deliveries,
        vec![pending("a", 1, 5), pending("b", 7, 5)],
    );
    let kept = |deliveries: &Deliveries| bodies(deliveries.event_of("a", 1).unwrap());
    assert_eq!(kept(&deliveries), None);
    assert_eq!(oldest_pending(&deliveries), Some(1));

    bury(&mut deliveries, dead("a", 1, 5), Some(event(1, "one")));
    assert_eq!(kept(&deliveries).as_deref(), Some("one"));
    assert_eq!(oldest_pending(&deliveries), Some(7));

    // Tried again: the log may have lost it long ago, and need not keep it.
    save_pending(&mut deliveries, vec![pending("a", 1, 9)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [1]);
    assert_eq!(kept(&deliveries).as_deref(), Some("one"));
    assert_eq!(oldest_pending(&deliveries), Some(7));

    // In vain.
    bury(&mut deliveries, dead("a", 1, 10), None);
    assert_eq!(kept(&deliveries).as_deref(), Some("one"));
    drop(deliveries);
    let (_state, mut deliveries) = open(&dir);
    save_pending(&mut deliveries, vec![pending("a", 1, 9)]);
    assert_eq!(kept(&deliveries).as_deref(), Some("one"));

    settle(&mut deliveries, vec![("a", 1)]);
    assert_eq!(kept(&deliveries), None);
    save_pending(&mut deliveries, vec![pending("a", 1, 9)]);
    assert_eq!(kept(&deliveries), None);
    assert_eq!(oldest_pending(&deliveries), Some(1));
}

#[test]
fn a_damaged_copy_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    bury(&mut deliveries, dead("a", 1, 5), Some(event(1, "one")));
    let copied = deliveries.event_of("a", 1).unwrap();
    assert_eq!(bodies(copied).as_deref(), Some("one"));

    let other = Connection::open(dir.path().join("state.db")).unwrap();
    other
        .execute_batch("UPDATE copies SET body = x'6f6e66'")
        .unwrap();
    assert_eq!(bodies(deliveries.event_of("a", 1).unwrap()), None);
    assert_eq!(bodies(deliveries.event_of("a", 1).unwrap()), None);
}

#[test]
fn expires_what_died_before_and_counts_it() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    let letters = |subscription, sequences: std::ops::RangeInclusive<u64>| {
        sequences.map(move |sequence| DeadLetter {
            delivery: dead(subscription, sequence, sequence),
            event: Some(event(sequence, "body")),
        })
    };
    deliveries
        .save(&Change {
            subscriptions: vec![(
                "a",
                Subscription {
                    dead: 2_000,
                    ..Subscription::default()
                },
            )],
            pending: vec![pending("a", 9_000, 1)],
            dead: letters("a", 1..=2_000).chain(letters("b", 1..=3)).collect(),
            ..Change::default()
        })
        .unwrap();

    for _ in 0..3 {
        assert_eq!(deliveries.expire("a", 1_537).unwrap(), 512);
    }
    assert_eq!(deliveries.expire("a", 1_537).unwrap(), 0);

    assert_eq!(count(&deliveries, "a", DeliveryStatus::Dead), 464);
    assert_eq!(count(&deliveries, "a", DeliveryStatus::Pending), 1);
    assert_eq!(count(&deliveries, "b", DeliveryStatus::Dead), 3);
    assert_eq!(deliveries.delivery("a", 1_536).unwrap(), None);
    assert!(deliveries.event_of("a", 1_536).unwrap().is_none());
    assert!(deliveries.event_of("a", 1_537).unwrap().is_some());
    let a = &deliveries.subscriptions().unwrap()["a"];
    assert_eq!((a.dead, a.expired), (2_000, 1_536));

    // A save by someone who has not heard of it.
    let change = Change {
        subscriptions: vec![(
            "a",
            Subscription {
                dead: 2_001,
                ..Subscription::default()
            },
        )],
        ..Change::default()
    };
    deliveries.save(&change).unwrap();
    let a = &deliveries.subscriptions().unwrap()["a"];
    assert_eq!((a.dead, a.expired), (2_001, 1_536));
}

#[test]
fn what_a_clock_that_was_set_back_has_left_is_due() {
    let dir = TempDir::new().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["billing", "search"]);
    let now_ms = 1_600_000_000_000;
    let mut rows: Vec<Delivery> = (1..=FORGET_MAX + 3)
        .map(|sequence| pending("billing", sequence, 1_700_000_000_000))
        .collect();
    rows[0].due_ms = now_ms + 10;
    rows[1].due_ms = now_ms + 11;
    save_pending(&mut deliveries, rows);
    save_pending(
        &mut deliveries,
        vec![pending("search", 1, 1_700_000_000_000)],
    );
    bury(&mut deliveries, dead("billing", 1_000, 1), None);
    let mut hasten = || deliveries.hasten("billing", now_ms + 10, now_ms).unwrap();
    assert_eq!((hasten(), hasten(), hasten()), (FORGET_MAX, 2, 0));
    let due = deliveries.due("billing", now_ms, 2_000).unwrap();
    assert_eq!(due.len() as u64, FORGET_MAX + 2);
    let hastened = due
        .iter()
        .map(|row| (row.due_ms, row.first_ms, row.since_ms));
    let expected = (now_ms, now_ms, now_ms);
    assert!(hastened.into_iter().all(|times| times == expected));
    assert!(deliveries.due("search", now_ms, 1).unwrap().is_empty());
}

#[test]
fn a_removed_subscription_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    let many = (1..=1_500).map(|sequence| pending("a", sequence, 1));
    save_pending(
        &mut deliveries,
        many.chain([pending("b", 1_501, 1)]).collect(),
    );
    bury(&mut deliveries, dead("a", 3, 5), Some(event(3, "three")));

    let mut pieces = 1;
    while !deliveries.remove("a").unwrap() {
        pieces += 1;
    }
    assert_eq!(pieces, 3);

    let names: Vec<_> = deliveries.subscriptions().unwrap().into_keys().collect();
    assert_eq!(names, ["b"]);
    assert_eq!(oldest_pending(&deliveries), Some(1_501));
    let counts = BTreeMap::from([(("b".to_owned(), DeliveryStatus::Pending), 1)]);
    assert_eq!(deliveries.counts().unwrap(), counts);
    assert!(deliveries.event_of("a", 3).unwrap().is_none());
    assert!(deliveries.remove("a").unwrap());
}

#[test]
fn an_interrupted_removal_ends_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    drop(half_removed(&dir));

    let (_state, deliveries) = open(&dir);
    assert!(deliveries.counts().unwrap().is_empty());
}

/// Removes one piece of a subscription that takes two.
fn half_removed(dir: &TempDir) -> (State, Deliveries) {
    let (state, mut deliveries) = with_subscriptions(dir, &["a"]);
    let many = (1..=FORGET_MAX + 1).map(|sequence| pending("a", sequence, 1));
    save_pending(&mut deliveries, many.collect());
    assert!(!deliveries.remove("a").unwrap());
    assert!(deliveries.subscriptions().unwrap().is_empty());
    (state, deliveries)
}

#[test]
fn a_new_subscription_does_not_inherit() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = half_removed(&dir);

    deliveries
        .save(&Change {
            subscriptions: vec![("a", Subscription::default())],
            pending: vec![pending("a", 2, 1)],
            ..Change::default()
        })
        .unwrap();

    assert_eq!(due(&deliveries, "a", 9, 9), [2]);
    assert_eq!(count(&deliveries, "a", DeliveryStatus::Pending), 1);
}

#[test]
fn the_deliveries_of_another_log_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    save_pending(&mut deliveries, vec![pending("a", 1, 1)]);
    bury(&mut deliveries, dead("a", 2, 5), Some(event(2, "two")));
    drop((state, deliveries));

    let state = State::open(dir.path(), Uuid::from_u128(2)).unwrap();
    let deliveries = Deliveries::open(&state).unwrap();
    assert!(deliveries.subscriptions().unwrap().is_empty());
    assert!(deliveries.counts().unwrap().is_empty());
    assert_eq!(oldest_pending(&deliveries), None);
    assert!(deliveries.event_of("a", 2).unwrap().is_none());
}

#[test]
fn cuts_a_detail_between_characters() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    let delivery = Delivery {
        detail: Some(format!("xx{}", "户".repeat(100))),
        ..pending("a", 1, 1)
    };
    save_pending(&mut deliveries, vec![delivery]);

    let kept = deliveries.delivery("a", 1).unwrap().unwrap();
    assert_eq!(kept.detail, Some(format!("xx{}", "户".repeat(84))));
}

#[test]
fn what_is_asked_often_reads_an_index() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, deliveries) = open(&dir);
    let check = |select: &str, expected: &str| {
        let explain = format!("EXPLAIN QUERY PLAN {select}");
        let mut statement = deliveries.connection.prepare(&explain).unwrap();
        let plan: Vec<String> = statement
            .raw_query()
            .mapped(|row| row.get("detail"))
            .collect::<Result<_, _>>()
            .unwrap();
        assert!(plan.iter().any(|step| step.contains(expected)), "{plan:?}");
        let bad = |step: &&String| {
            step.contains("B-TREE") || step.contains("SCAN") && step != &"SCAN subscriptions"
        };
        assert_eq!(plan.iter().find(bad), None, "{plan:?}");
    };
    check(row::DUE, "deliveries_due");
    check(row::LATEST_DUE, "deliveries_due");
    check(row::HASTEN, "deliveries_due");
    check(row::LANES, "deliveries_lane");
    check(row::OLDEST_PENDING, "deliveries_pending");
    check(row::SETTLE_FIRST, "PRIMARY KEY");
    check(read::FIRST, "PRIMARY KEY");
    check(row::EXPIRE, "deliveries_died");
    check(row::SETTLE, "PRIMARY KEY");
    check(row::SOME_PENDING, "deliveries_pending");
    check(row::LAST_PAST, "PRIMARY KEY");
    check(row::COUNT_PAST, "PRIMARY KEY");
    check(read::PENDING, "deliveries_pending");
    check(read::PENDING_COPIED, "deliveries_pending");
    check(read::DEAD, "deliveries_dead");
    check(read::OF_EVENT, "PRIMARY KEY");
}
