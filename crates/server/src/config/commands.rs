//! The rules of `[deciders]` and `[commands]`: who decides about which command, and what is answered when nobody does.

use std::{collections::BTreeMap, fs, sync::Arc};

use gateway_core::{AckRules, CheckedAck, Descriptor, Phase, Token};
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::{
    CommandConfig, Config, DeciderConfig, PolicyConfig, Problem,
    validate::{is_plain_name, read_secret},
};

/// Who decides in the place of a decider: the command's plug-in. No decider is called so.
pub(crate) const PLUG_IN: &str = "plug-in";

/// In the place of a shadow decider's name: none.
pub(crate) const NO_SHADOW: &str = "none";

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

/// Who decides about a command, for one app or for all.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedCommand {
    /// A decider's name; `None` for the plug-in, or nobody if there is none.
    pub decider: Option<String>,
    /// A decider's name.
    pub shadow: Option<String>,
    /// What is answered when nobody decides; an ack that Chat honours.
    pub policy: PolicyConfig,
    /// What Chat honours.
    pub rules: AckRules,
}

/// By command.
pub type CheckedCommands = BTreeMap<String, CheckedCommand>;

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
    if !is_plain_name(name) || [PLUG_IN, NO_SHADOW].contains(&name) {
        problems.push(Problem::new(
            format!("deciders.{name}"),
            format!(
                "expected a name of 1 to 32 of a-z, 0-9, - and _, other than {PLUG_IN} and {NO_SHADOW}"
            ),
        ));
    }
    let capacities = [
        ("concurrency", config.concurrency as u64, 1, 1 << 16),
        ("answer_max", config.answer_max.as_u64(), 1 << 10, 16 << 20),
        (
            "breaker_failures",
            config.breaker_failures.into(),
            1,
            1 << 20,
        ),
    ];
    for (part, value, least, most) in capacities {
        if !(least..=most).contains(&value) {
            problems.push(Problem::new(
                key(part),
                format!("expected {least} to {most}"),
            ));
        }
    }
    if config.breaker_pause.is_zero() {
        problems.push(Problem::new(key("breaker_pause"), "expected more than 0s"));
    }
    let url = parse_url(&config.url);
    if url.is_none() {
        problems.push(Problem::new(
            key("url"),
            "expected a URL such as http://127.0.0.1:9000/chat, without user, query and fragment",
        ));
    }
    let token = match &config.token_file {
        None => None,
        Some(path) => {
            let key = key("token_file");
            let secret = read_secret(&key, path, problems)?;
            match Token::new(secret.expose_secret()) {
                Ok(token) => Some(token),
                Err(error) => {
                    problems.push(Problem::new(key, error));
                    return None;
                }
            }
        }
    };
    Some(CheckedDecider {
        config: config.clone(),
        url: url?,
        token,
        roots: Arc::new(roots(name, config, problems)?),
    })
}

fn parse_url(text: &str) -> Option<http::Uri> {
    let url: http::Uri = text.parse().ok()?;
    let authority = url.authority()?;
    let is_http = ["http", "https"].contains(&url.scheme_str()?);
    let is_plain =
        !authority.as_str().contains('@') && url.query().is_none() && !text.contains('#');
    (is_http && is_plain).then_some(url)
}

/// The public authorities, or those of `ca`.
fn roots(name: &str, config: &DeciderConfig, problems: &mut Vec<Problem>) -> Option<RootCertStore> {
    let Some(path) = &config.ca else {
        return Some(webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect());
    };
    let mut problem = |message: String| {
        problems.push(Problem {
            key: format!("deciders.{name}.ca"),
            origin: path.display().to_string(),
            message,
        });
    };
    let pem = match fs::read(path) {
        Ok(pem) => pem,
        Err(error) => {
            problem(format!("can't be read: {error}"));
            return None;
        }
    };
    let certificates = CertificateDer::pem_slice_iter(&pem).flatten();
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(certificates);
    if added == 0 {
        problem("expected a certificate in PEM".to_owned());
        return None;
    }
    Some(roots)
}

