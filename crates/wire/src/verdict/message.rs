//! A message that is sent, refused, dropped or rewritten.

use gateway_core::{Ack, AckRules, ActionStatus, Answer, Extra, Phase};
use poem_openapi::Object;
use serde::Serialize;

use super::code::RefusalCode;
use crate::MessageElement;

/// What becomes of a message: one to a user, to a group, or from an official account.
#[derive(Debug, Clone, PartialEq)]
pub enum MessageVerdict<const FIRST: i64, const LAST: i64> {
    /// It is sent.
    Allow,
    /// It is not; the sender gets an error of Chat's.
    Refuse,
    /// It is not; the sender gets this code and text.
    RefuseWith {
        /// One of the command's own.
        code: RefusalCode<FIRST, LAST>,
        /// For the sender.
        info: String,
    },
    /// It is not, and the sender sees success.
    Drop,
    /// It is sent in another form.
    Rewrite(Rewrite),
}

/// A message's other form: at least one of its elements and its custom data is replaced.
#[derive(Debug, Clone, PartialEq)]
pub struct Rewrite {
    elements: Option<Vec<MessageElement>>,
    cloud_custom_data: Option<String>,
}

/// A message without elements is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message has at least one element")]
pub struct RewriteError;

/// What Chat gets about a message.
#[derive(Debug, Clone, PartialEq, Serialize, Object)]
#[serde(rename_all = "PascalCase")]
#[oai(rename_all = "PascalCase", skip_serializing_if_is_none)]
pub struct MessageAck {
    /// `OK`, or `FAIL` when the handling itself failed.
    pub action_status: ActionStatus,
    /// 0 sends it, 1 refuses it, 2 drops it silently; a code of the command's own range refuses it and reaches the
    /// sender.
    pub error_code: i64,
    /// A text for the sender, beside a code of the command's own.
    pub error_info: String,
    /// The elements that take the place of the message's, with code 0.
    #[serde(rename = "MsgBody", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "MsgBody")]
    pub elements: Option<Vec<MessageElement>>,
    /// What takes the place of the message's custom data, with code 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_custom_data: Option<String>,
}

// === impl MessageVerdict ===

impl<R, const FIRST: i64, const LAST: i64> Answer<R> for MessageVerdict<FIRST, LAST> {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules {
        codes: Some(RefusalCode::<FIRST, LAST>::CODES),
        drops: true,
        extra: Extra::Message,
    };
    type Ack = MessageAck;

    fn allow(_request: &R) -> Self {
        Self::Allow
    }

    fn refuse(_request: &R) -> Self {
        Self::Refuse
    }

    fn into_ack(self) -> MessageAck {
        match self {
            Self::Allow => MessageAck::plain(Ack::ok()),
            Self::Refuse => MessageAck::plain(Ack::refuse()),
            Self::RefuseWith { code, info } => MessageAck::plain(Ack::refused(code.get(), info)),
            Self::Drop => MessageAck::plain(Ack::refused(Ack::DROP, "")),
            Self::Rewrite(rewrite) => MessageAck {
                elements: rewrite.elements,
                cloud_custom_data: rewrite.cloud_custom_data,
                ..MessageAck::plain(Ack::ok())
            },
        }
    }
}

// === impl Rewrite ===

impl Rewrite {
    /// Replaces the message's elements. One that is taken from the request keeps only the fields that
    /// [`crate::MessageContent`] knows.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn elements(elements: Vec<MessageElement>) -> Result<Self, RewriteError> {
        if elements.is_empty() {
            return Err(RewriteError);
        }
        Ok(Self {
            elements: Some(elements),
            cloud_custom_data: None,
        })
    }

    /// Replaces the message's custom data.
    pub fn custom_data(data: impl Into<String>) -> Self {
        Self {
            elements: None,
            cloud_custom_data: Some(data.into()),
        }
    }

    /// Replaces the message's custom data, too.
    #[must_use]
    pub fn and_custom_data(mut self, data: impl Into<String>) -> Self {
        self.cloud_custom_data = Some(data.into());
        self
    }
}

// === impl MessageAck ===

impl MessageAck {
    fn plain(ack: Ack) -> Self {
        let Ack {
            action_status,
            error_code,
            error_info,
        } = ack;
        Self {
            action_status,
            error_code,
            error_info,
            elements: None,
            cloud_custom_data: None,
        }
    }
}
