//! A field that an app gave its groups and topics.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/34369>; also page 49464.

use poem_openapi::Object;
use serde::Deserialize;

/// A custom field of a group or a topic.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct CustomField {
    /// Its name.
    pub key: String,
    /// Its value.
    pub value: String,
}
