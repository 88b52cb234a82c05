//! Answers: what a plug-in decides, and the ack that Chat gets for it.
//!
//! Not here: HTTP statuses of refused requests ([`crate::Refusal`]). Start at [`Answer`].

use poem_openapi::{
    Enum, Object,
    types::{ToJSON, Type},
};
use serde::Serialize;

use crate::AckRules;

/// Whether Chat asks and waits for a verdict, or only tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// Chat holds the user's action back until it is answered.
    Before,
    /// The action is done; the answer is an acknowledgement.
    After,
}

/// The answer of a command, able to turn itself into the ack that Chat gets.
///
/// `R` is the command's request: results for each of its items need it.
pub trait Answer<R>: Send + 'static {
    /// The phase of every command that answers with this type.
    const PHASE: Phase;
    /// What Chat honours in the ack; every answer of this type keeps to it.
    const RULES: AckRules;
    /// The JSON object that Chat gets.
    type Ack: Type + ToJSON + Serialize + Send;

    /// The answer that lets the action happen.
    fn allow(request: &R) -> Self;
    /// The answer that stops the action, as far as the command can.
    fn refuse(request: &R) -> Self;
    /// What Chat gets for this answer.
    fn into_ack(self) -> Self::Ack;
}

/// The answer of every after-command: the event was taken note of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noted;

/// What Chat gets: the three fields that every command's answer has.
///
/// Source: <https://www.tencentcloud.com/document/product/1047/34354>
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase")]
pub struct Ack {
    /// `OK`, or `FAIL` when the handling itself failed.
    pub action_status: ActionStatus,
    /// 0 allows; Chat reads other values for before-callbacks only.
    pub error_code: i64,
    /// A text for people; empty when all is well.
    pub error_info: String,
}

/// Whether the callback was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Enum)]
#[serde(rename_all = "UPPERCASE")]
#[oai(rename_all = "UPPERCASE")]
pub enum ActionStatus {
    /// Handled; the verdict, if any, is in `ErrorCode`.
    Ok,
    /// The handling itself failed.
    Fail,
}

// === impl Phase ===

impl Phase {
    /// The word used in metrics, listings and JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Before => "before",
            Self::After => "after",
        }
    }
}

// === impl Noted ===

impl<R> Answer<R> for Noted {
    const PHASE: Phase = Phase::After;
    const RULES: AckRules = AckRules::NOTHING;
    type Ack = Ack;

    fn allow(_request: &R) -> Self {
        Self
    }

    fn refuse(_request: &R) -> Self {
        Self
    }

    fn into_ack(self) -> Ack {
        Ack::ok()
    }
}

// === impl Ack ===

impl Ack {
    /// The code that refuses, whatever the command.
    pub const REFUSE: i64 = 1;

    /// The code that drops a message while its sender sees success.
    pub const DROP: i64 = 2;

    /// `{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}` as bytes on the wire.
    pub const OK: &'static [u8] = br#"{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":""}"#;

    /// The plain ack that refuses, as bytes on the wire. It stops the action of every command but those whose acks have a
    /// result for each account, of which Chat reads nothing else.
    pub const REFUSED: &'static [u8] = br#"{"ActionStatus":"OK","ErrorCode":1,"ErrorInfo":""}"#;

    /// The plain ack that stops an action: [`Ack::REFUSED`] on the wire.
    pub fn refuse() -> Self {
        Self::refused(Self::REFUSE, "")
    }

    /// The ack that stops an action with a code of the command's and a text for its client.
    pub fn refused(error_code: i64, error_info: impl Into<String>) -> Self {
        Self {
            error_code,
            error_info: error_info.into(),
            ..Self::ok()
        }
    }

    /// The ack that says that all is well.
    pub fn ok() -> Self {
        Self {
            action_status: ActionStatus::Ok,
            error_code: 0,
            error_info: String::new(),
        }
    }

    /// The ack of a refused request: `FAIL`, code 1 and a text that gives nothing away.
    pub fn fail(error_info: impl Into<String>) -> Self {
        Self {
            action_status: ActionStatus::Fail,
            error_code: 1,
            error_info: error_info.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_constants_are_what_the_type_serializes_to() {
        assert_eq!(serde_json::to_vec(&Ack::ok()).unwrap(), Ack::OK);
        assert_eq!(serde_json::to_vec(&Ack::refuse()).unwrap(), Ack::REFUSED);
    }

    #[test]
    fn a_refusal_has_the_same_shape() {
        let json = serde_json::to_string(&Ack::fail("not accepted")).unwrap();
        assert_eq!(
            json,
            r#"{"ActionStatus":"FAIL","ErrorCode":1,"ErrorInfo":"not accepted"}"#
        );
    }
}
