//! `Sns.CallbackBlackListDelete`: accounts were removed from blocklists.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

use crate::entry::{BlocklistEntry, subjects};

/// Takes note of removed blocklist entries.
#[derive(Debug)]
pub struct BlocklistDelete;

/// The entries that were removed.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BlocklistDeleteRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// One for each account that was removed.
    pub pair_list: Vec<BlocklistEntry>,
}

impl Callback for BlocklistDelete {
    const COMMAND: &'static str = "Sns.CallbackBlackListDelete";
    const FEATURE: &'static str = "Blocklist";
    const SUMMARY: &'static str = "Accounts were removed from blocklists";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34362";
    const SAMPLE: &'static str = include_str!("../samples/blocklist_delete.json");

    type Request = BlocklistDeleteRequest;
    type Answer = Noted;

    fn subjects(request: &BlocklistDeleteRequest) -> Subjects {
        subjects(&request.pair_list)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BlocklistDelete>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BlocklistDelete>();
    }

    #[test]
    fn is_found_by_either_side_of_every_entry() {
        check_subjects::<BlocklistDelete>(Subjects::default().accounts(["alice", "bob", "carol"]));
    }
}
