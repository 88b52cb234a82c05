//! Parts of requests that several of Chat's commands share, so that plug-ins don't write them twice, and the verdicts of
//! all before-commands.
//!
//! Not here: what the request of one command alone has, which stands with its plug-in, and the rules of acks
//! (`gateway_core::AckRules`).
//! Start at [`MessageElement`] for requests and at [`MessageVerdict`] for verdicts.

mod custom_field;
mod extension;
mod member;
mod message;
mod relay;
mod verdict;

pub use custom_field::CustomField;
pub use extension::MessageExtension;
pub use member::Member;
pub use message::{ImageVersion, MessageContent, MessageElement};
pub use relay::RelayedMessage;
pub use verdict::{
    ActionVerdict, CodeError, FRIEND_CODES, FriendAck, FriendCode, FriendResult, FriendVerdict,
    FriendVerdicts, GROUP_CODES, GroupCode, GroupVerdict, InviteAck, InviteVerdict, MESSAGE_CODES,
    MessageAck, MessageCode, MessageVerdict, Rewrite, RewriteError, SubscribeAck, SubscribeVerdict,
    Targets,
};
