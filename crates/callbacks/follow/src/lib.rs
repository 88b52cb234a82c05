//! Accounts followed and no longer followed.
//!
//! Two commands, one file each; they name the accounts in different ways.

mod follow_add;
mod follow_delete;

pub use follow_add::{FollowAdd, FollowAddRequest, FollowedAccount};
pub use follow_delete::{FollowDelete, FollowDeleteRequest};
