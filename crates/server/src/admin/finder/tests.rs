//! Lists and single events, from a real journal.

use gateway_journal::{Outcome, Reason, Status};
use uuid::Uuid;

use super::*;
use crate::admin::{
    event::{EventFailure, OutcomeStatus},
    testing::{COMMAND, Log},
};

/// Every page's events, oldest page last; checks that no page is over its limit.
fn walk(log: &Log, selection: &Selection, limit: usize) -> Vec<Sequence> {
    let mut sequences = Vec::new();
    let mut before = None;
    loop {
        let found = log
            .finder
            .page(log.now(), selection, limit, before)
            .unwrap();
        assert!(found.events.len() <= limit);
        sequences.extend(found.events.iter().map(|event| event.sequence));
        match found.next {
            Some(next) => {
                assert!(before.is_none_or(|before| next < before));
                before = Some(next);
            }
            None => return sequences,
        }
    }
}

fn newest_first(events: &[EventId]) -> Vec<Sequence> {
    events.iter().rev().map(|id| id.sequence()).collect()
}

fn about(account: &str) -> Selection {
    Selection {
        account: Some(account.to_owned()),
        ..Selection::default()
    }
}

#[tokio::test]
async fn pages_hold_every_event_once_newest_first() {
    let log = Log::new();
    assert_eq!(
        walk(&log, &Selection::default(), 10),
        Vec::<Sequence>::new()
    );
    let mut events = Vec::new();
    for _ in 0..25 {
        events.push(log.append("shop", "alice", "bob").await);
    }
    for limit in [1, 10, 25, 500] {
        let sequences = walk(&log, &Selection::default(), limit);
        assert_eq!(sequences, newest_first(&events), "{limit}");
    }
}

#[tokio::test]
async fn a_page_stays_what_it_was_whatever_comes() {
    let log = Log::new();
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(log.append("shop", "alice", "bob").await);
    }
    let all = Selection::default();
    let first = log.finder.page(log.now(), &all, 3, None).unwrap();
    log.append("shop", "alice", "bob").await;
    let second = log.finder.page(log.now(), &all, 3, first.next).unwrap();
    let sequences: Vec<Sequence> = first
        .events
        .iter()
        .chain(&second.events)
        .map(|event| event.sequence)
        .collect();
    assert_eq!(sequences, newest_first(&events));
}

#[tokio::test]
async fn the_index_and_what_is_behind_it_are_one_list() {
    let log = Log::new();
    let mut wanted = Vec::new();
    for round in 0..20 {
        log.append("shop", "bob", "carol").await;
        wanted.push(log.append("shop", "alice", "bob").await);
        wanted.push(log.append("shop", "carol", "alice").await);
        if round == 11 {
            log.index("alice", &wanted, log.now().sequence);
        }
    }
    for limit in [1, 7, 16, 40, 500] {
        assert_eq!(walk(&log, &about("alice"), limit), newest_first(&wanted));
    }
    assert_eq!(walk(&log, &about("dave"), 10), Vec::<Sequence>::new());
}

#[tokio::test]
async fn what_the_index_says_is_checked() {
    let log = Log::new();
    let other = log.append("shop", "bob", "carol").await;
    let wanted = log.append("shop", "alice", "bob").await;
    log.index("alice", &[other, wanted], log.now().sequence);
    assert_eq!(walk(&log, &about("alice"), 10), [wanted.sequence()]);
}

#[tokio::test]
async fn every_filter_holds_with_and_without_a_subject() {
    let log = Log::new();
    let first = log.append("shop", "alice", "bob").await;
    let other_app = log.append("game", "alice", "bob").await;
    let other_command = log.append_raw("shop", "Other.Command", "{}").await;
    let last = log.append("shop", "alice", "bob").await;
    let filtered = |filter: Filter| Selection {
        filter,
        ..Selection::default()
    };
    let shop = Filter {
        app: Some("shop".to_owned()),
        ..Filter::default()
    };
    let command = Filter {
        command: Some(COMMAND.to_owned()),
        ..Filter::default()
    };
    for indexed in [false, true] {
        if indexed {
            log.index("alice", &[first, other_app, last], log.now().sequence);
        }
        assert_eq!(
            walk(&log, &filtered(shop.clone()), 10),
            newest_first(&[first, other_command, last])
        );
        assert_eq!(
            walk(&log, &filtered(command.clone()), 10),
            newest_first(&[first, other_app, last])
        );
        let alice_in_shop = Selection {
            filter: shop.clone(),
            ..about("alice")
        };
        assert_eq!(
            walk(&log, &alice_in_shop, 10),
            newest_first(&[first, last]),
            "{indexed}"
        );
    }
}

