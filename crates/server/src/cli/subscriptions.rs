//! `subscriptions`: who gets events, how far each has come, and steering them.

use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    arguments::{SubscriptionsAction, SubscriptionsOptions},
    client::Client,
    failure::{Ending, Failure},
    list::List,
    output::Output,
};
use crate::plural::counted;

const LIST: List<'_> = List {
    action: "read the subscriptions",
    path: "/v1/subscriptions",
    empty: "no subscriptions",
    heading: &[
        "NAME",
        "STATUS",
        "DELIVERED",
        "FILTERED",
        "DEAD",
        "PENDING",
        "BEHIND",
    ],
    row,
};

/// One of them. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Subscription {
    name: String,
    status: String,
    delivered: u64,
    filtered: u64,
    dead: u64,
    pending: u64,
    behind: u64,
}

/// What moving a cursor did, or would do.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Moved {
    events: u64,
    pending: u64,
    dead: u64,
}

pub(super) fn run(
    client: &Client,
    options: &SubscriptionsOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let (name, deed, request) = match &options.action {
        None => return LIST.print(client, "", None, output),
        Some(SubscriptionsAction::Pause { name }) => (name, "pause", json!({})),
        Some(SubscriptionsAction::Resume { name }) => (name, "resume", json!({})),
        Some(SubscriptionsAction::Skip { name, dry_run }) => {
            (name, "skip", json!({ "dry_run": dry_run }))
        }
        Some(SubscriptionsAction::Rewind { name, to, dry_run }) => {
            (name, "rewind", json!({ "to": to, "dry_run": dry_run }))
        }
    };
    let action = format!("{deed} the subscription {name}");
    let path = format!("/v1/subscriptions/{name}/{deed}");
    let mut response = client.post(&action, &path, &[], request.to_string().as_bytes())?;
    let raw: Box<RawValue> = response.body_mut().read_json().map_err(|error| {
        Failure::Failed(format!("failed to {action}: unexpected answer: {error}"))
    })?;
    if output.wants_json() {
        output.json_text(raw.get())?;
        return Ok(Ending::Done);
    }
    match &options.action {
        Some(SubscriptionsAction::Skip { dry_run, .. }) => {
            output.line(&moved(raw.get()).skipped(*dry_run))?;
        }
        Some(SubscriptionsAction::Rewind { dry_run, .. }) => {
            output.line(&moved(raw.get()).rewound(*dry_run))?;
        }
        _ => output.table(LIST.heading, &[row(raw.get())])?,
    }
    Ok(Ending::Done)
}

// === impl Moved ===

impl Moved {
    fn skipped(&self, dry_run: bool) -> String {
        let (events, pending) = (self.events, self.pending);
        let all = counted(events + pending, "event");
        let done = if dry_run { "would be " } else { "" };
        format!("{all} {done}skipped: {pending} pending, {events} past the cursor")
    }

    fn rewound(&self, dry_run: bool) -> String {
        let events = counted(self.events, "event");
        let shown = if dry_run { "would be shown" } else { "shown" };
        let (pending, dead) = (self.pending, self.dead);
        format!("{events} {shown} again; {pending} pending and {dead} dead among them start anew")
    }
}

fn moved(answer: &str) -> Moved {
    serde_json::from_str(answer).unwrap_or_default()
}

fn row(subscription: &str) -> Vec<String> {
    let subscription: Subscription = serde_json::from_str(subscription).unwrap_or_default();
    vec![
        subscription.name,
        subscription.status,
        subscription.delivered.to_string(),
        subscription.filtered.to_string(),
        subscription.dead.to_string(),
        subscription.pending.to_string(),
        subscription.behind.to_string(),
    ]
}
