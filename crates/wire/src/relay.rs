//! A message inside of a bundle of forwarded ones.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/33527>.

use poem_openapi::Object;
use serde::{Deserialize, Serialize};

use crate::MessageElement;

/// A forwarded message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub struct RelayedMessage {
    /// Who sent it first.
    #[serde(rename = "From_Account")]
    #[oai(rename = "From_Account")]
    pub sender: String,
    /// To whom, in a one-to-one conversation.
    #[serde(rename = "To_Account", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "To_Account")]
    pub recipient: Option<String>,
    /// In which group.
    #[serde(rename = "GroupId", skip_serializing_if = "Option::is_none")]
    #[oai(rename = "GroupId")]
    pub group: Option<String>,
    /// Its place in the conversation.
    #[serde(rename = "MsgSeq")]
    #[oai(rename = "MsgSeq")]
    pub message_seq: i64,
    /// A random number, to tell it from others.
    #[serde(rename = "MsgRandom")]
    #[oai(rename = "MsgRandom")]
    pub message_random: i64,
    /// When it was sent, in seconds since the Unix epoch.
    #[serde(rename = "MsgTimeStamp")]
    #[oai(rename = "MsgTimeStamp")]
    pub message_time: i64,
    /// Its elements.
    #[serde(rename = "MsgBody")]
    #[oai(rename = "MsgBody")]
    pub elements: Vec<MessageElement>,
}
