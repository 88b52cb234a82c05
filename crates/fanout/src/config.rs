//! `[subscriptions.NAME]` of the configuration.

use std::{path::PathBuf, time::Duration};

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Who wants which events, and how they are brought there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubscriptionConfig {
    /// Where events are posted; `http` or `https`.
    pub url: String,
    /// Which commands: names, or beginnings of names with `*`, e.g. `Sns.*`.
    #[serde(default = "SubscriptionConfig::commands")]
    pub commands: Vec<String>,
    /// Of which apps, by their names; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<String>,
    /// About one of these accounts; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<String>,
    /// About one of these groups; all when empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// Whether it gets simulated events, too.
    #[serde(default)]
    pub simulated: bool,
    /// Where a new subscription starts: `now`, `beginning`, or a time; one that is still to come means now.
    #[serde(default = "SubscriptionConfig::start")]
    pub start: String,
    /// Files with a secret of Standard Webhooks each, `whsec_…`, the newest first; several while one is being changed.
    pub secret_files: Vec<PathBuf>,
    /// Which events must arrive one after another.
    #[serde(default)]
    pub order: Order,
    /// Private networks that its address may be in; without them it must be public.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    pub networks: Vec<IpNet>,
    /// The authority of its certificate, in the place of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Attempts a second at most.
    #[serde(default = "SubscriptionConfig::rate")]
    pub rate: u32,
    /// Attempts under way at once.
    #[serde(default = "SubscriptionConfig::concurrency")]
    pub concurrency: usize,
    /// How long an attempt may take.
    #[serde(default = "SubscriptionConfig::timeout", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub timeout: Duration,
    /// The pauses after the first, second, … failed attempt; the last one is for all that follow.
    #[serde(default = "SubscriptionConfig::retries", with = "pauses")]
    #[schemars(with = "Vec<String>")]
    pub retries: Vec<Duration>,
    /// So long after its first attempt a failed event is given up: it becomes a dead letter.
    #[serde(
        default = "SubscriptionConfig::give_up_after",
        with = "humantime_serde"
    )]
    #[schemars(with = "String")]
    pub give_up_after: Duration,
    /// How long dead letters are kept.
    #[serde(default = "SubscriptionConfig::dead_letters", with = "humantime_serde")]
    #[schemars(with = "String")]
    pub dead_letters: Duration,
}

/// Which events of a subscription must arrive one after another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Order {
    /// None.
    #[default]
    Free,
    /// Those about the same accounts, e.g. a pair of friends.
    Accounts,
    /// Those about the same group; of events about none, those about the same accounts.
    Group,
}

const HOUR: u64 = 3600;

/// In seconds; from the last one on it is every day.
const RETRIES: [u64; 10] = [
    1,
    5,
    30,
    2 * 60,
    10 * 60,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    24 * HOUR,
];

// === impl SubscriptionConfig ===

impl SubscriptionConfig {
    fn commands() -> Vec<String> {
        vec!["*".to_owned()]
    }

    fn start() -> String {
        "now".to_owned()
    }

    const fn rate() -> u32 {
        1_000
    }

    const fn concurrency() -> usize {
        16
    }

    const fn timeout() -> Duration {
        Duration::from_secs(15)
    }

    fn retries() -> Vec<Duration> {
        RETRIES.map(Duration::from_secs).to_vec()
    }

    const fn give_up_after() -> Duration {
        Duration::from_hours(72)
    }

    const fn dead_letters() -> Duration {
        Duration::from_hours(30 * 24)
    }
}

/// Durations as people write them.
mod pauses {
    use std::time::Duration;

    use humantime_serde::Serde;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(
        pauses: &[Duration],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let pauses: Vec<Serde<Duration>> = pauses.iter().copied().map(Serde::from).collect();
        pauses.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Duration>, D::Error> {
        let pauses = Vec::<Serde<Duration>>::deserialize(deserializer)?;
        Ok(pauses.into_iter().map(Serde::into_inner).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_what_was_read() {
        let text = r#"{"url":"https://example.com/","secret_files":["a"],"retries":["1s","2m"],"networks":["10.0.0.0/8"]}"#;
        let config: SubscriptionConfig = serde_json::from_str(text).unwrap();
        assert_eq!(
            config.retries,
            [Duration::from_secs(1), Duration::from_mins(2)]
        );
        assert_eq!((config.order, config.concurrency), (Order::Free, 16));
        let again = serde_json::to_string(&config).unwrap();
        assert_eq!(
            serde_json::from_str::<SubscriptionConfig>(&again).unwrap(),
            config
        );
        assert!(
            serde_json::from_str::<SubscriptionConfig>(r#"{"url":"","secret_files":[],"urls":1}"#)
                .is_err()
        );
    }
}
