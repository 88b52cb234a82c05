//! `replay`: events are run through their plug-ins once more, after a fix, and their outcomes compared.

use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    arguments::ReplayOptions,
    backoff::{self, Backoff},
    client::Client,
    event::{Event, Outcome},
    events,
    failure::{Ending, Failure},
    letters,
    output::Output,
    pages::MORE,
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

/// How often one that finds the gateway busy is asked for: for some seconds in all.
const TRIES: usize = 6;

pub(super) fn run(
    client: &Client,
    options: &ReplayOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    if let Some(subscription) = &options.subscription {
        return letters::run(client, subscription, options, output);
    }
    let (events, has_more) = chosen(client, options)?;
    let mut tally = Tally::default();
    let ended = events
        .iter()
        .try_for_each(|event| take(client, event, options, &mut tally, output));
    // Also when it ended early: whoever goes on has to know how far it came.
    if !output.wants_json() {
        output.line(&tally.line(options.dry_run))?;
        if has_more {
            output.line(MORE)?;
        }
    }
    ended?;
    Ok(if tally.failed == 0 {
        Ending::Done
    } else {
        Ending::Bad
    })
}

/// The events in question, the oldest first, as they happened; and whether there are more.
fn chosen(client: &Client, options: &ReplayOptions) -> Result<(Vec<Event>, bool), Failure> {
    if let Some(id) = options.id {
        return Ok((vec![get(client, &id.to_string())?], false));
    }
    let selected = &options.events;
    let says_which = !events::query(&selected.filters).is_empty()
        || selected.since.is_some()
        || selected.outcome.is_some();
    if !says_which {
        return Err(Failure::Usage(
            "failed to replay: name an event, or say which by --command, --app, --account, --group, --outcome or --since"
                .to_owned(),
        ));
    }
    let mut events: Vec<Event> = Vec::new();
    let has_more = events::walk(client, selected, |page| {
        for raw in page {
            events.push(serde_json::from_str(raw).map_err(|error| {
                Failure::Failed(format!(
                    "failed to read the events: unexpected answer: {error}"
                ))
            })?);
        }
        Ok(())
    })?;
    events.reverse();
    Ok((events, has_more))
}

/// Replays one of them. What is wrong with it alone is told and counted.
fn take(
    client: &Client,
    event: &Event,
    options: &ReplayOptions,
    tally: &mut Tally,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let taken = try_take(client, event, options, tally, output);
    let Err(Failure::Failed(why)) = taken else {
        return taken;
    };
    tally.failed += 1;
    refused(event, &why, output)
}

fn try_take(
    client: &Client,
    event: &Event,
    options: &ReplayOptions,
    tally: &mut Tally,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let wants_failed = options.events.outcome.is_some();
    if !options.dry_run && !wants_failed {
        return replay(client, event, tally, output);
    }
    let outcome = match &event.outcome {
        Some(outcome) => outcome.clone(),
        None => patiently(|| get(client, &event.id))?
            .outcome
            .unwrap_or_default(),
    };
    // It may have succeeded meanwhile.
    if wants_failed && !["parked", "dead"].contains(&outcome.status.as_str()) {
        return Ok(());
    }
    if !options.dry_run {
        return replay(client, event, tally, output);
    }
    tally.succeeded += 1;
    print_dry(event, &outcome, output)
}

fn get(client: &Client, id: &str) -> Result<Event, Failure> {
    client.get("look the event up", &format!("/v1/events/{id}"), &[])
}

/// Tries again when the gateway is busy, or being restarted.
fn patiently<T>(call: impl Fn() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut backoff = Backoff::default();
    for _ in 1..TRIES {
        match call() {
            Err(Failure::Unreachable(_)) => backoff::wait(backoff.next()),
            answered => return answered,
        }
    }
    call()
}

