//! A member of a group, as lists of members name one.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/34372>; also pages 34368, 34369, 34371, 34373, 34377,
//! 48734 and 60395.

use poem_openapi::Object;
use serde::Deserialize;

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Object)]
pub struct Member {
    /// Whose membership it is.
    #[serde(rename = "Member_Account")]
    #[oai(rename = "Member_Account")]
    pub account: String,
}

// === impl Member ===

impl Member {
    /// The account of each.
    pub fn accounts(members: &[Self]) -> impl Iterator<Item = &str> {
        members.iter().map(|member| member.account.as_str())
    }
}
