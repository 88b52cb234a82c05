//! What the types can't say: the rules between keys, and the files that keys name.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
    time::Duration,
};

use gateway_core::{App, Apps, AppsError, Descriptor, Phase, Token};
use gateway_fanout::Subscriber;
use secrecy::{ExposeSecret, SecretString};

use super::{
    AppConfig, BODY_MAX_MAX, CallbacksConfig, Config, Problem, Problems,
    commands::{CheckedCommands, check_commands},
    deciders::{CheckedDecider, check_deciders},
    in_memory, secret,
    subscriptions::check_subscriptions,
    traces::{CheckedTraces, check_traces},
};

/// A configuration that holds together, with the secrets read from their files.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The keys.
    pub config: Config,
    /// The apps with their tokens; empty on a first run.
    pub apps: Apps,
    /// The admin listener's token.
    pub admin_token: Option<SecretString>,
    /// Where spans go; `None` when nothing is traced.
    pub traces: Option<CheckedTraces>,
    /// Who may decide, by name.
    pub deciders: BTreeMap<String, CheckedDecider>,
    /// Who decides about every before-command.
    pub commands: CheckedCommands,
    /// Where that differs for an app, by the app's name.
    pub app_commands: BTreeMap<String, CheckedCommands>,
    /// Who gets events, by name.
    pub subscribers: Vec<Arc<Subscriber>>,
}

/// Chat gives up after two seconds; an answer later than this is never in time.
const DEADLINE_MAX: Duration = Duration::from_millis(1900);

/// Checks the rules and reads the files that keys name. `descriptors` are those of the installed plug-ins.
///
/// # Errors
///
/// Every problem, with its key and where that was set.
pub fn check(config: Config, descriptors: &[Descriptor]) -> Result<Checked, Problems> {
    let mut problems = Vec::new();
    check_callbacks(&config, &mut problems);
    check_capacities(&config, &mut problems);
    let admin_token = check_admin(&config, &mut problems);
    let traces = check_traces(&config, &mut problems);
    let apps: Vec<App> = config
        .apps
        .iter()
        .map(|(name, app)| build_app(name, app, &mut problems))
        .collect();
    let deciders = check_deciders(&config, &mut problems);
    let subscribers = check_subscriptions(&config, &mut problems);
    let (commands, app_commands) = check_commands(&config, descriptors, &mut problems);
    if apps.is_empty() && !config.is_local() {
        problems.push(Problem::new(
            "apps",
            "none is configured and a listener is off loopback; add [apps.NAME]",
        ));
    }
    match Apps::new(apps) {
        Ok(apps) if problems.is_empty() => {
            return Ok(Checked {
                config,
                apps,
                admin_token,
                traces,
                deciders,
                commands,
                app_commands,
                subscribers,
            });
        }
        Ok(_) => {}
        Err(errors) => {
            let news = errors.iter().filter(|error| !is_told(error, &problems));
            let news: Vec<Problem> = news
                .map(|error| Problem::new(app_key(error), error))
                .collect();
            problems.extend(news);
        }
    }
    for problem in &mut problems {
        let origin = config.origins.get(&problem.key);
        problem.origin = origin.unwrap_or_default().to_owned();
    }
    Err(Problems(problems))
}

/// Whether a token is missing only because it can't be read or is none, which has been said.
fn is_told(error: &AppsError, problems: &[Problem]) -> bool {
    let AppsError::TokenCount { app, count: 0 } = error else {
        return false;
    };
    let keys = [
        format!("apps.{app}.token"),
        format!("apps.{app}.token_files"),
    ];
    problems.iter().any(|problem| keys.contains(&problem.key))
}

fn app_key(error: &AppsError) -> String {
    match error {
        AppsError::SameId { second, .. } => format!("apps.{second}.sdk_app_id"),
        AppsError::UnsignedWithToken(app) => format!("apps.{app}.unsigned"),
        AppsError::TokenCount { app, .. } => format!("apps.{app}.token_files"),
    }
}

