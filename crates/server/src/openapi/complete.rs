//! What poem-openapi can't say of the operations: examples, tags and their order, the token, and which of them are only
//! to be read. The callback itself is described in `wire.rs`, deliveries in `webhooks.rs`.

use gateway_core::{Answer, Callback, List, Visitor, decode};
use serde_json::{Value, json};

use super::{at, webhooks, wire};
use crate::admin::paths::{self, Area};

/// A plug-in's static facts, as far as the document shows them.
pub(crate) struct Entry {
    pub(crate) command: &'static str,
    pub(crate) feature: &'static str,
    pub(crate) summary: &'static str,
    /// Its sample, parsed.
    pub(crate) sample: Value,
    /// The ack that allows what the sample asks, or takes note of it.
    pub(crate) ack: Value,
}

/// The mark of an operation that the page shows without "Try it out".
pub(crate) const EXECUTABLE: &str = "x-executable";

/// The media type of bodies and acks.
pub(crate) const JSON: &str = "application/json";

const TOKEN: &str =
    "The token of `admin.token_file`. A gateway on loopback without one needs none.";

/// Completes the document for the plug-ins of `L`.
pub(crate) fn complete<L: List>(document: &mut Value, callback_path: &str) {
    let entries = entries::<L>();
    add_examples(document, &entries);
    add_tags(document, &entries);
    add_token(document);
    *at(document, &["paths", "/v1/events/stream", "get", EXECUTABLE]) = json!(false);
    wire::add(document, &entries, callback_path);
    webhooks::add(document, callback_path);
}

fn entries<L: List>() -> Vec<Entry> {
    struct Entries(Vec<Entry>);
    impl Visitor for Entries {
        fn visit<C: Callback>(&mut self) {
            self.0.push(Entry {
                command: C::COMMAND,
                feature: C::FEATURE,
                summary: C::SUMMARY,
                sample: serde_json::from_str(C::SAMPLE).unwrap_or_default(),
                ack: allowed::<C>().unwrap_or_default(),
            });
        }
    }
    let mut entries = Entries(Vec::new());
    L::visit(&mut entries);
    entries.0
}

/// Every sample can be read, as every plug-in's test says.
fn allowed<C: Callback>() -> Option<Value> {
    let request = decode::<C::Request>(C::SAMPLE.as_bytes()).value?;
    let ack = C::Answer::allow(&request).into_ack();
    serde_json::to_value(ack).ok()
}

/// Each simulation starts with its command's sample, and shows the ack that allows it.
fn add_examples(document: &mut Value, entries: &[Entry]) {
    for entry in entries {
        let path = paths::simulation(entry.command);
        let body = at(document, &["paths", &path, "post", "requestBody"]);
        *at(body, &["content", JSON, "example"]) = entry.sample.clone();
        let response = at(document, &["paths", &path, "post", "responses", "200"]);
        *at(response, &["content", JSON, "example"]) = entry.ack.clone();
    }
}

/// Groups the operations and puts the groups in the order of the page.
fn add_tags(document: &mut Value, entries: &[Entry]) {
    for (path, operation) in operations(document) {
        if operation.get("tags").is_none() {
            *at(operation, &["tags"]) = json!([paths::area(path).as_str()]);
        }
    }
    let mut tags = vec![json!({
        "name": wire::TAG,
        "description": "What Chat sends. It is shown to be read: try the simulations of the commands below.",
    })];
    for entry in entries {
        if tags
            .iter()
            .all(|tag| tag.get("name") != Some(&json!(entry.feature)))
        {
            tags.push(json!({ "name": entry.feature }));
        }
    }
    for (area, description) in [
        (Area::Events, "What was received."),
        (
            Area::Deciding,
            "Who decides about before-callbacks, and how the deciders are doing.",
        ),
        (
            Area::Fanout,
            "Services that events are passed on to, and what is on its way to them.",
        ),
        (Area::Gateway, "The gateway itself."),
    ] {
        tags.push(json!({ "name": area.as_str(), "description": description }));
    }
    *at(document, &["tags"]) = json!(tags);
}

/// What the guard wants a token for says so.
fn add_token(document: &mut Value) {
    *at(document, &["components", "securitySchemes"]) = json!({
        "token": { "type": "http", "scheme": "bearer", "description": TOKEN },
    });
    for (path, operation) in operations(document) {
        if paths::needs_token(path) {
            *at(operation, &["security"]) = json!([{ "token": [] }, {}]);
        }
    }
}

/// Every operation with its path.
fn operations(document: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    document
        .get_mut("paths")
        .and_then(Value::as_object_mut)
        .into_iter()
        .flatten()
        .filter_map(|(path, item)| Some((path, item.as_object_mut()?)))
        .flat_map(|(path, item)| item.values_mut().map(move |operation| (path, operation)))
}
