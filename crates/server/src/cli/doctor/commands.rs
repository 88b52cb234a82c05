//! What is called, and what comes of it: commands never seen, pairs of which a half is missing, before-callbacks that
//! nobody decides, drift.

use std::collections::BTreeMap;

use super::{finding::Finding, running::Running, thresholds::POLICY_SHARE};
use crate::{cli::drift::show_path, plural::counted};

/// Names in a line.
const NAMES_MAX: usize = 6;

pub(super) fn check_commands(running: &Running) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(check_silence(running));
    findings.extend(check_unknown(running));
    findings.extend(check_pairs(running));
    findings.extend(check_policy(running));
    findings.extend(check_drift(running));
    findings
}

fn check_silence(running: &Running) -> Option<Finding> {
    const CHECK: &str = "command";
    let all = running.commands.len();
    if all == 0 {
        return None;
    }
    let silent = running.commands.iter().filter(|one| one.received == 0);
    let silent: Vec<&str> = silent.map(|one| one.command.as_str()).collect();
    if silent.is_empty() {
        return Some(Finding::ok(
            CHECK,
            "every installed command has been called",
        ));
    }
    let what = format!(
        "{} of {all} installed commands were never called",
        silent.len()
    );
    let finding = Finding::note(CHECK, what)
        .because(format!("{}: {}", running.since_start(), join(&silent)))
        .remedy("switch on in Chat's console what you want to hear of");
    Some(finding)
}

fn check_unknown(running: &Running) -> Option<Finding> {
    let count = running.sum("gateway_callbacks_total", &[("command", "other")]);
    let finding = || {
        Finding::note("command", "callbacks come of commands that have no plug-in; they are journaled, and no handler gets them")
            .because(format!("{count} {}", running.since_start()))
            .remedy("switch them off in Chat's console, or add a plug-in: docs/adding-a-callback.md")
    };
    (count > 0.0).then(finding)
}

/// Whoever is asked before something and not told after it does not know whether it happened.
fn check_pairs(running: &Running) -> Vec<Finding> {
    let received: BTreeMap<&str, u64> = running
        .commands
        .iter()
        .map(|one| (one.command.as_str(), one.received))
        .collect();
    let alone = running.commands.iter().filter_map(|before| {
        let partner = partner_of(&before.command)?;
        let is_alone = before.received > 0 && received.get(partner.as_str()) == Some(&0);
        is_alone.then_some((before, partner))
    });
    alone
        .map(|(before, partner)| {
            let (command, count) = (&before.command, before.received);
            Finding::note("pair", format!("{command} comes and {partner} does not"))
                .because(format!("{count} of the first and none of the second {}", running.since_start()))
                .remedy("switch the second on in Chat's console: without it nobody knows what came of what was allowed")
        })
        .collect()
}

/// The command that tells of what another one asks about; the vendor names them alike.
fn partner_of(before: &str) -> Option<String> {
    let names = [
        ("CallbackBefore", "CallbackAfter"),
        ("CallbackPrev", "Callback"),
    ];
    let mut names = names.into_iter();
    let (from, to) = names.find(|(from, _)| before.contains(from))?;
    Some(before.replacen(from, to, 1))
}

/// Before-callbacks that neither a decider nor a plug-in has decided.
fn check_policy(running: &Running) -> Option<Finding> {
    let mut by_reason = running.metrics.sums_by("gateway_policy_total", "reason");
    by_reason.retain(|_, count| *count > 0.0);
    let count: f64 = by_reason.values().sum();
    let asked = running.sum(
        "gateway_callback_duration_seconds_count",
        &[("phase", "before")],
    );
    let what = "before-callbacks were answered by the failure policy";
    let finding = if count == 0.0 {
        return None;
    } else if count > POLICY_SHARE * asked {
        Finding::warning("policy", what)
    } else {
        Finding::note("policy", what)
    };
    let reasons = by_reason
        .iter()
        .map(|(reason, count)| format!("{reason} {count}"));
    let reasons = reasons.collect::<Vec<_>>().join(", ");
    let finding = finding
        .because(format!("{count} of {asked} {}: {reasons}", running.since_start()))
        .remedy("docs/deciding.md says what each reason means; `events --command …` and `explain ID` show the cases");
    Some(finding)
}

fn check_drift(running: &Running) -> Option<Finding> {
    let recent = running
        .drift
        .iter()
        .filter(|one| running.is_recent(&one.last_seen));
    let recent: Vec<String> = recent
        .map(|one| format!("{}, {}", one.command, show_path(&one.path)))
        .collect();
    let first = recent.first()?;
    let kinds = counted(recent.len() as u64, "kind");
    let finding = Finding::note("drift", "bodies differ from what the types expect")
        .because(format!("{kinds} in the last hour, e.g. {first}"))
        .remedy("`callback-gateway drift`, and docs/operating.md for what each means");
    Some(finding)
}

pub(super) fn join(names: &[&str]) -> String {
    let shown = names.get(..NAMES_MAX).unwrap_or(names).join(", ");
    match names.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
