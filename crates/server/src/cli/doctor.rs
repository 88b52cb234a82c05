//! `doctor`: looks at a configuration, the files that it names, the journal, and the gateway that runs with it, and says
//! what is wrong, how that is known, and what to do.
//!
//! Every check is a function from what was read to findings. Start at [`run`].

mod callers;
mod certificates;
mod commands;
mod finding;
mod running;
mod secrets;
mod settings;
mod store;
mod subscriptions;
mod thresholds;
mod work;

use std::path::Path;

use gateway_core::Descriptor;
use rustix::process::{Resource, getrlimit};

use self::{
    certificates::Certificates,
    finding::{Finding, Level},
    running::Running,
};
use super::{
    arguments::DoctorOptions,
    client::Client,
    configuration::Loader,
    failure::{Ending, Failure},
    healthcheck,
    output::Output,
};
use crate::{
    clock,
    config::{self, Config, Problems},
};

pub(super) fn run(
    options: &DoctorOptions,
    descriptors: &[Descriptor],
    loader: &Loader,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let findings = match loader.merged() {
        Ok(config) => examine(options, descriptors, &config, loader.file()),
        Err(problems) => judge_problems(&problems),
    };
    Ok(match finding::print(findings, output)? {
        Level::Ok | Level::Note => Ending::Done,
        Level::Warning => Ending::Bad,
        Level::Problem => Ending::Worst,
    })
}

/// Everything that can be looked at.
fn examine(
    options: &DoctorOptions,
    descriptors: &[Descriptor],
    config: &Config,
    file: Option<&Path>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    match config::check(config.clone(), descriptors) {
        Ok(checked) => {
            findings.push(Finding::ok("configuration", "it is valid"));
            findings.extend(settings::check_shared_tokens(&checked));
        }
        Err(problems) => findings.extend(judge_problems(&problems)),
    }
    findings.extend(settings::check_settings(config));
    findings.extend(secrets::check_secrets(config, file));
    let now_ms = clock::now_ms();
    let now = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
    let certificates = Certificates::read(config);
    findings.extend(certificates.check(config, now));
    findings.extend(store::check_journal(config));
    if options.offline {
        // Of this process: the gateway's own may be another one.
        let limit = getrlimit(Resource::Nofile).maximum;
        let checked = limit.and_then(|limit| settings::check_files(config, limit, Level::Note));
        findings.extend(checked);
    } else {
        findings.extend(check_gateway(options, config, &certificates, now_ms));
    }
    findings
}

fn judge_problems(problems: &Problems) -> Vec<Finding> {
    let told = problems.0.iter().map(|problem| {
        let evidence = match problem.origin.as_str() {
            "" => problem.key.clone(),
            origin => format!("{} ({origin})", problem.key),
        };
        Finding::problem("configuration", problem.message.clone())
            .because(evidence)
            .remedy("mend the key; a gateway that runs keeps its old configuration until then")
    });
    told.collect()
}

/// What can be said of the gateway that runs.
fn check_gateway(
    options: &DoctorOptions,
    config: &Config,
    certificates: &Certificates,
    now_ms: u64,
) -> Vec<Finding> {
    // Another one than the configuration's has its listeners elsewhere.
    let mut findings = match options.admin.url {
        None => check_listeners(config),
        Some(_) => Vec::new(),
    };
    if findings
        .iter()
        .any(|finding| finding.level == Level::Problem)
    {
        return findings;
    }
    let client = Client::new(&options.admin, config);
    match client.and_then(|client| Running::ask(&client, now_ms)) {
        Ok(running) => {
            findings.extend(note_unread(&running));
            findings.extend(work::check_work(&running, config, certificates));
            findings.extend(subscriptions::check_subscriptions(&running));
            findings.extend(callers::check_callers(&running, config));
            findings.extend(commands::check_commands(&running));
        }
        Err(failure) => findings.push(judge_silence(options, &failure)),
    }
    findings
}

/// Whether both answer, as seen from this machine.
fn check_listeners(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "listener";
    let bases = match healthcheck::listeners(config) {
        Ok(bases) => bases,
        Err(failure) => {
            let finding = Finding::note(CHECK, "where the listeners are is not known")
                .because(failure.to_string())
                .remedy("give them ports of their own, or name the gateway with --admin-url");
            return vec![finding];
        }
    };
    let asked = bases.map(|base| match healthcheck::check(&base, true) {
        Ok(()) => Finding::ok(CHECK, format!("{base} answers")),
        Err(failure) => Finding::problem(CHECK, format!("{base} does not answer"))
            .because(failure.to_string())
            .remedy("start the gateway; if it runs, look at its log, and whether this is its configuration; --offline looks at the files only"),
    });
    asked.into()
}

/// A listener that answers and can't be asked, most often because of its certificate or the token, harms no callback.
fn judge_silence(options: &DoctorOptions, failure: &Failure) -> Finding {
    let level = match options.admin.url {
        None => Level::Warning,
        Some(_) => Level::Problem,
    };
    level
        .finding("gateway", "the gateway can't be asked how it does")
        .because(failure.to_string())
        .remedy("mend that (see --admin-url, --admin-ca, --admin-token-file), or look at the files only: --offline")
}

fn note_unread(running: &Running) -> Vec<Finding> {
    let told = running.unread.iter().map(|failure| {
        Finding::note("gateway", "a part of what the gateway knows can't be read")
            .because(failure)
            .remedy("try again; a gateway of another version may not have it")
    });
    told.collect()
}

#[cfg(test)]
mod tests;
