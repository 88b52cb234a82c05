//! `Sns.CallbackFriendAdd`: friends were added to friend lists.

use gateway_core::{Callback, Noted, Subjects};
use poem_openapi::Object;
use serde::Deserialize;

/// Takes note of added friends; Chat does not tell of imported ones.
#[derive(Debug)]
pub struct FriendAdd;

/// The friends that were added.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct FriendAddRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// One entry for each list that grew; a mutual addition has two.
    pub pair_list: Vec<AddedFriend>,
    /// `friend_add` or `FriendAdd` after a request, `friend_response` or `FriendResponse` after an answer.
    #[serde(rename = "ClientCmd")]
    #[oai(rename = "ClientCmd")]
    pub client_command: String,
    /// The administrator when a server added them, else empty.
    #[serde(rename = "Admin_Account")]
    #[oai(rename = "Admin_Account")]
    pub admin: String,
    /// 1 when an administrator forced it, else 0.
    #[serde(rename = "ForceFlag")]
    #[oai(rename = "ForceFlag")]
    pub forced: i64,
}

/// Whose list got whom.
#[derive(Debug, Deserialize, Object)]
pub struct AddedFriend {
    /// The owner of the friend list.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub owner: String,
    /// The account that is now on it.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub added: String,
    /// Who asked.
    #[serde(rename = "Initiator_Account")]
    #[oai(rename = "Initiator_Account")]
    pub initiator: String,
}

impl Callback for FriendAdd {
    const COMMAND: &'static str = "Sns.CallbackFriendAdd";
    const FEATURE: &'static str = "Friends";
    const SUMMARY: &'static str = "Friends were added to friend lists";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/34359";
    const SAMPLE: &'static str = include_str!("../samples/friend_add.json");

    type Request = FriendAddRequest;
    type Answer = Noted;

    fn subjects(request: &FriendAddRequest) -> Subjects {
        let pairs = request.pair_list.iter();
        Subjects::default()
            .accounts(pairs.flat_map(|pair| {
                [
                    pair.owner.as_str(),
                    pair.added.as_str(),
                    pair.initiator.as_str(),
                ]
            }))
            .account(&request.admin)
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<FriendAdd>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<FriendAdd>();
    }

    #[test]
    fn is_found_by_either_side_of_every_pair() {
        check_subjects::<FriendAdd>(Subjects::default().accounts(["alice", "bob", "carol"]));
    }

    #[test]
    fn is_found_by_the_administrator() {
        let body = r#"{
            "CallbackCommand": "Sns.CallbackFriendAdd",
            "PairList": [{ "From_Account": "alice", "To_Account": "bob", "Initiator_Account": "carol" }],
            "ClientCmd": "FriendAdd", "Admin_Account": "dave", "ForceFlag": 1
        }"#;
        let request = read::<FriendAddRequest>(body);
        let accounts = ["alice", "bob", "carol", "dave"];
        assert_eq!(FriendAdd::subjects(&request).accounts, accounts);
    }
}
