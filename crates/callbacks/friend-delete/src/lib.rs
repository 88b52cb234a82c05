//! Friends removed from friend lists.
//!
//! One command, one file. This is the crate to copy for another feature; `docs/adding-a-callback.md` walks through it.

mod friend_delete;

pub use friend_delete::{FriendDelete, FriendDeleteRequest, RemovedFriend};
