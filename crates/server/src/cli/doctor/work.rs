//! How the gateway does its work: readiness, journal, deciders, handlers, certificates in force.

use super::{
    finding::{Finding, Level},
    running::Running,
};
use crate::{config::Config, listener::Tls};

/// As the alert `GatewayHandlersBehind` has it.
const LAG_EVENTS: f64 = 10_000.0;

/// A decider that fails more often than this needs a look.
const FAILED_SHARE_MAX: f64 = 0.05;

pub(super) fn work(running: &Running, config: &Config) -> Vec<Finding> {
    let mut findings = readiness(running);
    findings.extend(counted(running));
    findings.extend(deciders(running));
    findings.extend(handlers(running));
    findings.extend(drift(running));
    findings.extend(certificates(running, config));
    findings
}

fn readiness(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "readiness";
    let problems = running.readiness.problems.iter();
    let mut findings: Vec<Finding> = problems
        .map(|problem| {
            Finding::new(
                Level::Problem,
                CHECK,
                "after-callbacks are not acked",
                problem,
                "look at the journal's disk and at the gateway's log: docs/operating.md, Disk and retention",
            )
        })
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "the gateway wants callbacks"));
    }
    findings
}

/// Counters that stay at 0 as long as all is well.
fn counted(running: &Running) -> Vec<Finding> {
    let rows = [
        (
            "gateway_journal_damaged_total",
            Level::Problem,
            "events can't be read from the journal",
            "run `callback-gateway journal check`, look at the disk, restore a backup",
        ),
        (
            "gateway_unrecorded_total",
            Level::Warning,
            "before-callbacks were answered and could not be recorded",
            "look at the disk, and raise journal.queue_events or journal.queue_bytes",
        ),
    ];
    let told = rows
        .into_iter()
        .filter_map(|(metric, level, what, remedy)| {
            let count = Some(running.sum(metric)).filter(|count| *count > 0.0)?;
            let evidence = format!("{metric} is {count} {}", running.since_start());
            Some(Finding::new(level, "journal", what, evidence, remedy))
        });
    let mut findings: Vec<Finding> = told.collect();
    let failed = [("result", "failed")];
    let failed = running
        .metrics
        .sum_where("gateway_config_reloads_total", &failed);
    if let Some(count) = failed.filter(|count| *count > 0.0) {
        findings.push(Finding::new(
            Level::Warning,
            "reload",
            "a reload of the configuration was refused",
            format!("{count} {}", running.since_start()),
            "the gateway's log names every wrong key; mend them and send SIGHUP",
        ));
    }
    let unanswered = [("outcome", "unanswered")];
    let unanswered = running
        .metrics
        .sum_where("gateway_callbacks_total", &unanswered);
    if let Some(count) = unanswered.filter(|count| *count > 0.0) {
        findings.push(Finding::new(
            Level::Warning,
            "deadline",
            "callbacks were not answered in time, or their callers hung up",
            format!("{count} {}", running.since_start()),
            "look at gateway_journal_commit_seconds, and for a proxy in front with a time-out under two seconds",
        ));
    }
    let handshakes = [("listener", "callbacks"), ("reason", "tls")];
    let handshakes = running
        .metrics
        .sum_where("gateway_connection_failures_total", &handshakes);
    if let Some(count) = handshakes.filter(|count| *count > 0.0) {
        findings.push(Finding::new(
            Level::Note,
            "listener",
            "TLS handshakes with the callback listener fail",
            format!("{count} {}", running.since_start()),
            "if no callbacks come: Chat may not accept the certificate; else it is somebody who knocks",
        ));
    }
    findings
}

