//! Flipped bits, foreign files and newer programs.

use std::sync::Arc;

use proptest::prelude::*;

use super::fixture::{EVERYTHING, Fixture};
use crate::{Filter, Journal, JournalError, ReadLimit, Row, check, check_newest};

/// Flips a bit of the stored body `text`, in the closed file.
fn flip(fixture: &Fixture, text: &str) {
    let mut file = std::fs::read(fixture.log()).unwrap();
    let place = file
        .windows(text.len())
        .position(|window| window == text.as_bytes())
        .unwrap();
    file[place] ^= 0x04;
    std::fs::write(fixture.log(), file).unwrap();
}

#[test]
fn a_flipped_bit_is_one_damaged_row_among_whole_ones() {
    let mut fixture = Fixture::new();
    fixture.append(&["the first body", "the second body", "the third body"]);
    fixture.stop();
    flip(&fixture, "the second body");
    fixture.start();

    let reader = fixture.journal().reader();
    let rows = reader.after(0, EVERYTHING).unwrap();
    assert!(
        matches!(rows[..], [Row::Event(_), Row::Damaged(2), Row::Event(_)]),
        "{rows:?}"
    );
    assert!(matches!(reader.get(2).unwrap(), Some(Row::Damaged(2))));
    assert_eq!(reader.get_many(&[3, 2, 1]).unwrap().len(), 2);
    let filter = Filter::default();
    let up = reader.after_matching(0, &filter, EVERYTHING, 100).unwrap();
    assert_eq!(up.rows.len(), 3);
    let down = reader.before(4, &filter, EVERYTHING, 100).unwrap();
    assert_eq!(down.rows.len(), 2);
    assert_eq!(check(&fixture.config.path).unwrap().damaged, [2]);
    let limit = ReadLimit {
        events: 9,
        bytes: 1 << 20,
    };
    let newest = check_newest(&fixture.config.path, limit).unwrap();
    assert_eq!(newest.damaged, [2]);
    // The log goes on.
    assert_eq!(fixture.append(&["next"])[0].sequence(), 4);
}

#[test]
fn a_damaged_last_row_keeps_its_sequence() {
    let mut fixture = Fixture::new();
    fixture.append(&["the first body", "the second body"]);
    fixture.stop();
    flip(&fixture, "the second body");
    fixture.start();
    assert_eq!(fixture.append(&["next"])[0].sequence(), 3);
}

#[test]
fn columns_of_other_types_are_damaged_rows() {
    for change in [
        "app = x'00'",
        "command = 7",
        "envelope = 'text'",
        "body = 'text'",
        "crc = -1",
        "crc = 'x'",
        "journaled_ms = 'x'",
        "journaled_ms = -5",
        "app = 'other'",
        "journaled_ms = journaled_ms + 1",
    ] {
        let mut fixture = Fixture::new();
        fixture.append(&["a", "b"]);
        fixture.stop();
        let sql = format!("UPDATE events SET {change} WHERE sequence = 1");
        fixture.sql().execute(&sql, []).unwrap();
        fixture.start();
        let rows = fixture.journal().reader().after(0, EVERYTHING).unwrap();
        assert!(
            matches!(rows[..], [Row::Damaged(1), Row::Event(_)]),
            "{change}: {rows:?}"
        );
    }
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let database = {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("other.db");
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE other (x)").unwrap();
        drop(other);
        std::fs::read(path).unwrap()
    };
    for content in [
        &b"no database, but long enough to look like one".repeat(100)[..],
        &database,
    ] {
        let mut fixture = Fixture::new();
        fixture.stop();
        std::fs::write(fixture.log(), content).unwrap();
        let error = fixture.try_open().unwrap_err();
        assert!(matches!(error, JournalError::Foreign { .. }), "{error:?}");
        assert!(error.to_string().contains("log.db"), "{error}");
        assert_eq!(std::fs::read(fixture.log()).unwrap(), content);
    }
}

#[test]
fn a_newer_schema_is_refused() {
    let mut fixture = Fixture::new();
    fixture.stop();
    fixture
        .sql()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let error = fixture.try_open().unwrap_err();
    assert!(
        matches!(error, JournalError::Newer { found: 99, .. }),
        "{error:?}"
    );
}

#[test]
fn a_truncated_file_is_refused_with_a_remedy() {
    let mut fixture = Fixture::new();
    fixture.append(&[&"x".repeat(100_000)]);
    fixture.stop();
    let file = std::fs::read(fixture.log()).unwrap();
    std::fs::write(fixture.log(), &file[..8192]).unwrap();
    let error = fixture.try_open().unwrap_err();
    assert!(matches!(error, JournalError::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("journal check"), "{error}");
}

#[test]
fn what_a_crash_leaves_of_creating_a_log_is_created_again() {
    let mut fixture = Fixture::new();
    fixture.stop();
    std::fs::write(fixture.log(), b"").unwrap();
    fixture.start();
    fixture.append(&["a"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever bit flips: no panic, and no event that was not appended.
    #[test]
    fn any_flipped_bit_is_noticed(place in any::<prop::sample::Index>(), bit in 0..8) {
        let mut fixture = Fixture::new();
        let bodies: Vec<_> = (0..40).map(|number| format!("body {number} {}", "x".repeat(300))).collect();
        fixture.append(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
        fixture.stop();
        let mut file = std::fs::read(fixture.log()).unwrap();
        let place = place.index(file.len());
        file[place] ^= 1_u8 << bit;
        std::fs::write(fixture.log(), file).unwrap();
        let Ok(journal) = Journal::open(&fixture.config, Arc::new(super::fixture::Counts::default())) else {
            return Ok(());
        };
        if let Ok(rows) = journal.reader().after(0, EVERYTHING) {
            for row in rows {
                if let Row::Event(event) = row {
                    let body = std::str::from_utf8(&event.body).unwrap().to_owned();
                    prop_assert_eq!(bodies.iter().position(|known| *known == body), usize::try_from(event.sequence).ok().map(|sequence| sequence - 1));
                }
            }
        }
        // A damaged file may not be closed in order either.
        journal.close().ok();
    }
}
