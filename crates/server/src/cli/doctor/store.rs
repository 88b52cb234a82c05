//! The journal's directory: its newest events, and the room that is left on its disk.

use std::{fs, path::Path};

use bytesize::ByteSize;
use gateway_core::Causes;
use gateway_journal::{CheckReport, JournalError, check_newest};

use super::finding::{Finding, Level};
use crate::config::Config;

const CHECK: &str = "journal";

const DISK: &str = "disk";

/// Read in well under a second; `journal check` reads all.
const NEWEST_EVENTS: u64 = 20_000;

/// With less, the next commit may fail.
const FREE_MIN: ByteSize = ByteSize::mib(64);

pub(super) fn journal(config: &Config) -> Vec<Finding> {
    let path = &config.journal.path;
    if !path.exists() {
        let what = "there is no journal yet";
        let evidence = format!("journal.path = {}", path.display());
        let remedy = "nothing before the first start; else run this where the gateway runs, in its directory";
        return vec![Finding::new(Level::Note, CHECK, what, evidence, remedy)];
    }
    vec![
        integrity(path, check_newest(path, NEWEST_EVENTS)),
        room(config),
    ]
}

fn integrity(path: &Path, checked: Result<CheckReport, JournalError>) -> Finding {
    let problem = |evidence: String| {
        Finding::new(
            Level::Problem,
            CHECK,
            "the journal is damaged, or is none",
            evidence,
            "run `callback-gateway journal check`, look at the disk, restore a backup: docs/operating.md",
        )
    };
    let report = match checked {
        Ok(report) => report,
        Err(error @ JournalError::Missing { .. }) => {
            return Finding::new(
                Level::Note,
                CHECK,
                "the directory holds no log yet",
                error.to_string(),
                "nothing before the first start; else restore a backup",
            );
        }
        Err(error) => return problem(Causes(&error).to_string()),
    };
    if let Some(first) = report.damaged.first() {
        let count = report.damaged.len();
        return problem(format!(
            "{count} of the newest {} events in {}, e.g. at sequence {first}",
            report.events,
            path.display()
        ));
    }
    if let Some(text) = report.problems.first() {
        return problem(text.clone());
    }
    Finding::ok(
        CHECK,
        format!(
            "the newest {} events are whole; `journal check` reads all",
            report.events
        ),
    )
}

/// Whether the log may grow to its limit.
fn room(config: &Config) -> Finding {
    let path = &config.journal.path;
    let disk = match rustix::fs::statvfs(path) {
        Ok(disk) => disk,
        Err(error) => {
            let evidence = format!("{}: {error}", path.display());
            let remedy = "run this as the user that the gateway runs as";
            let what = "the free space is not known";
            return Finding::new(Level::Warning, DISK, what, evidence, remedy);
        }
    };
    let free = ByteSize(disk.f_bavail.saturating_mul(disk.f_frsize));
    let used = ByteSize(fs::metadata(path.join("log.db")).map_or(0, |file| file.len()));
    told(free, used, config.journal.bytes_max)
}

fn told(free: ByteSize, used: ByteSize, max: ByteSize) -> Finding {
    let evidence = format!("{free} free, the log has {used} of journal.bytes_max = {max}");
    let remedy = "make room on the journal's disk, or lower journal.bytes_max and restart";
    if free < FREE_MIN {
        let what = "the disk is full, or nearly so";
        return Finding::new(Level::Problem, DISK, what, evidence, remedy);
    }
    if free.as_u64() < max.as_u64().saturating_sub(used.as_u64()) {
        let what = "the disk will be full before the log is at its limit";
        return Finding::new(Level::Warning, DISK, what, evidence, remedy);
    }
    Finding::ok(DISK, evidence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_must_find_room_up_to_its_limit() {
        let (mib, gib) = (ByteSize::mib, ByteSize::gib);
        for (free, used, max, level) in [
            (gib(20), gib(1), gib(10), Level::Ok),
            (gib(9), gib(1), gib(10), Level::Ok),
            (gib(8), gib(1), gib(10), Level::Warning),
            (gib(1), gib(12), gib(10), Level::Ok),
            (mib(63), gib(12), gib(10), Level::Problem),
        ] {
            assert_eq!(told(free, used, max).level, level, "{free} {used}");
        }
    }

    #[test]
    fn damage_is_a_problem_and_nothing_is_none() {
        let report = CheckReport {
            events: 9,
            damaged: vec![4, 7],
            ..CheckReport::default()
        };
        let finding = integrity(Path::new("data"), Ok(report));
        assert_eq!(finding.level, Level::Problem);
        assert_eq!(
            finding.evidence,
            "2 of the newest 9 events in data, e.g. at sequence 4"
        );
        let directory = tempfile::tempdir().unwrap();
        let missing = check_newest(directory.path(), 9);
        assert_eq!(integrity(directory.path(), missing).level, Level::Note);
        std::fs::write(directory.path().join("log.db"), "something else entirely").unwrap();
        let foreign = check_newest(directory.path(), 9);
        assert_eq!(integrity(directory.path(), foreign).level, Level::Problem);
    }
}
