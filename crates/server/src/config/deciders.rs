//! The rules of `[deciders]`, and the files that its keys name.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use gateway_core::{Causes, Token};
use rustls::RootCertStore;
use secrecy::ExposeSecret;

use super::{
    Config, DeciderConfig, Problem,
    validate::{is_plain_name, read_secret},
};
use crate::listener::read_certificates;

/// Who decides in the place of a decider: the command's plug-in. No decider is called so.
pub(super) const PLUG_IN: &str = "plug-in";

/// In the place of a shadow decider's name: none.
pub(super) const NO_SHADOW: &str = "none";

/// Names that mean something else where a decider's could stand.
const RESERVED: [&str; 3] = [PLUG_IN, NO_SHADOW, "policy"];

/// Each has metrics of its own, whose number is bounded.
const DECIDERS_MAX: usize = 32;

/// A longer pause would leave a decider alone for good.
const BREAKER_PAUSE_MAX: Duration = Duration::from_hours(1);

/// A decider with what its keys name.
#[derive(Debug, Clone)]
pub struct CheckedDecider {
    /// The keys.
    pub config: DeciderConfig,
    /// The URL, parsed.
    pub url: http::Uri,
    /// What signs its requests.
    pub token: Option<Token>,
    /// Who vouches for its certificate.
    pub roots: Arc<RootCertStore>,
}

// === impl CheckedDecider ===

impl CheckedDecider {
    /// Whether nothing differs, in the keys and in the files that they name.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let tokens = (&self.token, &other.token);
        self.config == other.config
            && self.roots.roots == other.roots.roots
            && match tokens {
                (Some(token), Some(other)) => token.is_same(other),
                (None, None) => true,
                _ => false,
            }
    }
}

/// Reads what the deciders' keys name.
pub(super) fn check_deciders(
    config: &Config,
    problems: &mut Vec<Problem>,
) -> BTreeMap<String, CheckedDecider> {
    if config.deciders.len() > DECIDERS_MAX {
        problems.push(Problem::new(
            "deciders",
            format!("expected at most {DECIDERS_MAX}"),
        ));
    }
    let deciders = config.deciders.iter();
    deciders
        .filter_map(|(name, decider)| Some((name.clone(), check_decider(name, decider, problems)?)))
        .collect()
}

fn check_decider(
    name: &str,
    config: &DeciderConfig,
    problems: &mut Vec<Problem>,
) -> Option<CheckedDecider> {
    let key = |part: &str| format!("deciders.{name}.{part}");
    if !is_plain_name(name) || RESERVED.contains(&name) {
        problems.push(Problem::new(
            format!("deciders.{name}"),
            format!(
                "expected a name of 1 to 32 of a-z, 0-9, - and _, other than {}",
                RESERVED.join(", ")
            ),
        ));
    }
    let failures = u64::from(config.breaker_failures);
    let capacities = [
        ("concurrency", config.concurrency as u64, 1, 1 << 16),
        ("answer_max", config.answer_max.as_u64(), 1 << 10, 1 << 20),
        ("breaker_failures", failures, 1, 1 << 20),
    ];
    for (part, value, least, most) in capacities {
        if !(least..=most).contains(&value) {
            problems.push(Problem::new(
                key(part),
                format!("expected {least} to {most}"),
            ));
        }
    }
    if config.breaker_pause.is_zero() || config.breaker_pause > BREAKER_PAUSE_MAX {
        problems.push(Problem::new(
            key("breaker_pause"),
            "expected more than 0s, and at most 1h",
        ));
    }
    let url = parse_url(&config.url);
    if url.is_none() {
        problems.push(Problem::new(
            key("url"),
            "expected a URL such as http://127.0.0.1:9000/chat, without user, query and fragment",
        ));
    }
    let token = config.token_file.as_deref();
    let token = token.map(|path| read_token(&key("token_file"), path, problems));
    let roots = authorities(&key("ca"), config.ca.as_deref(), problems);
    Some(CheckedDecider {
        config: config.clone(),
        url: url?,
        token: match token {
            None => None,
            Some(token) => Some(token?),
        },
        roots: roots?,
    })
}

fn read_token(key: &str, path: &Path, problems: &mut Vec<Problem>) -> Option<Token> {
    let secret = read_secret(key, path, problems)?;
    let token = Token::new(secret.expose_secret());
    token
        .map_err(|error| problems.push(Problem::new(key, error)))
        .ok()
}

/// A URL of `http` or `https` that nothing has to be taken out of before something is put behind it.
pub(crate) fn parse_url(text: &str) -> Option<http::Uri> {
    let url: http::Uri = text.parse().ok()?;
    let authority = url.authority()?;
    let is_http = ["http", "https"].contains(&url.scheme_str()?);
    let is_plain =
        !authority.as_str().contains('@') && url.query().is_none() && !text.contains('#');
    (is_http && is_plain).then_some(url)
}

/// Who may vouch for a certificate: the authorities of a file, or the public ones.
pub(super) fn authorities(
    key: &str,
    ca: Option<&Path>,
    problems: &mut Vec<Problem>,
) -> Option<Arc<RootCertStore>> {
    let roots = match ca {
        None => webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect(),
        Some(path) => read_roots(key, path, problems)?,
    };
    Some(Arc::new(roots))
}

fn read_roots(key: &str, path: &Path, problems: &mut Vec<Problem>) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let added = read_certificates(path)
        .map_err(|error| Causes(&error).to_string())
        .and_then(|certificates| {
            let mut certificates = certificates.into_iter();
            let added = certificates.try_for_each(|certificate| roots.add(certificate));
            added.map_err(|error| format!("holds a certificate of no authority: {error}"))
        });
    added
        .map_err(|message| {
            problems.push(Problem::new(key, message));
        })
        .ok()?;
    Some(roots)
}
