//! Pages, filters and times.

use proptest::prelude::*;

use crate::{
    Filter, ReadLimit, Reader, Row, Sequence,
    journal::tests::fixture::{EVERYTHING, Fixture, body_of, envelope},
};

/// Events of the given apps, the nth of them `10 * n` milliseconds after the first, which is at 1000.
fn log(apps: &[&str]) -> Fixture {
    let mut fixture = Fixture::new();
    fixture.run(async |appender| {
        for app in apps {
            appender
                .append(envelope(app), body_of("0123456789"))
                .await
                .unwrap();
        }
    });
    fixture.stop();
    fixture.set_times(|sequence| 990 + 10 * sequence);
    fixture.start();
    fixture
}

fn sequences(rows: &[Row]) -> Vec<Sequence> {
    rows.iter().map(Row::sequence).collect()
}

fn limit(events: usize, bytes: usize) -> ReadLimit {
    ReadLimit { events, bytes }
}

fn app(name: &str) -> Filter {
    Filter {
        app: Some(name.to_owned()),
        ..Filter::default()
    }
}

fn check_up(
    reader: &Reader,
    filter: &Filter,
    events: usize,
    scan_max: usize,
    expected: (&[Sequence], Option<Sequence>),
) {
    let page = reader
        .after_matching(0, filter, limit(events, 1000), scan_max)
        .unwrap();
    assert_eq!((&sequences(&page.rows)[..], page.next), expected);
}

fn check_down(
    reader: &Reader,
    filter: &Filter,
    events: usize,
    scan_max: usize,
    expected: (&[Sequence], Option<Sequence>),
) {
    let page = reader
        .before(u64::MAX, filter, limit(events, 1000), scan_max)
        .unwrap();
    assert_eq!((&sequences(&page.rows)[..], page.next), expected);
}

#[test]
fn a_read_is_limited_by_rows_and_bytes_but_returns_one() {
    let fixture = log(&["a"; 5]);
    let reader = fixture.journal().reader();
    let first = reader.after(0, limit(1, 1)).unwrap();
    let Some(Row::Event(first)) = first.first() else {
        panic!("there is a first event");
    };
    // All are as long as the first.
    let row = serde_json::to_vec(&first.envelope).unwrap().len() + first.body.len();
    for (after, limit, expected) in [
        (0, EVERYTHING, &[1, 2, 3, 4, 5][..]),
        (3, EVERYTHING, &[4, 5]),
        (5, EVERYTHING, &[]),
        (u64::MAX, EVERYTHING, &[]),
        (0, limit(2, 1000), &[1, 2]),
        (0, limit(9, 2 * row + 5), &[1, 2]),
        (0, limit(9, 2 * row), &[1, 2]),
        (0, limit(9, 2 * row - 1), &[1]),
        (1, limit(9, 1), &[2]),
        (1, limit(0, 0), &[2]),
    ] {
        assert_eq!(sequences(&reader.after(after, limit).unwrap()), expected);
    }
}

#[test]
fn a_filtered_read_says_where_to_go_on() {
    let fixture = log(&["a", "b", "a", "b", "b", "a"]);
    let reader = fixture.journal().reader();
    check_up(&reader, &app("a"), 9, 100, (&[1, 3, 6], None));
    check_up(&reader, &app("a"), 2, 100, (&[1, 3], Some(5)));
    check_up(&reader, &app("a"), 9, 4, (&[1, 3], Some(4)));
    check_up(&reader, &app("none"), 9, 2, (&[], Some(2)));
    check_up(&reader, &app("none"), 9, 6, (&[], None));
    check_down(&reader, &app("a"), 9, 100, (&[6, 3, 1], None));
    check_down(&reader, &app("a"), 1, 100, (&[6], Some(4)));
    check_down(&reader, &app("b"), 9, 2, (&[5], Some(5)));
}

#[test]
fn a_filter_knows_commands_and_times() {
    let fixture = log(&["a"; 6]);
    let reader = fixture.journal().reader();
    let command = Filter {
        command: Some("Sns.Other".to_owned()),
        ..Filter::default()
    };
    check_up(&reader, &command, 9, 100, (&[], None));
    let times = Filter {
        since_ms: Some(1015),
        until_ms: Some(1040),
        ..Filter::default()
    };
    // What lies outside is not looked at.
    check_up(&reader, &times, 9, 4, (&[3, 4], None));
    check_down(&reader, &times, 9, 3, (&[4, 3], None));
    let late = Filter {
        since_ms: Some(5000),
        ..Filter::default()
    };
    check_up(&reader, &late, 9, 100, (&[], None));
    check_down(&reader, &late, 9, 100, (&[], None));
}

#[test]
fn a_filter_takes_what_it_reads() {
    let fixture = log(&["a", "b", "a", "b", "a", "b"]);
    let reader = fixture.journal().reader();
    let filter = Filter {
        since_ms: Some(1010),
        until_ms: Some(1040),
        ..app("a")
    };
    check_up(&reader, &filter, 9, 100, (&[3], None));
    let rows = reader.after(0, EVERYTHING).unwrap();
    let taken = rows.iter().filter(|row| match row {
        Row::Event(event) => filter.takes(event),
        Row::Damaged(_) => false,
    });
    assert_eq!(taken.map(Row::sequence).collect::<Vec<_>>(), [3]);
}

