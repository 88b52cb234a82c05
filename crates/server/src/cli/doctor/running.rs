//! What the gateway that runs says of itself, asked once; what it means is for `callers.rs`, `commands.rs` and `work.rs`.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    cli::{
        client::Client, drift::Kind, exposition::Exposition, failure::Failure, refusals::Refused,
    },
    time,
};

/// A running gateway. Tolerant: of another version it holds what is known.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// In milliseconds since the Unix epoch, on this machine.
    pub(super) now_ms: u64,
    pub(super) metrics: Exposition,
    pub(super) readiness: Readiness,
    pub(super) apps: Vec<App>,
    pub(super) commands: Vec<Command>,
    pub(super) rulings: Vec<Ruling>,
    pub(super) deciders: Vec<Decider>,
    pub(super) subscriptions: Vec<Subscription>,
    /// The newest first.
    pub(super) refusals: Vec<Refused>,
    pub(super) drift: Vec<Kind>,
    /// What could not be read, and why.
    pub(super) unread: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Readiness {
    pub(super) problems: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct App {
    pub(super) name: String,
    pub(super) sdk_app_id: u64,
    pub(super) known_since: Option<Value>,
    pub(super) last_callback_at: Option<Value>,
    pub(super) tokens: Vec<Token>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Token {
    pub(super) last_matched_at: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Command {
    pub(super) command: String,
    pub(super) received: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Ruling {
    pub(super) decided_by: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Decider {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) breaker: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Subscription {
    pub(super) name: String,
    pub(super) status: String,
    pub(super) paused_since: Option<Value>,
    pub(super) dead: u64,
    pub(super) expired: u64,
    pub(super) pending: u64,
    pub(super) behind: u64,
    pub(super) oldest_seconds: u64,
}

/// What only a gateway's metrics hold.
const OURS: &str = "gateway_build_info";

/// What happened within it is of now.
const RECENT: Duration = Duration::from_hours(1);

// === impl Running ===

impl Running {
    /// Asks for everything. Without readiness and metrics nothing can be said; whatever else can't be read is noted.
    pub(super) fn ask(client: &Client, now_ms: u64) -> Result<Self, Failure> {
        let readiness = client.report("read the readiness", "/readyz")?;
        let metrics = Exposition::parse(&client.text("read the metrics", "/metrics")?);
        if metrics.sum(OURS).is_none() {
            return Err(client.strange("read the metrics", &format!("there is no {OURS}")));
        }
        let mut unread = Vec::new();
        Ok(Self {
            now_ms,
            metrics,
            readiness,
            apps: list(client, "list the apps", "/v1/apps", &mut unread),
            commands: list(client, "list the commands", "/v1/commands", &mut unread),
            rulings: list(client, "list the rulings", "/v1/rulings", &mut unread),
            deciders: list(client, "list the deciders", "/v1/deciders", &mut unread),
            subscriptions: list(
                client,
                "list the subscriptions",
                "/v1/subscriptions",
                &mut unread,
            ),
            refusals: list(client, "read the refusals", "/v1/refusals", &mut unread),
            drift: list(client, "read the drift", "/v1/drift", &mut unread),
            unread,
        })
    }

    /// Since its start; `None` where the system does not tell.
    pub(super) fn uptime(&self) -> Option<Duration> {
        let started = self.metrics.sum("process_start_time_seconds")?;
        let started = Duration::try_from_secs_f64(started).ok()?;
        Duration::from_millis(self.now_ms).checked_sub(started)
    }

    /// For evidence: `in the 3d 4h since the start`.
    pub(super) fn since_start(&self) -> String {
        match self.uptime() {
            Some(uptime) => format!("in the {} since the start", whole(uptime)),
            None => "since the start".to_owned(),
        }
    }

    /// How long ago a time was.
    pub(super) fn age(&self, time: &Value) -> Option<Duration> {
        let then_ms = time::parse_rfc3339(time.as_str()?)?;
        Some(Duration::from_millis(self.now_ms.saturating_sub(then_ms)))
    }

    pub(super) fn is_recent(&self, time: &Value) -> bool {
        let age = self.age(time);
        age.is_some_and(|age| age < RECENT)
    }

    /// The refusals of a reason in the last hour.
    pub(super) fn recent(&self, reason: &str) -> Vec<&Refused> {
        let recent = self.refusals.iter().filter(|one| one.reason == reason);
        recent.filter(|one| self.is_recent(&one.time)).collect()
    }

    /// The sum of a counter or a gauge; 0 where there is none.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.metrics.sum_where(name, labels).unwrap_or(0.0)
    }

    /// The commands for which a metric is above 0, with its value.
    pub(super) fn by_command(&self, name: &str) -> Vec<(String, f64)> {
        let mut sums = self.metrics.sums_by(name, "command");
        sums.retain(|_, value| *value > 0.0);
        sums.into_iter().collect()
    }
}

/// A duration for people, in whole seconds.
pub(super) fn whole(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(duration.as_secs()))
}

fn list<T: DeserializeOwned>(
    client: &Client,
    action: &str,
    path: &str,
    unread: &mut Vec<String>,
) -> Vec<T> {
    client.list(action, path, &[]).unwrap_or_else(|failure| {
        unread.push(failure.to_string());
        Vec::new()
    })
}
