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

const HEADING: [&str; 7] = [
    "SUBSCRIPTION",
    "EVENT",
    "COMMAND",
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
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Delivery {
    subscription: String,
    sequence: u64,
    command: String,
    status: String,
    attempts: u64,
    reason: Option<String>,
    detail: Option<String>,
    next_attempt_at: Option<Value>,
}

pub(super) fn run(
    client: &Client,
    options: &DeliveriesOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let mut left = if options.all { u64::MAX } else { options.limit };
    let mut cursor: Option<String> = None;
    let mut is_first = true;
    let has_more = loop {
        let page: Page = client.get(
            "read the deliveries",
            "/v1/deliveries",
            &query(options, left, cursor.as_deref()),
        )?;
        let wanted = usize::try_from(left).unwrap_or(usize::MAX);
        let data: Vec<&str> = page.data.iter().map(|raw| raw.get()).take(wanted).collect();
        print(&data, is_first, output)?;
        is_first &= data.is_empty();
        left = left.saturating_sub(data.len() as u64);
        match page.next {
            Some(next) if left > 0 && Some(&next) != cursor.as_ref() => cursor = Some(next),
            next => break next.is_some(),
        }
    };
    if output.is_for_people() && is_first {
        output.line("nothing waits, and nothing was given up")?;
    } else if output.is_for_people() && has_more {
        output.line(MORE)?;
    }
    Ok(Ending::Done)
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
        delivery.subscription,
        delivery.sequence.to_string(),
        delivery.command,
        delivery.status,
        delivery.attempts.to_string(),
        delivery.detail.or(delivery.reason).unwrap_or_default(),
        next.unwrap_or_default(),
    ]
}
