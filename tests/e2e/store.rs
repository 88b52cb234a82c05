//! The files themselves: two processes on one journal, foreign files, damage, backup and restore.

use std::{fs, path::Path};

use super::harness::{ACK, FRIEND_DELETE, Setup, eventually, friend_delete};

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_second_process_on_the_same_journal_is_told_so() {
    let setup = Setup::new();
    let gateway = setup.start();
    let output = setup.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    let said = setup.journal().display().to_string();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains(&said), "{error}");
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    gateway.kill();
    // A lock that outlives its process would lock everybody out.
    let gateway = setup.start();
    assert_eq!(gateway.events("").len(), 1);
}

#[test]
fn a_foreign_file_is_refused_and_left_alone() {
    let setup = Setup::new();
    for foreign in [
        &b"a letter to my grandmother, long enough to be one"[..],
        &[0; 8192],
    ] {
        fs::create_dir_all(setup.journal()).unwrap();
        let log = setup.journal().join("log.db");
        fs::write(&log, foreign).unwrap();
        let output = setup.run(&["serve"]);
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains("log.db"), "{error}");
        assert!(fs::read(&log).unwrap() == foreign, "the file is as it was");
    }
}

#[test]
fn a_damaged_row_is_passed_over_and_the_others_are_served() {
    let setup = Setup::new();
    let gateway = setup.start();
    for number in 0..20 {
        gateway.acked(
            FRIEND_DELETE,
            friend_delete("alice", &format!("friend-{number}!")),
        );
    }
    let damaged = gateway.events("")[7].id.clone();
    assert!(gateway.stop().success());
    let log = setup.journal().join("log.db");
    let mut bytes = fs::read(&log).unwrap();
    let marker = b"friend-7!";
    let places: Vec<usize> = (0..bytes.len() - marker.len())
        .filter(|start| &bytes[*start..start + marker.len()] == marker)
        .collect();
    assert!(!places.is_empty(), "the log holds bodies as they are");
    for place in places {
        bytes[place] ^= 1;
    }
    fs::write(&log, bytes).unwrap();

    let checked = setup.run(&["journal", "check"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&checked.stdout).contains("sequence 8"));
    let gateway = setup.start();
    let stored: Vec<String> = gateway.texts("");
    assert_eq!(stored.len(), 19);
    assert!(
        stored
            .iter()
            .all(|text| !text.contains("friend-7!") && !text.contains("griend-7!"))
    );
    assert_eq!(gateway.events("account=alice").len(), 19);
    assert_ne!(gateway.get(&format!("/v1/events/{damaged}")).status, 200);
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "goes on"));
    assert_eq!(gateway.events("").len(), 20);
}

#[test]
fn check_and_backup_work_on_a_running_gateway() {
    let setup = Setup::new();
    let gateway = setup.start();
    let bodies: Vec<String> = (0..50)
        .map(|number| friend_delete("alice", &number.to_string()))
        .collect();
    for body in &bodies {
        gateway.acked(FRIEND_DELETE, body);
    }
    let checked = setup.run(&["journal", "check"]);
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        checked.status.success() && said.contains("50 events"),
        "{said}"
    );

    let backup = setup.path("backup");
    let output = setup.run(&["journal", "backup", &backup.display().to_string()]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let again = setup.run(&["journal", "backup", &backup.display().to_string()]);
    assert!(!again.status.success(), "a backup overwrites nothing");

    // The restored log lacks what came after the backup: whoever followed the old one must be told.
    let stream = gateway.stream("", None);
    stream.message();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "after the backup"));
    let (_, place) = stream.next();
    assert!(gateway.stop().success());
    fs::remove_dir_all(setup.journal()).unwrap();
    copy(&backup, &setup.journal());
    let gateway = setup.start();
    let stored: Vec<String> = gateway.texts("");
    assert_eq!(stored, bodies);
    assert_eq!(gateway.events("account=alice").len(), 50);
    let stream = gateway.stream("", Some(&place));
    let gap = stream.news().unwrap();
    assert_eq!(gap.event, "gap");
    assert!(gap.data.contains("other_log"), "{}", gap.data);
    assert_eq!(stream.next().0.text(), bodies[0], "then all of this log");
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "after the restore"));
    assert_eq!(gateway.events("").len(), 51);
}

