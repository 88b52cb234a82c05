//! Two connections write one file.

use std::sync::Barrier;

use super::*;

#[test]
fn follower_and_fan_out_write_at_one_time() {
    const SAVES: u64 = 200;
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    let together = Barrier::new(2);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            together.wait();
            for sequence in 1..=SAVES {
                state.save(&[(REMOVED, sequence)], &[], &[]).unwrap();
                if sequence.is_multiple_of(50) {
                    state.sync().unwrap();
                }
            }
        });
        together.wait();
        for sequence in 1..=SAVES {
            let subscription = Subscription {
                cursor: sequence,
                ..Subscription::default()
            };
            deliveries
                .save(&Change {
                    subscriptions: vec![("a", subscription)],
                    pending: vec![pending("a", sequence, 1)],
                    ..Change::default()
                })
                .unwrap();
        }
    });
    assert_eq!(state.cursors().unwrap()[REMOVED], SAVES);
    assert_eq!(deliveries.subscriptions().unwrap()["a"].cursor, SAVES);
    assert_eq!(count(&deliveries, "a", DeliveryStatus::Pending), SAVES);
}

#[test]
fn the_write_ahead_file_stays_small_whoever_moves_it() {
    let dir = tempfile::tempdir().unwrap();
    let (mut state, mut deliveries) = with_subscriptions(&dir, &["a"]);
    let mut wal_bytes_max = 0;
    for sequence in 1..=400 {
        let body = "x".repeat(64 << 10);
        bury(
            &mut deliveries,
            dead("a", sequence, 1),
            Some(event(sequence, &body)),
        );
        state.save(&[(REMOVED, sequence)], &[], &[]).unwrap();
        let wal = fs::metadata(dir.path().join("state.db-wal")).unwrap();
        wal_bytes_max = wal_bytes_max.max(wal.len());
    }
    assert!(wal_bytes_max < 8 << 20, "{wal_bytes_max}");
    let copy = deliveries.event_of("a", 1).unwrap().unwrap();
    assert_eq!(copy.body.len(), 64 << 10);
}
