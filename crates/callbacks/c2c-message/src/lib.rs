//! One-to-one messages: sent, read, recalled, edited and extended.
//!
//! Eight commands, one file each. Start at [`BeforeC2cMessageSend`], which alone has a verdict.

mod before_c2c_message_send;
mod c2c_message_extension;
mod c2c_message_modify;
mod c2c_message_read;
mod c2c_message_read_all;
mod c2c_message_read_receipt;
mod c2c_message_recall;
mod c2c_message_send;

pub use before_c2c_message_send::{
    BeforeC2cMessageSend, BeforeC2cMessageSendRequest, BeforeC2cMessageSendVerdict,
};
pub use c2c_message_extension::{C2cMessageExtension, C2cMessageExtensionRequest};
pub use c2c_message_modify::{C2cMessageModify, C2cMessageModifyRequest};
pub use c2c_message_read::{C2cMessageRead, C2cMessageReadRequest};
pub use c2c_message_read_all::{C2cMessageReadAll, C2cMessageReadAllRequest, ClearedGroup};
pub use c2c_message_read_receipt::{
    C2cMessageReadReceipt, C2cMessageReadReceiptRequest, C2cReceiptMessage,
};
pub use c2c_message_recall::{C2cMessageRecall, C2cMessageRecallRequest};
pub use c2c_message_send::{C2cMessageSend, C2cMessageSendRequest};
