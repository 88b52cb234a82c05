//! The journal's directory: its newest events, and the room that is left on its disk.

use std::{fs, io, path::Path};

use bytesize::ByteSize;
use gateway_core::Causes;
use gateway_journal::{CheckReport, JournalError, ReadLimit, check_newest};

use super::finding::Finding;
use crate::config::Config;

const JOURNAL: &str = "journal";

const DISK: &str = "disk";

/// Read in about a second, also by a machine in trouble; `journal check` reads all.
const NEWEST: ReadLimit = ReadLimit {
    events: 20_000,
    bytes: 64 << 20,
};

/// With less there is no time left to react.
const FREE_MIN: ByteSize = ByteSize::mib(256);

pub(super) fn check_journal(config: &Config) -> Vec<Finding> {
    let path = &config.journal.path;
    match path.try_exists() {
        Ok(true) => {}
        Ok(false) => {
            let finding = Finding::note(JOURNAL, "there is no journal yet")
                .because(format!("journal.path = {}", path.display()))
                .remedy("nothing before the first start; else run this where the gateway runs, in its directory");
            return vec![finding];
        }
        Err(error) => return vec![unreadable(format!("{}: {error}", path.display()))],
    }
    vec![
        judge_events(path, check_newest(path, NEWEST)),
        check_room(config),
    ]
}

fn judge_events(path: &Path, checked: Result<CheckReport, JournalError>) -> Finding {
    let damaged = |evidence: String| {
        Finding::problem(JOURNAL, "the journal is damaged")
            .because(evidence)
            .remedy("run `callback-gateway journal check`, look at the disk, restore a backup: docs/operating.md")
    };
    let report = match checked {
        Ok(report) => report,
        Err(error) => return judge_error(&error, damaged),
    };
    if let Some(first) = report.damaged.first() {
        return damaged(format!(
            "{} of the newest {} events in {}, e.g. at sequence {first}",
            report.damaged.len(),
            report.events,
            path.display()
        ));
    }
    if let Some(text) = report.problems.first() {
        return damaged(text.clone());
    }
    let what = format!(
        "the newest {} events are whole; `journal check` reads all",
        report.events
    );
    Finding::ok(JOURNAL, what)
}

fn judge_error(error: &JournalError, damaged: impl Fn(String) -> Finding) -> Finding {
    let evidence = Causes(error).to_string();
    match error {
        JournalError::Missing { .. } => Finding::note(JOURNAL, "the directory holds no log yet")
            .because(evidence)
            .remedy("nothing before the first start"),
        JournalError::Lost { .. } | JournalError::Damaged { .. } => damaged(evidence),
        JournalError::Store { .. } | JournalError::Directory { .. } => unreadable(evidence),
        _ => Finding::problem(JOURNAL, "the gateway can't use this journal")
            .because(evidence)
            .remedy("the evidence says what to do"),
    }
}

fn unreadable(evidence: String) -> Finding {
    Finding::warning(JOURNAL, "the journal can't be read from here")
        .because(evidence)
        .remedy("run this as the user that the gateway runs as")
}

/// Whether the log may grow to its limit.
fn check_room(config: &Config) -> Finding {
    let path = &config.journal.path;
    let read = || -> io::Result<(ByteSize, ByteSize)> {
        let disk = rustix::fs::statvfs(path)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        Ok((ByteSize(free), used(path)?))
    };
    match read() {
        Ok((free, used)) => judge_room(free, used, config.journal.bytes_max),
        Err(error) => Finding::warning(DISK, "the free space is not known")
            .because(format!("{}: {error}", path.display()))
            .remedy("run this as the user that the gateway runs as"),
    }
}

/// The bytes of all that lies in the journal's directory.
fn used(path: &Path) -> io::Result<ByteSize> {
    let mut bytes = 0;
    for entry in fs::read_dir(path)? {
        bytes += entry?.metadata()?.len();
    }
    Ok(ByteSize(bytes))
}

fn judge_room(free: ByteSize, used: ByteSize, max: ByteSize) -> Finding {
    let evidence = format!(
        "{free} free; the journal has {used}, and its log may have journal.bytes_max = {max}, without index and state"
    );
    let remedy = "make room on the journal's disk, or lower journal.bytes_max and restart";
    let needed = max.as_u64().saturating_sub(used.as_u64());
    if free < FREE_MIN {
        return Finding::problem(DISK, "the disk is full, or nearly so")
            .because(evidence)
            .remedy(remedy);
    }
    if free.as_u64() >= needed {
        return Finding::ok(DISK, evidence);
    }
    let what = "the disk has no room for a log at its limit";
    // As much again as there is: then it is soon.
    let finding = if free < used {
        Finding::warning(DISK, what)
    } else {
        Finding::note(DISK, what)
    };
    finding.because(evidence).remedy(remedy)
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Level, *};

    #[test]
    fn the_log_must_find_room_up_to_its_limit() {
        let (mib, gib) = (ByteSize::mib, ByteSize::gib);
        for (free, used, max, level) in [
            (gib(20), gib(1), gib(10), Level::Ok),
            (gib(9), gib(1), gib(10), Level::Ok),
            (gib(8), gib(1), gib(10), Level::Note),
            (gib(3), gib(4), gib(10), Level::Warning),
            (gib(1), gib(12), gib(10), Level::Ok),
            (mib(255), gib(12), gib(10), Level::Problem),
        ] {
            assert_eq!(judge_room(free, used, max).level, level, "{free} {used}");
        }
    }

    fn check(path: &Path, level: Level, words: &str) {
        let finding = judge_events(path, check_newest(path, NEWEST));
        assert_eq!(finding.level, level, "{finding:#?}");
        assert!(finding.what.contains(words), "{finding:#?}");
    }

    #[test]
    fn each_trouble_has_its_own_words() {
        let report = CheckReport {
            events: 9,
            damaged: vec![4, 7],
            ..CheckReport::default()
        };
        let finding = judge_events(Path::new("data"), Ok(report));
        let evidence = "2 of the newest 9 events in data, e.g. at sequence 4";
        assert_eq!(
            (finding.level, finding.evidence.as_str()),
            (Level::Problem, evidence)
        );

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        check(path, Level::Note, "no log yet");
        fs::write(path.join("state.db"), "something").unwrap();
        check(path, Level::Problem, "damaged");
        fs::write(path.join("log.db"), "something else entirely").unwrap();
        check(path, Level::Problem, "can't use");
        let error = JournalError::Store {
            path: path.to_owned(),
            source: "no permission".into(),
        };
        let finding = judge_events(path, Err(error));
        assert_eq!(finding.level, Level::Warning);
        assert!(finding.remedy.contains("user"), "{finding:#?}");
    }
}
