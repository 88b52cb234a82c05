//! A failure policy as it is written: a word, or a table with an ack.

use std::{borrow::Cow, fmt};

use gateway_core::PolicyKind;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Map, Value};

/// What a before-callback is answered when nobody decides in time.
#[derive(Debug, Clone, PartialEq)]
pub enum PolicyConfig {
    /// `"allow"`: the action happens.
    Allow,
    /// `"refuse"`: it does not.
    Refuse,
    /// `{ ErrorCode = 10100, ErrorInfo = "later" }`: this ack.
    Ack(Map<String, Value>),
}

struct PolicyVisitor;

// === impl PolicyConfig ===

impl PolicyConfig {
    /// What kind of policy it is.
    pub const fn kind(&self) -> PolicyKind {
        match self {
            Self::Allow => PolicyKind::Allow,
            Self::Refuse => PolicyKind::Refuse,
            Self::Ack(_) => PolicyKind::Ack,
        }
    }
}

impl Serialize for PolicyConfig {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Allow | Self::Refuse => serializer.serialize_str(self.kind().as_str()),
            Self::Ack(ack) => ack.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for PolicyConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PolicyVisitor)
    }
}

impl<'de> Visitor<'de> for PolicyVisitor {
    type Value = PolicyConfig;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`allow`, `refuse` or a table with an ack")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<PolicyConfig, E> {
        match word {
            "allow" => Ok(PolicyConfig::Allow),
            "refuse" => Ok(PolicyConfig::Refuse),
            _ => Err(E::unknown_variant(
                word,
                &["allow", "refuse", "a table with an ack"],
            )),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<PolicyConfig, A::Error> {
        Map::deserialize(MapAccessDeserializer::new(map)).map(PolicyConfig::Ack)
    }
}

impl JsonSchema for PolicyConfig {
    fn schema_name() -> Cow<'static, str> {
        "PolicyConfig".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "What a before-callback is answered when nobody decides in time.",
            "anyOf": [{ "enum": ["allow", "refuse"] }, { "type": "object" }],
        })
    }
}
