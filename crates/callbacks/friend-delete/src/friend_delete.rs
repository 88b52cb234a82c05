//! `Sns.CallbackFriendDelete`: friends were removed from friend lists.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of removed friends.
#[derive(Debug)]
pub struct FriendDelete;

/// The friends that were removed.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct FriendDeleteRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// One entry for each removed friend; a mutual removal has two.
    pub pair_list: Vec<RemovedFriend>,
}

/// Whose list lost whom.
#[derive(Debug, Deserialize, Object)]
pub struct RemovedFriend {
    /// The owner of the friend list.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub owner: String,
    /// The account that is no longer on it.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub removed: String,
}

impl Callback for FriendDelete {
    const COMMAND: &'static str = "Sns.CallbackFriendDelete";
    const FEATURE: &'static str = "Friends";
    const SUMMARY: &'static str = "Friends were removed from friend lists";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34360";
    const SAMPLE: &'static str = include_str!("../samples/friend_delete.json");

    type Request = FriendDeleteRequest;
    type Answer = Noted;

    fn subjects(request: &FriendDeleteRequest) -> Subjects {
        let pairs = request.pair_list.iter();
        Subjects::default()
            .accounts(pairs.flat_map(|pair| [pair.owner.as_str(), pair.removed.as_str()]))
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<FriendDelete>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<FriendDelete>();
    }

    #[test]
    fn is_found_by_either_side_of_every_pair() {
        check_subjects::<FriendDelete>(Subjects::default().accounts(["alice", "bob", "carol"]));
    }
}
