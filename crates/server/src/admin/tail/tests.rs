//! Following a real journal: nothing missing, nothing twice, and a gap where something can't be delivered.

use async_trait::async_trait;
use gateway_core::{
    Callback, Callbacks, Context, Dispatcher, EventId, EventTime, HandlerError, Noted, Subjects,
};
use gateway_journal::Filter;
use poem_openapi::Object;
use serde::Deserialize;
use uuid::Uuid;

use super::*;
use crate::admin::testing::Log;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// Longer than any test.
const SELDOM: Duration = Duration::from_hours(1);

const OFTEN: Duration = Duration::from_millis(5);

/// A plug-in with a bug in what it says of an event.
struct Panicking;

#[derive(Deserialize, Object)]
struct PanickingRequest {}

#[async_trait]
impl Callback for Panicking {
    const COMMAND: &'static str = "Test.Panicking";
    const FEATURE: &'static str = "Tests";
    const SUMMARY: &'static str = "Nothing good";
    const SOURCE: &'static str = "https://example.org";
    const SAMPLE: &'static str = "{}";

    type Request = PanickingRequest;
    type Answer = Noted;

    fn subjects(_request: &PanickingRequest) -> Subjects {
        panic!("on purpose")
    }

    fn time(_request: &PanickingRequest) -> Option<EventTime> {
        None
    }

    async fn handle(
        &self,
        _cx: &Context,
        _request: PanickingRequest,
    ) -> Result<Noted, HandlerError> {
        Ok(Noted)
    }
}

fn follow(
    log: &Log,
    selection: Selection,
    from: Option<Cursor>,
    heartbeat: Duration,
) -> (Tail, CancellationToken) {
    let stop = CancellationToken::new();
    let tail = Tail::new(
        log.finder.clone(),
        Arc::new(Blocking::new(1)),
        log.head.clone(),
        selection,
        from,
        stop.clone(),
        heartbeat,
    );
    (tail, stop)
}

async fn next(tail: &mut Tail) -> Option<Item> {
    tokio::time::timeout(PATIENCE, tail.next())
        .await
        .expect("the tail has something to say")
        .unwrap()
}

/// The next item, which is an event.
async fn event(tail: &mut Tail) -> (Sequence, Cursor) {
    let item = next(tail).await.unwrap();
    match item.kind {
        Kind::Event(event) => {
            assert_eq!(event.sequence, item.cursor.sequence);
            (event.sequence, item.cursor)
        }
        other => panic!("no event but {other:?}"),
    }
}

async fn append(log: &Log, count: usize) -> Vec<EventId> {
    let mut events = Vec::new();
    for _ in 0..count {
        events.push(log.append("shop", "alice", "bob").await);
    }
    events
}

fn gap(item: Option<Item>) -> Gap {
    match item.unwrap().kind {
        Kind::Gap(gap) => gap,
        other => panic!("no gap but {other:?}"),
    }
}

#[tokio::test]
async fn starts_now_and_says_where_that_is() {
    let log = Log::new();
    append(&log, 3).await;
    let (mut tail, _stop) = follow(&log, Selection::default(), None, SELDOM);
    let first = next(&mut tail).await.unwrap();
    assert!(matches!(first.kind, Kind::Heartbeat));
    assert_eq!(first.cursor.sequence, log.now().sequence);
    let id = log.append("shop", "alice", "bob").await;
    assert_eq!(event(&mut tail).await.0, id.sequence());
}

