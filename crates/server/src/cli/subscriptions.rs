//! `subscriptions`: who gets events, how far each has come, and steering them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    arguments::{SubscriptionsAction, SubscriptionsOptions},
    client::Client,
    failure::{Ending, Failure},
    list::List,
    output::Output,
};

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

pub(super) fn run(
    client: &Client,
    options: &SubscriptionsOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let (name, deed) = match &options.action {
        None => return LIST.print(client, "", None, output),
        Some(SubscriptionsAction::Pause { name }) => (name, "pause"),
        Some(SubscriptionsAction::Resume { name }) => (name, "resume"),
    };
    let action = format!("{deed} the subscription {name}");
    let path = format!("/v1/subscriptions/{name}/{deed}");
    let mut response = client.post(&action, &path, &[], b"{}")?;
    let raw: Box<RawValue> = response.body_mut().read_json().map_err(|error| {
        Failure::Failed(format!("failed to {action}: unexpected answer: {error}"))
    })?;
    if output.wants_json() {
        output.json_text(raw.get())?;
    } else {
        output.table(LIST.heading, &[row(raw.get())])?;
    }
    Ok(Ending::Done)
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
