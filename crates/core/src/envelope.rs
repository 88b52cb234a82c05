//! The envelope: what the gateway knows of an event beside its body.
//!
//! It is stored as JSON beside the raw body, so fields may be added with a default and never renamed. `Sign` and
//! `RequestTime` are not part of it: for a minute they are a credential.

use std::{fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::CheckedAck;

/// Where a callback came from and how it was authenticated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// The app's name in the configuration.
    pub app: String,
    /// The vendor's number of the app.
    pub sdk_app_id: u64,
    /// The query's `CallbackCommand`, by which the callback was routed.
    pub command: String,
    /// When the request's first byte came, in milliseconds since the Unix epoch.
    pub received_ms: u64,
    /// The query's `ClientIP`, as claimed by Chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_ip: Option<String>,
    /// The query's `OptPlatform`, e.g. `iOS` or `RESTAPI`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<String>,
    /// The query's `RequestId`, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The address that the request came from; `None` when simulated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<IpAddr>,
    /// How it was authenticated.
    pub proof: Proof,
    /// Whether it was made by the gateway's own `simulate`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub simulated: bool,
    /// What a before-callback was answered; `None` for after-callbacks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
}

/// How an event was authenticated: `sign`, `sign+mtls`, `sign+source`, …, or `none`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Proof {
    /// A valid `Sign` by one of the app's tokens.
    pub sign: bool,
    /// A client certificate of the configured authority.
    pub mtls: bool,
    /// An address in the app's source networks.
    pub source: bool,
}

/// What a before-callback was answered, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The ack as sent.
    pub ack: SentAck,
    /// Who decided.
    pub by: DecidedBy,
    /// The decider that was asked, by its name in the configuration; also when the policy answered in its place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decider: Option<String>,
    /// What the failure policy is, when it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyKind>,
    /// Why the policy answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<PolicyReason>,
    /// The reason in detail, such as a decider's HTTP status; no value of its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// From the request's first byte to the answer, in microseconds.
    pub elapsed_us: u64,
    /// How long the plug-in or the decider was waited for, in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked_us: Option<u64>,
    /// What a shadow decider would have answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<Shadow>,
}

/// An ack as it was sent: JSON that is kept and shown, and not looked into.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SentAck(Box<RawValue>);

/// What a decider said that was asked without its answer being used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// Its name in the configuration.
    pub decider: String,
    /// How its answer compares with the one that was given.
    pub agreement: Agreement,
    /// Its answer, when Chat would have honoured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<SentAck>,
    /// Why it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<PolicyReason>,
    /// The reason in detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// How long it was waited for, in microseconds.
    pub asked_us: u64,
}

/// Who decided a before-callback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecidedBy {
    /// The command's handler.
    PlugIn,
    /// A service of the user's, over HTTP.
    Decider,
    /// The failure policy, in the place of one of them.
    Policy,
}

/// What a failure policy answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// The action happens.
    Allow,
    /// It does not.
    Refuse,
    /// An ack of the user's.
    Ack,
}

/// How a shadow decider's answer compares with the one that was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Agreement {
    /// Chat would have done the same.
    Agreed,
    /// Chat would have done something else.
    Disagreed,
    /// The shadow had no answer that Chat would honour.
    Failed,
    /// The policy answered, with which there is nothing to compare.
    Unmatched,
}

/// Why the failure policy answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyReason {
    /// There was no answer in time.
    Deadline,
    /// The handler returned an error.
    Error,
    /// The handler panicked.
    Panic,
    /// Too many wait for the handler or the decider already.
    Busy,
    /// The body could not be decoded.
    Undecodable,
    /// The decider can't be reached, or broke the connection off.
    Unreachable,
    /// The decider redirects.
    Redirect,
    /// The decider answered with another status than 200.
    Status,
    /// The decider's answer is longer than it may be.
    TooLarge,
    /// The decider's answer is not of an ack's form.
    Invalid,
    /// The decider's answer has a code that the command does not have.
    Code,
    /// The decider says that it failed.
    Failed,
    /// The decider has failed again and again, and is not asked for a while.
    Breaker,
    /// Nobody decides about the command.
    Nobody,
}

// === impl Envelope ===

impl Envelope {
    /// How a shadow decider's answer compares, where one was asked.
    pub fn agreement(&self) -> Option<Agreement> {
        let shadow = self.verdict.as_ref()?.shadow.as_ref()?;
        Some(shadow.agreement)
    }
}

// === impl Verdict ===

impl Verdict {
    /// An answer of which nothing else is known yet.
    pub fn new(ack: SentAck, by: DecidedBy) -> Self {
        Self {
            ack,
            by,
            decider: None,
            policy: None,
            reason: None,
            detail: None,
            elapsed_us: 0,
            asked_us: None,
            shadow: None,
        }
    }
}

// === impl SentAck ===

impl SentAck {
    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON object; `null` for one that no gateway wrote, e.g. with a number beyond those of `f64`.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl From<&CheckedAck> for SentAck {
    fn from(checked: &CheckedAck) -> Self {
        Self(to_raw_value(checked).expect("an ack has string keys and no failing serializer"))
    }
}

impl TryFrom<&[u8]> for SentAck {
    type Error = serde_json::Error;