/// Takes the first byte off the body of an event.
fn damage(fixture: &mut Fixture, sequence: Sequence) {
    fixture.stop();
    let sql = "UPDATE events SET body = substr(body, 2) WHERE sequence = ?1";
    let changed = fixture.sql().execute(sql, [sequence.cast_signed()]);
    assert_eq!(changed.unwrap(), 1);
    fixture.start();
}

#[test]
fn what_does_not_match_is_not_read() {
    let mut fixture = log(&["a", "b", "a", "b"]);
    // Whoever reads the bodies finds out.
    damage(&mut fixture, 2);
    damage(&mut fixture, 3);
    let reader = fixture.journal().reader();
    check_up(&reader, &app("a"), 9, 100, (&[1, 3], None));
    check_up(&reader, &app("b"), 9, 100, (&[2, 4], None));
    check_down(&reader, &app("a"), 9, 100, (&[1], None));
    check_down(&reader, &app("b"), 9, 100, (&[4], None));
}

#[test]
fn a_damaged_time_does_not_end_a_read() {
    let mut fixture = log(&["a", "a", "a"]);
    fixture.stop();
    for journaled_ms in [9000, 0] {
        let sql = "UPDATE events SET journaled_ms = ?1 WHERE sequence = 2";
        fixture.sql().execute(sql, [journaled_ms]).unwrap();
        fixture.start();
        let reader = fixture.journal().reader();
        let times = Filter {
            since_ms: Some(1000),
            until_ms: Some(2000),
            ..Filter::default()
        };
        check_up(&reader, &times, 9, 100, (&[1, 2, 3], None));
        check_down(&reader, &times, 9, 100, (&[3, 1], None));
        fixture.stop();
    }
    fixture.start();
}

#[test]
fn a_filtered_read_ends_after_so_many_bytes() {
    let fixture = Fixture::new();
    let body = "x".repeat(1 << 20);
    fixture.append(&[body.as_str(); 20]);
    let reader = fixture.journal().reader();
    let filter = Filter::default();
    let up = reader.after_matching(0, &filter, EVERYTHING, 100).unwrap();
    assert_eq!((up.rows.len(), up.next), (16, Some(16)));
    let down = reader.before(21, &filter, EVERYTHING, 100).unwrap();
    assert_eq!((down.rows.len(), down.next), (16, Some(5)));
}

#[test]
fn several_events_come_in_the_order_asked_for() {
    let fixture = log(&["a"; 4]);
    let reader = fixture.journal().reader();
    let times = reader.journaled_ms([3, 9, 0, 1, u64::MAX, 4]).unwrap();
    for (sequence, time) in &times {
        let Some(Row::Event(event)) = reader.get(*sequence).unwrap() else {
            panic!("there is an event {sequence}");
        };
        assert_eq!(event.journaled_ms, *time);
    }
    assert!(times.keys().eq(&[1, 3, 4]), "{times:?}");
    let events = reader.get_many(&[3, 9, 0, 1, u64::MAX, 4]).unwrap();
    let found: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(found, [3, 1, 4]);
    assert!(reader.get(0).unwrap().is_none());
    assert!(reader.get(5).unwrap().is_none());
}

#[test]
fn a_reader_outlives_its_journal() {
    let mut fixture = log(&["a"; 4]);
    let reader = fixture.journal().reader();
    fixture.stop();
    assert_eq!(reader.bounds().unwrap(), Some((1, 4)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever rows are missing or damaged, the answer is that of a look at every row.
    #[test]
    fn finds_the_first_event_at_a_time(
        rows in prop::collection::vec((0u64..4, 0u8..5), 1..40), times in prop::collection::vec(0u64..130, 8),
    ) {
        let mut fixture = log(&vec!["a"; rows.len()]);
        fixture.stop();
        let mut time = 0;
        let mut expected = Vec::new();
        for (sequence, &(passed, kind)) in (1..).zip(&rows) {
            time += passed;
            if kind > 1 {
                expected.push((sequence, time));
            }
        }
        let at = |sequence: Sequence| expected.iter().find(|(known, _)| *known == sequence).map_or(7, |(_, time)| *time);
        fixture.set_times(at);
        for (sequence, (_, kind)) in (1_i64..).zip(&rows) {
            match kind {
                0 => fixture.sql().execute("DELETE FROM events WHERE sequence = ?1", [sequence]).unwrap(),
                1 => fixture.sql().execute("UPDATE events SET body = x'00' WHERE sequence = ?1", [sequence]).unwrap(),
                _ => 0,
            };
        }
        fixture.start();
        let reader = fixture.journal().reader();
        for time in times {
            let first = expected.iter().find(|(_, journaled)| *journaled >= time).map(|(sequence, _)| *sequence);
            prop_assert_eq!(reader.first_at(time).unwrap(), first);
        }
    }
}
