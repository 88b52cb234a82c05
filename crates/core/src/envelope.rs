//! The envelope: what the gateway knows of an event beside its body.
//!
//! It is stored as JSON beside the raw body, so fields may be added with a default and never renamed. `Sign` and
//! `RequestTime` are not part of it: for a minute they are a credential.

use std::{borrow::Cow, fmt, net::IpAddr, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Agreement, TraceParent, Verdict};

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
    /// The span that was made of its answer; `None` when it was not traced.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "known_trace"
    )]
    pub trace: Option<TraceParent>,
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

// === impl Envelope ===

impl Envelope {
    /// How a shadow decider's answer compares, where one was asked.
    pub fn agreement(&self) -> Option<Agreement> {
        let shadow = self.verdict.as_ref()?.shadow.as_ref()?;
        Some(shadow.agreement)
    }

    /// The trace that it belongs to, as 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<String> {
        self.trace.map(TraceParent::trace_id)
    }
}

/// An event is whole without its trace, which a later version may write otherwise.
fn known_trace<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<TraceParent>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(text.and_then(|text| text.parse().ok()))
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
        let text = Cow::<'de, str>::deserialize(deserializer)?;
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
    fn reads_an_envelope_of_the_first_version() {
        let stored = r#"{"app":"demo","sdk_app_id":1400000000,"command":"Sns.CallbackFriendDelete","received_ms":1,"proof":"sign"}"#;
        let envelope: Envelope = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_string(&envelope).unwrap(), stored);
        assert_eq!(envelope.trace_id(), None);
    }

    #[test]
    fn keeps_its_trace() {
        let stored = r#"{"app":"demo","sdk_app_id":1400000000,"command":"Sns.CallbackFriendDelete","received_ms":1,"proof":"sign","trace":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}"#;
        let envelope: Envelope = serde_json::from_str(stored).unwrap();
        assert_eq!(
            envelope.trace_id().as_deref(),
            Some("0af7651916cd43dd8448eb211c80319c")
        );
        assert_eq!(serde_json::to_string(&envelope).unwrap(), stored);
    }

    #[test]
    fn is_whole_with_a_trace_that_nobody_here_can_read() {
        let stored = r#"{"app":"demo","sdk_app_id":1400000000,"command":"Sns.CallbackFriendDelete","received_ms":1,"proof":"sign","trace":"01-of-tomorrow"}"#;
        let envelope: Envelope = serde_json::from_str(stored).unwrap();
        assert_eq!((envelope.app.as_str(), envelope.trace), ("demo", None));
    }
}
