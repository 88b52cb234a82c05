//! What became of pushes: those of messages, and those to many users at once.
//!
//! Two commands, one file each; both come in batches, which `batch.rs` takes apart.

mod all_member_push;
mod batch;
mod offline_push;

pub use all_member_push::{AllMemberPush, AllMemberPushEvent, AllMemberPushRequest};
pub use offline_push::{OfflinePush, OfflinePushEvent, OfflinePushRequest};
