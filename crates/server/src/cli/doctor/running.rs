//! What the gateway that runs says of itself, asked once; what it means is for `traffic.rs` and `work.rs`.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use crate::cli::{client::Client, exposition::Exposition, failure::Failure};

/// A running gateway. Tolerant: of another version it holds what is known.
#[derive(Debug, Default)]
pub(super) struct Running {
    /// In milliseconds since the Unix epoch, on this machine.
    pub(super) now_ms: u64,
    pub(super) metrics: Exposition,
    pub(super) readiness: Readiness,
    pub(super) apps: Vec<App>,
    pub(super) commands: Vec<Command>,
    pub(super) deciders: Vec<Decider>,
    /// The newest first.
    pub(super) refusals: Vec<Refused>,
    pub(super) drift: Vec<Drift>,
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
pub(super) struct Decider {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) breaker: String,
    pub(super) answered: u64,
    pub(super) failed: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Refused {
    pub(super) time: String,
    pub(super) reason: String,
    pub(super) address: String,
    pub(super) skew_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Drift {
    pub(super) command: String,
    pub(super) path: String,
    pub(super) last_seen: String,
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<T>,
}

// === impl Running ===

impl Running {
    pub(super) fn ask(client: &Client, now_ms: u64) -> Result<Self, Failure> {
        Ok(Self {
            now_ms,
            readiness: client.get_any("read the readiness", "/readyz")?,
            metrics: Exposition::parse(&client.text("read the metrics", "/metrics")?),
            apps: list(client, "list the apps", "/v1/apps")?,
            commands: list(client, "list the commands", "/v1/commands")?,
            deciders: list(client, "list the deciders", "/v1/deciders")?,
            refusals: list(client, "read the refusals", "/v1/refusals")?,
            drift: list(client, "read the drift", "/v1/drift")?,
        })
    }

    /// Since its start.
    pub(super) fn uptime(&self) -> Duration {
        let started = self.metrics.sum("process_start_time_seconds");
        let started = Duration::try_from_secs_f64(started.unwrap_or(0.0)).unwrap_or_default();
        Duration::from_millis(self.now_ms).saturating_sub(started)
    }

    /// The same in words.
    pub(super) fn since_start(&self) -> String {
        let uptime = Duration::from_secs(self.uptime().as_secs());
        format!(
            "in the {} since the start",
            humantime::format_duration(uptime)
        )
    }

    /// The sum of a counter or a gauge; 0 where there is none.
    pub(super) fn sum(&self, name: &str) -> f64 {
        self.metrics.sum(name).unwrap_or(0.0)
    }

    /// The commands for which a metric is above 0, with its value.
    pub(super) fn by_command(&self, name: &str) -> Vec<String> {
        let series = self.metrics.series(name).filter(|one| one.value > 0.0);
        series
            .map(|one| format!("{} {}", one.label("command"), one.value))
            .collect()
    }
}

fn list<T: DeserializeOwned>(client: &Client, action: &str, path: &str) -> Result<Vec<T>, Failure> {
    let page: Page<T> = client.get(action, path, &[])?;
    Ok(page.data)
}
