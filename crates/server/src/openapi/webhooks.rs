//! Deliveries as a subscriber gets them: a webhook of OpenAPI 3.1. Described by hand, since the gateway is its caller.

use serde_json::{Value, json};

use super::{
    at,
    complete::{EXECUTABLE, JSON},
    get,
};
use crate::admin::paths::Area;

const DESCRIPTION: &str = "What each service of `[subscriptions]` gets that wants the event: the callback's body as it \
    came, signed as Standard Webhooks has it, described as CloudEvents does in binary mode. Values that others wrote are \
    percent-encoded. It comes at least once: a repeat has the same `webhook-id`.";

/// Name, whether it always comes, meaning, example.
const HEADERS: [(&str, bool, &str, &str); 17] = [
    (
        "webhook-id",
        true,
        "The event's id, the same for each attempt and for whatever is passed on again: drop what was there before.",
        "01950a3c-5c7b-7a5f-8000-000000000001",
    ),
    (
        "webhook-timestamp",
        true,
        "When this attempt was made, in seconds since the Unix epoch; signed.",
        "1669872112",
    ),
    (
        "webhook-signature",
        true,
        "`v1,` and the HMAC-SHA256 of `id.timestamp.body` in base64; one for each secret, with spaces between.",
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
    ("ce-specversion", true, "Always `1.0`.", "1.0"),
    (
        "ce-id",
        true,
        "The event's id.",
        "01950a3c-5c7b-7a5f-8000-000000000001",
    ),
    (
        "ce-type",
        true,
        "The command: what happened.",
        "Sns.CallbackFriendDelete",
    ),
    (
        "ce-source",
        true,
        "The app's name in the configuration.",
        "shop",
    ),
    (
        "ce-time",
        false,
        "When it happened, or came where the body does not say (RFC 3339, UTC).",
        "2026-01-31T08:00:00.123Z",
    ),
    (
        "ce-subject",
        false,
        "The group that it is about, or else the first account.",
        "alice",
    ),
    (
        "callback-sdk-app-id",
        true,
        "The vendor's number of the app.",
        "1400000000",
    ),
    (
        "callback-client-ip",
        false,
        "The user's address, as claimed by Chat.",
        "192.0.2.1",
    ),
    (
        "callback-platform",
        false,
        "The user's platform, as claimed by Chat.",
        "iOS",
    ),
    (
        "callback-request-id",
        false,
        "The vendor's id of the request, where there is one.",
        "Sns.CallbackFriendDelete-1",
    ),
    (
        "callback-proof",
        true,
        "How Chat was authenticated: `sign`, `sign+mtls`, `sign+source`, …, or `none`.",
        "sign",
    ),
    (
        "callback-attempt",
        true,
        "The number of the attempt, from 1.",
        "1",
    ),
    (
        "callback-simulated",
        false,
        "`true` when nobody but the gateway's own people made it; absent otherwise.",
        "true",
    ),
    (
        "user-agent",
        true,
        "The gateway's name and version.",
        concat!("callback-gateway/", env!("CARGO_PKG_VERSION")),
    ),
];

/// Adds the webhook, with the body of the callback's operation.
pub(super) fn add(document: &mut Value, callback_path: &str) {
    let callback = [
        "paths",
        callback_path,
        "post",
        "requestBody",
        "content",
        JSON,
    ];
    let body = get(document, &callback).cloned().unwrap_or_default();
    let headers = HEADERS.map(|(name, required, description, example)| {
        json!({
            "name": name,
            "in": "header",
            "required": required,
            "description": description,
            "schema": { "type": "string" },
            "example": example,
        })
    });
    *at(document, &["webhooks", "event", "post"]) = json!({
        "tags": [Area::Fanout.as_str()],
        "summary": "An event, as a subscription gets it",
        "description": DESCRIPTION,
        "operationId": "event",
        EXECUTABLE: false,
        "parameters": headers,
        "requestBody": {
            "required": true,
            "description": "The callback's body, byte for byte; `application/octet-stream` when it is no JSON.",
            "content": { JSON: body },
        },
        "responses": {
            "2XX": { "description": "It has the event." },
            "410": { "description": "It wants no more: the subscription is paused until somebody resumes it." },
            "429": { "description": "It is too much, as with 502, 503 and 504: the gateway slows down, and honours `Retry-After` up to an hour." },
            "default": { "description": "It has not, redirects included: tried again by the subscription's schedule." },
        },
    });
}
