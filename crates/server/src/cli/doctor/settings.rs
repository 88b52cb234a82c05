//! Settings that are right by themselves and wrong together.

use std::{net::IpAddr, time::Duration};

use super::finding::{Finding, Level};
use crate::config::{Checked, Config, parse_url};

/// What the network needs of Chat's two seconds.
const NETWORK: Duration = Duration::from_millis(300);

/// What the gateway opens beside connections: files, the admin listener's connections, threads' own.
const OTHER_FILES: u64 = 512;

/// What the keys say together.
pub(super) fn check_settings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(check_encryption(config));
    findings.extend(check_deadline(config));
    findings.extend(check_grace(config));
    findings.extend(check_unsigned(config));
    findings.extend(check_sources(config));
    findings.extend(check_deciders(config));
    findings.extend(check_subscriptions(config));
    if findings.is_empty() {
        findings.push(Finding::ok("settings", "no two of them conflict"));
    }
    findings
}

/// Two apps with one token: whoever knows it from one can call for the other.
pub(super) fn check_shared_tokens(checked: &Checked) -> Vec<Finding> {
    let mut apps: Vec<_> = checked.apps.iter().collect();
    apps.sort_by(|one, other| one.name.cmp(&other.name));
    let mut findings = Vec::new();
    for (place, app) in apps.iter().enumerate() {
        for other in apps.iter().skip(place + 1) {
            let is_shared = |token| other.tokens.iter().any(|theirs| theirs.is_same(token));
            if app.tokens.iter().any(is_shared) {
                let what = format!("the apps {} and {} share a token", app.name, other.name);
                let finding = Finding::warning("token", what)
                    .because(format!("apps.{}, apps.{}", app.name, other.name))
                    .remedy("set another token in Chat's console for one of them, and rotate it: docs/operating.md");
                findings.push(finding);
            }
        }
    }
    findings
}

/// Whether connections may run out of the files that a process with this limit can open. `level` says how sure it is that
/// the limit is the gateway's.
pub(super) fn check_files(config: &Config, limit: u64, level: Level) -> Option<Finding> {
    let deciders = config.deciders.values().map(|decider| decider.concurrency);
    let subscriptions = config.subscriptions.values().map(|one| one.concurrency);
    let wanted =
        config.callbacks.connections_max + deciders.sum::<usize>() + subscriptions.sum::<usize>();
    let wanted = wanted as u64 + OTHER_FILES;
    let finding = || {
        level
            .finding("files", "connections may run out of open files before they reach their cap")
            .because(format!("{wanted} may be open by callbacks.connections_max and the concurrency of deciders and subscriptions; the limit is {limit}"))
            .remedy("raise the gateway's hard limit of open files (LimitNOFILE, ulimit -Hn), or lower the caps")
    };
    (wanted > limit).then(finding)
}

/// Whether something in front of the callback listener is known to do TLS.
pub(super) fn is_proxied(config: &Config) -> bool {
    !config.callbacks.trusted_proxies.is_empty()
}

fn is_public(config: &Config) -> bool {
    !config.callbacks.listen.ip().is_loopback()
}

fn check_encryption(config: &Config) -> Option<Finding> {
    let is_open = is_public(config) && config.callbacks.tls.is_none() && !is_proxied(config);
    let finding = || {
        Finding::warning("encryption", "callbacks come in unencrypted: whoever reads one signature can send any body for a minute")
            .because(format!(
                "callbacks.listen = {}, neither callbacks.tls nor callbacks.trusted_proxies",
                config.callbacks.listen
            ))
            .remedy("configure [callbacks.tls], or name the proxy that does TLS in callbacks.trusted_proxies")
    };
    is_open.then(finding)
}

fn check_deadline(config: &Config) -> Option<Finding> {
    let deadline = config.callbacks.deadline;
    let finding = || {
        Finding::warning("deadline", "the deadline leaves too little for the network")
            .because(format!(
                "callbacks.deadline = {}, and Chat gives up at 2s",
                humantime::format_duration(deadline)
            ))
            .remedy("set callbacks.deadline to 1.5s")
    };
    (Duration::from_secs(2).saturating_sub(deadline) < NETWORK).then(finding)
}

