//! `Sns.CallbackPrevFriendResponse`: friend requests are about to be answered.

use gateway_core::{Callback, EventTime, Subjects};
use gateway_wire::{FriendVerdicts, Targets};
use poem_openapi::Object;
use serde::Deserialize;

/// Allows every answer to a friend request; Chat does not ask about those of the REST API.
#[derive(Debug)]
pub struct BeforeFriendResponse;

/// The answers, all of one account.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct BeforeFriendResponseRequest {
    /// The command again; the query's counts.
    #[serde(default)]
    #[oai(default)]
    pub callback_command: String,
    /// Who gives the answers.
    #[serde(rename = "Requester_Account")]
    #[oai(rename = "Requester_Account")]
    pub requester: String,
    /// Whose answers they are, who was asked.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub responder: String,
    /// One for each account that is answered.
    #[serde(rename = "ResponseFriendItem")]
    #[oai(rename = "ResponseFriendItem")]
    pub answers: Vec<FriendRequestAnswer>,
    /// When it was asked for, in milliseconds since the Unix epoch.
    pub event_time: i64,
}

/// What one account is answered, and how the responder will list it.
#[derive(Debug, Deserialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct FriendRequestAnswer {
    /// Who is answered.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub recipient: String,
    /// The responder's remark on the friend.
    pub remark: Option<String>,
    /// The list that the friend is to be in.
    #[serde(rename = "TagName")]
    #[oai(rename = "TagName")]
    pub friend_list: Option<String>,
    /// `Response_Action_AgreeAndAdd`, `Response_Action_Agree` or `Response_Action_Reject`.
    pub response_action: String,
}

impl Callback for BeforeFriendResponse {
    const COMMAND: &'static str = "Sns.CallbackPrevFriendResponse";
    const FEATURE: &'static str = "Friends";
    const SUMMARY: &'static str = "Friend requests are about to be answered";
    const SOURCE: &'static str = "https://www.tencentcloud.com/document/product/1047/43467";
    const SAMPLE: &'static str = include_str!("../samples/before_friend_response.json");

    type Request = BeforeFriendResponseRequest;
    type Answer = FriendVerdicts;

    fn subjects(request: &BeforeFriendResponseRequest) -> Subjects {
        let accounts = [request.requester.as_str(), request.responder.as_str()];
        Subjects::default()
            .accounts(accounts)
            .accounts(request.targets())
    }

    fn time(request: &BeforeFriendResponseRequest) -> Option<EventTime> {
        EventTime::from_unix(request.event_time)
    }
}

// === impl BeforeFriendResponseRequest ===

impl Targets for BeforeFriendResponseRequest {
    fn targets(&self) -> impl Iterator<Item = &str> {
        self.answers.iter().map(|answer| answer.recipient.as_str())
    }
}

#[cfg(test)]
mod tests {
    use gateway_test_support::{check_sample, check_subjects, check_tolerance, read};

    use super::*;

    #[test]
    fn the_sample_is_what_the_types_say() {
        check_sample::<BeforeFriendResponse>();
    }

    #[test]
    fn bears_what_the_types_do_not_say() {
        check_tolerance::<BeforeFriendResponse>();
    }

    #[test]
    fn is_found_by_requester_responder_and_every_recipient() {
        check_subjects::<BeforeFriendResponse>(
            Subjects::default().accounts(["eve", "bob", "alice", "dave"]),
        );
    }

    #[test]
    fn each_recipient_gets_a_verdict() {
        let request = read::<BeforeFriendResponseRequest>(BeforeFriendResponse::SAMPLE);
        assert_eq!(request.targets().collect::<Vec<_>>(), ["alice", "dave"]);
    }
}
