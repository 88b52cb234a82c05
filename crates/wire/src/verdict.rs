//! The verdicts of before-commands: for each kind of command one type, of which nothing can be made that Chat would not
//! honour.
//!
//! Source: section 3 of the protocol overview; each type names the commands that answer with it.

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
