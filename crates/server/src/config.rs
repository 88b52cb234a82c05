//! The configuration: one `Config` made of each part's own struct, loaded in layers and checked once.
//!
//! Layers: the embedded `config/default.toml`, then a file, then `GATEWAY_*`. Parts never read the environment. Start
//! at [`load`]; `config/default.toml` is the manual.

mod commands;
mod deciders;
mod layers;
mod origins;
mod policy;
mod problem;
mod secret;
mod subscriptions;
mod traces;
mod validate;

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use bytesize::ByteSize;
use gateway_core::Phase;
use gateway_fanout::SubscriptionConfig;
use ipnet::IpNet;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::{Deserialize, Serialize, Serializer};

pub use commands::{CheckedCommand, CheckedCommands};
pub use deciders::CheckedDecider;
pub(crate) use deciders::parse_url;
pub use layers::load;
pub use origins::Origins;
pub use policy::PolicyConfig;
pub use problem::{Problem, Problems};
pub(crate) use secret::read_file;
pub use secret::{SecretError, read_secret};
pub use traces::CheckedTraces;
pub use validate::{Checked, check};

/// The most bytes that `callbacks.body_max` may allow.
pub const BODY_MAX_MAX: usize = 64 << 20;

/// Everything that can be set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The listener that Chat calls.
    pub callbacks: CallbacksConfig,
    /// The listener for people and tools.
    pub admin: AdminConfig,
    /// Where events are kept, and how long.
    pub journal: gateway_journal::Config,
    /// How plug-ins run.
    pub handlers: HandlersConfig,
    /// Logs on standard error.
    pub log: LogConfig,
    /// Traces for a collector.
    pub traces: TracesConfig,
    /// What happens on SIGTERM.
    pub shutdown: ShutdownConfig,
    /// The apps, by name.
    #[serde(default)]
    pub apps: BTreeMap<String, AppConfig>,
    /// Services that decide before-callbacks, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub deciders: BTreeMap<String, DeciderConfig>,
    /// Who decides about a command, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, CommandConfig>,
    /// Services that events are passed on to, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<String, SubscriptionConfig>,
    /// Where the keys were set.
    #[serde(skip)]
    pub origins: Origins,
}

/// `[callbacks]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallbacksConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// The path of the URL in Chat's console.
    pub path: String,
    /// The longest body.
    #[schemars(with = "String")]
    pub body_max: ByteSize,
    /// From a request's first byte to its answer.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub deadline: Duration,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    #[schemars(with = "Vec<String>")]
    pub trusted_proxies: Vec<IpNet>,
    /// Connections open at once.
    pub connections_max: usize,
    /// Bytes of bodies in memory at once.
    #[schemars(with = "String")]
    pub bodies_max: ByteSize,
    /// Threads that serve callbacks.
    pub threads: usize,
    /// TLS; plain HTTP without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

/// `[admin]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdminConfig {
    /// Address and port.
    pub listen: SocketAddr,
    /// The file of the bearer token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// Further names by which it may be called.
    pub hosts: Vec<String>,
    /// Plain HTTP off loopback.
    pub plaintext: bool,
    /// TLS; plain HTTP without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<TlsConfig>,
}

/// `[callbacks.tls]` and `[admin.tls]`: PEM files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The certificate with its whole chain.
    pub certificate: PathBuf,
    /// Its private key, not encrypted.
    pub private_key: PathBuf,
    /// The authority whose client certificates become part of the proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ca: Option<PathBuf>,
}

/// `[handlers]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlersConfig {
    /// Handlers of one command that run at once.
    pub concurrency: usize,
    /// Before-callbacks of one command that may wait for their handler.
    pub queue: usize,
}

/// `[log]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// A tracing filter.
    pub level: String,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One readable line.
    Human,
    /// One JSON object a line.
    Json,
}

/// `[traces]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TracesConfig {
    /// The collector's URL, before `/v1/traces`; without it nothing is traced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The share of callbacks that is traced, from 0 to 1.
    pub sampled: f64,
    /// The file of the bearer token that the collector wants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The authority of its certificate, in the place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// `[shutdown]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShutdownConfig {
    /// How long `/readyz` fails before anything else happens.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub drain: Duration,
    /// How long everything may take to finish after that.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub grace: Duration,
}