/// Who decides about every before-command: for all apps, and for those that differ.
pub(super) fn check_commands(
    config: &Config,
    descriptors: &[Descriptor],
    problems: &mut Vec<Problem>,
) -> (CheckedCommands, BTreeMap<String, CheckedCommands>) {
    let checking = Checking {
        config,
        descriptors,
    };
    let before = descriptors
        .iter()
        .filter(|descriptor| descriptor.phase == Phase::Before);
    let none = CommandConfig::default();
    let mut general: CheckedCommands = before
        .map(|descriptor| {
            (
                descriptor.command.to_owned(),
                merge(&none, &none, descriptor.rules),
            )
        })
        .collect();
    for (command, own) in &config.commands {
        let key = format!("commands.\"{command}\"");
        general.extend(checking.command(&key, command, own, &none, problems));
    }
    let mut by_app = BTreeMap::new();
    for (app, app_config) in &config.apps {
        let mut commands = CheckedCommands::new();
        for (command, own) in &app_config.commands {
            let key = format!("apps.{app}.commands.\"{command}\"");
            let general = config.commands.get(command).unwrap_or(&none);
            commands.extend(checking.command(&key, command, own, general, problems));
        }
        by_app.insert(app.clone(), commands);
    }
    (general, by_app)
}

/// What the keys of a command are checked against.
struct Checking<'a> {
    config: &'a Config,
    descriptors: &'a [Descriptor],
}

impl Checking<'_> {
    /// The command with what it inherits; nothing when a key is wrong.
    fn command(
        &self,
        key: &str,
        command: &str,
        own: &CommandConfig,
        general: &CommandConfig,
        problems: &mut Vec<Problem>,
    ) -> Option<(String, CheckedCommand)> {
        let mut wrong = |part: &str, message: String| {
            let key = if part.is_empty() {
                key.to_owned()
            } else {
                format!("{key}.{part}")
            };
            problems.push(Problem::new(key, message));
        };
        let mut descriptors = self.descriptors.iter();
        let rules = match descriptors.find(|descriptor| descriptor.command == command) {
            Some(descriptor) if descriptor.phase == Phase::After => {
                wrong(
                    "",
                    "nobody is asked about an after-command; remove the table".to_owned(),
                );
                return None;
            }
            Some(descriptor) => descriptor.rules,
            None if own.untyped || general.untyped => AckRules::UNKNOWN,
            None => {
                let message = "no plug-in is installed for this command; check its spelling, or set `untyped = true`";
                wrong("", message.to_owned());
                return None;
            }
        };
        let mut is_whole = true;
        for (part, name, other) in [
            ("decider", &own.decider, PLUG_IN),
            ("shadow", &own.shadow, NO_SHADOW),
        ] {
            let Some(name) = name.as_deref() else {
                continue;
            };
            if name != other && !self.config.deciders.contains_key(name) {
                wrong(
                    part,
                    format!("expected {other}, or the name of a table [deciders.NAME]"),
                );
                is_whole = false;
            }
        }
        if let Some(PolicyConfig::Ack(ack)) = &own.policy
            && let Err(fault) = rules.check_object(completed(ack))
        {
            wrong(
                "policy",
                format!("not an ack that Chat honours for this command: {fault}"),
            );
            is_whole = false;
        }
        is_whole.then(|| (command.to_owned(), merge(own, general, rules)))
    }
}

fn merge(own: &CommandConfig, general: &CommandConfig, rules: AckRules) -> CheckedCommand {
    let named = |own: &Option<String>, general: &Option<String>, other: &str| {
        let name = own.as_ref().or(general.as_ref());
        name.filter(|name| *name != other).cloned()
    };
    let policy = own.policy.as_ref().or(general.policy.as_ref());
    CheckedCommand {
        decider: named(&own.decider, &general.decider, PLUG_IN),
        shadow: named(&own.shadow, &general.shadow, NO_SHADOW),
        policy: match policy {
            None => PolicyConfig::Allow,
            // One that is wrong has been told of, and never comes into force.
            Some(PolicyConfig::Ack(ack)) => match rules.check_object(completed(ack)) {
                Ok(CheckedAck {
                    ack: Value::Object(ack),
                    ..
                }) => PolicyConfig::Ack(ack),
                _ => PolicyConfig::Refuse,
            },
            Some(other) => other.clone(),
        },
        rules,
    }
}

/// An ack of which only what matters need be written.
fn completed(ack: &serde_json::Map<String, Value>) -> serde_json::Map<String, Value> {
    let mut ack = ack.clone();
    for (field, value) in [
        ("ActionStatus", Value::from("OK")),
        ("ErrorCode", Value::from(0)),
        ("ErrorInfo", Value::from("")),
    ] {
        ack.entry(field).or_insert(value);
    }
    ack
}
