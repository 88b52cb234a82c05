//! Key and value attached to a message.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/76006>; also page 76007.

use poem_openapi::Object;
use serde::Deserialize;

/// A key and a value that were attached to a message.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct MessageExtension {
    /// Its name.
    pub key: String,
    /// Its value; empty where it was deleted.
    pub value: String,
    /// The version of the pair.
    pub seq: i64,
}
