//! Members that join, leave and change in groups.
//!
//! Six commands, one file each; two of them ask.

mod before_group_invite;
mod before_group_join;
mod group_member_exit;
mod group_member_field_change;
mod group_member_join;
mod group_member_state_change;

pub use before_group_invite::{BeforeGroupInvite, BeforeGroupInviteRequest};
pub use before_group_join::{BeforeGroupJoin, BeforeGroupJoinRequest};
pub use group_member_exit::{GroupMemberExit, GroupMemberExitRequest};
pub use group_member_field_change::{GroupMemberFieldChange, GroupMemberFieldChangeRequest};
pub use group_member_join::{GroupMemberJoin, GroupMemberJoinRequest};
pub use group_member_state_change::{GroupMemberStateChange, GroupMemberStateChangeRequest};
