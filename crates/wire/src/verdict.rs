//! The verdicts of before-commands: for each kind of command one type, of which nothing can be made that Chat would not
//! honour.
//!
//! Not here: which command answers with which, which is the `Answer` of its plug-in. There is a type even where only one
//! command has it, so that all of them are tested together against the rules of acks.
//!
//! Source: <https://www.tencentcloud.com/document/product/1047/34354> for what every ack has, and the page of each command
//! (`SOURCE` of its plug-in) for the rest.

mod action;
mod code;
mod friend;
mod invite;
mod message;
mod subscribe;
#[cfg(test)]
mod tests;

pub use action::{ActionVerdict, GroupVerdict};
pub use code::{
    CodeError, FRIEND_CODES, FriendCode, GROUP_CODES, GroupCode, MESSAGE_CODES, MessageCode,
};
pub use friend::{FriendAck, FriendResult, FriendVerdict, FriendVerdicts, Targets};
pub use invite::{InviteAck, InviteVerdict};
pub use message::{MessageAck, MessageVerdict, Rewrite, RewriteError};
pub use subscribe::{SubscribeAck, SubscribeVerdict};
