//! Checks and backups beside a running journal.

use super::fixture::Fixture;
use crate::{JournalError, ReadLimit, backup, check, check_newest};

#[test]
fn a_whole_log_is_reported_so_while_it_is_written() {
    let fixture = Fixture::new();
    let bodies: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    fixture.append(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let report = check(&fixture.config.path).unwrap();
    assert_eq!(report.events, 1000);
    assert_eq!(report.bounds, Some((1, 1000)));
    assert!(report.damaged.is_empty() && report.problems.is_empty());
}

#[test]
fn a_quick_look_reads_the_newest_events() {
    let mut fixture = Fixture::new();
    let body = "x".repeat(1000);
    fixture.append(&["a", &body, &body, "d"]);
    for (events, bytes, bounds) in [
        (0, 9_000, None),
        (3, 9_000, Some((2, 4))),
        (9, 9_000, Some((1, 4))),
        (9, 1_500, Some((3, 4))),
        // At least one.
        (9, 0, Some((4, 4))),
    ] {
        let limit = ReadLimit { events, bytes };
        let report = check_newest(&fixture.config.path, limit).unwrap();
        assert_eq!(report.bounds, bounds, "{events} {bytes}");
    }
    fixture.stop();
    std::fs::remove_file(fixture.config.path.join("log.db")).unwrap();
    std::fs::write(fixture.config.path.join("state.db"), "something").unwrap();
    let limit = ReadLimit {
        events: 9,
        bytes: 9,
    };
    let error = check_newest(&fixture.config.path, limit).unwrap_err();
    assert!(matches!(error, JournalError::Lost { .. }), "{error}");
}

#[test]
fn a_restored_backup_is_another_log_with_the_same_events() {
    let mut fixture = Fixture::new();
    let bodies: Vec<_> = (0..600).map(|number| number.to_string()).collect();
    fixture.append(&bodies.iter().map(String::as_str).collect::<Vec<_>>());
    let original = *fixture.journal().head().borrow();
    let to = fixture.directory.path().join("backup");
    let report = backup(&fixture.config.path, &to).unwrap();
    assert_eq!(report.events, 600);
    assert!(report.problems.is_empty());
    // The original is written on.
    fixture.append(&["later"]);
    fixture.stop();

    fixture.config.path = to;
    fixture.start();
    let head = *fixture.journal().head().borrow();
    assert_eq!(head.sequence, original.sequence);
    assert_ne!(head.log_id, original.log_id);
    assert_eq!(fixture.bodies(), bodies);
    assert_eq!(fixture.append(&["new"])[0].sequence(), 601);
    fixture.restart();
    // Renewed once.
    assert_eq!(fixture.journal().head().borrow().log_id, head.log_id);
}

#[test]
fn a_backup_of_an_emptied_log_keeps_its_sequences() {
    let mut fixture = Fixture::with(|config| config.retention = std::time::Duration::ZERO);
    fixture.append(&["a", "b", "c"]);
    fixture.release(3);
    super::fixture::eventually(|| fixture.sequences().is_empty());
    let to = fixture.directory.path().join("backup");
    assert_eq!(backup(&fixture.config.path, &to).unwrap().events, 0);
    fixture.stop();
    fixture.config.path = to;
    fixture.start();
    assert_eq!(fixture.append(&["d"])[0].sequence(), 4);
}

#[test]
fn a_backup_overwrites_nothing() {
    let fixture = Fixture::new();
    let to = fixture.directory.path().join("backup");
    std::fs::create_dir(&to).unwrap();
    std::fs::write(to.join("precious"), b"").unwrap();
    let error = backup(&fixture.config.path, &to).unwrap_err();
    assert!(matches!(error, JournalError::NotEmpty { .. }), "{error:?}");
}

#[test]
fn a_failed_backup_does_not_block_the_next() {
    let mut fixture = Fixture::new();
    fixture.append(&["a", "b"]);
    let to = fixture.directory.path().join("backup");
    std::fs::create_dir(&to).unwrap();
    // As left by one that was killed.
    std::fs::copy(fixture.log(), to.join("log.db.unfinished")).unwrap();
    std::fs::write(to.join("log.db.unfinished-journal"), b"x").unwrap();
    assert_eq!(backup(&fixture.config.path, &to).unwrap().events, 2);
    let names: Vec<_> = to
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["log.db"]);
    fixture.stop();
    fixture.config.path = to;
    fixture.start();
    assert_eq!(fixture.bodies(), ["a", "b"]);
}

#[test]
fn a_missing_log_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let error = check(directory.path()).unwrap_err();
    assert!(matches!(error, JournalError::Missing { .. }), "{error:?}");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
