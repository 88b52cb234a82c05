//! Subscriptions to an official account, for all who subscribe or for some.

use gateway_core::{Ack, AckRules, ActionStatus, Answer, Extra, Phase};
use poem_openapi::Object;
use serde::Serialize;

/// Who subscribes to an official account. The command has no codes of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubscribeVerdict {
    /// Everybody.
    Allow,
    /// Everybody but these accounts.
    RefuseSome(Vec<String>),
    /// Nobody.
    Refuse,
}

/// What Chat gets about subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct SubscribeAck {
    /// `OK`, or `FAIL` when the handling itself failed.
    pub action_status: ActionStatus,
    /// 0 lets everybody subscribe who is not refused below, 1 nobody.
    pub error_code: i64,
    /// A text for people; empty when all is well.
    pub error_info: String,
    /// The accounts that don't subscribe, with code 0.
    #[serde(
        rename = "RefusedSubscribers_Account",
        skip_serializing_if = "Option::is_none"
    )]
    #[oai(rename = "RefusedSubscribers_Account")]
    pub refused: Option<Vec<String>>,
}

// === impl SubscribeVerdict ===

impl<R> Answer<R> for SubscribeVerdict {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules {
        codes: None,
        drops: false,
        extra: Extra::Accounts("RefusedSubscribers_Account"),
    };
    type Ack = SubscribeAck;

    fn allow(_request: &R) -> Self {
        Self::Allow
    }

    fn refuse(_request: &R) -> Self {
        Self::Refuse
    }

    fn into_ack(self) -> SubscribeAck {
        let (ack, refused) = match self {
            Self::Allow => (Ack::ok(), None),
            Self::RefuseSome(accounts) => (Ack::ok(), Some(accounts)),
            Self::Refuse => (Ack::refuse(), None),
        };
        SubscribeAck {
            action_status: ack.action_status,
            error_code: ack.error_code,
            error_info: ack.error_info,
            refused,
        }
    }
}
