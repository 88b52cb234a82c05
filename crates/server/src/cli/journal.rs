//! `journal`: check and backup, on the files themselves; both work while a gateway runs.

use gateway_core::Causes;
use gateway_journal::CheckReport;
use serde_json::json;

use super::{
    arguments::JournalAction,
    configuration::Loader,
    failure::{Ending, Failure},
    output::Output,
};

pub(super) fn run(
    action: JournalAction,
    loader: &Loader,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let failed = |action: &str, error: gateway_journal::JournalError| {
        Failure::Failed(format!("failed to {action}: {}", Causes(&error)))
    };
    match action {
        JournalAction::Check { path } => {
            let path = match path {
                Some(path) => path,
                None => loader.load()?.journal.path,
            };
            let report = gateway_journal::check(&path)
                .map_err(|error| failed("check the journal", error))?;
            print(
                &report,
                &format!("the journal in {}", path.display()),
                output,
            )
        }
        JournalAction::Backup { to } => {
            let path = loader.load()?.journal.path;
            let report = gateway_journal::backup(&path, &to)
                .map_err(|error| failed("back up the journal", error))?;
            print(&report, &format!("the backup in {}", to.display()), output)
        }
    }
}

fn print(report: &CheckReport, what: &str, output: &mut Output<'_>) -> Result<Ending, Failure> {
    let is_sound = report.damaged.is_empty() && report.problems.is_empty();
    if output.wants_json() {
        output.json(&json!({
            "ok": is_sound,
            "events": report.events,
            "first": report.bounds.map(|(first, _)| first),
            "last": report.bounds.map(|(_, last)| last),
            "damaged": report.damaged,
            "problems": report.problems,
        }))?;
    } else {
        let range = report.bounds.map_or_else(String::new, |(first, last)| {
            format!(", sequence {first} to {last}")
        });
        let state = if is_sound { "is sound" } else { "is damaged" };
        output.line(&format!("{what} {state}: {} events{range}", report.events))?;
        for sequence in &report.damaged {
            output.line(&format!("damaged: the event at sequence {sequence}"))?;
        }
        for problem in &report.problems {
            output.line(&format!("damaged: {problem}"))?;
        }
    }
    Ok(if is_sound { Ending::Done } else { Ending::Bad })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(report: &CheckReport, json: bool) -> (Ending, String) {
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, json, false);
        let ending = print(report, "the journal in data", &mut output).unwrap();
        (ending, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn damage_is_named_and_exit_code_1() {
        let report = CheckReport {
            events: 9,
            bounds: Some((3, 12)),
            damaged: vec![4, 7],
            problems: vec!["row 5\nmissing".to_owned()],
        };
        let (ending, text) = check(&report, false);
        assert_eq!(ending, Ending::Bad);
        insta::assert_snapshot!(text + &check(&report, true).1);
    }

    #[test]
    fn a_sound_journal_is_exit_code_0() {
        let (ending, text) = check(&CheckReport::default(), false);
        assert_eq!(ending, Ending::Done);
        assert_eq!(text, "the journal in data is sound: 0 events\n");
    }
}
