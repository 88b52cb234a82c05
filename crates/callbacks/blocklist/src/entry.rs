//! An entry of a blocklist, as both commands name it.

use gateway_core::Subjects;
use poem_openapi::Object;
use serde::Deserialize;

/// Whose blocklist, and who is on it.
#[derive(Debug, Deserialize, Object)]
pub struct BlocklistEntry {
    /// The owner of the blocklist.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub owner: String,
    /// The account that the owner blocks or no longer blocks.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub blocked: String,
}

/// Both sides of every entry.
pub(crate) fn subjects(entries: &[BlocklistEntry]) -> Subjects {
    let entries = entries.iter();
    Subjects::default()
        .accounts(entries.flat_map(|entry| [entry.owner.as_str(), entry.blocked.as_str()]))
}