fn deciders(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "decider";
    let told = running.deciders.iter().map(|decider| {
        let (name, url) = (&decider.name, &decider.url);
        let asked = decider.answered + decider.failed;
        let evidence = format!(
            "{url}: {} of {asked} questions without an answer that Chat honours {}",
            decider.failed,
            running.since_start()
        );
        let remedy = "look at the decider, and at gateway_decider_requests_total by outcome: docs/deciding.md";
        if decider.breaker == "open" {
            let what = format!("the decider {name} is left alone, and the policy answers");
            return Finding::new(Level::Problem, CHECK, what, evidence, remedy);
        }
        #[expect(clippy::cast_precision_loss, reason = "a share")]
        let is_failing = decider.failed as f64 > asked as f64 * FAILED_SHARE_MAX;
        if is_failing {
            let what = format!("the decider {name} fails");
            return Finding::new(Level::Warning, CHECK, what, evidence, remedy);
        }
        if asked == 0 {
            let what = format!("the decider {name} was never asked");
            let remedy = "nothing, if no before-callback of its commands has come";
            return Finding::new(Level::Note, CHECK, what, running.since_start(), remedy);
        }
        Finding::ok(CHECK, format!("{name} answers"))
    });
    told.collect()
}

fn handlers(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "handler";
    let rows = [
        (
            "gateway_handler_abandoned_threads",
            Level::Problem,
            "handlers block their threads",
            "look in that plug-in for a missing time-out or a lock",
        ),
        (
            "gateway_handler_dead_events",
            Level::Warning,
            "events were given up by their handlers",
            "`callback-gateway events --command …` and `explain ID` say why",
        ),
        (
            "gateway_handler_parked_events",
            Level::Note,
            "events wait for another attempt of their handler",
            "`callback-gateway explain ID` says why the last one failed",
        ),
    ];
    let told = rows
        .into_iter()
        .filter_map(|(metric, level, what, remedy)| {
            let commands = running.by_command(metric);
            let evidence = format!("{metric}: {}", commands.join(", "));
            (!commands.is_empty()).then(|| Finding::new(level, CHECK, what, evidence, remedy))
        });
    let mut findings: Vec<Finding> = told.collect();
    let lag = running.sum("gateway_follower_lag_events");
    if lag > LAG_EVENTS {
        findings.push(Finding::new(
            Level::Warning,
            CHECK,
            "handlers, or the index, are behind the journal",
            format!("gateway_follower_lag_events is {lag}"),
            "look at gateway_handler_outcomes_total by command, and at the CPU",
        ));
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            format!("all keep up, {lag} events behind"),
        ));
    }
    findings
}

fn drift(running: &Running) -> Option<Finding> {
    let recent = running
        .drift
        .iter()
        .filter(|one| running.is_recent(&one.last_seen));
    let recent: Vec<String> = recent
        .map(|one| format!("{} {}", one.command, one.path))
        .collect();
    let first = recent.first()?;
    Some(Finding::new(
        Level::Note,
        "drift",
        "bodies differ from what the types expect",
        format!("{} kinds in the last hour, e.g. {first}", recent.len()),
        "`callback-gateway drift`, and docs/operating.md for what each means",
    ))
}

/// Files that were renewed, and a gateway that was not told.
fn certificates(running: &Running, config: &Config) -> Vec<Finding> {
    let listeners = [
        ("callbacks", &config.callbacks.tls),
        ("admin", &config.admin.tls),
    ];
    let told = listeners.into_iter().filter_map(|(listener, tls)| {
        let in_file = Tls::load(tls.as_ref()?).ok()?.expires_seconds();
        let labels = [("listener", listener)];
        let metric = "gateway_certificate_expires_seconds";
        let in_force = running.metrics.sum_where(metric, &labels)?;
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
        let in_force = in_force as i64;
        (in_force != in_file).then(|| {
            Finding::new(
                Level::Warning,
                "certificate",
                format!("the {listener} listener serves another certificate than its file holds"),
                format!("{listener}.tls.certificate ends at {in_file}, that in force at {in_force} (seconds since 1970)"),
                "send SIGHUP to the gateway",
            )
        })
    });
    told.collect()
}