fn check_callbacks(config: &Config, problems: &mut Vec<Problem>) {
    let callbacks = &config.callbacks;
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.~".contains(c);
    if !callbacks.path.starts_with('/')
        || !callbacks.path.chars().all(plain)
        || callbacks.path == "/healthz"
    {
        problems.push(Problem::new(
            "callbacks.path",
            "expected a path such as /callback, without a query",
        ));
    }
    if callbacks.deadline < Duration::from_millis(100) || callbacks.deadline > DEADLINE_MAX {
        problems.push(Problem::new(
            "callbacks.deadline",
            "expected 100ms to 1.9s; Chat gives up at 2s",
        ));
    }
    if callbacks.listen.port() != 0 && callbacks.listen == config.admin.listen {
        problems.push(Problem::new(
            "admin.listen",
            "expected another address than callbacks.listen",
        ));
    }
    let bodies_max = CallbacksConfig::share(in_memory(callbacks.bodies_max), Phase::After);
    if bodies_max < in_memory(callbacks.body_max) {
        problems.push(Problem::new(
            "callbacks.bodies_max",
            "expected at least four thirds of callbacks.body_max: a quarter is kept for before-callbacks",
        ));
    }
}

fn check_capacities(config: &Config, problems: &mut Vec<Problem>) {
    let capacities = [
        (
            "callbacks.connections_max",
            config.callbacks.connections_max,
            1,
            1 << 20,
        ),
        ("callbacks.threads", config.callbacks.threads, 1, 256),
        (
            "journal.queue_events",
            config.journal.queue_events,
            1,
            1 << 20,
        ),
        ("handlers.concurrency", config.handlers.concurrency, 1, 4096),
        ("handlers.queue", config.handlers.queue, 0, 1 << 20),
    ];
    for (key, value, least, most) in capacities {
        if !(least..=most).contains(&value) {
            problems.push(Problem::new(key, format!("expected {least} to {most}")));
        }
    }
    let sizes = [
        (
            "callbacks.body_max",
            config.callbacks.body_max.as_u64(),
            1024,
            BODY_MAX_MAX as u64,
        ),
        (
            "journal.queue_bytes",
            config.journal.queue_bytes.as_u64(),
            config.callbacks.body_max.as_u64(),
            1 << 34,
        ),
        (
            "journal.bytes_max",
            config.journal.bytes_max.as_u64(),
            1 << 20,
            u64::MAX,
        ),
    ];
    for (key, value, least, most) in sizes {
        if !(least..=most).contains(&value) {
            problems.push(Problem::new(
                key,
                format!("expected {least} to {most} bytes"),
            ));
        }
    }
    if config
        .log
        .level
        .parse::<tracing_subscriber::EnvFilter>()
        .is_err()
    {
        problems.push(Problem::new(
            "log.level",
            "expected a filter such as info or gateway_server=debug",
        ));
    }
}

fn check_admin(config: &Config, problems: &mut Vec<Problem>) -> Option<SecretString> {
    let admin = &config.admin;
    if !admin.listen.ip().is_loopback() {
        if admin.token_file.is_none() {
            problems.push(Problem::new(
                "admin.token_file",
                "required when admin.listen is off loopback",
            ));
        }
        if admin.tls.is_none() && !admin.plaintext {
            let message =
                "required when admin.listen is off loopback, unless admin.plaintext = true";
            problems.push(Problem::new("admin.tls", message));
        }
    }
    let path = admin.token_file.as_deref()?;
    let secret = read_secret("admin.token_file", path, problems)?;
    if secret.expose_secret().len() < 16 {
        problems.push(Problem::new(
            "admin.token_file",
            "expected a token of at least 16 characters",
        ));
    }
    Some(secret)
}

