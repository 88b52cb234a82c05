//! Groups: asked for, created, changed, full, disbanded, and near their daily quota.
//!
//! Eight commands, one file each. Not here: members who come and go, messages, and topics of communities.

mod before_group_create;
mod group_attribute_change;
mod group_create;
mod group_daily_quota_alarm;
mod group_destroy;
mod group_full;
mod group_info_change;
mod group_owner_change;

pub use before_group_create::{BeforeGroupCreate, BeforeGroupCreateRequest};
pub use group_attribute_change::{
    GroupAttribute, GroupAttributeChange, GroupAttributeChangeRequest,
};
pub use group_create::{GroupCreate, GroupCreateRequest};
pub use group_daily_quota_alarm::{GroupDailyQuotaAlarm, GroupDailyQuotaAlarmRequest};
pub use group_destroy::{GroupDestroy, GroupDestroyRequest};
pub use group_full::{GroupFull, GroupFullRequest};
pub use group_info_change::{GroupInfoChange, GroupInfoChangeRequest};
pub use group_owner_change::{GroupOwnerChange, GroupOwnerChangeRequest};
