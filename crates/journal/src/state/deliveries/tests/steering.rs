//! Skipping and rewinding: whatever is done of it, rows and sums agree.

use super::*;

const ALL: u64 = 2 * FORGET_MAX + 7;

/// A subscription at 2,000 with a pending delivery of every event up to [`ALL`] but for some dead ones.
fn full(dir: &TempDir) -> Deliveries {
    let (_, mut deliveries) = with_subscriptions(dir, &["billing", "crm"]);
    let billing = Subscription {
        cursor: 2_000,
        delivered: 2_000 - ALL,
        dead: 3,
        ..Subscription::default()
    };
    let rows = (1..=ALL).map(|sequence| Delivery {
        lane: Some(sequence % 2),
        ..pending("billing", sequence, 5)
    });
    let change = Change {
        subscriptions: vec![("billing", billing)],
        pending: rows.chain([pending("crm", 9, 5)]).collect(),
        ..Change::default()
    };
    deliveries.save(&change).unwrap();
    for sequence in [1, 700, ALL] {
        let letter = dead("billing", sequence, 5);
        bury(&mut deliveries, letter, Some(event(sequence, "{}")));
    }
    deliveries
}

fn billing(deliveries: &Deliveries) -> Subscription {
    deliveries.subscriptions().unwrap()["billing"].clone()
}

fn rows(deliveries: &Deliveries) -> (u64, u64) {
    (
        count(deliveries, "billing", DeliveryStatus::Pending),
        count(deliveries, "billing", DeliveryStatus::Dead),
    )
}

#[test]
fn what_is_skipped_counts_as_filtered_and_dead_letters_stay() {
    let dir = tempfile::tempdir().unwrap();
    let mut deliveries = full(&dir);
    let (mut row, mut skipped) = (billing(&deliveries), 0);
    loop {
        let gone = deliveries.skip("billing", &mut row).unwrap();
        skipped += gone.pending;
        assert_eq!(row.filtered, skipped, "after each piece");
        assert_eq!(billing(&deliveries), row);
        assert_eq!(rows(&deliveries).0, ALL - 3 - skipped);
        if gone.is_all {
            break;
        }
    }
    assert_eq!(rows(&deliveries), (0, 3));
    assert_eq!(count(&deliveries, "crm", DeliveryStatus::Pending), 1);
    assert!(deliveries.lanes("billing").unwrap().is_empty());
}

#[test]
fn a_cursor_moves_back_below_what_went() {
    let dir = tempfile::tempdir().unwrap();
    let mut deliveries = full(&dir);
    let past = deliveries.past("billing", 100).unwrap();
    let mut row = billing(&deliveries);
    let (mut pending, mut dead) = (0, 0);
    loop {
        let gone = deliveries.rewind("billing", &mut row, 100).unwrap();
        (pending, dead) = (pending + gone.pending, dead + gone.dead);
        assert_eq!(billing(&deliveries), row);
        assert_eq!(row.dead, 3 - dead, "after each piece");
        let above = deliveries.past("billing", row.cursor).unwrap();
        assert_eq!((above.pending, above.dead), (0, 0), "past the cursor");
        if gone.is_all {
            break;
        }
    }
    assert_eq!((pending, dead), (past.pending, past.dead));
    assert_eq!((pending, dead), (ALL - 100 - 2, 2));
    assert_eq!(
        (billing(&deliveries).cursor, rows(&deliveries)),
        (100, (99, 1))
    );
    assert!(deliveries.event_of("billing", 700).unwrap().is_none());
    assert!(deliveries.event_of("billing", 1).unwrap().is_some());

    // A cursor that is not past the place stays.
    deliveries.rewind("billing", &mut row, 500).unwrap();
    assert_eq!(billing(&deliveries).cursor, 100);
}
