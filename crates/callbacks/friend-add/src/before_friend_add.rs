//! `Sns.CallbackPrevFriendAdd`: friend requests are about to be made.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{FriendVerdicts, Targets};
use poem_openapi::Object;
use serde::Deserialize;

/// Allows every friend request; Chat does not ask about those of the REST API.
#[derive(Debug)]
pub struct BeforeFriendAdd;

/// The friend requests, all of one account.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeFriendAddRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who makes the requests.
    #[serde(rename = "Requester_Account")]
    #[oai(rename = "Requester_Account")]
    pub requester: String,
    /// The owner of the friend list, who wants the friends.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub owner: String,
    /// One for each account that is asked.
    #[serde(rename = "FriendItem")]
    #[oai(rename = "FriendItem")]
    pub friends: Vec<RequestedFriend>,
    /// `Add_Type_Single` for the owner's list alone, `Add_Type_Both` for both lists.
    pub add_type: String,
    /// 1 when an administrator forces it, else 0.
    #[serde(rename = "ForceAddFlags")]
    #[oai(rename = "ForceAddFlags")]
    pub forced: i64,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// An account that is asked, and how the owner will list it.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct RequestedFriend {
    /// Who is asked.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// The owner's remark on the friend.
    pub remark: Option<String>,
    /// The list that the friend is to be in.
    #[serde(rename = "GroupName")]
    #[oai(rename = "GroupName")]
    pub friend_list: Option<String>,
    /// Where the request comes from, e.g. `AddSource_Type_Android`.
    pub add_source: Option<String>,
    /// The text that the recipient gets.
    pub add_wording: Option<String>,
}

impl Callback for BeforeFriendAdd {
    const COMMAND: &'static str = "Sns.CallbackPrevFriendAdd";
    const FEATURE: &'static str = "Friends";
    const SUMMARY: &'static str = "Friend requests are about to be made";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/43468";
    const SAMPLE: &'static str = include_str!("../samples/before_friend_add.json");

    type Request = BeforeFriendAddRequest;
    type Answer = FriendVerdicts;

    fn subjects(request: &BeforeFriendAddRequest) -> Subjects {
        let accounts = [request.requester.as_str(), request.owner.as_str()];
        Subjects::default()
            .accounts(accounts)
            .accounts(request.targets())
    }

    fn time(request: &BeforeFriendAddRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

// === impl BeforeFriendAddRequest ===

impl Targets for BeforeFriendAddRequest {
    fn targets(&self) -> impl Iterator<Item = &str> {
        self.friends.iter().map(|friend| friend.recipient.as_str())
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeFriendAdd>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeFriendAdd>();
    }

    #[test]
    fn is_found_by_requester_owner_and_every_recipient() {
        check_subjects::<BeforeFriendAdd>(
            Subjects::default().accounts(["admin", "alice", "bob", "carol"]),
        );
    }

    #[test]
    fn each_recipient_gets_a_verdict() {
        let request = read::<BeforeFriendAddRequest>(BeforeFriendAdd::SAMPLE);
        assert_eq!(request.targets().collect::<Vec<_>>(), ["bob", "carol"]);
    }
}
