//! `explain`: everything that is known of one event, as text for a person.

use gateway_core::EventId;
use serde_json::{Value, value::RawValue};

use super::{
    client::Client,
    deliveries::Delivery,
    drift::show_path,
    escape::escape,
    event::{Event, Item, Outcome, Step},
    failure::{Ending, Failure},
    moment,
    output::Output,
};
use crate::plural::counted;

pub(super) fn run(
    client: &Client,
    id: EventId,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let action = format!("explain the event {id}");
    let raw: Box<RawValue> = client.get(&action, &format!("/v1/events/{id}"), &[])?;
    if output.wants_json() {
        output.json_text(raw.get())?;
        return Ok(Ending::Done);
    }
    let event: Event = serde_json::from_str(raw.get()).map_err(|error| {
        Failure::Failed(format!("failed to {action}: unexpected answer: {error}"))
    })?;
    output.raw(&text(&event))?;
    Ok(Ending::Done)
}

/// The whole text; everything in it is escaped.
fn text(event: &Event) -> String {
    let mut lines: Vec<String> = facts(event)
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name:<11} {}", escape(&value)))
        .collect();
    let story: Vec<String> = event.story.iter().map(Step::line).collect();
    if !story.is_empty() {
        section(&mut lines, "story", story.iter().map(String::as_str));
    }
    let deliveries: Vec<String> = event.deliveries.iter().map(Delivery::standing).collect();
    if !deliveries.is_empty() {
        let deliveries = deliveries.iter().map(String::as_str);
        section(&mut lines, "passed on", deliveries);
    }
    let items: Vec<String> = event.items.iter().map(Item::line).collect();
    if !items.is_empty() {
        section(&mut lines, "items", items.iter().map(String::as_str));
    }
    section(&mut lines, "body, as received", event.body_text().lines());
    if let Some(decoded) = &event.decoded {
        let pretty = serde_json::to_string_pretty(decoded).unwrap_or_default();
        section(&mut lines, "decoded", pretty.lines());
    }
    let drift: Vec<String> = event
        .drift
        .iter()
        .map(|drift| {
            let path = show_path(&drift.path);
            format!("{path}: expected {}, found {}", drift.expected, drift.found)
        })
        .collect();
    if !drift.is_empty() {
        section(&mut lines, "drift", drift.iter().map(String::as_str));
    }
    lines.join("\n")
}

fn facts(event: &Event) -> Vec<(&'static str, String)> {
    let optional = |value: &Option<String>| value.clone().unwrap_or_default();
    vec![
        ("event", event.id.clone()),
        ("app", format!("{} ({})", event.app, event.sdk_app_id)),
        ("command", event.command.clone()),
        (
            "happened",
            event
                .happened_at
                .as_ref()
                .map(moment::show)
                .unwrap_or_default(),
        ),
        ("client", optional(&event.client_ip)),
        ("platform", optional(&event.platform)),
        ("request id", optional(&event.request_id)),
        (
            "simulated",
            if event.simulated {
                "yes".into()
            } else {
                String::new()
            },
        ),
        ("trace", optional(&event.trace_id)),
        ("accounts", event.subjects.accounts.join(", ")),
        ("groups", event.subjects.groups.join(", ")),
        (
            "verdict",
            event.verdict.as_ref().map(verdict).unwrap_or_default(),
        ),
        (
            "shadow",
            event.verdict.as_ref().and_then(shadow).unwrap_or_default(),
        ),
        (
            "outcome",
            match &event.verdict {
                // It was answered, and nothing runs afterwards.
                Some(_) => String::new(),
                None => event.outcome.as_ref().map(outcome).unwrap_or_default(),
            },
        ),
    ]
}

const NONE: &str =
    "no handler runs for it; a before-callback without a verdict had a caller that hung up";

fn outcome(outcome: &Outcome) -> String {
    if outcome.status == "none" {
        return NONE.to_owned();
    }
    let attempts = outcome.attempts;
    let attempts = attempts.map(|attempts| format!(" after {}", counted(attempts, "attempt")));
    let next = outcome.next_attempt_at.as_ref().map(moment::show);
    let parts = [
        Some(outcome.status.clone()),
        attempts,
        outcome.reason.as_ref().map(|reason| format!(", {reason}")),
        outcome.error.as_ref().map(|error| format!(": {error}")),
        next.map(|next| format!("; next attempt {next}")),
    ];
    parts.into_iter().flatten().collect()
}