#[tokio::test]
async fn since_and_until_bound_a_list() {
    let log = Log::new();
    let mut events = Vec::new();
    for _ in 0..10 {
        events.push(log.append("shop", "alice", "bob").await);
    }
    log.index("alice", &events[..5], events[4].sequence());
    // Several events may share a millisecond, so the expectation is made from the ids.
    let (since, until) = (events[3].journaled_ms(), events[7].journaled_ms() + 1);
    let expected: Vec<Sequence> = events
        .iter()
        .rev()
        .filter(|id| (since..until).contains(&id.journaled_ms()))
        .map(|id| id.sequence())
        .collect();
    for selection in [Selection::default(), about("alice")] {
        let bounded = Selection {
            filter: Filter {
                since_ms: Some(since),
                until_ms: Some(until),
                ..Filter::default()
            },
            ..selection.clone()
        };
        assert_eq!(walk(&log, &bounded, 3), expected);
        let future = Selection {
            filter: Filter {
                since_ms: Some(u64::MAX >> 20),
                ..Filter::default()
            },
            ..selection
        };
        assert_eq!(walk(&log, &future, 3), Vec::<Sequence>::new());
    }
}

#[tokio::test]
async fn a_page_ends_at_its_bytes() {
    let log = Log::new();
    let body = format!(r#"{{"PairList":[],"Padding":"{}"}}"#, "x".repeat(1 << 20));
    let mut events = Vec::new();
    for _ in 0..6 {
        events.push(log.append_raw("shop", COMMAND, body.clone()).await);
    }
    let found = log
        .finder
        .page(log.now(), &Selection::default(), 500, None)
        .unwrap();
    assert!((1..=4).contains(&found.events.len()));
    assert!(found.next.is_some());
    assert_eq!(
        walk(&log, &Selection::default(), 500),
        newest_first(&events)
    );
}

fn detail(log: &Log, id: EventId) -> EventDetail {
    match log.finder.lookup(log.now(), id).unwrap() {
        Lookup::Event(detail) => *detail,
        other => panic!("{id} was not found: {other:?}"),
    }
}

#[tokio::test]
async fn an_event_is_found_by_its_id_only() {
    let log = Log::new();
    let id = log.append("shop", "alice", "bob").await;
    let shown = detail(&log, id);
    assert_eq!(shown.event.id, id.to_string());
    let decoded = shown.decoded.unwrap();
    assert_eq!(decoded["PairList"][0]["From_Account"], "alice");
    let log_id = log.now().log_id;
    for other in [
        EventId::new(Uuid::new_v4(), id.sequence(), id.journaled_ms()),
        EventId::new(log_id, id.sequence() + 1, id.journaled_ms()),
        EventId::new(log_id, id.sequence(), id.journaled_ms() + 1),
        EventId::new(log_id, 0, 0),
    ] {
        let found = log.finder.lookup(log.now(), other).unwrap();
        assert!(matches!(found, Lookup::Missing), "{other}: {found:?}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_is_shown_all_the_same() {
    let log = Log::new();
    let id = log.append_raw("shop", COMMAND, "not json").await;
    let shown = detail(&log, id);
    assert!(shown.decoded.is_none());
    assert_eq!(shown.event.body_base64.as_deref(), Some("bm90IGpzb24="));
}

fn failed(id: EventId, status: Status) -> Outcome {
    Outcome {
        sequence: id.sequence(),
        command: COMMAND.to_owned(),
        status,
        attempts: 2,
        due_ms: 1_769_846_400_000,
        reason: Reason::Error,
        error: Some("no".to_owned()),
        since_ms: 1_769_846_400_000,
    }
}

#[tokio::test]
async fn what_has_failed_is_found_however_much_lies_above_it() {
    let mut log = Log::new();
    let mut events = Vec::new();
    for account in ["alice", "bob", "alice"] {
        events.push(log.append("shop", account, "dave").await);
    }
    for _ in 0..20 {
        log.append("shop", "alice", "dave").await;
    }
    let outcomes = [
        failed(events[0], Status::Dead),
        failed(events[1], Status::Dead),
        failed(events[2], Status::Parked),
    ];
    log.state.save(&[], &outcomes, &[]).unwrap();
    let select = |outcome, account: Option<&str>| Selection {
        outcome: Some(outcome),
        account: account.map(str::to_owned),
        ..Selection::default()
    };
    for (outcome, account, expected) in [
        (EventFailure::Failed, None, &events[..]),
        (EventFailure::Dead, None, &events[..2]),
        (EventFailure::Parked, None, &events[2..]),
        (EventFailure::Dead, Some("alice"), &events[..1]),
        (EventFailure::Parked, Some("bob"), &[]),
    ] {
        for limit in [1, 2, 500] {
            let found = walk(&log, &select(outcome, account), limit);
            assert_eq!(found, newest_first(expected), "{outcome:?} {account:?}");
        }
    }
}

#[tokio::test]
async fn an_outcome_follows_its_handler() {
    let mut log = Log::new();
    let id = log.append("shop", "alice", "bob").await;
    let unknown = log.append_raw("shop", "Other.Command", "{}").await;
    assert_eq!(detail(&log, id).outcome.status, OutcomeStatus::Pending);
    assert_eq!(detail(&log, unknown).outcome.status, OutcomeStatus::None);

    let parked = failed(id, Status::Parked);
    log.state
        .save(&[(COMMAND, id.sequence())], &[parked], &[])
        .unwrap();
    let outcome = detail(&log, id).outcome;
    assert_eq!(outcome.status, OutcomeStatus::Parked);
    assert_eq!(outcome.attempts, Some(2));
    assert_eq!(
        outcome.next_attempt_at.as_deref(),
        Some("2026-01-31T08:00:00.000Z")
    );

    log.state
        .save(
            &[(COMMAND, id.sequence())],
            &[],
            &[(id.sequence(), COMMAND)],
        )
        .unwrap();
    assert_eq!(detail(&log, id).outcome.status, OutcomeStatus::Done);
}

/// The steps' names, times after the first byte, and details, as far as they are known.
fn story(log: &Log, id: EventId) -> Vec<String> {
    let steps = detail(log, id).story.into_iter().map(|step| {
        let name = serde_json::to_value(step.step).unwrap();
        let after = step.after_ms.map(|_| " at a time").unwrap_or_default();
        let detail = step.detail.map(|detail| format!(" {detail}"));
        let name = name.as_str().unwrap().to_owned();
        format!("{name}{after}{}", detail.unwrap_or_default())
    });
    steps.collect()
}

#[tokio::test]
async fn an_event_has_a_story() {
    let mut log = Log::new();
    let body = r#"{"PairList":[],"Gift":1}"#;
    let id = log.append_raw("shop", COMMAND, body).await;
    let begin = [
        "accepted at a time simulated",
        "authenticated by none",
        "journaled at a time",
    ];
    let told = |end: &[&'static str]| [&begin[..], end].concat();
    assert_eq!(story(&log, id), begin, "nobody has looked at it");
    log.finder
        .recent
        .decoded([id.sequence()], 1_769_846_400_400);
    assert_eq!(
        story(&log, id),
        told(&["decoded at a time with 1 kind of drift"])
    );
    let outcome = Outcome {
        sequence: id.sequence(),
        command: COMMAND.to_owned(),
        status: Status::Parked,
        attempts: 2,
        due_ms: 9,
        reason: Reason::Timeout,
        error: None,
        since_ms: 1_769_846_400_500,
    };
    log.state.save(&[], &[outcome], &[]).unwrap();
    let last = detail(&log, id).story.pop().unwrap();
    assert_eq!(last.after_ms, Some(500));
    assert_eq!(
        story(&log, id).last().unwrap(),
        "parked at a time after 2 attempts: timeout"
    );
    let cursor = (COMMAND, id.sequence());
    let done = (id.sequence(), COMMAND);
    log.state.save(&[cursor], &[], &[done]).unwrap();
    log.finder.recent.handled(id.sequence(), 1_769_846_400_450);
    let steps = detail(&log, id).story;
    let after_ms: Vec<Option<u64>> = steps.iter().map(|step| step.after_ms).collect();
    let journaled_ms = after_ms[2];
    assert_eq!(
        after_ms,
        [Some(0), None, journaled_ms, Some(400), Some(450)]
    );
    let unreadable = log.append_raw("shop", COMMAND, "not JSON").await;
    log.finder.recent.decoded([unreadable.sequence()], 1);
    assert_eq!(story(&log, unreadable), begin, "nothing could be decoded");
    let unknown = log.append_raw("shop", "No.Such", "{}").await;
    assert_eq!(story(&log, unknown), begin, "no plug-in decodes it");
}
