//! An action that happens or does not.

use gateway_core::{Ack, AckRules, Answer, Extra, Phase};

use super::{GROUP_CODES, code::RefusalCode};

/// Whether an action happens: the creation of a group, a topic or an official account, an application to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionVerdict<const FIRST: i64, const LAST: i64> {
    /// It does.
    Allow,
    /// It does not; the client gets an error of Chat's.
    Refuse,
    /// It does not; the client gets this code and text.
    RefuseWith {
        /// One of the command's own.
        code: RefusalCode<FIRST, LAST>,
        /// For the client.
        info: String,
    },
}

/// The verdict of a group's commands.
pub type GroupVerdict = ActionVerdict<{ GROUP_CODES.first }, { GROUP_CODES.last }>;

// === impl ActionVerdict ===

impl<R, const FIRST: i64, const LAST: i64> Answer<R> for ActionVerdict<FIRST, LAST> {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules {
        codes: Some(RefusalCode::<FIRST, LAST>::CODES),
        drops: false,
        extra: Extra::Nothing,
    };
    type Ack = Ack;

    fn allow(_request: &R) -> Self {
        Self::Allow
    }

    fn refuse(_request: &R) -> Self {
        Self::Refuse
    }

    fn into_ack(self) -> Ack {
        match self {
            Self::Allow => Ack::ok(),
            Self::Refuse => Ack::refuse(),
            Self::RefuseWith { code, info } => Ack::refused(code.get(), info),
        }
    }
}
