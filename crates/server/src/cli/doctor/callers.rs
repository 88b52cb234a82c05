//! Who calls the gateway, and who does not: apps, tokens, clocks, refusals.

use std::{collections::BTreeMap, time::Duration};

use super::{
    finding::{Finding, Level},
    running::{App, Running, whole},
    thresholds::{REFUSED_SHARE, SKEW_SECONDS},
};
use crate::{
    cli::{moment, refusals::Refused},
    config::{AppConfig, Config},
    plural::counted,
};

/// By then whatever is in use has been seen.
const LONG: Duration = Duration::from_hours(24);

/// Silence that is worth a look.
const SILENCE: Duration = Duration::from_hours(1);

/// What clocks that are kept in time never reach.
const SKEW_NOTE: i64 = 5;

const SKEW_PROBLEM: i64 = 45;

/// The gateway keeps so many refusals: of more it tells the last ones.
const REFUSALS_KEPT: usize = 1_000;

/// The app of a gateway that has none in its configuration.
const DEMO: &str = "demo";

pub(super) fn check_callers(running: &Running, config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(check_reload(running, config));
    for app in &running.apps {
        findings.push(check_app(running, app));
        findings.extend(check_tokens(running, app, config.apps.get(&app.name)));
    }
    findings.push(check_clock(running));
    findings.extend(check_refusals(running));
    findings
}

