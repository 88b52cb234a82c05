//! Messages in groups: sent, failed, recalled, read and extended.
//!
//! Six commands, one file each; `before_group_message_send.rs` asks, the others tell.

mod before_group_message_send;
mod group_message_exception;
mod group_message_extension;
mod group_message_read_receipt;
mod group_message_recall;
mod group_message_send;

pub use before_group_message_send::{
    BeforeGroupMessageSend, BeforeGroupMessageSendRequest, BeforeGroupMessageSendVerdict,
};
pub use group_message_exception::{GroupMessageException, GroupMessageExceptionRequest};
pub use group_message_extension::{GroupMessageExtension, GroupMessageExtensionRequest};
pub use group_message_read_receipt::{
    GroupMessageReadReceipt, GroupMessageReadReceiptRequest, GroupMessageReceipt,
};
pub use group_message_recall::{
    GroupMessageRecall, GroupMessageRecallRequest, RecalledGroupMessage,
};
pub use group_message_send::{GroupMention, GroupMessageSend, GroupMessageSendRequest};
