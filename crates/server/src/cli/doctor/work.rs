//! How the gateway does its work: readiness, journal, deadline, deciders, handlers, certificates in force.

use super::{
    certificates::Certificates,
    commands::join,
    finding::{Finding, Level},
    running::{Decider, Running},
    settings::check_files,
    thresholds::{LAG_EVENTS, UNANSWERED_SHARE},
};
use crate::{config::Config, time};

/// A decider that fails more often than this needs a look.
const FAILED_SHARE_MAX: f64 = 0.05;

/// Questions before which a share says nothing.
const QUESTIONS_MIN: f64 = 20.0;

/// What comes of a question that was not put, or not waited for.
const NOT_ASKED: [&str; 3] = ["breaker", "busy", "abandoned"];

/// A metric that stays at 0 as long as all is well.
struct Row {
    metric: &'static str,
    labels: &'static [(&'static str, &'static str)],
    level: Level,
    check: &'static str,
    what: &'static str,
    remedy: &'static str,
}

const ROWS: [Row; 7] = [
    Row {
        metric: "gateway_journal_damaged_total",
        labels: &[],
        level: Level::Problem,
        check: "journal",
        what: "events can't be read from the journal",
        remedy: "run `callback-gateway journal check`, look at the disk, restore a backup",
    },
    Row {
        metric: "gateway_unrecorded_total",
        labels: &[],
        level: Level::Note,
        check: "journal",
        what: "before-callbacks were answered and could not be recorded",
        remedy: "if it goes on: look at the disk, and raise journal.queue_events or journal.queue_bytes",
    },
    Row {
        metric: "gateway_connection_failures_total",
        labels: &[("listener", "callbacks"), ("reason", "tls")],
        level: Level::Note,
        check: "listener",
        what: "TLS handshakes with the callback listener fail",
        remedy: "if no callbacks come: Chat may not accept the certificate; else it is somebody who knocks",
    },
    Row {
        metric: "gateway_handler_abandoned_threads",
        labels: &[],
        level: Level::Problem,
        check: "handler",
        what: "handlers block their threads",
        remedy: "look in that plug-in for a missing time-out or a lock",
    },
    Row {
        metric: "gateway_spans_total",
        labels: &[("outcome", "failed")],
        level: Level::Note,
        check: "traces",
        what: "spans are lost: the collector does not take them",
        remedy: "look at the collector, traces.endpoint and traces.token_file; the gateway's log says why",
    },
    Row {
        metric: "gateway_spans_total",
        labels: &[("outcome", "overflow")],
        level: Level::Note,
        check: "traces",
        what: "spans are lost: too many wait for the collector",
        remedy: "look whether the collector is slow, or lower traces.sampled",
    },
    Row {
        metric: "gateway_log_lines_held_back_total",
        labels: &[],
        level: Level::Note,
        check: "log",
        what: "the log holds lines back: something goes wrong again and again",
        remedy: "look in the log for `lines of one kind were held back`, which says what",
    },
];

pub(super) fn check_work(
    running: &Running,
    config: &Config,
    certificates: &Certificates,
) -> Vec<Finding> {
    let mut findings = check_readiness(running);
    findings.extend(ROWS.iter().filter_map(|row| row.check(running)));
    findings.extend(check_reload(running));
    findings.extend(check_unanswered(running));
    findings.extend(
        running
            .deciders
            .iter()
            .map(|decider| check_decider(running, decider)),
    );
    findings.extend(check_handlers(running));
    findings.extend(check_certificates_in_force(running, certificates));
    if let Some(limit) = running.metrics.sum("process_max_fds") {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a number of files"
        )]
        findings.extend(check_files(config, limit as u64, Level::Warning));
    }
    findings
}

fn check_readiness(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "readiness";
    let problems = running.readiness.problems.iter();
    let mut findings: Vec<Finding> = problems
        .map(|problem| match problem.as_str() {
            "the gateway is stopping" => {
                Finding::note(CHECK, "the gateway stops").remedy("nothing, if somebody wanted it")
            }
            "the journal is full" => Finding::problem(CHECK, "after-callbacks are not acked")
                .remedy("it holds journal.bytes_max of events that are not handled yet: look at the handlers, or raise the limit and restart"),
            _ => Finding::problem(CHECK, "after-callbacks are not acked")
                .remedy("look at the journal's disk and at the gateway's log: docs/operating.md, Disk and retention"),
        }
        .because(problem))
        .collect();
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "the gateway is ready"));
    }
    findings
}

/// The last reload counts: an earlier one that failed has been mended.
fn check_reload(running: &Running) -> Option<Finding> {
    let is_ok = running.metrics.sum("gateway_config_reload_ok")?;
    let finding = || {
        Finding::warning("reload", "the last reload of the configuration was refused")
            .because("gateway_config_reload_ok is 0; the configuration from before is in force")
            .remedy("`config check` and the gateway's log name every wrong key; mend them and send SIGHUP")
    };
    (is_ok < 1.0).then(finding)
}

fn check_unanswered(running: &Running) -> Option<Finding> {
    let count = running.sum("gateway_callbacks_total", &[("outcome", "unanswered")]);
    let requests = running.sum("gateway_requests_total", &[]);
    let level = if count > UNANSWERED_SHARE * requests {
        Level::Warning
    } else {
        Level::Note
    };
    let finding = || {
        level
            .finding("deadline", "callbacks were not answered in time, or their callers hung up")
            .because(format!("{count} of {requests} requests {}", running.since_start()))
            .remedy("look at gateway_journal_commit_seconds, and for a proxy in front with a time-out under two seconds")
    };
    (count > 0.0).then(finding)
}

