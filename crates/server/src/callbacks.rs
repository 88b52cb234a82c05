//! The installed plug-ins: the one list. To add a callback, see `docs/adding-a-callback.md`.

use callback_blocklist::{BlocklistAdd, BlocklistDelete};
use callback_bot::{BotC2cMessage, BotC2cSignal, BotGroupMessage};
use callback_c2c_message::{
    BeforeC2cMessageSend, C2cMessageExtension, C2cMessageModify, C2cMessageRead, C2cMessageReadAll,
    C2cMessageReadReceipt, C2cMessageRecall, C2cMessageSend,
};
use callback_follow::{FollowAdd, FollowDelete};
use callback_friend_add::{BeforeFriendAdd, BeforeFriendResponse, FriendAdd};
use callback_friend_delete::FriendDelete;
use callback_group_lifecycle::{
    BeforeGroupCreate, GroupAttributeChange, GroupCreate, GroupDailyQuotaAlarm, GroupDestroy,
    GroupFull, GroupInfoChange, GroupOwnerChange,
};
use callback_group_member::{
    BeforeGroupInvite, BeforeGroupJoin, GroupMemberExit, GroupMemberFieldChange, GroupMemberJoin,
    GroupMemberStateChange,
};
use callback_group_message::{
    BeforeGroupMessageSend, GroupMessageException, GroupMessageExtension, GroupMessageReadReceipt,
    GroupMessageRecall, GroupMessageSend,
};
use callback_moderation::ModerationResult;
use callback_official_account::{
    BeforeOfficialCreate, BeforeOfficialMessageSend, BeforeOfficialSubscribe, OfficialCreate,
    OfficialDestroy, OfficialFull, OfficialInfoChange, OfficialMessageRecall, OfficialMessageSend,
    OfficialSubscribe, OfficialUnsubscribe,
};
use callback_operations::LimitAlert;
use callback_presence::StateChange;
use callback_profile::ProfileSet;
use callback_push::{AllMemberPush, OfflinePush};
use callback_topic::{BeforeTopicCreate, TopicCreate, TopicDestroy, TopicInfoChange};
use gateway_core::{Callbacks, List};

/// Every command that this gateway knows.
pub fn installed() -> Callbacks<impl List> {
    Callbacks::new()
        .with(BeforeFriendAdd)
        .with(FriendAdd)
        .with(BeforeFriendResponse)
        .with(FriendDelete)
        .with(BlocklistAdd)
        .with(BlocklistDelete)
        .with(FollowAdd)
        .with(FollowDelete)
        .with(StateChange)
        .with(ProfileSet)
        .with(BeforeC2cMessageSend)
        .with(C2cMessageSend)
        .with(C2cMessageRead)
        .with(C2cMessageReadReceipt)
        .with(C2cMessageReadAll)
        .with(C2cMessageModify)
        .with(C2cMessageExtension)
        .with(C2cMessageRecall)
        .with(BeforeGroupCreate)
        .with(GroupCreate)
        .with(GroupInfoChange)
        .with(GroupAttributeChange)
        .with(GroupOwnerChange)
        .with(GroupFull)
        .with(GroupDailyQuotaAlarm)
        .with(GroupDestroy)
        .with(BeforeGroupJoin)
        .with(BeforeGroupInvite)
        .with(GroupMemberJoin)
        .with(GroupMemberExit)
        .with(GroupMemberStateChange)
        .with(GroupMemberFieldChange)
        .with(BeforeGroupMessageSend)
        .with(GroupMessageSend)
        .with(GroupMessageReadReceipt)
        .with(GroupMessageExtension)
        .with(GroupMessageRecall)
        .with(GroupMessageException)
        .with(BeforeTopicCreate)
        .with(TopicCreate)
        .with(TopicInfoChange)
        .with(TopicDestroy)
        .with(BotC2cMessage)
        .with(BotGroupMessage)
        .with(BotC2cSignal)
        .with(BeforeOfficialCreate)
        .with(OfficialCreate)
        .with(OfficialInfoChange)
        .with(OfficialDestroy)
        .with(BeforeOfficialSubscribe)
        .with(OfficialSubscribe)
        .with(OfficialUnsubscribe)
        .with(OfficialFull)
        .with(BeforeOfficialMessageSend)
        .with(OfficialMessageSend)
        .with(OfficialMessageRecall)
        .with(ModerationResult)
        .with(LimitAlert)
        .with(OfflinePush)
        .with(AllMemberPush)
}