fn verdict(verdict: &Value) -> String {
    let part = |name: &str| verdict.get(name).map(show_plain);
    let by = match (part("by").as_deref(), part("decider"), part("policy")) {
        (Some("decider"), Some(name), _) => Some(format!("by the decider {name}")),
        (Some("policy"), name, policy) => {
            let policy = policy.map(|policy| format!(" `{policy}`"));
            let name = name.map(|name| format!(" in place of the decider {name}"));
            let parts = [Some("by the policy".to_owned()), policy, name];
            Some(parts.into_iter().flatten().collect())
        }
        (by, ..) => by.map(|by| format!("by the {by}")),
    };
    let asked = part("decider").map_or("the plug-in", |_| "the decider");
    let parts = [
        by,
        why(verdict),
        millis(verdict, "elapsed_us").map(|after| format!(" after {after}")),
        millis(verdict, "asked_us").map(|waited| format!(", {waited} of it waiting for {asked}")),
        part("ack").map(|ack| format!(": {ack}")),
    ];
    parts.into_iter().flatten().collect()
}

fn shadow(verdict: &Value) -> Option<String> {
    let shadow = verdict.get("shadow")?;
    let part = |name: &str| shadow.get(name).map(show_plain);
    let parts = [
        part("decider"),
        part("agreement").map(|agreement| format!(" {agreement}")),
        why(shadow),
        millis(shadow, "asked_us").map(|after| format!(" after {after}")),
        part("ack").map(|ack| format!(": {ack}")),
    ];
    Some(parts.into_iter().flatten().collect())
}

/// The reason in brackets, with its detail.
fn why(answer: &Value) -> Option<String> {
    let reason = show_plain(answer.get("reason")?);
    let detail = answer.get("detail").map(show_plain);
    let detail = detail.map_or(String::new(), |detail| format!(": {detail}"));
    Some(format!(" ({reason}{detail})"))
}

fn millis(answer: &Value, name: &str) -> Option<String> {
    let us = answer.get(name).and_then(Value::as_u64)?;
    Some(format!("{}.{:03} ms", us / 1000, us % 1000))
}

fn show_plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn section<'a>(lines: &mut Vec<String>, heading: &str, content: impl IntoIterator<Item = &'a str>) {
    lines.push(String::new());
    lines.push(format!("{heading}:"));
    lines.extend(
        content
            .into_iter()
            .map(|line| format!("  {}", escape(line))),
    );
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::event::tests::sample;

    #[test]
    fn tells_everything() {
        let event: Event = serde_json::from_str(&sample()).unwrap();
        insta::assert_snapshot!(text(&event));
    }

    #[test]
    fn a_drift_of_the_whole_body_says_so() {
        let event = json!({"drift": [{"path": "", "expected": "JSON", "found": "not JSON"}]});
        let text = text(&serde_json::from_value(event).unwrap());
        assert!(
            text.ends_with("  the body: expected JSON, found not JSON"),
            "{text}"
        );
    }

    #[test]
    fn tells_a_verdict() {
        let policy = json!({"ack": {"ErrorCode": 0}, "by": "policy", "reason": "deadline", "elapsed_us": 1_500_042});
        assert_eq!(
            verdict(&policy),
            "by the policy (deadline) after 1500.042 ms: {\"ErrorCode\":0}"
        );
        let failed = json!({
            "ack": {"ErrorCode": 1}, "by": "policy", "decider": "moderation", "policy": "refuse", "reason": "status",
            "detail": "status 500", "elapsed_us": 2_500, "asked_us": 2_000,
            "shadow": {"decider": "trial", "agreement": "unmatched", "ack": {"ErrorCode": 0}, "asked_us": 1_001},
        });
        assert_eq!(
            verdict(&failed),
            "by the policy `refuse` in place of the decider moderation (status: status 500) after 2.500 ms, 2.000 ms of it waiting for the decider: {\"ErrorCode\":1}"
        );
        assert_eq!(
            shadow(&failed).unwrap(),
            "trial unmatched after 1.001 ms: {\"ErrorCode\":0}"
        );
    }

    #[test]
    fn says_that_a_done_event_is_done() {
        let done = Outcome {
            status: "done".into(),
            attempts: Some(1),
            ..Outcome::default()
        };
        assert_eq!(outcome(&done), "done after 1 attempt");
        let none = Outcome {
            status: "none".into(),
            ..Outcome::default()
        };
        assert_eq!(outcome(&none), NONE);
    }
}
