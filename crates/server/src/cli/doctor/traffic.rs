//! Who calls the gateway, and who does not: apps, tokens, clocks, refusals, commands.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    finding::{Finding, Level},
    running::{App, Running},
};
use crate::{
    cli::moment,
    config::{AppConfig, Config},
};

/// By then whatever is in use has been seen.
const LONG: Duration = Duration::from_hours(24);

/// What clocks that are kept in time never reach.
const SKEW_NOTE: i64 = 5;

/// As the alert `GatewayClockSkew` has it; at 60 callbacks are refused.
const SKEW_WARNING: i64 = 20;

const SKEW_PROBLEM: i64 = 45;

/// Refusals that are judged are younger than this.
const RECENT_MS: u64 = 3_600_000;

/// Names in a line.
const NAMES_MAX: usize = 6;

pub(super) fn traffic(running: &Running, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(reload(running, config));
    findings.extend(apps(running));
    for app in &running.apps {
        findings.extend(tokens(running, app, config.apps.get(&app.name)));
    }
    findings.push(clock(running));
    findings.extend(refusals(running));
    findings.extend(commands(running));
    findings.extend(pairs(running));
    findings
}

/// Apps that the configuration has and the gateway does not know, or the other way round.
fn reload(running: &Running, config: &Config) -> Option<Finding> {
    if config.apps.is_empty() {
        return None;
    }
    let known: Vec<&str> = running.apps.iter().map(|app| app.name.as_str()).collect();
    let configured: Vec<&str> = config.apps.keys().map(String::as_str).collect();
    (known != configured).then(|| {
        Finding::new(
            Level::Warning,
            "reload",
            "the gateway runs with other apps than the configuration has",
            format!(
                "running: {}; configured: {}",
                known.join(", "),
                configured.join(", ")
            ),
            "send SIGHUP to the gateway, or give this command the gateway's configuration",
        )
    })
}

/// A warning once it has lasted; before that it says little.
fn if_long(running: &Running) -> Level {
    if running.uptime() >= LONG {
        Level::Warning
    } else {
        Level::Note
    }
}

fn apps(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "app";
    let (heard, silent): (Vec<&App>, Vec<&App>) = running
        .apps
        .iter()
        .partition(|app| app.last_callback_at.is_some());
    let mut findings: Vec<Finding> = silent
        .into_iter()
        .map(|app| {
            Finding::new(
                if_long(running),
                CHECK,
                format!("no callback of the app {} has come", app.name),
                running.since_start(),
                "check the URL and the switches in Chat's console, and `callback-gateway refusals`",
            )
        })
        .collect();
    if !heard.is_empty() {
        let last = heard.iter().map(|app| {
            let last = app.last_callback_at.as_ref().map(moment::show);
            format!("{} at {}", app.name, last.unwrap_or_default())
        });
        let last = last.collect::<Vec<_>>().join(", ");
        findings.push(Finding::ok(CHECK, format!("heard of last: {last}")));
    }
    findings
}

fn tokens(running: &Running, app: &App, config: Option<&AppConfig>) -> Vec<Finding> {
    const CHECK: &str = "token";
    let is_heard = app.last_callback_at.is_some();
    let wrong = running.recent("bad_sign").len();
    let only = app.tokens.len() == 1;
    let mut findings = Vec::new();
    for (place, token) in app.tokens.iter().enumerate() {
        if token.last_matched_at.is_some() {
            continue;
        }
        let name = token_name(config, place, app.tokens.len());
        let what = format!("{name} of the app {} has signed nothing", app.name);
        if is_heard {
            findings.push(Finding::new(
                if_long(running),
                CHECK,
                what,
                format!("{}; its callbacks come, signed with another", running.since_start()),
                "once Chat's console has the other token, take this one off the list and send SIGHUP",
            ));
        } else if only && wrong > 0 {
            findings.push(Finding::new(
                Level::Problem,
                CHECK,
                what,
                format!(
                    "{}, and {wrong} requests with a wrong signature were refused in the last hour",
                    running.since_start()
                ),
                "compare the token with the one in Chat's console",
            ));
        }
    }
    findings
}

/// By the key that it stands in, where that is clear.
fn token_name(config: Option<&AppConfig>, place: usize, tokens: usize) -> String {
    let keys: Vec<String> = config.map_or_else(Vec::new, |app| {
        let token = app.token.iter().map(|_| "`token`".to_owned());
        let files = app
            .token_files
            .iter()
            .map(|path| path.display().to_string());
        token.chain(files).collect()
    });
    match keys.get(place) {
        // Of equal tokens one is left, and it is not clear which.
        Some(key) if keys.len() == tokens => format!("the token in {key}"),
        _ => format!("token {}", place + 1),
    }
}

fn clock(running: &Running) -> Finding {
    const CHECK: &str = "clock";
    let remedy = "check this machine's time synchronisation (timedatectl, chronyc tracking)";
    let stale = running.recent("stale");
    let mut skews: Vec<i64> = stale.iter().filter_map(|one| one.skew_seconds).collect();
    skews.sort_unstable();
    if let Some(median) = skews.get(skews.len() / 2) {
        let evidence = format!(
            "{} requests of the last hour were refused as stale; their clocks were {median:+} s from ours in the median",
            stale.len()
        );
        let what =
            "requests are refused because clocks are apart, or because somebody replays old ones";
        return Finding::new(Level::Problem, CHECK, what, evidence, remedy);
    }
    let is_signed = |app: &App| {
        app.tokens
            .iter()
            .any(|token| token.last_matched_at.is_some())
    };
    if !running.apps.iter().any(is_signed) {
        return Finding::ok(CHECK, "no signature has come to compare the clocks by");
    }
    #[expect(clippy::cast_possible_truncation, reason = "seconds below a minute")]
    let skew = running.sum("gateway_clock_skew_seconds") as i64;
    let level = match skew.abs() {
        SKEW_PROBLEM.. => Level::Problem,
        SKEW_WARNING.. => Level::Warning,
        SKEW_NOTE.. => Level::Note,
        _ => return Finding::ok(CHECK, format!("{skew:+} s apart in the last signature")),
    };
    let what = format!("Chat's clock and this machine's are {skew:+} s apart");
    Finding::new(
        level,
        CHECK,
        what,
        "the last signature; at 60 callbacks are refused",
        remedy,
    )
}

