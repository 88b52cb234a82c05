//! Every command of Chat's that the vendor documents is installed, in its phase and with the answers that the vendor's
//! page of it names; others may be, too. What stands here was typed in from those pages, not from the
//! plug-ins.

use std::collections::BTreeSet;

use gateway_core::{AckRules, Codes, Descriptor, Phase};
use gateway_server::callbacks::installed;
use serde_json::Value;

/// Commands at which Chat asks and waits, and what it honours in an answer to any of them.
struct Asked {
    commands: &'static [&'static str],
    /// The refusal codes of their own, from the first to the last.
    codes: Option<(i64, i64)>,
    /// Whether code 2 drops the message silently.
    drops: bool,
    /// Beside the three that every answer has.
    fields: &'static [&'static str],
}

/// Chat asks.
const BEFORE: [Asked; 7] = [
    Asked {
        commands: &[
            "C2C.CallbackBeforeSendMsg",
            "OfficialAccount.CallbackBeforeSendMsg",
        ],
        codes: Some((120_001, 130_000)),
        drops: true,
        fields: &["MsgBody", "CloudCustomData"],
    },
    Asked {
        commands: &["Group.CallbackBeforeSendMsg"],
        codes: Some((10_100, 10_200)),
        drops: true,
        fields: &["MsgBody", "CloudCustomData"],
    },
    Asked {
        commands: &[
            "Group.CallbackBeforeApplyJoinGroup",
            "Group.CallbackBeforeCreateGroup",
            "Group.CallbackBeforeCreateTopic",
        ],
        codes: Some((10_100, 10_200)),
        drops: false,
        fields: &[],
    },
    Asked {
        commands: &["Group.CallbackBeforeInviteJoinGroup"],
        codes: Some((10_100, 10_200)),
        drops: false,
        fields: &["RefusedMembers_Account"],
    },
    Asked {
        commands: &["OfficialAccount.CallbackBeforeCreateOfficialAccount"],
        codes: Some((120_001, 130_000)),
        drops: false,
        fields: &[],
    },
    Asked {
        commands: &["OfficialAccount.CallbackBeforeAddSubscriber"],
        codes: None,
        drops: false,
        fields: &["RefusedSubscribers_Account"],
    },
    Asked {
        commands: &[
            "Sns.CallbackPrevFriendAdd",
            "Sns.CallbackPrevFriendResponse",
        ],
        codes: Some((38_000, 39_000)),
        drops: false,
        fields: &["ResultItem"],
    },
];

/// Chat tells.
const AFTER: &[&str] = &[
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
fn every_documented_command_is_installed() {
    let asked = BEFORE.iter().flat_map(|asked| asked.commands).copied();
    for (phase, documented) in [
        (Phase::Before, asked.collect::<Vec<_>>()),
        (Phase::After, AFTER.to_vec()),
    ] {
        let installed = commands(phase);
        let is_missing = |command: &&&str| !installed.contains(**command);
        let missing: Vec<_> = documented.iter().filter(is_missing).collect();
        assert!(missing.is_empty(), "{phase:?}: {missing:?}");
    }
}

#[test]
fn an_answer_may_say_what_is_documented() {
    for Descriptor { command, rules, .. } in installed().descriptors() {
        if AFTER.contains(&command) {
            assert_eq!(rules, AckRules::NOTHING, "{command}");
        }
        let mut asked = BEFORE.iter();
        let Some(asked) = asked.find(|asked| asked.commands.contains(&command)) else {
            continue;
        };
        let codes = asked.codes.map(|(first, last)| Codes { first, last });
        assert_eq!(rules.codes, codes, "{command}");
        assert_eq!(rules.drops, asked.drops, "{command}");
        assert_eq!(rules.extra.names(), asked.fields, "{command}");
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