#[test]
fn what_is_derived_from_the_log_may_be_lost() {
    let setup = Setup::new();
    let gateway = setup.start();
    for number in 0..30 {
        gateway.acked(FRIEND_DELETE, friend_delete("alice", &number.to_string()));
    }
    assert!(gateway.stop().success());
    for entry in fs::read_dir(setup.journal()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.starts_with("index.db") {
            fs::remove_file(entry.path()).unwrap();
        }
        if name.starts_with("state.db") {
            fs::write(entry.path(), b"this is no state at all, but long enough").unwrap();
        }
    }
    let gateway = setup.start();
    assert_eq!(gateway.events("account=17").len(), 1);
    assert_eq!(gateway.events("account=alice").len(), 30);
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "goes on"));
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "ok")], 1);
}

/// A body of some size.
fn large(id: &str) -> String {
    format!("{{\"id\":\"{id}\",\"filler\":\"{}\"}}", "x".repeat(20_000))
}

#[test]
fn a_full_journal_acks_nothing_more_and_answers_before_callbacks() {
    let setup = Setup::faulty().variable("GATEWAY_JOURNAL__BYTES_MAX", "2 MiB");
    let gateway = setup.start();
    let mut acked = Vec::new();
    // What is not handled is never deleted, so that there is no room to be made.
    let refused = eventually("the journal is full", || {
        let body = large(&format!("b{}", acked.len()));
        let answer = gateway.call("Faulty.Block", &body);
        if answer.status == 200 {
            acked.push(body);
        }
        (answer.status != 200).then_some(answer)
    });
    assert_eq!(refused.status, 503);
    assert!(
        refused.text().contains("journal not writable"),
        "{}",
        refused.text()
    );
    let why = gateway.get("/readyz");
    assert_eq!(why.status, 503);
    assert!(why.text().contains("full"), "{}", why.text());

    let answer = gateway.call("Faulty.Ask", "{\"id\":\"a\",\"act\":\"allow\"}");
    assert_eq!((answer.status, answer.text().as_str()), (200, ACK));
    let ok = [("command", "Faulty.Ask"), ("outcome", "ok")];
    assert_eq!(gateway.metric("gateway_callbacks_total", &ok), 1);
    assert!(!acked.is_empty());
    assert_eq!(gateway.texts("command=Faulty.Block"), acked);
}

#[test]
fn handled_events_make_room_and_whoever_missed_them_is_told() {
    let setup = Setup::faulty().variable("GATEWAY_JOURNAL__BYTES_MAX", "2 MiB");
    let gateway = setup.start();
    let stream = gateway.stream("", None);
    stream.message();
    gateway.acked("Faulty.Note", large("first"));
    let (first, place) = stream.next();
    drop(stream);
    let mut number = 0;
    eventually("old events are deleted", || {
        number += 1;
        // Deleting may be a moment behind.
        gateway.call("Faulty.Note", large(&format!("n{number}")));
        (gateway.metric("gateway_journal_trimmed_total", &[]) > 1).then_some(())
    });
    eventually("it is ready", || {
        (gateway.get("/readyz").status == 200).then_some(())
    });
    assert_eq!(gateway.get(&format!("/v1/events/{}", first.id)).status, 404);
    let stream = gateway.stream("", Some(&place));
    let gap = stream.news().unwrap();
    assert_eq!(gap.event, "gap");
    assert!(gap.data.contains("trimmed"), "{}", gap.data);
    assert!(stream.next().0.sequence > first.sequence + 1);
}
