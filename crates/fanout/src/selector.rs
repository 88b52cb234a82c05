//! Which events a subscription wants, and which of them must not overtake each other.

use std::hash::{DefaultHasher, Hash, Hasher};

use gateway_core::{Envelope, Subjects};

use crate::{Order, SubscriptionConfig};

/// The filters of a subscription.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    commands: Vec<Pattern>,
    apps: Vec<String>,
    accounts: Vec<String>,
    groups: Vec<String>,
    simulated: bool,
    order: Order,
}

/// A command's name, or the beginning of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    start: String,
    is_open: bool,
}

/// A pattern that no command could have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a command such as Sns.CallbackFriendDelete, or the beginning of some such as Sns.*, not `{0}`"
)]
pub struct PatternError(String);

// === impl Selector ===

impl Selector {
    pub(crate) fn new(config: &SubscriptionConfig) -> Result<Self, PatternError> {
        let commands = config.commands.iter().map(|text| Pattern::parse(text));
        Ok(Self {
            commands: commands.collect::<Result<_, _>>()?,
            apps: config.apps.clone(),
            accounts: config.accounts.clone(),
            groups: config.groups.clone(),
            simulated: config.simulated,
            order: config.order,
        })
    }

    /// Whether an event is wanted, as far as its envelope tells.
    pub(crate) fn wants(&self, envelope: &Envelope) -> bool {
        let command = |pattern: &Pattern| pattern.matches(&envelope.command);
        (self.simulated || !envelope.simulated)
            && (self.apps.is_empty() || self.apps.contains(&envelope.app))
            && self.commands.iter().any(command)
    }

    /// Whether an event about these is wanted.
    pub(crate) fn wants_about(&self, subjects: &Subjects) -> bool {
        about_one(&self.accounts, &subjects.accounts) && about_one(&self.groups, &subjects.groups)
    }

    /// The events of one lane arrive in their order; `None` for one that may come at any time.
    pub(crate) fn lane(&self, envelope: &Envelope, subjects: &Subjects) -> Option<u64> {
        let groups = match self.order {
            Order::Free => return None,
            Order::Accounts => &[][..],
            Order::Group => &subjects.groups,
        };
        let names = if groups.is_empty() {
            &subjects.accounts
        } else {
            groups
        };
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            return None;
        }
        names.sort_unstable();
        // Kept in the state: its keys are fixed, and rows of another hash would only be a lane of their own.
        let mut hasher = DefaultHasher::new();
        (&envelope.app, groups.is_empty(), names).hash(&mut hasher);
        Some(hasher.finish())
    }
}

fn about_one(wanted: &[String], names: &[String]) -> bool {
    wanted.is_empty() || names.iter().any(|name| wanted.contains(name))
}

// === impl Pattern ===

impl Pattern {
    /// Reads `Sns.CallbackFriendDelete`, `Sns.*` or `*`.
    ///
    /// # Errors
    ///
    /// When it is empty, has a `*` elsewhere than at its end, or what no command's name has.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let (start, is_open) = match text.strip_suffix('*') {
            Some(start) => (start, true),
            None => (text, false),
        };
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if !start.chars().all(is_plain) || (start.is_empty() && !is_open) {
            return Err(PatternError(text.to_owned()));
        }
        Ok(Self {
            start: start.to_owned(),
            is_open,
        })
    }

    /// Whether it means a command.
    pub fn matches(&self, command: &str) -> bool {
        if self.is_open {
            command.starts_with(&self.start)
        } else {
            command == self.start
        }
    }
}

#[cfg(test)]
mod tests {
    use gateway_core::Proof;

    use super::*;

    fn selector(change: impl FnOnce(&mut SubscriptionConfig)) -> Selector {
        let config = r#"{"url":"http://127.0.0.1/","secret_files":[]}"#;
        let mut config = serde_json::from_str(config).unwrap();
        change(&mut config);
        Selector::new(&config).unwrap()
    }

    fn envelope(app: &str, command: &str) -> Envelope {
        Envelope {
            app: app.to_owned(),
            sdk_app_id: 1,
            command: command.to_owned(),
            received_ms: 1,
            client_ip: None,
            platform: None,
            request_id: None,
            peer: None,
            proof: Proof::default(),
            simulated: false,
            verdict: None,
            trace: None,
        }
    }

    fn subjects(accounts: &[&str], groups: &[&str]) -> Subjects {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Subjects {
            accounts: owned(accounts),
            groups: owned(groups),
        }
    }

    #[test]
    fn a_pattern_is_a_command_or_the_beginning_of_some() {
        let matches = |pattern: &str, command| Pattern::parse(pattern).unwrap().matches(command);
        assert!(matches("*", "Sns.CallbackFriendDelete"));
        assert!(matches("Sns.*", "Sns.CallbackFriendDelete"));
        assert!(!matches("Sns.*", "Group.CallbackAfterNewMemberJoin"));
        assert!(matches("State.StateChange", "State.StateChange"));
        assert!(!matches("State.StateChange", "State.StateChanged"));
        for text in ["", "*.Callback", "Sns.**", "Sns Callback", "Sns.爱"] {
            assert!(Pattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_filter_has_to_agree() {
        let only = selector(|config| {
            config.commands = vec!["Sns.*".to_owned(), "State.StateChange".to_owned()];
            config.apps = vec!["shop".to_owned()];
            config.accounts = vec!["alice".to_owned(), "bob".to_owned()];
        });
        assert!(only.wants(&envelope("shop", "Sns.CallbackFriendAdd")));
        assert!(only.wants(&envelope("shop", "State.StateChange")));
        assert!(!only.wants(&envelope("game", "State.StateChange")));
        assert!(!only.wants(&envelope("shop", "C2C.CallbackAfterSendMsg")));
        assert!(only.wants_about(&subjects(&["carol", "bob"], &[])));
        assert!(!only.wants_about(&subjects(&["carol"], &[])));
        assert!(!only.wants_about(&subjects(&[], &["alice"])));
        assert!(selector(|_| {}).wants_about(&Subjects::default()));
    }

    #[test]
    fn simulated_events_are_for_those_who_ask() {
        let simulated = Envelope {
            simulated: true,
            ..envelope("shop", "A.B")
        };
        assert!(!selector(|_| {}).wants(&simulated));
        assert!(selector(|config| config.simulated = true).wants(&simulated));
    }

    #[test]
    fn a_pair_is_one_lane_whoever_comes_first() {
        let lane = |order, accounts: &[&str], groups: &[&str]| {
            let selector = selector(|config| config.order = order);
            selector.lane(&envelope("shop", "A.B"), &subjects(accounts, groups))
        };
        assert_eq!(lane(Order::Free, &["a", "b"], &["g"]), None);
        let pair = lane(Order::Accounts, &["a", "b"], &["g"]);
        assert!(pair.is_some());
        assert_eq!(pair, lane(Order::Accounts, &["b", "a"], &["h"]));
        assert_ne!(pair, lane(Order::Accounts, &["a", "c"], &["g"]));
        let group = lane(Order::Group, &["a"], &["g"]);
        assert_eq!(group, lane(Order::Group, &["c"], &["g"]));
        assert_ne!(group, lane(Order::Group, &["a"], &["h"]));
        assert_ne!(
            lane(Order::Group, &["g"], &[]),
            group,
            "an account is no group"
        );
        assert_eq!(lane(Order::Accounts, &[], &[]), None);
    }
}