/// Apps that the configuration has and the gateway does not know, or the other way round.
fn check_reload(running: &Running, config: &Config) -> Option<Finding> {
    let known: BTreeMap<&str, u64> = running
        .apps
        .iter()
        .map(|app| (app.name.as_str(), app.sdk_app_id))
        .collect();
    let configured: BTreeMap<&str, u64> = config
        .apps
        .iter()
        .map(|(name, app)| (name.as_str(), app.sdk_app_id))
        .collect();
    let is_demo = configured.is_empty() && known.keys().all(|name| *name == DEMO);
    let is_unread = known.is_empty();
    let listed = |apps: &BTreeMap<&str, u64>| match apps.len() {
        0 => "none".to_owned(),
        _ => apps
            .iter()
            .map(|(name, id)| format!("{name} ({id})"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    let finding = || {
        Finding::warning(
            "reload",
            "the gateway runs with other apps than this configuration has",
        )
        .because(format!(
            "running: {}; configured: {}",
            listed(&known),
            listed(&configured)
        ))
        .remedy("send SIGHUP to the gateway, or give this command the gateway's own --config")
    };
    (!is_demo && !is_unread && known != configured).then(finding)
}

/// A warning once it has lasted; before that it says little.
fn if_long(running: &Running) -> Level {
    match running.uptime() {
        Some(uptime) if uptime >= LONG => Level::Warning,
        _ => Level::Note,
    }
}

fn check_app(running: &Running, app: &App) -> Finding {
    const CHECK: &str = "app";
    let name = &app.name;
    let remedy =
        "check the URL and the switches in Chat's console, and `callback-gateway refusals`";
    let Some(last) = &app.last_callback_at else {
        let known = app
            .known_since
            .as_ref()
            .and_then(|since| running.age(since));
        // Before that there was nobody to hear of.
        let (level, since) = match known {
            Some(known) if known < LONG => (
                Level::Note,
                format!("in the {} since it is configured", whole(known)),
            ),
            _ => (if_long(running), running.since_start()),
        };
        return level
            .finding(CHECK, format!("no callback of the app {name} has come"))
            .because(since)
            .remedy(remedy);
    };
    let age = running.age(last).unwrap_or_default();
    let what = format!("the app {name} was heard of last {} ago", whole(age));
    let level = match age {
        age if age >= LONG => Level::Warning,
        age if age >= SILENCE => Level::Note,
        _ => return Finding::ok(CHECK, what),
    };
    let shown = moment::show(last);
    level
        .finding(CHECK, what)
        .because(format!("the last callback came at {shown}"))
        .remedy(remedy)
}

fn check_tokens(running: &Running, app: &App, config: Option<&AppConfig>) -> Vec<Finding> {
    const CHECK: &str = "token";
    let ages = app.tokens.iter().map(|token| {
        let last = token.last_matched_at.as_ref();
        last.and_then(|last| running.age(last))
    });
    let ages: Vec<Option<Duration>> = ages.collect();
    let wrong = running.recent("bad_sign").len();
    let Some(newest) = ages.iter().flatten().min() else {
        // None of them has signed anything: wrong signatures may be this app's.
        let finding = || {
            let what = format!("no token of the app {} has signed a callback", app.name);
            let refused = counted(wrong as u64, "request");
            Finding::warning(CHECK, what)
                .because(format!(
                    "{}; {refused} with a wrong signature came in the last hour, of all apps",
                    running.since_start()
                ))
                .remedy("compare the token with the one in Chat's console")
        };
        let is_suspect = wrong > 0 && !app.tokens.is_empty();
        return is_suspect.then(finding).into_iter().collect();
    };
    let idle = ages.iter().enumerate().filter_map(|(place, age)| {
        let name = token_name(config, place, ages.len());
        let said = match age {
            None => format!("{name} of the app {} has signed nothing", app.name),
            Some(age) if age.saturating_sub(*newest) >= LONG => {
                format!("{name} of the app {} signed last {} ago", app.name, whole(*age))
            }
            Some(_) => return None,
        };
        let finding = if_long(running)
            .finding(CHECK, said)
            .because(format!("{}; the app's callbacks are signed with another", running.since_start()))
            .remedy("if it is the old one of a finished rotation, take it off the list and send SIGHUP; if it is the new one, set it in Chat's console");
        Some(finding)
    });
    idle.collect()
}

/// By the key that it stands in, where that is clear.
fn token_name(config: Option<&AppConfig>, place: usize, tokens: usize) -> String {
    let keys: Vec<String> = config.map_or_else(Vec::new, |app| {
        let token = app.token.iter().map(|_| "`token`".to_owned());
        let files = app.token_files.iter();
        let files = files.map(|path| path.display().to_string());
        token.chain(files).collect()
    });
    match keys.get(place) {
        // Of equal tokens one is left, and it is not clear which.
        Some(key) if keys.len() == tokens => format!("the token in {key}"),
        _ => format!("token {}", place + 1),
    }
}

fn check_clock(running: &Running) -> Finding {
    const CHECK: &str = "clock";
    let last = last_skew(running);
    let mut stale: Vec<i64> = running
        .recent("stale")
        .iter()
        .filter_map(|refused| refused.skew_seconds)
        .collect();
    stale.sort_unstable();
    if let Some(median) = stale.get(stale.len() / 2) {
        let refused = counted(stale.len() as u64, "request");
        let evidence = format!(
            "{refused} of the last hour, in the median {median:+} s from this machine's clock; the last good signature {}",
            shown(last)
        );
        // The clocks drift apart before anything is refused: only then it is they.
        let is_clock = last.is_none_or(|last| last.abs() > SKEW_SECONDS);
        return if is_clock && stale.len() > 1 {
            Finding::problem(CHECK, "requests are refused as stale: the clocks are apart")
                .remedy("check this machine's time synchronisation (timedatectl, chronyc tracking)")
        } else {
            Finding::note(CHECK, "requests are refused as stale, though the clocks agree")
                .remedy("somebody replays old ones, or a queue in front delays them: `callback-gateway refusals --reason stale`")
        }
        .because(evidence);
    }
    let Some(skew) = last else {
        return Finding::ok(CHECK, "no signature has come to compare the clocks by");
    };
    let level = match skew.abs() {
        skew if skew >= SKEW_PROBLEM => Level::Problem,
        skew if skew > SKEW_SECONDS => Level::Warning,
        skew if skew > SKEW_NOTE => Level::Note,
        _ => return Finding::ok(CHECK, format!("{skew:+} s apart in the last signature")),
    };
    level
        .finding(
            CHECK,
            format!("Chat's clock and this machine's are {skew:+} s apart"),
        )
        .because("the last signature; at 60 callbacks are refused")
        .remedy("check this machine's time synchronisation (timedatectl, chronyc tracking)")
}

/// By how much Chat's clock was ahead in the last genuine callback.
fn last_skew(running: &Running) -> Option<i64> {
    let tokens = running.apps.iter().flat_map(|app| &app.tokens);
    let is_known = tokens
        .into_iter()
        .any(|token| token.last_matched_at.is_some());
    #[expect(clippy::cast_possible_truncation, reason = "seconds below a minute")]
    let skew = running.sum("gateway_clock_skew_seconds", &[]) as i64;
    is_known.then_some(skew)
}

fn shown(skew: Option<i64>) -> String {
    match skew {
        Some(skew) => format!("was {skew:+} s"),
        None => "has not come yet".to_owned(),
    }
}

/// Why recent requests were refused. Stale ones with a clock are told by the clock.
fn check_refusals(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "refusals";
    let mut by_reason: BTreeMap<&str, Vec<&Refused>> = BTreeMap::new();
    for refused in running
        .refusals
        .iter()
        .filter(|one| running.is_recent(&one.time))
    {
        if refused.reason != "stale" || refused.skew_seconds.is_none() {
            by_reason.entry(&refused.reason).or_default().push(refused);
        }
    }
    if by_reason.is_empty() {
        return vec![Finding::ok(CHECK, "none in the last hour")];
    }
    let at_least = if running.refusals.len() >= REFUSALS_KEPT {
        "at least "
    } else {
        ""
    };
    let told = by_reason.into_iter().filter_map(|(reason, refused)| {
        let newest = refused.first()?;
        let from = match newest.address.as_str() {
            "" => "a simulation",
            address => address,
        };
        let time = moment::show(&newest.time);
        let finding = judge_refusals(running, reason)
            .finding(CHECK, format!("requests are refused: {reason}"))
            .because(format!(
                "{at_least}{} of the last hour, the newest at {time} from {from}",
                refused.len()
            ))
            .remedy(advise(reason));
        Some(finding)
    });
    told.collect()
}

/// On a public listener somebody always knocks: it is the share of all requests that counts.
fn judge_refusals(running: &Running, reason: &str) -> Level {
    if ["journal", "overload"].contains(&reason) {
        return Level::Warning;
    }
    let refused = running.sum("gateway_rejected_total", &[("reason", reason)]);
    let requests = running.sum("gateway_requests_total", &[]);
    if refused > REFUSED_SHARE * requests {
        Level::Warning
    } else {
        Level::Note
    }
}

fn advise(reason: &str) -> &'static str {
    match reason {
        "bad_sign" => {
            "if they come from Chat: was the token changed in its console? Else somebody guesses: `sources`, a firewall"
        }
        "missing_sign" => "if they come from Chat: switch authentication on in its console",
        "unknown_app" => {
            "if the number is yours: add [apps.NAME] with it; `callback-gateway refusals` tells from where they come"
        }
        "source" => {
            "if the address is Chat's: add its network to the app's `sources`, or name the proxy in callbacks.trusted_proxies"
        }
        "stale" => {
            "their RequestTime is no time: `callback-gateway refusals --reason stale` tells from where they come"
        }
        "journal" => {
            "look at /readyz and the journal's disk: docs/operating.md, Disk and retention"
        }
        "overload" => {
            "raise the cap that is reached, or look why the disk is slow: docs/operating.md, Limits"
        }
        "too_large" => "raise callbacks.body_max, if they are Chat's",
        _ => "`callback-gateway refusals` tells from where they come",
    }
}
