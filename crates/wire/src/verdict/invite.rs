//! An invitation into a group, for all who are invited or for some.

use gateway_core::{Ack, AckRules, ActionStatus, Answer, Extra, Phase};
use poem_openapi::Object;
use serde::Serialize;

use super::GroupCode;

/// Who of those invited joins a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InviteVerdict {
    /// Everybody.
    Allow,
    /// Everybody but these accounts.
    RefuseSome(Vec<String>),
    /// Nobody; the inviter gets an error of Chat's.
    Refuse,
    /// Nobody; the inviter gets this code and text.
    RefuseWith {
        /// One of the command's own.
        code: GroupCode,
        /// For the inviter.
        info: String,
    },
}

/// What Chat gets about an invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct InviteAck {
    /// `OK`, or `FAIL` when the handling itself failed.
    pub action_status: ActionStatus,
    /// 0 lets everybody join who is not refused below, 1 nobody; a code of the command's own range lets nobody join and
    /// reaches the inviter.
    pub error_code: i64,
    /// A text for the inviter, beside a code of the command's own.
    pub error_info: String,
    /// The accounts that don't join, with code 0.
    #[serde(
        rename = "RefusedMembers_Account",
        skip_serializing_if = "Option::is_none"
    )]
    #[oai(rename = "RefusedMembers_Account")]
    pub refused: Option<Vec<String>>,
}

// === impl InviteVerdict ===

impl<R> Answer<R> for InviteVerdict {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules {
        codes: Some(GroupCode::CODES),
        drops: false,
        extra: Extra::Accounts("RefusedMembers_Account"),
    };
    type Ack = InviteAck;

    fn allow(_request: &R) -> Self {
        Self::Allow
    }

    fn refuse(_request: &R) -> Self {
        Self::Refuse
    }

    fn into_ack(self) -> InviteAck {
        let (ack, refused) = match self {
            Self::Allow => (Ack::ok(), None),
            Self::RefuseSome(accounts) => (Ack::ok(), Some(accounts)),
            Self::Refuse => (Ack::refuse(), None),
            Self::RefuseWith { code, info } => (Ack::refused(code.get(), info), None),
        };
        InviteAck {
            action_status: ack.action_status,
            error_code: ack.error_code,
            error_info: ack.error_info,
            refused,
        }
    }
}