fn check_grace(config: &Config) -> Option<Finding> {
    let (grace, deadline) = (config.shutdown.grace, config.callbacks.deadline);
    let finding = || {
        Finding::warning("grace", "a stop cuts callbacks off that are still in time")
            .because(format!(
                "shutdown.grace = {}, callbacks.deadline = {}",
                humantime::format_duration(grace),
                humantime::format_duration(deadline)
            ))
            .remedy("set shutdown.grace to more than callbacks.deadline")
    };
    (grace < deadline).then(finding)
}

/// On loopback with a proxy in front, the proxy lets everybody in.
fn check_unsigned(config: &Config) -> Vec<Finding> {
    let is_reachable = is_public(config) || is_proxied(config);
    let apps = config.apps.iter().filter(|(_, app)| app.unsigned);
    let open = apps.filter(|(_, app)| is_reachable && app.sources.is_empty());
    open.map(|(name, _)| {
        Finding::warning("unsigned", format!("anybody can send callbacks of the app {name}"))
            .because(format!("apps.{name}.unsigned = true without apps.{name}.sources"))
            .remedy("switch authentication on in Chat's console and give the app a token, or name Chat's networks in sources")
    })
    .collect()
}

/// Behind a proxy that is not named, every peer is the proxy.
fn check_sources(config: &Config) -> Vec<Finding> {
    let listen = config.callbacks.listen.ip();
    if !listen.is_loopback() || is_proxied(config) {
        return Vec::new();
    }
    let apps = config.apps.iter();
    let shut_out = apps.filter(|(_, app)| {
        let takes_loopback = app.sources.iter().any(|network| network.contains(&listen));
        !app.sources.is_empty() && !takes_loopback
    });
    shut_out
        .map(|(name, _)| {
            let what = format!("no callback of the app {name} can come from its sources");
            Finding::problem("sources", what)
                .because(format!(
                    "callbacks.listen = {} sees this machine only",
                    config.callbacks.listen
                ))
                .remedy("name the proxy in front in callbacks.trusted_proxies, so that its X-Forwarded-For counts")
        })
        .collect()
}

fn check_deciders(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_apps = config.apps.values().flat_map(|app| app.commands.values());
    let commands: Vec<_> = config.commands.values().chain(of_apps).collect();
    for (name, decider) in &config.deciders {
        let is_asked = commands.iter().any(|command| {
            let asked = [&command.decider, &command.shadow].into_iter();
            asked.flatten().any(|asked| asked == name)
        });
        if !is_asked {
            let finding = Finding::note(
                "decider",
                format!("the decider {name} is asked about nothing"),
            )
            .because(format!("no `decider` or `shadow` names deciders.{name}"))
            .remedy("name it below [commands.\"…\"], or remove it");
            findings.push(finding);
        }
        if is_asked_unencrypted(&decider.url) {
            let finding = Finding::note(
                "encryption",
                format!("the decider {name} is asked unencrypted"),
            )
            .because(format!("deciders.{name}.url = {}", decider.url))
            .remedy("use https, unless the network between is yours alone");
            findings.push(finding);
        }
    }
    findings
}

/// With networks of its own it is within ours.
fn check_subscriptions(config: &Config) -> Vec<Finding> {
    let subscriptions = config.subscriptions.iter();
    let open = subscriptions.filter(|(_, subscription)| {
        subscription.networks.is_empty() && is_asked_unencrypted(&subscription.url)
    });
    open.map(|(name, subscription)| {
        let what = format!("events go to the subscription {name} unencrypted, over the internet");
        Finding::warning("encryption", what)
            .because(format!("subscriptions.{name}.url = {}", subscription.url))
            .remedy("use https; a service within your own network wants its `networks`")
    })
    .collect()
}