fn check_decider(running: &Running, decider: &Decider) -> Finding {
    const CHECK: &str = "decider";
    let name = &decider.name;
    let (asked, failed) = questions(running, name);
    let evidence = format!(
        "{}: {failed} of {asked} questions without an answer that Chat honours {}",
        decider.url,
        running.since_start()
    );
    let remedy =
        "look at the decider, and at gateway_decider_requests_total by outcome: docs/deciding.md";
    let is_shadow = !running
        .rulings
        .iter()
        .any(|ruling| ruling.decided_by == *name);
    let finding = if decider.breaker == "open" && !is_shadow {
        let what = format!("the decider {name} is left alone, and the policy answers");
        Finding::problem(CHECK, what).remedy(format!("{remedy}; the next callback probes it"))
    } else if decider.breaker == "open" {
        let what = format!("the shadow {name} is left alone, and nothing is compared");
        Finding::note(CHECK, what).remedy(remedy)
    } else if asked >= QUESTIONS_MIN && failed > asked * FAILED_SHARE_MAX {
        Finding::warning(CHECK, format!("the decider {name} fails")).remedy(remedy)
    } else if asked == 0.0 {
        let what = format!("the decider {name} was never asked");
        return Finding::note(CHECK, what)
            .because(running.since_start())
            .remedy("nothing, if no before-callback of its commands has come");
    } else {
        return Finding::ok(
            CHECK,
            format!("{name} answers: {failed} of {asked} questions failed"),
        );
    };
    finding.because(evidence)
}

/// How many questions were put to a decider, and how many of them had no answer that Chat honours.
fn questions(running: &Running, decider: &str) -> (f64, f64) {
    let series = running.metrics.series("gateway_decider_requests_total");
    let put = series.filter(|(labels, _)| {
        let outcome = labels.value("outcome");
        labels.value("decider") == decider && !NOT_ASKED.contains(&outcome)
    });
    put.fold((0.0, 0.0), |(asked, failed), (labels, value)| {
        let is_ok = labels.value("outcome") == "ok";
        (asked + value, if is_ok { failed } else { failed + value })
    })
}

fn check_handlers(running: &Running) -> Vec<Finding> {
    const CHECK: &str = "handler";
    let mut findings = Vec::new();
    for (command, count) in running.by_command("gateway_handler_dead_events") {
        let finding = Finding::warning(CHECK, format!("events of {command} were given up"))
            .because(format!("gateway_handler_dead_events is {count}"))
            .remedy(format!("`events --command {command} --outcome dead` lists them, `explain ID` says why; once the plug-in is mended, replay them"));
        findings.push(finding);
    }
    for (command, count) in running.by_command("gateway_handler_parked_events") {
        let what = format!("events of {command} wait for another attempt");
        let finding = Finding::note(CHECK, what)
            .because(format!("gateway_handler_parked_events is {count}"))
            .remedy(format!(
                "`events --command {command} --outcome parked` lists them, `explain ID` says why"
            ));
        findings.push(finding);
    }
    let lag = running.sum("gateway_follower_lag_events", &[]);
    if lag > LAG_EVENTS {
        let finding = Finding::warning(CHECK, "handlers, or the index, are behind the journal")
            .because(format!("gateway_follower_lag_events is {lag}"))
            .remedy("look at gateway_handler_outcomes_total by command, and at the CPU");
        findings.push(finding);
    }
    if findings.is_empty() {
        findings.push(Finding::ok(
            CHECK,
            format!("all keep up, {lag} events behind"),
        ));
    }
    findings
}

/// Files that were renewed, and a gateway that was not told. Their end is all that the gateway tells of those in force:
/// one that was exchanged for another with the same end, to the second, is not noticed.
fn check_certificates_in_force(running: &Running, certificates: &Certificates) -> Vec<Finding> {
    let told = certificates.ends().filter_map(|(listener, in_file)| {
        let labels = [("listener", listener)];
        let metric = "gateway_certificate_expires_seconds";
        #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
        let in_force = running.metrics.sum_where(metric, &labels)? as i64;
        let shown = |seconds: i64| {
            let millis = u64::try_from(seconds).ok()?.checked_mul(1000)?;
            time::format(millis)
        };
        let finding = || {
            let what =
                format!("the {listener} listener serves another certificate than its file holds");
            let (in_file, in_force) = (shown(in_file), shown(in_force));
            Finding::warning("certificate", what)
                .because(format!(
                    "{listener}.tls.certificate ends at {}, that in force at {}",
                    in_file.unwrap_or_default(),
                    in_force.unwrap_or_default()
                ))
                .remedy("send SIGHUP to the gateway")
        };
        (in_force != in_file).then(finding)
    });
    told.collect()
}

// === impl Row ===

impl Row {
    fn check(&self, running: &Running) -> Option<Finding> {
        let count = running.sum(self.metric, self.labels);
        let commands = running.by_command(self.metric).into_iter();
        let commands: Vec<String> = commands
            .map(|(command, _)| command)
            .filter(|command| !command.is_empty())
            .collect();
        let of = match commands.as_slice() {
            [] => String::new(),
            commands => {
                let commands: Vec<&str> = commands.iter().map(String::as_str).collect();
                format!(" ({})", join(&commands))
            }
        };
        let finding = || {
            self.level
                .finding(self.check, self.what)
                .because(format!(
                    "{} is {count}{of}, {}",
                    self.metric,
                    running.since_start()
                ))
                .remedy(self.remedy)
        };
        (count > 0.0).then(finding)
    }
}
