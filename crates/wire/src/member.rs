//! A member of a group, as lists of members name one.

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
