//! `deliveries`: what is on its way to subscriptions, or was given up; newest first, page by page.

use serde::Deserialize;
use serde_json::Value;

use super::{
    arguments::DeliveriesOptions,
    client::Client,
    failure::{Ending, Failure},
    moment,
    output::Output,
    pages::{self, MORE, Pages},
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

/// Why a delivery is not over, and when it is tried again.
struct Outlook<'a> {
    why: Option<&'a str>,
    next: Option<String>,
}

pub(super) fn run(
    client: &Client,
    options: &DeliveriesOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let mut is_first = true;
    let has_more = walk(client, options, |page| {
        pages::print(page, is_first, &HEADING, row, output)?;
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
    each: impl FnMut(&[&str]) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let filters = [
        ("subscription", &options.subscription),
        ("status", &options.status),
        ("command", &options.command),
    ];
    let filters = filters.into_iter();
    let mut query: Vec<_> = filters
        .filter_map(|(name, value)| Some((name, value.clone()?)))
        .collect();
    query.extend(options.since.map(|since| ("since", since.to_query())));
    let pages = Pages {
        action: "read the deliveries",
        path: "/v1/deliveries",
        query,
        limit: if options.all { u64::MAX } else { options.limit },
    };
    pages.walk(client, each)
}

fn row(delivery: &str) -> Vec<String> {
    let delivery: Delivery = serde_json::from_str(delivery).unwrap_or_default();
    let Outlook { why, next } = delivery.outlook();
    vec![
        delivery.event(),
        delivery.command.clone(),
        delivery.subscription.clone(),
        delivery.status.clone(),
        delivery.attempts.to_string(),
        why.unwrap_or_default().to_owned(),
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
        let Outlook { why, next } = self.outlook();
        let parts = [
            Some(standing.to_owned()),
            attempts,
            why.map(|why| format!(": {why}")),
            next.map(|next| format!("; next attempt {next}")),
        ];
        let parts: String = parts.into_iter().flatten().collect();
        format!("{}: {parts}", self.subscription)
    }

    fn outlook(&self) -> Outlook<'_> {
        let why = self.detail.as_deref().or(self.reason.as_deref());
        if self.status == "pending" && self.attempts == 0 && why.is_none() {
            // Its turn comes when the other's end does; the time says nothing.
            return Outlook {
                why: Some("waits for an earlier event, by its order"),
                next: None,
            };
        }
        Outlook {
            why,
            next: self.next_attempt_at.as_ref().map(moment::show),
        }
    }

    /// The event's id, or its place when it can't be read any more.
    pub(super) fn event(&self) -> String {
        let place = || format!("at {}", self.sequence);
        self.id.clone().unwrap_or_else(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_waits_for_another_says_so_instead_of_a_time() {
        let standing = |attempts, rest| {
            let json = format!(
                r#"{{"subscription":"billing","status":"pending","attempts":{attempts},"next_attempt_at":"2026-01-31T08:00:30Z"{rest}}}"#
            );
            let delivery: Delivery = serde_json::from_str(&json).unwrap();
            delivery.standing()
        };
        assert_eq!(
            standing(0, ""),
            "billing: pending: waits for an earlier event, by its order"
        );
        let tried = standing(2, r#","reason":"timeout""#);
        assert!(
            tried.contains("after 2 attempts: timeout; next attempt 2026"),
            "{tried}"
        );
    }
}
