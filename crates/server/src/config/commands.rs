//! The rules of `[commands]`: who decides about which command, and what is answered when nobody does.

use std::collections::BTreeMap;

use gateway_core::{AckRules, Descriptor, Extra, Phase};
use serde_json::{Map, Value};

use super::{
    CommandConfig, Config, PolicyConfig, Problem,
    deciders::{NO_SHADOW, PLUG_IN},
};

/// Who decides about a command, for one app or for all.
#[derive(Debug, Clone, PartialEq)]
pub struct CheckedCommand {
    /// A decider's name; `None` for the plug-in, or nobody if there is none.
    pub decider: Option<String>,
    /// A decider's name.
    pub shadow: Option<String>,
    /// What is answered when nobody decides; an ack that Chat honours.
    pub policy: PolicyConfig,
    /// What Chat honours.
    pub rules: AckRules,
}

/// By command.
pub type CheckedCommands = BTreeMap<String, CheckedCommand>;

/// Who decides about every before-command: for all apps, and for those that differ.
pub(super) fn check_commands(
    config: &Config,
    descriptors: &[Descriptor],
    problems: &mut Vec<Problem>,
) -> (CheckedCommands, BTreeMap<String, CheckedCommands>) {
    let checking = Checking {
        config,
        descriptors,
    };
    let before = descriptors
        .iter()
        .filter(|descriptor| descriptor.phase == Phase::Before);
    let none = CommandConfig::default();
    let mut general: CheckedCommands = before
        .map(|descriptor| {
            (
                descriptor.command.to_owned(),
                merge(&none, &none, descriptor.rules),
            )
        })
        .collect();
    for (command, own) in &config.commands {
        let key = format!("commands.\"{command}\"");
        general.extend(checking.command(&key, command, own, &none, problems));
    }
    let mut by_app = BTreeMap::new();
    for (app, app_config) in &config.apps {
        let mut commands = CheckedCommands::new();
        for (command, own) in &app_config.commands {
            let key = format!("apps.{app}.commands.\"{command}\"");
            let general = config.commands.get(command).unwrap_or(&none);
            commands.extend(checking.command(&key, command, own, general, problems));
        }
        by_app.insert(app.clone(), commands);
    }
    (general, by_app)
}

/// What the keys of a command are checked against.
struct Checking<'a> {
    config: &'a Config,
    descriptors: &'a [Descriptor],
}

impl Checking<'_> {
    /// The command with what it inherits; nothing when a key is wrong.
    fn command(
        &self,
        key: &str,
        command: &str,
        own: &CommandConfig,
        general: &CommandConfig,
        problems: &mut Vec<Problem>,
    ) -> Option<(String, CheckedCommand)> {
        let mut wrong = |part: &str, message: String| {
            let key = if part.is_empty() {
                key.to_owned()
            } else {
                format!("{key}.{part}")
            };
            problems.push(Problem::new(key, message));
        };
        let mut descriptors = self.descriptors.iter();
        let rules = match descriptors.find(|descriptor| descriptor.command == command) {
            Some(descriptor) if descriptor.phase == Phase::After => {
                wrong(
                    "",
                    "nobody is asked about an after-command; remove the table".to_owned(),
                );
                return None;
            }
            Some(descriptor) => descriptor.rules,
            None if own.untyped || general.untyped => AckRules::UNKNOWN,
            None => {
                let message = "no plug-in is installed for this command; check its spelling, or set `untyped = true`";
                wrong("", message.to_owned());
                return None;
            }
        };
        let mut is_whole = true;
        for (part, name, other) in [
            ("decider", &own.decider, PLUG_IN),
            ("shadow", &own.shadow, NO_SHADOW),
        ] {
            let Some(name) = name.as_deref() else {
                continue;
            };
            if name != other && !self.config.deciders.contains_key(name) {
                wrong(
                    part,
                    format!("expected {other}, or the name of a table [deciders.NAME]"),
                );
                is_whole = false;
            }
        }
        if let Some(PolicyConfig::Ack(ack)) = &own.policy
            && let Err(message) = check_ack(rules, ack)
        {
            wrong("policy", message);
            is_whole = false;
        }
        let merged = merge(own, general, rules);
        if merged.shadow.is_some() && merged.shadow == merged.decider {
            wrong(
                "shadow",
                "expected another decider than the one that decides".to_owned(),
            );
            is_whole = false;
        }
        is_whole.then(|| (command.to_owned(), merged))
    }
}