fn build_app(name: &str, app: &AppConfig, problems: &mut Vec<Problem>) -> App {
    let key = |part: &str| format!("apps.{name}.{part}");
    if !is_plain_name(name) {
        problems.push(Problem::new(
            format!("apps.{name}"),
            "expected a name of 1 to 32 of a-z, 0-9, - and _",
        ));
    }
    let mut secrets: Vec<(String, SecretString)> = Vec::new();
    secrets.extend(app.token.iter().map(|token| (key("token"), token.clone())));
    for path in &app.token_files {
        let key = key("token_files");
        secrets.extend(read_secret(&key, path, problems).map(|secret| (key, secret)));
    }
    let mut tokens = Vec::new();
    let mut seen = BTreeSet::new();
    for (key, secret) in secrets {
        match Token::new(secret.expose_secret()) {
            Ok(token) if seen.insert(secret.expose_secret().to_owned()) => tokens.push(token),
            Ok(_) => {}
            Err(error) => problems.push(Problem::new(key, error)),
        }
    }
    App {
        name: Arc::from(name),
        sdk_app_id: app.sdk_app_id,
        tokens,
        unsigned: app.unsigned,
        sources: app.sources.clone(),
    }
}

/// Whether a name can be a label's value and part of a variable's name.
pub(super) fn is_plain_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    (1..=32).contains(&name.len()) && name.chars().all(plain)
}

/// The secret in a file, which `key` names.
pub(super) fn read_secret(
    key: &str,
    path: &Path,
    problems: &mut Vec<Problem>,
) -> Option<SecretString> {
    secret::read_secret(path)
        .map_err(|error| problems.push(Problem::new(key, error)))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::{super::load, *};

    fn check_keys(variables: &[(&str, &str)], expected: &[&str]) {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()));
        let checked = check(load(None, variables).unwrap(), &[]);
        let keys: Vec<String> = checked.err().map_or(Vec::new(), |problems| {
            problems.0.into_iter().map(|p| p.key).collect()
        });
        assert_eq!(keys, expected);
    }

    #[test]
    fn the_defaults_hold_together() {
        check_keys(&[], &[]);
    }

    #[test]
    fn off_loopback_wants_apps_a_token_and_tls() {
        check_keys(
            &[("ADMIN__LISTEN", "0.0.0.0:8081")],
            &["admin.token_file", "admin.tls", "apps"],
        );
        check_keys(&[("CALLBACKS__LISTEN", "0.0.0.0:8080")], &["apps"]);
    }

    #[test]
    fn an_app_is_signed_or_unsigned() {
        let signed = [("APPS__SHOP__SDK_APP_ID", "1"), ("APPS__SHOP__TOKEN", "a")];
        check_keys(&signed, &[]);
        check_keys(&[signed[0]], &["apps.shop.token_files"]);
        check_keys(
            &[signed[0], signed[1], ("APPS__SHOP__UNSIGNED", "true")],
            &["apps.shop.unsigned"],
        );
    }

    #[test]
    fn a_number_is_a_token_too() {
        check_keys(
            &[
                ("APPS__SHOP__SDK_APP_ID", "1"),
                ("APPS__SHOP__TOKEN", "123456"),
            ],
            &[],
        );
    }

    #[test]
    fn reports_every_rule_that_is_broken() {
        check_keys(
            &[
                ("CALLBACKS__PATH", "callback"),
                ("CALLBACKS__DEADLINE", "3s"),
                ("CALLBACKS__THREADS", "0"),
                ("APPS__SHOP__SDK_APP_ID", "1"),
                ("APPS__SHOP__TOKEN_FILES", "[no-such]"),
            ],
            &[
                "callbacks.path",
                "callbacks.deadline",
                "callbacks.threads",
                "apps.shop.token_files",
            ],
        );
    }

    #[test]
    fn a_collector_has_a_url_and_files_that_can_be_read() {
        let endpoint = ("TRACES__ENDPOINT", "https://collector:4318/otlp/");
        check_keys(&[endpoint, ("TRACES__SAMPLED", "1")], &[]);
        check_keys(
            &[
                ("TRACES__ENDPOINT", "collector:4318"),
                ("TRACES__SAMPLED", "1.5"),
                ("TRACES__TOKEN_FILE", "no-such"),
                ("TRACES__CA", "no-such"),
            ],
            &[
                "traces.sampled",
                "traces.token_file",
                "traces.ca",
                "traces.endpoint",
            ],
        );
    }
}