    fn try_from(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json).map(Self)
    }
}

impl PartialEq for SentAck {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SentAck {}

// === impl DecidedBy ===

impl DecidedBy {
    /// The word used in JSON: `plug-in`, `decider` or `policy`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PlugIn => "plug-in",
            Self::Decider => "decider",
            Self::Policy => "policy",
        }
    }
}

// === impl PolicyKind ===

impl PolicyKind {
    /// The word used in JSON, e.g. `allow`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Refuse => "refuse",
            Self::Ack => "ack",
        }
    }
}

// === impl Agreement ===

impl Agreement {
    /// Every one, for label sets.
    pub const ALL: [Self; 4] = [Self::Agreed, Self::Disagreed, Self::Failed, Self::Unmatched];

    /// The word used in JSON and labels, e.g. `disagreed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Agreed => "agreed",
            Self::Disagreed => "disagreed",
            Self::Failed => "failed",
            Self::Unmatched => "unmatched",
        }
    }
}

// === impl PolicyReason ===

impl PolicyReason {
    /// Every one, for label sets.
    pub const ALL: [Self; 14] = [
        Self::Deadline,
        Self::Error,
        Self::Panic,
        Self::Busy,
        Self::Undecodable,
        Self::Unreachable,
        Self::Redirect,
        Self::Status,
        Self::TooLarge,
        Self::Invalid,
        Self::Code,
        Self::Failed,
        Self::Breaker,
        Self::Nobody,
    ];

    /// The word used in JSON and labels, e.g. `deadline`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Deadline => "deadline",
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Busy => "busy",
            Self::Undecodable => "undecodable",
            Self::Unreachable => "unreachable",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::Invalid => "invalid",
            Self::Code => "code",
            Self::Failed => "failed",
            Self::Breaker => "breaker",
            Self::Nobody => "nobody",
        }
    }
}

// === impl Proof ===

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = [
            (self.sign, "sign"),
            (self.mtls, "mtls"),
            (self.source, "source"),
        ];
        let mut names = parts
            .into_iter()
            .filter_map(|(holds, name)| holds.then_some(name));
        f.write_str(names.next().unwrap_or("none"))?;
        names.try_for_each(|name| write!(f, "+{name}"))
    }
}

impl FromStr for Proof {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut proof = Self::default();
        for name in text.split('+').filter(|name| *name != "none") {
            match name {
                "sign" => proof.sign = true,
                "mtls" => proof.mtls = true,
                "source" => proof.source = true,
                other => return Err(format!("unknown proof `{other}`")),
            }
        }
        Ok(proof)
    }
}

impl Serialize for Proof {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Proof {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_written_as_its_parts() {
        for (text, proof) in [
            ("none", Proof::default()),
            (
                "sign",
                Proof {
                    sign: true,
                    ..Proof::default()
                },
            ),
            (
                "mtls+source",
                Proof {
                    mtls: true,
                    source: true,
                    ..Proof::default()
                },
            ),
            (
                "sign+mtls+source",
                Proof {
                    sign: true,
                    mtls: true,
                    source: true,
                },
            ),
        ] {
            assert_eq!(proof.to_string(), text);
            assert_eq!(text.parse(), Ok(proof));
        }
    }

    #[test]
    fn reads_a_verdict_of_the_first_version() {
        for (by, reason) in [
            (DecidedBy::PlugIn, None),
            (DecidedBy::Policy, Some(PolicyReason::Deadline)),
            (DecidedBy::Policy, Some(PolicyReason::Error)),
            (DecidedBy::Policy, Some(PolicyReason::Panic)),
            (DecidedBy::Policy, Some(PolicyReason::Busy)),
            (DecidedBy::Policy, Some(PolicyReason::Undecodable)),
        ] {
            let reason_json = reason.map_or(String::new(), |reason| {
                format!(r#""reason":"{}","#, reason.as_str())
            });
            let stored = format!(
                r#"{{"ack":{{}},"by":"{}",{reason_json}"elapsed_us":1}}"#,
                by.as_str()
            );
            let verdict: Verdict = serde_json::from_str(&stored).unwrap();
            assert_eq!((verdict.by, verdict.reason), (by, reason));
            assert_eq!(serde_json::to_string(&verdict).unwrap(), stored);
        }
    }

    #[test]
    fn the_words_are_those_of_the_json() {
        fn check<T: Serialize>(value: T, word: &str) {
            assert_eq!(serde_json::to_value(value).unwrap(), word);
        }
        for by in [DecidedBy::PlugIn, DecidedBy::Decider, DecidedBy::Policy] {
            check(by, by.as_str());
        }
        for kind in [PolicyKind::Allow, PolicyKind::Refuse, PolicyKind::Ack] {
            check(kind, kind.as_str());
        }
        for agreement in Agreement::ALL {
            check(agreement, agreement.as_str());
        }
        for reason in PolicyReason::ALL {
            check(reason, reason.as_str());
        }
    }

    #[test]
    fn reads_an_envelope_of_the_first_version() {
        let stored = r#"{"app":"demo","sdk_app_id":1400000000,"command":"Sns.CallbackFriendDelete","received_ms":1,"proof":"sign"}"#;
        let envelope: Envelope = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&envelope).unwrap(), stored);
    }
}