/// What is no URL is for the configuration's check.
fn is_asked_unencrypted(url: &str) -> bool {
    let Some(url) = parse_url(url) else {
        return false;
    };
    let host = url.host().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    let is_near = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
    url.scheme_str() == Some("http") && !is_near
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(variables: &[(&str, &str)]) -> Config {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()));
        crate::config::load(None, variables).unwrap()
    }

    /// The evidence of what is found in a configuration.
    fn check(variables: &[(&str, &str)], expected: &[&str]) {
        let found: Vec<String> = check_settings(&load(variables))
            .into_iter()
            .filter(|finding| finding.level > Level::Ok)
            .map(|finding| finding.evidence)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_defaults_conflict_with_nothing() {
        check(&[], &[]);
    }

    #[test]
    fn a_public_listener_wants_tls_or_a_proxy() {
        let public = ("CALLBACKS__LISTEN", "0.0.0.0:8080");
        let open =
            "callbacks.listen = 0.0.0.0:8080, neither callbacks.tls nor callbacks.trusted_proxies";
        check(&[public], &[open]);
        check(
            &[public, ("CALLBACKS__TRUSTED_PROXIES", "[10.0.0.0/8]")],
            &[],
        );
        let tls = [
            ("CALLBACKS__TLS__CERTIFICATE", "a.pem"),
            ("CALLBACKS__TLS__PRIVATE_KEY", "b.pem"),
        ];
        check(&[public, tls[0], tls[1]], &[]);
    }

    #[test]
    fn times_must_fit_together() {
        check(
            &[("CALLBACKS__DEADLINE", "1.8s"), ("SHUTDOWN__GRACE", "1s")],
            &[
                "callbacks.deadline = 1s 800ms, and Chat gives up at 2s",
                "shutdown.grace = 1s, callbacks.deadline = 1s 800ms",
            ],
        );
    }

    #[test]
    fn an_unsigned_app_that_others_can_reach_wants_sources() {
        let app = [
            ("APPS__OPEN__SDK_APP_ID", "1"),
            ("APPS__OPEN__UNSIGNED", "true"),
        ];
        let open = "apps.open.unsigned = true without apps.open.sources";
        // A proxy on the same machine lets everybody in.
        let proxied = [
            &app[..],
            &[("CALLBACKS__TRUSTED_PROXIES", "[127.0.0.1/32]")],
        ]
        .concat();
        check(&proxied, &[open]);
        check(&app, &[]);
        let sources = ("APPS__OPEN__SOURCES", "[203.0.113.0/24]");
        check(&[&proxied[..], &[sources]].concat(), &[]);
    }

    #[test]
    fn sources_behind_an_unnamed_proxy_never_match() {
        let app = [
            ("APPS__SHOP__SDK_APP_ID", "1"),
            ("APPS__SHOP__SOURCES", "[203.0.113.0/24]"),
        ];
        let evidence = "callbacks.listen = 127.0.0.1:8080 sees this machine only";
        check(&app, &[evidence]);
        let proxy = ("CALLBACKS__TRUSTED_PROXIES", "[127.0.0.1/32]");
        check(&[app[0], app[1], proxy], &[]);
        check(&[app[0], ("APPS__SHOP__SOURCES", "[127.0.0.0/8]")], &[]);
    }

    #[test]
    fn a_decider_wants_to_be_asked_and_encrypted() {
        check(
            &[("DECIDERS__CALM__URL", "http://decider.internal:9000/")],
            &[
                "no `decider` or `shadow` names deciders.calm",
                "deciders.calm.url = http://decider.internal:9000/",
            ],
        );
        for (url, expected) in [
            ("http://localhost:1/a", false),
            ("http://127.0.0.1/", false),
            ("http://[::1]/", false),
            ("http://[::1]:9/", false),
            ("https://10.0.0.1:1/", false),
            ("http://10.0.0.1:1/", true),
            ("HTTP://far.example/", true),
        ] {
            assert_eq!(is_asked_unencrypted(url), expected, "{url}");
        }
    }

    #[test]
    fn events_for_a_public_address_want_encryption() {
        let url = ("SUBSCRIPTIONS__CRM__URL", "http://crm.example/");
        let secrets = ("SUBSCRIPTIONS__CRM__SECRET_FILES", "[\"a\"]");
        check(
            &[url, secrets],
            &["subscriptions.crm.url = http://crm.example/"],
        );
        let networks = ("SUBSCRIPTIONS__CRM__NETWORKS", "[\"10.0.0.0/8\"]");
        check(&[url, secrets, networks], &[]);
        let url = ("SUBSCRIPTIONS__CRM__URL", "https://crm.example/");
        check(&[url, secrets], &[]);
    }

    #[test]
    fn connections_need_files() {
        let config = load(&[("CALLBACKS__CONNECTIONS_MAX", "4096")]);
        assert!(check_files(&config, 4_607, Level::Note).is_some());
        assert!(check_files(&config, 4_608, Level::Note).is_none());
    }
}
