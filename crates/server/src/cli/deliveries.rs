//! `deliveries`: what is on its way to subscriptions, or was given up; newest first, page by page.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    arguments::DeliveriesOptions,
    client::Client,
    events::{MORE, PAGE_ENTRIES},
    failure::{Ending, Failure},
    moment,
    output::Output,
};
use crate::plural::counted;

const HEADING: [&str; 7] = [
    "EVENT",
    "COMMAND",
    "SUBSCRIPTION",
    "STATUS",
    "ATTEMPTS",
    "WHY",
    "NEXT",
];

#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    #[serde(default)]
    next: Option<String>,
}

/// One of them. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub(super) struct Delivery {
    pub(super) subscription: String,
    pub(super) id: Option<String>,
    pub(super) sequence: u64,
    pub(super) command: String,
    pub(super) status: String,
    pub(super) attempts: u64,
    pub(super) reason: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) next_attempt_at: Option<Value>,
}

pub(super) fn run(
    client: &Client,
    options: &DeliveriesOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let mut is_first = true;
    let has_more = walk(client, options, |page| {
        print(page, is_first, output)?;
        is_first &= page.is_empty();
        Ok(())
    })?;
    if output.is_for_people() && is_first {
        output.line("nothing waits, and nothing was given up")?;
    } else if output.is_for_people() && has_more {
        output.line(MORE)?;
    }
    Ok(Ending::Done)
}

/// Gives the deliveries to `each`, newest first, page by page, up to the limit; tells whether there are more.
pub(super) fn walk(
    client: &Client,
    options: &DeliveriesOptions,
    mut each: impl FnMut(&[&str]) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut left = if options.all { u64::MAX } else { options.limit };
    let mut cursor: Option<String> = None;
    loop {
        let page: Page = client.get(
            "read the deliveries",
            "/v1/deliveries",
            &query(options, left, cursor.as_deref()),
        )?;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX);
        let data: Vec<&str> = page.data.iter().map(|raw| raw.get()).take(wanted).collect();
        each(&data)?;
        left = left.saturating_sub(data.len() as u64);
        match page.next {
            Some(next) if left > 0 && Some(&next) != cursor.as_ref() => cursor = Some(next),
            next => return Ok(next.is_some()),
        }
    }
}

fn query(
    options: &DeliveriesOptions,
    left: u64,
    cursor: Option<&str>,
) -> Vec<(&'static str, String)> {
    let mut query = vec![("limit", left.min(PAGE_ENTRIES).to_string())];
    let filters = [
        ("subscription", &options.subscription),
        ("status", &options.status),
        ("command", &options.command),
    ];
    for (name, value) in filters {
        query.extend(value.iter().map(|value| (name, value.clone())));
    }
    query.extend(options.since.map(|since| ("since", since.to_query())));
    query.extend(cursor.map(|cursor| ("cursor", cursor.to_owned())));
    query
}

/// The heading stands over the first page only.
fn print(page: &[&str], is_first: bool, output: &mut Output<'_>) -> Result<(), Failure> {
    if output.wants_json() {
        return page.iter().try_for_each(|entry| output.json_text(entry));
    }
    if page.is_empty() {
        return Ok(());
    }
    let rows: Vec<Vec<String>> = page.iter().map(|entry| row(entry)).collect();
    if is_first {
        output.table(&HEADING, &rows)
    } else {
        output.table_continued(&HEADING, &rows)
    }
}

fn row(delivery: &str) -> Vec<String> {
    let delivery: Delivery = serde_json::from_str(delivery).unwrap_or_default();
    let next = delivery.next_attempt_at.as_ref().map(moment::show);
    vec![
        delivery.event(),
        delivery.command,
        delivery.subscription,
        delivery.status,
        delivery.attempts.to_string(),
        delivery.detail.or(delivery.reason).unwrap_or_default(),
        next.unwrap_or_default(),
    ]
}

// === impl Delivery ===

impl Delivery {
    /// Where an event stands with the subscription.
    pub(super) fn standing(&self) -> String {
        let standing = match &*self.status {
            "delivered" => {
                "delivered, unless it was skipped, forgotten, or came before the subscription"
            }
            "filtered" => "not wanted, by the filters of now",
            "ahead" => "not looked at yet",
            status => status,
        };
        let attempts = counted(self.attempts, "attempt");
        let attempts = (self.attempts > 0).then(|| format!(" after {attempts}"));
        let why = self.detail.as_ref().or(self.reason.as_ref());
        let next = self.next_attempt_at.as_ref().map(moment::show);
        let parts = [
            Some(standing.to_owned()),
            attempts,
            why.map(|why| format!(": {why}")),
            next.map(|next| format!("; next attempt {next}")),
        ];
        let parts: String = parts.into_iter().flatten().collect();
        format!("{}: {parts}", self.subscription)
    }

    /// The event's id, or its place when it can't be read any more.
    pub(super) fn event(&self) -> String {
        let place = || format!("at {}", self.sequence);
        self.id.clone().unwrap_or_else(place)
    }
}