/// `[apps.NAME]`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppConfig {
    /// The vendor's number of the app.
    pub sdk_app_id: u64,
    /// A live token; better in a file.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "redacted"
    )]
    #[schemars(with = "Option<String>")]
    pub token: Option<SecretString>,
    /// Files with a live token each.
    #[serde(default)]
    pub token_files: Vec<PathBuf>,
    /// Whether authentication is off in Chat's console.
    #[serde(default)]
    pub unsigned: bool,
    /// Networks that its callbacks must come from.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub sources: Vec<IpNet>,
    /// What differs for this app from the commands of all apps.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub commands: BTreeMap<String, CommandConfig>,
}

/// `[deciders.NAME]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeciderConfig {
    /// Where it is asked; `http` or `https`, without a query.
    pub url: String,
    /// The token with which its requests are signed, as Chat would; without it they carry no `Sign`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<PathBuf>,
    /// The authority of its certificate, in the place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether it is asked about simulated callbacks, too.
    #[serde(default)]
    pub simulated: bool,
    /// Requests under way at once; further callbacks get the policy's answer.
    #[serde(default = "DeciderConfig::concurrency")]
    pub concurrency: usize,
    /// The longest answer.
    #[serde(default = "DeciderConfig::answer_max")]
    #[schemars(with = "String")]
    pub answer_max: ByteSize,
    /// So many failures in a row open its circuit breaker.
    #[serde(default = "DeciderConfig::breaker_failures")]
    pub breaker_failures: u32,
    /// How long it is left alone then, before a probe.
    #[serde(default = "DeciderConfig::breaker_pause", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub breaker_pause: Duration,
}

/// `[commands."NAME"]`, and `[apps.NAME.commands."NAME"]` for what differs for one app.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// Who decides: the name of a decider, or `plug-in`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decider: Option<String>,
    /// A decider that is asked at the same time, without its answer being used; `none` for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<String>,
    /// What is answered when nobody decides in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyConfig>,
    /// Allows a command that has no plug-in: it is then asked about, as a before-command.
    #[serde(default)]
    pub untyped: bool,
}

/// A size for what is held in memory.
pub fn in_memory(size: ByteSize) -> usize {
    usize::try_from(size.as_u64()).unwrap_or(usize::MAX)
}

// === impl CallbacksConfig ===

impl CallbacksConfig {
    /// What callbacks of a phase may have of all there is: a quarter is kept for before-callbacks.
    pub const fn share(all: usize, phase: Phase) -> usize {
        match phase {
            Phase::Before => all,
            Phase::After => all - all / 4,
        }
    }
}

// === impl DeciderConfig ===

/// The defaults; `config/default.toml` names them.
impl DeciderConfig {
    const fn concurrency() -> usize {
        1024
    }

    const fn answer_max() -> ByteSize {
        ByteSize::kib(64)
    }

    const fn breaker_failures() -> u32 {
        5
    }

    const fn breaker_pause() -> Duration {
        Duration::from_secs(1)
    }
}

// === impl Config ===

impl Config {
    /// Whether neither listener can be reached from another machine.
    pub fn is_local(&self) -> bool {
        self.callbacks.listen.ip().is_loopback() && self.admin.listen.ip().is_loopback()
    }

    /// Where the token of the app `demo` lies, which a first run makes.
    pub fn demo_token_file(&self) -> PathBuf {
        self.journal.path.join("demo.token")
    }

    /// The admin listener's URL for a client on this machine.
    pub fn admin_url(&self) -> String {
        let scheme = if self.admin.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", reachable(self.admin.listen))
    }

    /// The URL that Chat calls, as seen from this machine.
    pub fn callback_url(&self) -> String {
        let scheme = if self.callbacks.tls.is_some() {
            "https"
        } else {
            "http"
        };
        format!(
            "{scheme}://{}{}",
            reachable(self.callbacks.listen),
            self.callbacks.path
        )
    }
}

/// An address that can be connected to: loopback in place of "any address".
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

#[expect(clippy::ref_option, reason = "the signature that serde wants")]
fn redacted<S: Serializer>(
    _secret: &Option<SecretString>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str("[redacted]")
}
