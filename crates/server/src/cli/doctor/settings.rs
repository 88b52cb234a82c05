//! Settings that are right by themselves and wrong together, and secrets that others can read.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use super::finding::{Finding, Level};
use crate::config::{Checked, Config};

const CHECK: &str = "settings";

/// What the network needs of Chat's two seconds.
const NETWORK: Duration = Duration::from_millis(300);

/// What the gateway opens beside connections: files, the admin listener's connections, threads' own.
const OTHER_FILES: u64 = 512;

/// What the keys say together.
pub(super) fn settings(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(plaintext(config));
    findings.extend(deadline(config));
    findings.extend(grace(config));
    findings.extend(files(config));
    findings.extend(unsigned(config));
    findings.extend(sources(config));
    findings.extend(deciders(config));
    findings.extend(secrets(config));
    if findings.is_empty() {
        findings.push(Finding::ok(CHECK, "nothing contradicts itself"));
    }
    findings
}

/// Two apps with one token: whoever knows it from one can call for the other.
pub(super) fn shared_tokens(checked: &Checked) -> Vec<Finding> {
    let mut apps: Vec<_> = checked.apps.iter().collect();
    apps.sort_by(|one, other| one.name.cmp(&other.name));
    let mut findings = Vec::new();
    for (place, app) in apps.iter().enumerate() {
        for other in apps.iter().skip(place + 1) {
            let is_shared = |token| other.tokens.iter().any(|theirs| theirs.is_same(token));
            if app.tokens.iter().any(is_shared) {
                findings.push(Finding::new(
                    Level::Warning,
                    CHECK,
                    format!("the apps {} and {} share a token", app.name, other.name),
                    format!("apps.{}.token_files, apps.{}.token_files", app.name, other.name),
                    "set another token in Chat's console for one of them, and rotate it: docs/operating.md",
                ));
            }
        }
    }
    findings
}

/// Whether something in front of the callback listener is known to do TLS.
pub(super) fn is_proxied(config: &Config) -> bool {
    !config.callbacks.trusted_proxies.is_empty()
}

fn is_public(config: &Config) -> bool {
    !config.callbacks.listen.ip().is_loopback()
}

fn plaintext(config: &Config) -> Option<Finding> {
    let is_open = is_public(config) && config.callbacks.tls.is_none() && !is_proxied(config);
    is_open.then(|| {
        Finding::new(
            Level::Warning,
            CHECK,
            "callbacks come in unencrypted: whoever reads one signature can send any body for a minute",
            format!("callbacks.listen = {}, neither callbacks.tls nor callbacks.trusted_proxies", config.callbacks.listen),
            "configure [callbacks.tls], or name the proxy that does TLS in callbacks.trusted_proxies",
        )
    })
}

fn deadline(config: &Config) -> Option<Finding> {
    let left = Duration::from_secs(2).saturating_sub(config.callbacks.deadline);
    (left < NETWORK).then(|| {
        Finding::new(
            Level::Warning,
            CHECK,
            "the deadline leaves too little for the network",
            format!(
                "callbacks.deadline = {}, and Chat gives up at 2s",
                humantime::format_duration(config.callbacks.deadline)
            ),
            "set callbacks.deadline to 1.5s",
        )
    })
}

fn grace(config: &Config) -> Option<Finding> {
    let (grace, deadline) = (config.shutdown.grace, config.callbacks.deadline);
    (grace < deadline).then(|| {
        Finding::new(
            Level::Warning,
            CHECK,
            "a stop cuts callbacks off that are still in time",
            format!(
                "shutdown.grace = {}, callbacks.deadline = {}",
                humantime::format_duration(grace),
                humantime::format_duration(deadline)
            ),
            "set shutdown.grace to more than callbacks.deadline",
        )
    })
}

/// The limit is this process's: the gateway's own is another one where a supervisor sets it.
fn files(config: &Config) -> Option<Finding> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum?;
    let deciders = config.deciders.values().map(|decider| decider.concurrency);
    let wanted = config.callbacks.connections_max + deciders.sum::<usize>();
    let wanted = wanted as u64 + OTHER_FILES;
    (wanted > limit).then(|| {
        Finding::new(
            Level::Warning,
            CHECK,
            "connections may run out of open files before they reach their cap",
            format!("{wanted} may be open by callbacks.connections_max and deciders.*.concurrency; the hard limit here is {limit}"),
            "raise the gateway's hard limit of open files (LimitNOFILE, ulimit -Hn), or lower the caps",
        )
    })
}

fn unsigned(config: &Config) -> Vec<Finding> {
    let has_client_ca = config
        .callbacks
        .tls
        .as_ref()
        .is_some_and(|tls| tls.client_ca.is_some());
    let apps = config.apps.iter().filter(|(_, app)| app.unsigned);
    let open = apps.filter(|(_, app)| is_public(config) && app.sources.is_empty());
    open.map(|(name, _)| {
        let certificate = if has_client_ca {
            "; a client certificate is part of the proof, but not asked for"
        } else {
            ""
        };
        Finding::new(
            Level::Warning,
            CHECK,
            format!("anybody can send callbacks of the app {name}"),
            format!("apps.{name}.unsigned = true without apps.{name}.sources{certificate}"),
            "switch authentication on in Chat's console and give the app a token, or name Chat's networks in sources",
        )
    })
    .collect()
}

