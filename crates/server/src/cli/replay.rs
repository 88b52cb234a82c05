//! `replay`: events are run through their plug-ins once more, after a fix, and their outcomes compared.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    arguments::ReplayOptions,
    client::Client,
    event::{Event, Outcome},
    events,
    failure::{Ending, Failure},
    output::Output,
};

/// What came of one. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Replayed {
    succeeded: bool,
    reason: Option<String>,
    error: Option<String>,
    before: Outcome,
    after: Outcome,
    ack_before: Option<Value>,
    ack_after: Option<Value>,
}

/// How many there were of each kind.
#[derive(Debug, Default)]
struct Tally {
    succeeded: u64,
    failed: u64,
}

pub(super) fn run(
    client: &Client,
    options: &ReplayOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let events = chosen(client, options)?;
    let mut tally = Tally::default();
    for event in &events {
        let outcome = outcome(client, &event.id)?;
        if options.failed && !["parked", "dead"].contains(&outcome.status.as_str()) {
            continue;
        }
        if options.dry_run {
            tally.succeeded += 1;
            print_dry(event, &outcome, output)?;
        } else {
            replay(client, event, &mut tally, output)?;
        }
    }
    if !output.wants_json() {
        output.line(&tally.line(options.dry_run))?;
    }
    Ok(if tally.failed == 0 {
        Ending::Done
    } else {
        Ending::Bad
    })
}

/// The events in question: the oldest first, as they happened.
fn chosen(client: &Client, options: &ReplayOptions) -> Result<Vec<Event>, Failure> {
    let mut events: Vec<Event> = Vec::new();
    if let Some(id) = options.id {
        events.push(get(client, &id.to_string())?);
        return Ok(events);
    }
    let selected = &options.events;
    if events::query(&selected.filters).is_empty() && selected.since.is_none() {
        return Err(Failure::Usage(
            "failed to replay: name an event, or say which by --command, --app, --account, --group or --since"
                .to_owned(),
        ));
    }
    events::walk(client, selected, |page| {
        events.extend(page.iter().filter_map(|raw| serde_json::from_str(raw).ok()));
        Ok(())
    })?;
    events.reverse();
    Ok(events)
}

fn get(client: &Client, id: &str) -> Result<Event, Failure> {
    client.get("look the event up", &format!("/v1/events/{id}"), &[])
}

fn outcome(client: &Client, id: &str) -> Result<Outcome, Failure> {
    Ok(get(client, id)?.outcome.unwrap_or_default())
}

fn replay(
    client: &Client,
    event: &Event,
    tally: &mut Tally,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let action = format!("replay the event {}", event.id);
    let path = format!("/v1/events/{}/replay", event.id);
    let mut response = match client.post(&action, &path, &[], b"{}") {
        Ok(response) => response,
        // Of this one only: its body can't be read, or it is being handled.
        Err(Failure::Failed(why)) => {
            tally.failed += 1;
            return refused(event, &why, output);
        }
        Err(failure) => return Err(failure),
    };
    let raw: Box<RawValue> = response.body_mut().read_json().map_err(|error| {
        Failure::Failed(format!("failed to {action}: unexpected answer: {error}"))
    })?;
    let replayed: Replayed = serde_json::from_str(raw.get()).unwrap_or_default();
    if replayed.succeeded {
        tally.succeeded += 1;
    } else {
        tally.failed += 1;
    }
    if output.wants_json() {
        return output.json_text(raw.get());
    }
    output.line(&format!(
        "{}  {}  {}",
        event.id,
        event.command,
        replayed.line()
    ))
}

fn refused(event: &Event, why: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    if output.wants_json() {
        return output
            .json(&serde_json::json!({ "id": event.id, "succeeded": false, "error": why }));
    }
    output.line(&format!("{}  {}  {why}", event.id, event.command))
}

fn print_dry(event: &Event, outcome: &Outcome, output: &mut Output<'_>) -> Result<(), Failure> {
    if output.wants_json() {
        let (id, command) = (&event.id, &event.command);
        let status = &outcome.status;
        return output.json(&serde_json::json!({ "id": id, "command": command, "status": status }));
    }
    output.line(&format!(
        "{}  {}  {}",
        event.id,
        event.command,
        standing(outcome)
    ))
}

/// `parked (error)`.
fn standing(outcome: &Outcome) -> String {
    match &outcome.reason {
        Some(reason) => format!("{} ({reason})", outcome.status),
        None => outcome.status.clone(),
    }
}

// === impl Replayed ===

impl Replayed {
    /// What it was, and what it is.
    fn line(&self) -> String {
        if let (Some(before), Some(after)) = (&self.ack_before, &self.ack_after) {
            return if before == after {
                format!("answered as before: {after}")
            } else {
                format!("answered {before}, would now answer {after}")
            };
        }
        let ended = match (&self.reason, &self.error) {
            _ if self.succeeded => self.after.status.clone(),
            (Some(reason), Some(error)) => {
                format!("{}: failed ({reason}): {error}", self.after.status)
            }
            (Some(reason), None) => format!("{}: failed ({reason})", self.after.status),
            (None, _) => self.after.status.clone(),
        };
        format!("{} → {ended}", standing(&self.before))
    }
}

// === impl Tally ===

impl Tally {
    fn line(&self, is_dry: bool) -> String {
        if is_dry {
            format!("{} would be replayed", self.succeeded)
        } else {
            format!("{} succeeded, {} failed", self.succeeded, self.failed)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::test_server::{self, answer};

    fn line(replayed: Value) -> String {
        serde_json::from_value::<Replayed>(replayed).unwrap().line()
    }

    #[test]
    fn a_line_says_what_it_was_and_what_it_is() {
        let parked = json!({ "status": "parked", "reason": "error" });
        for (replayed, expected) in [
            (
                json!({ "succeeded": true, "before": parked, "after": { "status": "done" } }),
                "parked (error) → done",
            ),
            (
                json!({ "succeeded": false, "reason": "error", "error": "no", "before": parked, "after": parked }),
                "parked (error) → parked: failed (error): no",
            ),
            (
                json!({ "succeeded": false, "reason": "panic", "before": { "status": "done" }, "after": { "status": "done" } }),
                "done → done: failed (panic)",
            ),
            (
                json!({ "succeeded": true, "ack_before": { "ErrorCode": 0 }, "ack_after": { "ErrorCode": 0 } }),
                "answered as before: {\"ErrorCode\":0}",
            ),
            (
                json!({ "succeeded": true, "ack_before": { "ErrorCode": 0 }, "ack_after": { "ErrorCode": 1 } }),
                "answered {\"ErrorCode\":0}, would now answer {\"ErrorCode\":1}",
            ),
        ] {
            assert_eq!(line(replayed), expected);
        }
    }

    #[test]
    fn nothing_is_replayed_that_nobody_has_chosen() {
        let server = test_server::serve(vec![answer("200 OK", "application/json", "{}")]);
        let options = ReplayOptions {
            id: None,
            events: crate::cli::arguments::EventsOptions {
                admin: server.options(),
                ..Default::default()
            },
            failed: true,
            dry_run: false,
        };
        let client = Client::new(
            &options.events.admin,
            &crate::config::load(None, []).unwrap(),
        );
        let mut bytes = Vec::new();
        let mut output = Output::new(&mut bytes, false, false);
        let failure = run(&client.unwrap(), &options, &mut output).unwrap_err();
        assert_eq!(failure.code(), 2);
    }
}
