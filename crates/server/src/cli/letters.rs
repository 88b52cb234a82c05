//! `replay --subscription`: a subscription's dead letters are tried again, from their first attempt on.

use gateway_core::EventId;
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    arguments::{DeliveriesOptions, ReplayOptions},
    client::Client,
    deliveries::{self, Delivery},
    failure::{Ending, Failure},
    output::Output,
    pages::MORE,
};
use crate::plural::counted;

/// What came of a request. Tolerant: a client of another version shows what it knows.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Retried {
    retried: u64,
}

/// Letters in one request.
const LETTERS_MAX: usize = 1_000;

pub(super) fn run(
    client: &Client,
    subscription: &str,
    options: &ReplayOptions,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let (letters, has_more) = match options.id {
        Some(id) => (vec![letter(client, subscription, id)?], false),
        None => chosen(client, subscription, options)?,
    };
    if options.dry_run {
        return show(&letters, has_more, output);
    }
    let mut retried = 0;
    for some in letters.chunks(LETTERS_MAX) {
        retried += retry(client, subscription, some, output)?;
    }
    if !output.wants_json() {
        let letters = counted(retried, "dead letter");
        output.line(&format!("{letters} of {subscription} tried again"))?;
        if has_more {
            output.line(MORE)?;
        }
    }
    Ok(Ending::Done)
}

/// The one of an event.
fn letter(client: &Client, subscription: &str, id: EventId) -> Result<Delivery, Failure> {
    let options = DeliveriesOptions {
        all: true,
        ..of(subscription)
    };
    let mut found = None;
    deliveries::walk(client, &options, |page| {
        let mut letters = read(page)?.into_iter();
        let is_it = |letter: &Delivery| letter.id.as_deref() == Some(&*id.to_string());
        found = found.take().or(letters.find(is_it));
        Ok(())
    })?;
    found.ok_or_else(|| {
        Failure::Failed(format!(
            "failed to replay: the event {id} is no dead letter of {subscription}"
        ))
    })
}

/// Those of the filters, the oldest first, as they happened; and whether there are more.
fn chosen(
    client: &Client,
    subscription: &str,
    options: &ReplayOptions,
) -> Result<(Vec<Delivery>, bool), Failure> {
    let events = &options.events;
    let options = DeliveriesOptions {
        command: events.filters.command.clone(),
        since: events.since,
        limit: events.limit,
        all: events.all,
        ..of(subscription)
    };
    let mut letters = Vec::new();
    let has_more = deliveries::walk(client, &options, |page| {
        letters.extend(read(page)?);
        Ok(())
    })?;
    letters.reverse();
    Ok((letters, has_more))
}

fn of(subscription: &str) -> DeliveriesOptions {
    DeliveriesOptions {
        subscription: Some(subscription.to_owned()),
        status: Some("dead".to_owned()),
        ..DeliveriesOptions::default()
    }
}

fn read(page: &[&str]) -> Result<Vec<Delivery>, Failure> {
    let letters = page.iter().map(|raw| serde_json::from_str(raw));
    letters.collect::<Result<_, _>>().map_err(|error| {
        Failure::Failed(format!(
            "failed to read the deliveries: unexpected answer: {error}"
        ))
    })
}

fn show(letters: &[Delivery], has_more: bool, output: &mut Output<'_>) -> Result<Ending, Failure> {
    for letter in letters {
        let why = letter.detail.as_ref().or(letter.reason.as_ref());
        let why = why.map_or("", |why| why);
        if output.wants_json() {
            output.json(&json!({
                "id": letter.id, "sequence": letter.sequence, "command": letter.command, "reason": why,
            }))?;
        } else {
            let (event, command) = (letter.event(), &letter.command);
            output.line(&format!("{event}  {command}  {why}"))?;
        }
    }
    if !output.wants_json() {
        let all = counted(letters.len() as u64, "dead letter");
        output.line(&format!("{all} would be tried again"))?;
        if has_more {
            output.line(MORE)?;
        }
    }
    Ok(Ending::Done)
}

fn retry(
    client: &Client,
    subscription: &str,
    letters: &[Delivery],
    output: &mut Output<'_>,
) -> Result<u64, Failure> {
    let action = format!("try the dead letters of {subscription} again");
    let path = format!("/v1/subscriptions/{subscription}/retry");
    let sequences: Vec<u64> = letters.iter().map(|letter| letter.sequence).collect();
    let request = json!({ "sequences": sequences }).to_string();
    let mut response = client.post(&action, &path, &[], request.as_bytes())?;
    let raw: Box<RawValue> = response.body_mut().read_json().map_err(|error| {
        Failure::Failed(format!("failed to {action}: unexpected answer: {error}"))
    })?;
    if output.wants_json() {
        output.json_text(raw.get())?;
    }
    let retried: Retried = serde_json::from_str(raw.get()).unwrap_or_default();
    Ok(retried.retried)
}