/// Behind a proxy that is not named, every peer is the proxy.
fn sources(config: &Config) -> Vec<Finding> {
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
            Finding::new(
                Level::Problem,
                CHECK,
                format!("no callback of the app {name} can come from its sources"),
                format!("callbacks.listen = {} sees this machine only", config.callbacks.listen),
                "name the proxy in front in callbacks.trusted_proxies, so that its X-Forwarded-For counts",
            )
        })
        .collect()
}

fn deciders(config: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    let of_apps = config.apps.values().flat_map(|app| app.commands.values());
    let commands: Vec<_> = config.commands.values().chain(of_apps).collect();
    for (name, decider) in &config.deciders {
        let is_asked = commands
            .iter()
            .any(|command| [&command.decider, &command.shadow].contains(&&Some(name.clone())));
        if !is_asked {
            findings.push(Finding::new(
                Level::Note,
                CHECK,
                format!("the decider {name} is asked about nothing"),
                format!("no `decider` or `shadow` names deciders.{name}"),
                "name it below [commands.\"…\"], or remove it",
            ));
        }
        let host = decider.url.strip_prefix("http://").unwrap_or_default();
        let is_far = !host.is_empty() && !is_loopback(host);
        if is_far {
            findings.push(Finding::new(
                Level::Note,
                CHECK,
                format!("the decider {name} is asked unencrypted"),
                format!("deciders.{name}.url = {}", decider.url),
                "use https, unless the network between is yours alone",
            ));
        }
    }
    findings
}

fn is_loopback(host: &str) -> bool {
    let host = host.split('/').next().unwrap_or_default();
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

fn secrets(config: &Config) -> Vec<Finding> {
    let tls = [
        ("callbacks", &config.callbacks.tls),
        ("admin", &config.admin.tls),
    ];
    let keys = tls.into_iter().filter_map(|(listener, tls)| {
        let key = &tls.as_ref()?.private_key;
        Some((format!("{listener}.tls.private_key"), key))
    });
    let apps = config.apps.iter().flat_map(|(name, app)| {
        let key = format!("apps.{name}.token_files");
        app.token_files.iter().map(move |path| (key.clone(), path))
    });
    let deciders = config.deciders.iter().filter_map(|(name, decider)| {
        let path = decider.token_file.as_ref()?;
        Some((format!("deciders.{name}.token_file"), path))
    });
    let admin = config.admin.token_file.iter();
    let admin = admin.map(|path| ("admin.token_file".to_owned(), path));
    let files = keys.chain(apps).chain(deciders).chain(admin);
    files
        .filter_map(|(key, path)| readable(&key, path))
        .collect()
}

/// A secret that other users of the machine can read. One that can't be read at all is for the configuration's check.
fn readable(key: &str, path: &Path) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o004 != 0).then(|| {
        Finding::new(
            Level::Warning,
            CHECK,
            format!("every user of this machine can read {}", path.display()),
            format!("{key}, mode {mode:o}"),
            format!("chmod 600 {}", path.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings of a configuration, but for its files: `level what`.
    fn check(variables: &[(&str, &str)], expected: &[&str]) {
        let variables = variables
            .iter()
            .map(|(name, value)| (format!("GATEWAY_{name}"), (*value).to_owned()));
        let config = crate::config::load(None, variables).unwrap();
        let found: Vec<String> = settings(&config)
            .into_iter()
            .filter(|finding| finding.level > Level::Ok && !finding.what.contains("open files"))
            .map(|finding| finding.evidence)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn the_defaults_contradict_nothing() {
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
    fn an_unsigned_app_wants_sources() {
        let app = [
            ("CALLBACKS__LISTEN", "0.0.0.0:8080"),
            ("CALLBACKS__TRUSTED_PROXIES", "[10.0.0.0/8]"),
            ("APPS__OPEN__SDK_APP_ID", "1"),
            ("APPS__OPEN__UNSIGNED", "true"),
        ];
        check(
            &app,
            &["apps.open.unsigned = true without apps.open.sources"],
        );
        let sources = ("APPS__OPEN__SOURCES", "[203.0.113.0/24]");
        check(&[&app[..], &[sources]].concat(), &[]);
        check(&app[2..], &[]);
    }

    #[test]
    fn sources_behind_an_unnamed_proxy_never_match() {
        let app = [
            ("APPS__SHOP__SDK_APP_ID", "1"),
            ("APPS__SHOP__SOURCES", "[203.0.113.0/24]"),
        ];
        check(
            &app,
            &["callbacks.listen = 127.0.0.1:8080 sees this machine only"],
        );
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
        for (host, expected) in [
            ("localhost:1/a", true),
            ("127.0.0.1", true),
            ("[::1]:9/", true),
            ("10.0.0.1:1", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
    }

    #[test]
    fn a_secret_that_everybody_can_read_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        fs::write(&path, "hush").unwrap();
        for (mode, is_told) in [(0o600, false), (0o640, false), (0o644, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let finding = readable("apps.shop.token_files", &path);
            assert_eq!(finding.is_some(), is_told, "{mode:o}");
        }
    }
}
