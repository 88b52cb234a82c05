//! `doctor`: looks at a configuration, the files that it names, the journal, and the gateway that runs with it, and says
//! what is wrong, how that is known, and what to do.
//!
//! Every check is a function from what was read to findings. Start at [`run`].

mod certificates;
mod finding;
mod running;
mod settings;
mod store;
mod traffic;
mod work;

use gateway_core::Descriptor;

use self::{
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
        Ok(config) => examine(options, descriptors, &config),
        Err(problems) => configuration(&problems),
    };
    Ok(match finding::print(findings, output)? {
        Level::Ok | Level::Note => Ending::Done,
        Level::Warning => Ending::Bad,
        Level::Problem => Ending::Worse,
    })
}

fn examine(options: &DoctorOptions, descriptors: &[Descriptor], config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    match config::check(config.clone(), descriptors) {
        Ok(checked) => {
            findings.push(Finding::ok("configuration", "it holds together"));
            findings.extend(settings::shared_tokens(&checked));
        }
        Err(problems) => findings.extend(configuration(&problems)),
    }
    findings.extend(settings::settings(config));
    let now_ms = clock::now_ms();
    let now = i64::try_from(now_ms / 1000).unwrap_or(i64::MAX);
    findings.extend(certificates::certificates(config, now));
    findings.extend(store::journal(config));
    if !options.offline {
        findings.extend(listeners(config));
        findings.extend(gateway(options, config, now_ms));
    }
    findings
}

fn configuration(problems: &Problems) -> Vec<Finding> {
    let told = problems.0.iter().map(|problem| {
        let evidence = match problem.origin.as_str() {
            "" => problem.key.clone(),
            origin => format!("{} ({origin})", problem.key),
        };
        let remedy = "mend the key; a gateway that runs keeps its old configuration until then";
        let what = problem.message.clone();
        Finding::new(Level::Problem, "configuration", what, evidence, remedy)
    });
    told.collect()
}

/// Whether they answer, as seen from this machine.
fn listeners(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "listener";
    let bases = match healthcheck::listeners(config) {
        Ok(bases) => bases,
        Err(failure) => {
            let remedy = "give the listeners ports of their own";
            let what = "where the listeners are is not known";
            return vec![Finding::new(
                Level::Note,
                CHECK,
                what,
                failure.to_string(),
                remedy,
            )];
        }
    };
    let asked = bases.map(|base| match healthcheck::check(&base, true) {
        Ok(()) => Finding::ok(CHECK, format!("{base} answers")),
        Err(failure) => Finding::new(
            Level::Problem,
            CHECK,
            format!("{base} does not answer"),
            failure.to_string(),
            "start the gateway; if it runs, look at its log, and whether this is its configuration",
        ),
    });
    asked.into()
}

/// What the gateway says of itself, if it can be asked.
fn gateway(options: &DoctorOptions, config: &Config, now_ms: u64) -> Vec<Finding> {
    let client = Client::new(&options.admin, config);
    let asked = client.and_then(|client| Running::ask(&client, now_ms));
    let running = match asked {
        Ok(running) => running,
        Err(failure) => {
            let what = "the gateway can't be asked how it does";
            let remedy = "mend that, or look at the configuration and its files only: --offline";
            let evidence = failure.to_string();
            return vec![Finding::new(
                Level::Problem,
                "gateway",
                what,
                evidence,
                remedy,
            )];
        }
    };
    let mut findings = work::work(&running, config);
    findings.extend(traffic::traffic(&running, config));
    findings
}

#[cfg(test)]
mod tests;
