//! `Sns.CallbackBlackListAdd`: accounts were added to blocklists.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

use crate::entry::{BlocklistEntry, subjects};

/// Takes note of added blocklist entries.
#[derive(Debug)]
pub struct BlocklistAdd;

/// The entries that were added.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BlocklistAddRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// One for each account that was added.
    pub pair_list: Vec<BlocklistEntry>,
}

impl Callback for BlocklistAdd {
    const COMMAND: &'static str = "Sns.CallbackBlackListAdd";
    const FEATURE: &'static str = "Blocklist";
    const SUMMARY: &'static str = "Accounts were added to blocklists";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34361";
    const SAMPLE: &'static str = include_str!("../samples/blocklist_add.json");

    type Request = BlocklistAddRequest;
    type Answer = Noted;

    fn subjects(request: &BlocklistAddRequest) -> Subjects {
        subjects(&request.pair_list)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BlocklistAdd>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BlocklistAdd>();
    }

    #[test]
    fn is_found_by_either_side_of_every_entry() {
        check_subjects::<BlocklistAdd>(Subjects::default().accounts(["alice", "bob", "carol"]));
    }
}
