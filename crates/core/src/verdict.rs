//! What became of a before-callback, as it stands in the journal: the answer, who gave it, and why.
//!
//! It is stored as JSON within the envelope, so fields may be added with a default and never renamed. Not here: what a
//! command's answer may say ([`crate::AckRules`]). Start at [`Verdict`].

use serde::{Deserialize, Serialize};
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use crate::CheckedAck;

/// What a before-callback was answered, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// The ack as sent.
    pub ack: RecordedAck,
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

/// An ack as it is kept: JSON, as Chat got it or would have got it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordedAck(Box<RawValue>);

/// What a decider said that was asked without its answer being used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shadow {
    /// Its name in the configuration.
    pub decider: String,
    /// How its answer compares with the one that was given.
    pub agreement: Agreement,
    /// Its answer, when Chat would have honoured it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ack: Option<RecordedAck>,
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
    /// The answer is longer than it may be, or has more values.
    TooLarge,
    /// The answer is not of an ack's form.
    Invalid,
    /// The answer has a code that the command does not have.
    Code,
    /// The answer says that whoever was asked has failed.
    Failed,
    /// The decider has failed again and again, and is not asked for a while.
    Breaker,
    /// Nobody decides about the command.
    Nobody,
}

// === impl Verdict ===

impl Verdict {
    /// An answer of which nothing else is known yet.
    pub fn new(ack: RecordedAck, by: DecidedBy) -> Self {
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

// === impl RecordedAck ===

impl RecordedAck {
    /// The JSON text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The JSON object; `null` for one that no gateway wrote, e.g. with a number beyond those of `f64`.
    pub fn to_value(&self) -> Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl From<&CheckedAck> for RecordedAck {
    fn from(checked: &CheckedAck) -> Self {
        Self(to_raw_value(checked).expect("an ack has string keys and no failing serializer"))
    }
}

impl TryFrom<&[u8]> for RecordedAck {
    type Error = serde_json::Error;

    fn try_from(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json).map(Self)
    }
}

impl PartialEq for RecordedAck {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for RecordedAck {}

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
