//! The rules of `[subscriptions]`, and the files that its keys name.

use std::{sync::Arc, time::Duration};

use gateway_fanout::{
    Client, Named, Pattern, Secret, Secrets, Start, Subscriber, SubscriberError, SubscriptionConfig,
};
use http::Uri;
use secrecy::ExposeSecret;

use super::{
    Config, Problem,
    deciders::authorities,
    validate::{is_plain_name, read_secret},
};
use crate::{clock, time};

/// Each has metrics of its own, whose number is bounded.
const SUBSCRIPTIONS_MAX: usize = 32;

/// Secrets that sign at once.
const SECRETS_MAX: usize = 4;

/// The longest that an attempt may take.
const TIMEOUT_MAX: Duration = Duration::from_mins(1);

/// The longest pause, and the longest that a delivery or a dead letter is kept.
const KEPT_MAX: Duration = Duration::from_hours(365 * 24);

/// Pauses that a schedule has.
const RETRIES_MAX: usize = 64;

/// Checks the subscriptions and reads what their keys name.
pub(super) fn check_subscriptions(
    config: &Config,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<Subscriber>> {
    if config.subscriptions.len() > SUBSCRIPTIONS_MAX {
        problems.push(Problem::new(
            "subscriptions",
            format!("expected at most {SUBSCRIPTIONS_MAX}"),
        ));
    }
    let subscriptions = config.subscriptions.iter();
    subscriptions
        .filter_map(|(name, subscription)| {
            check_capacities(name, subscription, problems);
            check_filters(name, subscription, config, problems);
            build(name, subscription, problems).map(Arc::new)
        })
        .collect()
}

fn key(name: &str, part: &str) -> String {
    format!("subscriptions.{name}.{part}")
}

fn check_capacities(name: &str, config: &SubscriptionConfig, problems: &mut Vec<Problem>) {
    let capacities = [
        ("concurrency", config.concurrency as u64, 1, 1_024),
        ("rate", u64::from(config.rate), 1, 1_000_000),
    ];
    for (part, value, least, most) in capacities {
        if !(least..=most).contains(&value) {
            let expected = format!("expected {least} to {most}");
            problems.push(Problem::new(key(name, part), expected));
        }
    }
    if config.timeout.is_zero() || config.timeout > TIMEOUT_MAX {
        let expected = "expected more than 0s, and at most 1m";
        problems.push(Problem::new(key(name, "timeout"), expected));
    }
    let is_pause = |pause: &Duration| (Duration::from_millis(100)..=KEPT_MAX).contains(pause);
    let pauses = config.retries.len();
    if !(1..=RETRIES_MAX).contains(&pauses) || !config.retries.iter().all(is_pause) {
        let expected = format!("expected 1 to {RETRIES_MAX} pauses, each of 100ms to 365days");
        problems.push(Problem::new(key(name, "retries"), expected));
    }
    for (part, kept) in [
        ("give_up_after", config.give_up_after),
        ("dead_letters", config.dead_letters),
    ] {
        if kept > KEPT_MAX {
            problems.push(Problem::new(key(name, part), "expected at most 365days"));
        }
    }
}

fn check_filters(
    name: &str,
    config: &SubscriptionConfig,
    all: &Config,
    problems: &mut Vec<Problem>,
) {
    if config.commands.is_empty() {
        let expected = "expected at least one command or pattern; * is all of them";
        problems.push(Problem::new(key(name, "commands"), expected));
    }
    for command in &config.commands {
        if let Err(error) = Pattern::parse(command) {
            problems.push(Problem::new(key(name, "commands"), error));
        }
    }
    for app in config
        .apps
        .iter()
        .filter(|app| !all.apps.contains_key(*app))
    {
        let message = format!("no app is named `{app}`");
        problems.push(Problem::new(key(name, "apps"), message));
    }
}

fn build(
    name: &str,
    config: &SubscriptionConfig,
    problems: &mut Vec<Problem>,
) -> Option<Subscriber> {
    if !is_plain_name(name) {
        problems.push(Problem::new(
            format!("subscriptions.{name}"),
            "expected a name of 1 to 32 of a-z, 0-9, - and _",
        ));
    }
    let secrets = read_secrets(name, config, problems);
    let roots = authorities(&key(name, "ca"), config.ca.as_deref(), problems);
    let start = parse_start(&config.start)
        .map_err(|message| problems.push(Problem::new(key(name, "start"), message)));
    let url =
        parse_url(config).map_err(|message| problems.push(Problem::new(key(name, "url"), message)));
    let named = Named {
        url: url.ok()?,
        secrets: secrets?,
        roots: roots?,
        start: start.ok()?,
    };
    match Subscriber::new(name, config, named) {
        Ok(subscriber) => Some(subscriber),
        Err(SubscriberError::Url(error)) => {
            problems.push(Problem::new(key(name, "url"), error));
            None
        }
        // It has been told of.
        Err(SubscriberError::Pattern(_)) => None,
    }
}

fn read_secrets(
    name: &str,
    config: &SubscriptionConfig,
    problems: &mut Vec<Problem>,
) -> Option<Secrets> {
    let key = key(name, "secret_files");
    if config.secret_files.is_empty() || config.secret_files.len() > SECRETS_MAX {
        let expected = format!("expected 1 to {SECRETS_MAX} files, the newest secret first");
        problems.push(Problem::new(key, expected));
        return None;
    }
    let files = config.secret_files.iter();
    let secrets: Vec<Option<Secret>> = files
        .map(|path| {
            let text = read_secret(&key, path, problems)?;
            let secret = text.expose_secret().parse();
            secret
                .map_err(|error| {
                    let message = format!("{}: {error}", path.display());
                    problems.push(Problem::new(key.clone(), message));
                })
                .ok()
        })
        .collect();
    let secrets: Option<Vec<Secret>> = secrets.into_iter().collect();
    Secrets::new(secrets?).ok()
}

fn parse_url(config: &SubscriptionConfig) -> Result<Uri, String> {
    let url = config
        .url
        .parse()
        .map_err(|error| format!("expected a URL such as https://example.com/events: {error}"))?;
    Client::check(&url, &config.into()).map_err(|error| error.to_string())?;
    Ok(url)
}

fn parse_start(text: &str) -> Result<Start, String> {
    match text {
        "now" => Ok(Start::Now),
        "beginning" => Ok(Start::Beginning),
        text => time::parse(text, clock::now_ms())
            .map(Start::At)
            .map_err(|error| format!("expected now, beginning, or a time: {error}")),
    }
}
