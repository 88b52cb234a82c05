//! What is due, and what waits behind it.

use super::*;

fn in_lane(subscription: &str, sequence: Sequence, lane: u64) -> Delivery {
    Delivery {
        lane: Some(lane),
        ..pending(subscription, sequence, 1)
    }
}

#[test]
fn lists_what_is_due_the_longest_due_first() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    let some = vec![
        pending("a", 1, 300),
        pending("a", 2, 100),
        pending("b", 3, 200),
        pending("b", 4, 100),
        pending("b", 5, 301),
        pending("b", 6, 100),
    ];
    save_pending(&mut deliveries, some);
    bury(&mut deliveries, dead("b", 7, 1), None);

    assert_eq!(due(&deliveries, "a", 300, 10), [2, 1]);
    assert_eq!(due(&deliveries, "b", 300, 10), [4, 6, 3]);
    assert_eq!(due(&deliveries, "b", 300, 1), [4]);
    assert!(due(&deliveries, "a", 99, 10).is_empty());
    assert!(due(&deliveries, "c", u64::MAX, 10).is_empty());
}

#[test]
fn only_the_oldest_of_a_lane_is_due() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    let first = Delivery {
        due_ms: 500,
        ..in_lane("a", 1, 7)
    };
    let some = vec![
        first,
        in_lane("a", 2, 7),
        in_lane("a", 3, 8),
        in_lane("a", 4, 7),
        in_lane("b", 5, 7),
    ];
    save_pending(&mut deliveries, some);

    assert_eq!(due(&deliveries, "a", 9, 9), [3]);
    assert_eq!(due(&deliveries, "b", 9, 9), [5]);
    settle(&mut deliveries, vec![("a", 3)]);
    // What waits is not due before what it waits for.
    assert_eq!(deliveries.lanes("a").unwrap(), BTreeMap::from([(7, 3)]));
    settle(&mut deliveries, vec![("a", 1)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [2]);
    bury(&mut deliveries, dead("a", 2, 5), Some(event(2, "two")));
    assert_eq!(due(&deliveries, "a", 9, 9), [4]);
    // Tried again, it is the oldest again.
    save_pending(&mut deliveries, vec![in_lane("a", 2, 7)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [2]);
    // One in the middle goes.
    save_pending(&mut deliveries, vec![in_lane("a", 6, 7)]);
    settle(&mut deliveries, vec![("a", 4)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [2]);
    settle(&mut deliveries, vec![("a", 2)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [6]);
    settle(&mut deliveries, vec![("a", 6)]);
    assert!(deliveries.lanes("a").unwrap().is_empty());
}

#[test]
fn a_lane_may_change_or_end() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    let some = vec![in_lane("a", 1, 7), in_lane("a", 2, 7), in_lane("a", 3, 8)];
    save_pending(&mut deliveries, some);
    assert_eq!(due(&deliveries, "a", 9, 9), [1, 3]);
    save_pending(&mut deliveries, vec![in_lane("a", 2, 8)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [1, 2]);
    save_pending(&mut deliveries, vec![pending("a", 2, 1)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [1, 2, 3]);
    save_pending(&mut deliveries, vec![in_lane("a", 2, 7)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [1, 3]);
    save_pending(&mut deliveries, vec![in_lane("a", 1, 8)]);
    assert_eq!(due(&deliveries, "a", 9, 9), [1, 2]);
}

#[test]
fn lanes_have_all_64_bits() {
    let dir = tempfile::tempdir().unwrap();
    let (_state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    let lanes = [0, 1, u64::MAX / 2, u64::MAX / 2 + 1, u64::MAX];
    let some = (1..)
        .zip(lanes)
        .map(|(sequence, lane)| in_lane("a", sequence, lane));
    save_pending(&mut deliveries, some.collect());

    let expected = lanes.map(|lane| (lane, 1)).into();
    assert_eq!(deliveries.lanes("a").unwrap(), expected);
    assert_eq!(due(&deliveries, "a", 9, 9), [1, 2, 3, 4, 5]);
}
