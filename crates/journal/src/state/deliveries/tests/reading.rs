//! What anyone may ask.

use super::*;

type Found = Vec<(Sequence, String)>;

fn found(page: &DeliveryPage) -> Found {
    let deliveries = page.deliveries.iter();
    deliveries
        .map(|delivery| (delivery.sequence, delivery.subscription.clone()))
        .collect()
}

/// Pages through to the end.
fn all(state: &State, filter: &DeliveryFilter, limit: usize) -> Found {
    let reader = state.reader();
    let mut before = Sequence::MAX;
    let mut all = Vec::new();
    loop {
        let page = reader.deliveries(filter, before, limit).unwrap();
        all.extend(found(&page));
        let Some(next) = page.next else {
            return all;
        };
        assert!(next < before);
        before = next;
    }
}

#[test]
fn finds_by_subscription_status_and_command_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    let added = Delivery {
        command: "Sns.CallbackFriendAdd".to_owned(),
        ..pending("a", 4, 1)
    };
    save_pending(
        &mut deliveries,
        vec![
            pending("a", 1, 1),
            pending("b", 1, 1),
            pending("b", 3, 1),
            added,
        ],
    );
    bury(&mut deliveries, dead("a", 2, 5), Some(event(2, "two")));
    bury(&mut deliveries, dead("a", 5, 5), Some(event(5, "five")));
    save_pending(&mut deliveries, vec![pending("a", 5, 1)]);

    let check = |filter: &DeliveryFilter, expected: &[(Sequence, &str)]| {
        let expected: Found = expected
            .iter()
            .map(|&(s, name)| (s, name.to_owned()))
            .collect();
        for limit in 1..8 {
            assert_eq!(
                all(&state, filter, limit),
                expected,
                "{filter:?} by {limit}"
            );
        }
    };
    let any = DeliveryFilter::default();
    let a = DeliveryFilter {
        subscription: Some("a".to_owned()),
        ..any.clone()
    };
    let dead = DeliveryFilter {
        status: Some(DeliveryStatus::Dead),
        ..any.clone()
    };
    let pending = DeliveryFilter {
        status: Some(DeliveryStatus::Pending),
        ..a.clone()
    };
    let removed = DeliveryFilter {
        command: Some(REMOVED.to_owned()),
        ..a.clone()
    };
    check(
        &any,
        &[(5, "a"), (4, "a"), (3, "b"), (2, "a"), (1, "a"), (1, "b")],
    );
    check(&a, &[(5, "a"), (4, "a"), (2, "a"), (1, "a")]);
    check(&dead, &[(2, "a")]);
    check(&pending, &[(5, "a"), (4, "a"), (1, "a")]);
    check(&removed, &[(5, "a"), (2, "a"), (1, "a")]);

    let reader = state.reader();
    let page = reader.deliveries(&any, 4, 2).unwrap();
    assert_eq!(found(&page), [(3, "b".to_owned()), (2, "a".to_owned())]);
    assert_eq!(page.deliveries[1].status, DeliveryStatus::Dead);
}

#[test]
fn an_events_deliveries_stay_on_one_page() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut deliveries) = with_subscriptions(&dir, &["a", "b", "c"]);
    let some = ["a", "b", "c"].map(|name| pending(name, 2, 1));
    save_pending(&mut deliveries, some.into());
    let others = vec![pending("b", 3, 1), pending("a", 1, 1)];
    save_pending(&mut deliveries, others);

    let any = DeliveryFilter::default();
    let page = state.reader().deliveries(&any, 9, 2).unwrap();
    assert_eq!((page.deliveries.len(), page.next), (4, Some(2)));
    assert_eq!(all(&state, &any, 2).len(), 5);
    let of_event = state.reader().deliveries_of(2).unwrap();
    let names: Vec<_> = of_event
        .iter()
        .map(|delivery| delivery.subscription.as_str())
        .collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(state.reader().deliveries_of(4).unwrap().is_empty());
}

#[test]
fn a_rare_command_is_found_in_several_looks() {
    let dir = tempfile::tempdir().unwrap();
    let (state, mut deliveries) = with_subscriptions(&dir, &["a", "b"]);
    let rare = |name, sequence| Delivery {
        command: "Bot.Rare".to_owned(),
        ..pending(name, sequence, 1)
    };
    let mut some: Vec<_> = (2..10_000)
        .map(|sequence| pending("a", sequence, 1))
        .collect();
    some.extend([
        rare("a", 1),
        rare("b", 1),
        rare("b", 5_000),
        rare("a", 10_000),
    ]);
    save_pending(&mut deliveries, some);

    let filter = DeliveryFilter {
        command: Some("Bot.Rare".to_owned()),
        ..DeliveryFilter::default()
    };
    let page = state
        .reader()
        .deliveries(&filter, Sequence::MAX, 10)
        .unwrap();
    assert_eq!(found(&page), [(10_000, "a".to_owned())]);
    assert!(page.next.is_some());
    let sequences: Vec<_> = all(&state, &filter, 10)
        .into_iter()
        .map(|(s, _)| s)
        .collect();
    assert_eq!(sequences, [10_000, 5_000, 1, 1]);
}
