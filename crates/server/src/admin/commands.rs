//! The installed commands: what is known of each, what Chat honours in its ack, and how often it was called.
//!
//! Start at [`CommandList::new`]. The command line's catalogue shows the same facts (`cli/catalogue.rs`).

use std::collections::BTreeMap;

use gateway_core::{Descriptor, Extra, Phase};
use poem_openapi::{Object, types::Any};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Parts;
use crate::metrics::Metrics;

/// The commands that have a plug-in.
#[derive(Debug, Serialize, Object)]
pub(crate) struct CommandList {
    /// In the order of installation.
    data: Vec<CommandInfo>,
    /// Always `null`: there is one page.
    #[oai(nullable)]
    next: Option<String>,
}

/// A command of Chat's that has a plug-in.
#[derive(Debug, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct CommandInfo {
    /// The vendor's name of what happens.
    command: String,
    /// The group of commands that it belongs to.
    feature: String,
    /// What happened, or what is asked.
    summary: String,
    /// The vendor's page about it.
    source: String,
    /// `before` or `after`: whether Chat waits for a verdict.
    phase: String,
    /// Callbacks of it that were let in since the gateway's start and have ended, of all apps, simulated ones, too.
    received: u64,
    /// How many of them ended in which way: `ok`, `repeated`, `unanswered`, and for a before-command also `refused`,
    /// `dropped`, `rewritten`, `policy`. The same counters as in `gateway_callbacks_total`.
    outcomes: BTreeMap<String, u64>,
    /// What Chat honours in the ack; absent for an after-command, of whose ack Chat reads nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    honours: Option<HonouredAck>,
    /// A whole request body.
    sample: Any<Box<RawValue>>,
}

/// What Chat honours in a before-command's ack, beside code 0, which allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
#[oai(skip_serializing_if_is_none)]
pub(crate) struct HonouredAck {
    /// Whether code 1 refuses. It does not where the results for each account decide alone.
    refuse: bool,
    /// Whether code 2 drops a message while its sender sees success.
    drop: bool,
    /// The command's own codes, which refuse and reach the client with a text; absent when it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<HonouredCodes>,
    /// The fields that may stand beside the three common ones.
    fields: Vec<String>,
}

/// A range of codes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Object)]
pub(crate) struct HonouredCodes {
    /// The lowest.
    first: i64,
    /// The highest.
    last: i64,
}

// === impl CommandList ===

impl CommandList {
    /// What is known now.
    pub(super) fn new(parts: &Parts) -> Self {
        let installed = parts.dispatcher.iter();
        let data = installed.map(|one| CommandInfo::new(one.descriptor(), &parts.metrics));
        Self {
            data: data.collect(),
            next: None,
        }
    }
}

// === impl CommandInfo ===

impl CommandInfo {
    fn new(descriptor: &Descriptor, metrics: &Metrics) -> Self {
        let outcomes = metrics.outcomes(descriptor.index);
        Self {
            command: descriptor.command.to_owned(),
            feature: descriptor.feature.to_owned(),
            summary: descriptor.summary.to_owned(),
            source: descriptor.source.to_owned(),
            phase: descriptor.phase.as_str().to_owned(),
            received: outcomes.iter().map(|(_, count)| count).sum(),
            outcomes: outcomes
                .into_iter()
                .map(|(outcome, count)| (outcome.to_owned(), count))
                .collect(),
            honours: HonouredAck::of(descriptor),
            sample: Any(sample(descriptor.sample)),
        }
    }
}

/// A sample is JSON: every plug-in's test says so.
fn sample(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.trim().to_owned()).unwrap_or_default()
}

// === impl HonouredAck ===

impl HonouredAck {
    /// `None` for an after-command, and where nothing is known of what Chat honours.
    pub(crate) fn of(descriptor: &Descriptor) -> Option<Self> {
        let rules = &descriptor.rules;
        if descriptor.phase == Phase::After || rules.extra == Extra::Unknown {
            return None;
        }
        Some(Self {
            refuse: rules.extra != Extra::Items,
            drop: rules.drops,
            codes: rules.codes.map(|codes| HonouredCodes {
                first: codes.first,
                last: codes.last,
            }),
            fields: rules.extra.names().into_iter().map(str::to_owned).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use callback_friend_delete::FriendDelete;
    use gateway_core::{AckRules, Callbacks, Codes, Dispatcher};
    use poem_openapi::types::ToJSON;
    use serde_json::{Value, json};

    use super::*;
    use crate::metrics::Outcome;

    const CODES: Codes = Codes {
        first: 10_100,
        last: 10_200,
    };

    fn dispatcher() -> Dispatcher {
        Dispatcher::new(Callbacks::new().with(FriendDelete)).unwrap()
    }

    fn check(phase: Phase, rules: AckRules, expected: &Value) {
        let dispatcher = dispatcher();
        let descriptor = Descriptor {
            phase,
            rules,
            ..*dispatcher.iter().next().unwrap().descriptor()
        };
        let honours = serde_json::to_value(HonouredAck::of(&descriptor)).unwrap();
        assert_eq!(&honours, expected);
    }

    #[test]
    fn what_chat_honours_is_what_the_rules_say() {
        let rules = |extra| AckRules {
            codes: Some(CODES),
            drops: extra == Extra::Message,
            extra,
        };
        let codes = json!({ "first": 10_100, "last": 10_200 });
        for (rules, expected) in [
            (
                AckRules::NOTHING,
                json!({ "refuse": true, "drop": false, "fields": [] }),
            ),
            (
                rules(Extra::Message),
                json!({ "refuse": true, "drop": true, "codes": codes, "fields": ["MsgBody", "CloudCustomData"] }),
            ),
            (
                rules(Extra::Accounts("RefusedMembers_Account")),
                json!({ "refuse": true, "drop": false, "codes": codes, "fields": ["RefusedMembers_Account"] }),
            ),
            (
                rules(Extra::Items),
                json!({ "refuse": false, "drop": false, "codes": codes, "fields": ["ResultItem"] }),
            ),
            (AckRules::UNKNOWN, Value::Null),
        ] {
            check(Phase::Before, rules, &expected);
        }
        check(Phase::After, AckRules::NOTHING, &Value::Null);
    }

    #[test]
    fn what_is_sent_is_what_is_documented() {
        let dispatcher = dispatcher();
        let metrics = Metrics::new(&dispatcher);
        metrics.app("shop").count(Some(0), Outcome::Repeated);
        let mut info = CommandInfo::new(dispatcher.iter().next().unwrap().descriptor(), &metrics);
        assert_eq!(info.to_json(), serde_json::to_value(&info).ok());
        assert_eq!(info.received, 1);
        let outcomes = json!({ "ok": 0, "repeated": 1, "unanswered": 0 });
        assert_eq!(serde_json::to_value(&info.outcomes).unwrap(), outcomes);
        info.honours = Some(HonouredAck {
            refuse: true,
            drop: true,
            codes: None,
            fields: Vec::new(),
        });
        assert_eq!(info.to_json(), serde_json::to_value(&info).ok());
    }
}