#[tokio::test]
async fn goes_on_from_any_item_without_a_gap_or_a_repeat() {
    let log = Log::new();
    let (mut tail, _stop) = follow(&log, Selection::default(), None, SELDOM);
    let mut from = next(&mut tail).await.unwrap().cursor;
    drop(tail);
    let mut expected = append(&log, 150).await;
    let mut seen = Vec::new();
    for round in 0..10 {
        let (mut tail, _stop) = follow(&log, Selection::default(), Some(from), SELDOM);
        assert!(matches!(
            next(&mut tail).await.unwrap().kind,
            Kind::Heartbeat
        ));
        for _ in 0..20 {
            let (sequence, cursor) = event(&mut tail).await;
            seen.push(sequence);
            from = cursor;
        }
        if round < 5 {
            expected.extend(append(&log, 10).await);
        }
    }
    let expected: Vec<Sequence> = expected.iter().map(|id| id.sequence()).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn a_place_in_another_log_is_a_gap_before_all_of_this_one() {
    let log = Log::new();
    let events = append(&log, 2).await;
    let foreign = Cursor {
        log_id: Uuid::new_v4(),
        sequence: 1,
    };
    let ahead = Cursor {
        log_id: log.now().log_id,
        sequence: log.now().sequence + 1,
    };
    for from in [foreign, ahead] {
        let (mut tail, _stop) = follow(&log, Selection::default(), Some(from), SELDOM);
        assert_eq!(gap(next(&mut tail).await).reason, GapReason::OtherLog);
        for id in &events {
            assert_eq!(event(&mut tail).await.0, id.sequence());
        }
    }
}

#[test]
fn what_was_deleted_before_it_was_read_is_a_gap() {
    let missing = |from, to| {
        Some(Gap {
            reason: GapReason::Trimmed,
            from: Some(from),
            to: Some(to),
        })
    };
    assert_eq!(trimmed(5, Some((6, 9)), 9), None);
    assert_eq!(trimmed(5, Some((1, 9)), 9), None);
    assert_eq!(trimmed(5, Some((8, 9)), 9), missing(6, 7));
    assert_eq!(trimmed(0, Some((8, 9)), 9), missing(1, 7));
    assert_eq!(trimmed(5, None, 9), missing(6, 9));
    assert_eq!(trimmed(9, None, 9), None);
    // Journaled after the head was looked at.
    assert_eq!(trimmed(9, Some((10, 12)), 9), None);
    assert_eq!(trimmed(5, Some((12, 12)), 9), missing(6, 9));
}

#[tokio::test]
async fn only_what_was_asked_for_comes() {
    let log = Log::new();
    let shop = Selection {
        filter: Filter {
            app: Some("shop".to_owned()),
            ..Filter::default()
        },
        account: Some("alice".to_owned()),
        ..Selection::default()
    };
    let (mut tail, _stop) = follow(&log, shop, None, SELDOM);
    next(&mut tail).await.unwrap();
    log.append("game", "alice", "bob").await;
    log.append("shop", "carol", "bob").await;
    let wanted = log.append("shop", "bob", "alice").await;
    assert_eq!(event(&mut tail).await.0, wanted.sequence());
}

#[tokio::test]
async fn heartbeats_go_on_where_nothing_matches() {
    let log = Log::new();
    let nobody = Selection {
        account: Some("nobody".to_owned()),
        ..Selection::default()
    };
    let (mut tail, _stop) = follow(&log, nobody, None, OFTEN);
    append(&log, 100).await;
    let head = log.now().sequence;
    loop {
        let item = next(&mut tail).await.unwrap();
        assert!(matches!(item.kind, Kind::Heartbeat));
        if item.cursor.sequence >= head {
            assert_eq!(item.cursor.sequence, head);
            break;
        }
    }
}

#[tokio::test]
async fn ends_when_the_gateway_stops() {
    let log = Log::new();
    let (mut tail, stop) = follow(&log, Selection::default(), None, SELDOM);
    next(&mut tail).await.unwrap();
    stop.cancel();
    assert!(next(&mut tail).await.is_none());
}

#[tokio::test]
async fn ends_with_its_journal() {
    let log = Log::new();
    let (sender, head) = watch::channel(log.now());
    let (mut tail, _stop) = follow(&log, Selection::default(), None, SELDOM);
    tail.head = head;
    next(&mut tail).await.unwrap();
    drop(sender);
    assert!(next(&mut tail).await.is_none());
}

#[tokio::test]
async fn a_plug_in_that_panics_at_a_body_ends_no_stream() {
    let mut log = Log::new();
    log.finder.dispatcher = Dispatcher::new(Callbacks::new().with(Panicking)).unwrap();
    let (mut tail, _stop) = follow(&log, Selection::default(), None, SELDOM);
    next(&mut tail).await.unwrap();
    log.append_raw("shop", Panicking::COMMAND, "{}").await;
    let shown = next(&mut tail).await.unwrap();
    assert!(matches!(shown.kind, Kind::Event(_)));
}
