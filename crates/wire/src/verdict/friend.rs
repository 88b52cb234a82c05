//! Friend requests and their answers: a result for each account.

use std::collections::HashSet;

use gateway_core::{Ack, AckRules, ActionStatus, Answer, Extra, Phase};
use poem_openapi::Object;
use serde::Serialize;

use super::FriendCode;

/// A request about several accounts, each of which gets a result of its own.
pub trait Targets {
    /// The accounts, as the request names them, repeats and all.
    fn targets(&self) -> impl Iterator<Item = &str>;
}

/// Whether a friend request to one account, or its answer, goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FriendVerdict {
    /// It does.
    Allow,
    /// It does not; the client gets this code and text.
    Refuse {
        /// One of the command's own.
        code: FriendCode,
        /// For the client.
        info: String,
    },
}

/// A verdict for every account of a request. Chat reads nothing else of the ack: it can't be refused as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FriendVerdicts(Vec<FriendResult>);

/// What Chat gets about friend requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct FriendAck {
    /// `OK`, or `FAIL` when the handling itself failed.
    pub action_status: ActionStatus,
    /// 0; Chat passes over others.
    pub error_code: i64,
    /// A text for people; empty when all is well.
    pub error_info: String,
    /// One for each account of the request.
    pub result_item: Vec<FriendResult>,
}

/// What becomes of one account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct FriendResult {
    /// Whom it is about.
    #[serde(rename = "To_Account")]
    #[oai(rename = "To_Account")]
    pub account: String,
    /// 0 lets it through; a code of the command's own range does not and reaches the client.
    pub result_code: i64,
    /// A text for the client.
    pub result_info: String,
}

// === impl FriendVerdict ===

impl FriendVerdict {
    /// Refuses without a reason of one's own.
    pub fn refuse() -> Self {
        Self::Refuse {
            code: FriendCode::DEFAULT,
            info: "not allowed".to_owned(),
        }
    }
}

// === impl FriendVerdicts ===

impl FriendVerdicts {
    /// Decides about each account of the request, once about one that it names repeatedly: an ack has one result for an
    /// account.
    pub fn each(request: &impl Targets, mut decide: impl FnMut(&str) -> FriendVerdict) -> Self {
        let mut seen = HashSet::new();
        let targets = request.targets().filter(|account| seen.insert(*account));
        let results = targets.map(|account| {
            let (result_code, result_info) = match decide(account) {
                FriendVerdict::Allow => (0, String::new()),
                FriendVerdict::Refuse { code, info } => (code.get(), info),
            };
            FriendResult {
                account: account.to_owned(),
                result_code,
                result_info,
            }
        });
        Self(results.collect())
    }
}

impl<R: Targets> Answer<R> for FriendVerdicts {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules {
        codes: Some(FriendCode::CODES),
        drops: false,
        extra: Extra::Items,
    };
    type Ack = FriendAck;

    fn allow(request: &R) -> Self {
        Self::each(request, |_| FriendVerdict::Allow)
    }

    fn refuse(request: &R) -> Self {
        Self::each(request, |_| FriendVerdict::refuse())
    }

    fn into_ack(self) -> FriendAck {
        let ack = Ack::ok();
        FriendAck {
            action_status: ack.action_status,
            error_code: ack.error_code,
            error_info: ack.error_info,
            result_item: self.0,
        }
    }
}