/// Why recent requests were refused; stale ones are the clock's.
fn refusals(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "refusals";
    let mut by_reason: BTreeMap<&str, Vec<&super::running::Refused>> = BTreeMap::new();
    for refused in running
        .refusals
        .iter()
        .filter(|one| running.is_recent(&one.time))
    {
        by_reason.entry(&refused.reason).or_default().push(refused);
    }
    let stale = by_reason.remove("stale");
    if by_reason.is_empty() && stale.is_none() {
        return vec![Finding::ok(CHECK, "none in the last hour")];
    }
    let told = by_reason.into_iter().filter_map(|(reason, refused)| {
        let newest = refused.first()?;
        let (level, remedy) = advice(reason);
        Some(Finding::new(
            level,
            CHECK,
            format!("requests are refused: {reason}"),
            format!(
                "{} of the last hour, the newest at {} from {}",
                refused.len(),
                moment::show(&Value::from(newest.time.clone())),
                newest.address
            ),
            remedy,
        ))
    });
    told.collect()
}

fn advice(reason: &str) -> (Level, &'static str) {
    match reason {
        "bad_sign" => (
            Level::Warning,
            "if they come from Chat: was the token changed in its console? Else somebody guesses: `sources`, a firewall",
        ),
        "missing_sign" => (
            Level::Warning,
            "if they come from Chat: switch authentication on in its console",
        ),
        "unknown_app" => (
            Level::Warning,
            "if the number is yours: add [apps.NAME] with it; `callback-gateway refusals` tells from where they come",
        ),
        "source" => (
            Level::Warning,
            "if the address is Chat's: add its network to the app's `sources`, or name the proxy in callbacks.trusted_proxies",
        ),
        "journal" | "overload" => (
            Level::Problem,
            "look at the disk and at /readyz; raise the cap that is reached: docs/operating.md, Limits",
        ),
        "too_large" => (
            Level::Warning,
            "raise callbacks.body_max, if they are Chat's",
        ),
        _ => (
            Level::Note,
            "`callback-gateway refusals` tells from where they come",
        ),
    }
}

fn commands(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "command";
    let silent = running.commands.iter().filter(|one| one.received == 0);
    let silent: Vec<&str> = silent.map(|one| one.command.as_str()).collect();
    let mut findings = Vec::new();
    if silent.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            "every installed command has been called",
        ));
    } else {
        findings.push(Finding::new(
            Level::Note,
            CHECK,
            format!(
                "{} of {} installed commands were never called",
                silent.len(),
                running.commands.len()
            ),
            format!("{}: {}", running.since_start(), names(&silent)),
            "switch on in Chat's console what you want to hear of",
        ));
    }
    let other = [("command", "other")];
    let other = running.metrics.sum_where("gateway_callbacks_total", &other);
    if let Some(count) = other.filter(|count| *count > 0.0) {
        findings.push(Finding::new(
            Level::Note,
            CHECK,
            "callbacks come of commands that have no plug-in; they are journaled, and no handler gets them",
            format!("{count} {}", running.since_start()),
            "switch them off in Chat's console, or add a plug-in: docs/adding-a-callback.md",
        ));
    }
    findings
}

/// Whoever is asked before something and not told after it does not know whether it happened.
fn pairs(running: &Running) -> Vec<Finding> {
    let received: BTreeMap<&str, u64> = running
        .commands
        .iter()
        .map(|one| (one.command.as_str(), one.received))
        .collect();
    let alone = running.commands.iter().filter_map(|before| {
        let partner = partner(&before.command)?;
        let is_alone = before.received > 0 && received.get(partner.as_str()) == Some(&0);
        is_alone.then_some((before, partner))
    });
    alone
        .map(|(before, partner)| {
            Finding::new(
                Level::Note,
                "pair",
                format!("{} comes and {partner} does not", before.command),
                format!("{} of the first and none of the second {}", before.received, running.since_start()),
                "switch the second on in Chat's console: without it nobody knows what came of what was allowed",
            )
        })
        .collect()
}

/// The command that tells of what another one asks about; the vendor names them alike.
fn partner(before: &str) -> Option<String> {
    let names = [
        ("CallbackBefore", "CallbackAfter"),
        ("CallbackPrev", "Callback"),
    ];
    let (from, to) = names.into_iter().find(|(from, _)| before.contains(from))?;
    Some(before.replacen(from, to, 1))
}

fn names(all: &[&str]) -> String {
    let shown = all.get(..NAMES_MAX).unwrap_or(all).join(", ");
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

// === impl Running ===

impl Running {
    /// The refusals of a reason in the last hour.
    fn recent(&self, reason: &str) -> Vec<&super::running::Refused> {
        let recent = self.refusals.iter().filter(|one| one.reason == reason);
        recent.filter(|one| self.is_recent(&one.time)).collect()
    }

    pub(super) fn is_recent(&self, time: &str) -> bool {
        let time = crate::time::parse_rfc3339(time);
        time.is_some_and(|time| self.now_ms.saturating_sub(time) < RECENT_MS)
    }
}