/// Whether an ack can be given whatever the request.
fn check_ack(rules: AckRules, ack: &Map<String, Value>) -> Result<(), String> {
    if rules.extra == Extra::Items {
        return Err("this command wants a result for each of a request's accounts; expected `allow` or `refuse`".to_owned());
    }
    match rules.check_object(completed(ack)) {
        Ok(_) => Ok(()),
        Err(fault) => Err(format!(
            "not an ack that Chat honours for this command: {fault}"
        )),
    }
}

fn merge(own: &CommandConfig, general: &CommandConfig, rules: AckRules) -> CheckedCommand {
    let named = |own: &Option<String>, general: &Option<String>, other: &str| {
        let name = own.as_ref().or(general.as_ref());
        name.filter(|name| *name != other).cloned()
    };
    let policy = own.policy.as_ref().or(general.policy.as_ref());
    CheckedCommand {
        decider: named(&own.decider, &general.decider, PLUG_IN),
        shadow: named(&own.shadow, &general.shadow, NO_SHADOW),
        policy: match policy {
            None => PolicyConfig::Allow,
            // One that is wrong has been told of, and never comes into force.
            Some(PolicyConfig::Ack(ack)) => {
                let honoured = rules.check_object(completed(ack)).map(serde_json::to_value);
                match honoured {
                    Ok(Ok(Value::Object(ack))) => PolicyConfig::Ack(ack),
                    _ => PolicyConfig::Refuse,
                }
            }
            Some(other) => other.clone(),
        },
        rules,
    }
}

/// An ack of which only what matters need be written.
fn completed(ack: &Map<String, Value>) -> Map<String, Value> {
    let mut ack = ack.clone();
    for (field, value) in [
        ("ActionStatus", Value::from("OK")),
        ("ErrorCode", Value::from(0)),
        ("ErrorInfo", Value::from("")),
    ] {
        ack.entry(field).or_insert(value);
    }
    ack
}

#[cfg(test)]
mod tests {
    use super::{super::load, *};

    const MESSAGE: &str = "C2C.CallbackBeforeSendMsg";

    /// What is resolved of a configuration about messages: in general, and for the app `shop`.
    fn check(text: &str) -> (CheckedCommand, Option<CheckedCommand>) {
        let deciders =
            "[deciders.one]\nurl = \"http://one\"\n[deciders.two]\nurl = \"http://two\"\n";
        let app = "[apps.shop]\nsdk_app_id = 1\nunsigned = true\n";
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("gateway.toml");
        std::fs::write(&file, format!("{deciders}{app}{text}")).unwrap();
        let config = load(Some(&file), []).unwrap();
        let descriptors = crate::callbacks::installed().descriptors();
        let mut problems = Vec::new();
        let (general, by_app) = check_commands(&config, &descriptors, &mut problems);
        assert_eq!(problems, []);
        (
            general[MESSAGE].clone(),
            by_app["shop"].get(MESSAGE).cloned(),
        )
    }

    #[test]
    fn without_a_word_the_plug_in_decides_and_the_policy_allows() {
        let (general, own) = check("");
        assert_eq!((general.decider, general.shadow), (None, None));
        assert_eq!(general.policy, PolicyConfig::Allow);
        assert_eq!(own, None);
    }

    #[test]
    fn an_app_differs_in_what_it_says_and_in_nothing_else() {
        let general = format!(
            "[commands.\"{MESSAGE}\"]\ndecider = \"one\"\nshadow = \"two\"\npolicy = \"refuse\"\n"
        );
        let own = |keys: &str| {
            check(&format!(
                "{general}[apps.shop.commands.\"{MESSAGE}\"]\n{keys}"
            ))
            .1
        };
        let inherited = own("").unwrap();
        assert_eq!(inherited, check(&general).0);
        let differs =
            own("decider = \"two\"\nshadow = \"none\"\npolicy = { ErrorCode = 2 }\n").unwrap();
        assert_eq!(differs.decider.as_deref(), Some("two"));
        assert_eq!(differs.shadow, None);
        let PolicyConfig::Ack(ack) = differs.policy else {
            panic!("an ack was written");
        };
        assert_eq!(
            Value::Object(ack).to_string(),
            r#"{"ActionStatus":"OK","ErrorCode":2,"ErrorInfo":""}"#
        );
        let plug_in = own("decider = \"plug-in\"\n").unwrap();
        assert_eq!(plug_in.decider, None);
        assert_eq!(plug_in.shadow.as_deref(), Some("two"));
    }
}
