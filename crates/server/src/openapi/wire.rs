//! The callback as Chat sends it: `POST` to the path in Chat's console, on the callback listener. Described here by
//! hand, from the same types as the simulations, since it is no operation of the admin API.

use std::collections::BTreeMap;

use gateway_core::Refusal;
use serde_json::{Map, Value, json};

use super::{
    at,
    complete::{EXECUTABLE, Entry, JSON},
    get,
};
use crate::admin::paths;

/// The group that it is shown in.
pub(crate) const TAG: &str = "Callbacks";

/// Refusals that may come when the body was read, or a part of it.
const MAY_HAVE_READ: [u16; 3] = [408, 413, 503];

const DESCRIPTION: &str = "What Tencent Cloud Chat calls, on the callback listener. The answer is HTTP 200 with the \
    command's ack; an after-callback is acknowledged once it is on disk. A body that is not as documented is \
    journaled and acknowledged all the same. `GET`, `HEAD`, and a `POST` without app id and command, are taken for a \
    console's check of the URL and answered with 200.";

/// Name, whether it is required, meaning, example.
const PARAMETERS: [(&str, bool, &str, &str); 8] = [
    (
        "SdkAppid",
        true,
        "The vendor's number of the app; also spelled `SDKAppID` or `SdkAppId`.",
        "1400000000",
    ),
    (
        "CallbackCommand",
        true,
        "What happened, or what is asked. Routes the callback, whatever the body says.",
        "Sns.CallbackFriendDelete",
    ),
    ("contenttype", false, "Always `json`.", "json"),
    ("ClientIP", false, "The user's address.", "192.0.2.1"),
    ("OptPlatform", false, "The user's platform.", "iOS"),
    (
        "RequestId",
        false,
        "Makes repeats recognizable, where Chat sends it.",
        "Sns.CallbackFriendDelete-1",
    ),
    (
        "Sign",
        false,
        "`hex(sha256(token + RequestTime))`; required unless the app is declared unsigned.",
        "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061",
    ),
    (
        "RequestTime",
        false,
        "Seconds since the Unix epoch, at most a minute from now; goes with `Sign`.",
        "1669872112",
    ),
];

/// Adds the operation, made from those of the simulations.
pub(crate) fn add(document: &mut Value, entries: &[Entry], callback_path: &str) {
    let mut examples = Map::new();
    let mut requests = Schemas::default();
    let mut acks = Schemas::default();
    for entry in entries {
        let path = paths::simulation(entry.command);
        if let Some(simulation) = get(document, &["paths", &path, "post"]) {
            let request = get(simulation, &["requestBody", "content", JSON, "schema"]);
            requests.add(request, Some(entry.command));
            let ack = get(simulation, &["responses", "200", "content", JSON, "schema"]);
            acks.add(ack, None);
        }
        examples.insert(
            entry.command.to_owned(),
            json!({ "summary": entry.summary, "value": entry.sample }),
        );
    }
    let mut responses = Map::new();
    responses.insert(
        "200".to_owned(),
        json!({
            "description": "The command's ack.",
            "content": { JSON: { "schema": acks.one_of() } },
        }),
    );
    responses.extend(refusals(document));
    *at(document, &["paths", callback_path, "post"]) = json!({
        "tags": [TAG],
        "summary": "A callback",
        "description": DESCRIPTION,
        "operationId": "callback",
        "servers": [{ "url": "http://127.0.0.1:8080", "description": "The callback listener, by default" }],
        EXECUTABLE: false,
        "parameters": parameters(),
        "requestBody": {
            "required": true,
            "content": { JSON: { "schema": requests.one_of(), "examples": examples } },
        },
        "responses": responses,
    });
}

fn parameters() -> Vec<Value> {
    PARAMETERS
        .into_iter()
        .map(|(name, required, description, example)| {
            json!({
                "name": name,
                "in": "query",
                "required": required,
                "description": description,
                "schema": { "type": "string" },
                "example": example,
            })
        })
        .collect()
}

/// A response for each status of a refusal, which names its reasons.
fn refusals(document: &Value) -> Vec<(String, Value)> {
    let mut by_status: BTreeMap<u16, Vec<Refusal>> = BTreeMap::new();
    for refusal in Refusal::ALL {
        by_status.entry(refusal.status()).or_default().push(refusal);
    }
    let has_ack = document.pointer("/components/schemas/Ack").is_some();
    let schema = if has_ack {
        json!({ "$ref": "#/components/schemas/Ack" })
    } else {
        json!({})
    };
    by_status
        .into_iter()
        .map(|(status, refusals)| {
            let reasons: Vec<String> = refusals
                .iter()
                .map(|refusal| format!("`{}`", refusal.reason()))
                .collect();
            let text = refusals.first().map_or("", |refusal| refusal.text());
            let nothing = if MAY_HAVE_READ.contains(&status) {
                "stored"
            } else {
                "read or stored"
            };
            let response = json!({
                "description": format!("Refused ({}): nothing was {nothing}.", reasons.join(", ")),
                "content": { JSON: {
                    "schema": schema,
                    "example": { "ActionStatus": "FAIL", "ErrorCode": 1, "ErrorInfo": text },
                } },
            });
            (status.to_string(), response)
        })
        .collect()
}

/// Schemas that a body may be of, each once, and by which command.
#[derive(Default)]
struct Schemas {
    schemas: Vec<Value>,
    mapping: Map<String, Value>,
}

impl Schemas {
    fn add(&mut self, schema: Option<&Value>, command: Option<&str>) {
        let Some(schema) = schema else { return };
        if let (Some(command), Some(reference)) = (command, schema.get("$ref")) {
            self.mapping.insert(command.to_owned(), reference.clone());
        }
        if !self.schemas.contains(schema) {
            self.schemas.push(schema.clone());
        }
    }

    fn one_of(self) -> Value {
        if self.schemas.is_empty() {
            return json!({});
        }
        if self.mapping.is_empty() {
            return json!({ "oneOf": self.schemas });
        }
        json!({
            "oneOf": self.schemas,
            "discriminator": { "propertyName": "CallbackCommand", "mapping": self.mapping },
        })
    }
}
