//! The installed commands are those of Chat's that the vendor documents, no more and no less, each in its phase.

use std::collections::BTreeSet;

use gateway_core::{Descriptor, Phase};
use gateway_server::callbacks::installed;
use serde_json::Value;

/// Chat asks and waits.
const BEFORE: [&str; 11] = [
    "C2C.CallbackBeforeSendMsg",
    "Group.CallbackBeforeApplyJoinGroup",
    "Group.CallbackBeforeCreateGroup",
    "Group.CallbackBeforeCreateTopic",
    "Group.CallbackBeforeInviteJoinGroup",
    "Group.CallbackBeforeSendMsg",
    "OfficialAccount.CallbackBeforeAddSubscriber",
    "OfficialAccount.CallbackBeforeCreateOfficialAccount",
    "OfficialAccount.CallbackBeforeSendMsg",
    "Sns.CallbackPrevFriendAdd",
    "Sns.CallbackPrevFriendResponse",
];

/// Chat tells.
const AFTER: [&str; 49] = [
    "Alert.RequestOverLimit",
    "Bot.OnC2CMessage",
    "Bot.OnGroupMessage",
    "C2C.CallbackAfterC2CMsgExtension",
    "C2C.CallbackAfterModifyMsg",
    "C2C.CallbackAfterMsgReadAll",
    "C2C.CallbackAfterMsgReadReceipt",
    "C2C.CallbackAfterMsgReport",
    "C2C.CallbackAfterMsgWithDraw",
    "C2C.CallbackAfterSendMsg",
    "Chatbot.OnC2CSignalMessage",
    "ContentCallback.ResultNotify",
    "Follow.CallbackAfterFollowAdd",
    "Follow.CallbackAfterFollowDelete",
    "Group.CallbackAfterChangeGroupOwner",
    "Group.CallbackAfterCreateGroup",
    "Group.CallbackAfterCreateTopic",
    "Group.CallbackAfterGroupAttrChanged",
    "Group.CallbackAfterGroupDestroyed",
    "Group.CallbackAfterGroupFull",
    "Group.CallbackAfterGroupInfoChanged",
    "Group.CallbackAfterGroupMsgExtension",
    "Group.CallbackAfterMemberExit",
    "Group.CallbackAfterMemberFieldChanged",
    "Group.CallbackAfterNewMemberJoin",
    "Group.CallbackAfterReadReceipt",
    "Group.CallbackAfterRecallMsg",
    "Group.CallbackAfterSendMsg",
    "Group.CallbackAfterTopicDestroyed",
    "Group.CallbackAfterTopicInfoChanged",
    "Group.CallbackOnDailyGroupQuotaAlarm",
    "Group.CallbackOnMemberStateChange",
    "Group.CallbackSendMsgException",
    "OfficialAccount.CallbackAfterAddSubscriber",
    "OfficialAccount.CallbackAfterCreateOfficialAccount",
    "OfficialAccount.CallbackAfterDeleteSubscriber",
    "OfficialAccount.CallbackAfterMsgWithDraw",
    "OfficialAccount.CallbackAfterOfficialAccountDestroyed",
    "OfficialAccount.CallbackAfterOfficialAccountFull",
    "OfficialAccount.CallbackAfterOfficialAccountInfoChanged",
    "OfficialAccount.CallbackAfterSendMsg",
    "Profile.CallbackPortraitSet",
    "Push.AllMemberPush",
    "Push.OfflinePush",
    "Sns.CallbackBlackListAdd",
    "Sns.CallbackBlackListDelete",
    "Sns.CallbackFriendAdd",
    "Sns.CallbackFriendDelete",
    "State.StateChange",
];

/// Their bodies don't say which command they are; those of pushes say it of each event in them.
const UNNAMED: [&str; 3] = [
    "ContentCallback.ResultNotify",
    "Push.AllMemberPush",
    "Push.OfflinePush",
];

fn commands(phase: Phase) -> BTreeSet<&'static str> {
    let descriptors = installed().descriptors().into_iter();
    let of_phase = descriptors.filter(|descriptor| descriptor.phase == phase);
    of_phase.map(|descriptor| descriptor.command).collect()
}

fn named(sample: &Value) -> Option<&str> {
    sample.get("CallbackCommand").and_then(Value::as_str)
}

#[test]
fn every_documented_command_is_installed_in_its_phase() {
    for (documented, phase) in [(&BEFORE[..], Phase::Before), (&AFTER[..], Phase::After)] {
        let installed = commands(phase);
        let missing = documented
            .iter()
            .find(|command| !installed.contains(*command));
        assert_eq!(missing, None, "not installed as a command of this phase");
    }
}

#[test]
fn a_body_names_its_command_but_for_the_known_ones() {
    for Descriptor {
        command, sample, ..
    } in installed().descriptors()
    {
        let sample: Value = serde_json::from_str(sample).unwrap();
        let expected = (!UNNAMED.contains(&command)).then_some(command);
        assert_eq!(named(&sample), expected);
        for event in sample["Events"].as_array().into_iter().flatten() {
            assert_eq!(named(event), Some(command));
        }
    }
}