fn replay(
    client: &Client,
    event: &Event,
    tally: &mut Tally,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let action = "replay the event";
    let path = format!("/v1/events/{}/replay", event.id);
    let mut response = patiently(|| client.post(action, &path, &[], b"{}"))?;
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
    use crate::cli::{
        arguments::EventsOptions,
        test_server::{self, TestServer, answer},
    };

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

    /// Replays what `options` say, with a gateway that gives these answers.
    fn check(
        server: &TestServer,
        change: impl FnOnce(&mut ReplayOptions),
    ) -> (Result<Ending, Failure>, String) {
        let mut options = ReplayOptions {
            id: None,
            events: EventsOptions {
                admin: server.options(),
                limit: 50,
                ..EventsOptions::default()
            },
            subscription: None,
            dry_run: false,
        };
        change(&mut options);
        let config = crate::config::load(None, []).unwrap();
        let client = Client::new(&options.events.admin, &config).unwrap();
        let mut bytes = Vec::new();
        let ending = run(&client, &options, &mut Output::new(&mut bytes, false, true));
        (ending, String::from_utf8(bytes).unwrap())
    }

    fn all_of_a_command(options: &mut ReplayOptions) {
        options.events.filters.command = Some("A.B".to_owned());
    }

    fn json(value: &Value) -> String {
        answer("200 OK", "application/json", &value.to_string())
    }

    fn problem(status: &str, title: &str) -> String {
        let problem = json!({ "title": title }).to_string();
        answer(status, "application/problem+json", &problem)
    }

    fn page(next: Option<&str>) -> String {
        let data = [
            json!({"id": "2", "command": "A.B"}),
            json!({"id": "1", "command": "A.B"}),
        ];
        json(&json!({ "data": data, "next": next }))
    }

    fn succeeded() -> String {
        json(
            &json!({ "succeeded": true, "before": { "status": "dead" }, "after": { "status": "done" } }),
        )
    }

    #[test]
    fn nothing_is_replayed_that_nobody_has_chosen() {
        let server = test_server::serve(vec![answer("200 OK", "application/json", "{}")]);
        let (ending, _) = check(&server, |_| {});
        assert_eq!(ending.unwrap_err().code(), 2);
    }

    #[test]
    fn one_that_has_gone_keeps_no_other_from_its_turn() {
        let server = test_server::serve(vec![
            page(None),
            problem("404 Not Found", "Not Found"),
            succeeded(),
        ]);
        let (ending, text) = check(&server, all_of_a_command);
        assert_eq!(ending.unwrap(), Ending::Bad);
        insta::assert_snapshot!(text, @r"
        1  A.B  failed to replay the event: 404 Not Found
        2  A.B  dead → done
        1 succeeded, 1 failed
        ");
    }

    #[test]
    fn a_busy_gateway_is_asked_again() {
        let busy = || problem("503 Service Unavailable", "Service Unavailable");
        let server = test_server::serve(vec![
            page(Some("c")),
            busy(),
            succeeded(),
            busy(),
            succeeded(),
        ]);
        let (ending, text) = check(&server, |options| {
            all_of_a_command(options);
            options.events.limit = 2;
        });
        assert_eq!(ending.unwrap(), Ending::Done);
        let expected = "2 succeeded, 0 failed\nthere may be more: see --limit and --all\n";
        assert!(text.ends_with(expected), "{text}");
    }

    #[test]
    fn whoever_loses_the_gateway_learns_how_far_it_came() {
        let server = test_server::serve(vec![page(None), succeeded()]);
        let (ending, text) = check(&server, all_of_a_command);
        assert_eq!(ending.unwrap_err().code(), 3);
        assert!(text.ends_with("1 succeeded, 0 failed\n"), "{text}");
    }

    #[test]
    fn of_those_that_failed_one_that_is_done_by_now_is_left_alone() {
        let server = test_server::serve(vec![
            page(None),
            json(&json!({ "id": "1", "outcome": { "status": "done" } })),
            json(&json!({ "id": "2", "outcome": { "status": "dead" } })),
            succeeded(),
        ]);
        let (ending, text) = check(&server, |options| {
            options.events.outcome = Some("dead".to_owned());
        });
        assert_eq!(ending.unwrap(), Ending::Done);
        assert_eq!(text, "2  A.B  dead → done\n1 succeeded, 0 failed\n");
        assert!(
            server
                .request()
                .starts_with("GET /v1/events?outcome=dead&limit=50 ")
        );
    }
}
