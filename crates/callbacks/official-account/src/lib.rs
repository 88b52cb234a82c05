//! Official accounts, which the vendor also calls official channels: their profiles, subscribers and messages.
//!
//! Eleven commands, one file each; what a subscriber is, three of them share in `subscriber.rs`.

mod before_official_create;
mod before_official_message_send;
mod before_official_subscribe;
mod official_create;
mod official_destroy;
mod official_full;
mod official_info_change;
mod official_message_recall;
mod official_message_send;
mod official_subscribe;
mod official_unsubscribe;
mod subscriber;

pub use before_official_create::{
    BeforeOfficialCreate, BeforeOfficialCreateRequest, BeforeOfficialCreateVerdict,
};
pub use before_official_message_send::{
    BeforeOfficialMessageSend, BeforeOfficialMessageSendRequest, BeforeOfficialMessageSendVerdict,
};
pub use before_official_subscribe::{BeforeOfficialSubscribe, BeforeOfficialSubscribeRequest};
pub use official_create::{OfficialCreate, OfficialCreateRequest};
pub use official_destroy::{OfficialDestroy, OfficialDestroyRequest};
pub use official_full::{OfficialFull, OfficialFullRequest};
pub use official_info_change::{OfficialInfoChange, OfficialInfoChangeRequest};
pub use official_message_recall::{
    OfficialMessageRecall, OfficialMessageRecallRequest, RecalledOfficialMessage,
};
pub use official_message_send::{OfficialMessageSend, OfficialMessageSendRequest};
pub use official_subscribe::{OfficialSubscribe, OfficialSubscribeRequest};
pub use official_unsubscribe::{OfficialUnsubscribe, OfficialUnsubscribeRequest};
pub use subscriber::OfficialSubscriber;
