//! Bodies that poem-openapi documents as a type and passes on as bytes, so that what stands in the journal is shown as
//! it came and what is simulated goes in as it was sent. Here, and in `simulations.rs`, is its registry known.

use std::marker::PhantomData;

use bytes::Bytes;
use gateway_core::EventId;
use poem::{Body, IntoResponse, Request, RequestBody, Response, http::StatusCode};
use poem_openapi::{
    ApiResponse, impl_apirequest_for_payload,
    payload::{ParsePayload, Payload},
    registry::{
        MetaHeader, MetaMediaType, MetaResponse, MetaResponses, MetaSchema, MetaSchemaRef, Registry,
    },
    types::Type,
};
use serde::Serialize;

use crate::{
    admin::{PROBLEM_CONTENT_TYPE, Problem, ProblemBody},
    config::BODY_MAX_MAX,
};

const JSON: &str = "application/json";

/// The header of a simulated callback's answer that names its event.
const EVENT_ID: &str = "X-Event-Id";

/// A request's body, as sent; documented as `T`.
pub(crate) struct Raw<T> {
    pub(crate) bytes: Bytes,
    documented: PhantomData<fn() -> T>,
}

/// A JSON answer, already written; documented as `T`.
pub(crate) struct Reply<T> {
    bytes: Bytes,
    documented: PhantomData<fn() -> T>,
}

/// What a simulated callback was answered: any status with an ack, documented as `A`.
pub(crate) struct Acked<A> {
    status: u16,
    ack: Bytes,
    event: Option<EventId>,
    documented: PhantomData<fn() -> A>,
}

/// Server-sent events.
pub(crate) struct EventStream(pub(crate) Body);

/// An answer of an operation that is not documented.
pub(crate) struct Static(pub(crate) Response);

fn response(
    status: Option<u16>,
    description: &'static str,
    content_type: &'static str,
    schema: MetaSchemaRef,
) -> MetaResponse {
    MetaResponse {
        description,
        status,
        status_range: None,
        content: vec![MetaMediaType {
            content_type,
            schema,
        }],
        headers: Vec::new(),
    }
}

// === impl Raw ===

impl<T: Type> Payload for Raw<T> {
    const CONTENT_TYPE: &'static str = JSON;

    /// The guard has looked at it where it matters; `charset` and the like are welcome.
    fn check_content_type(_content_type: &str) -> bool {
        true
    }

    fn schema_ref() -> MetaSchemaRef {
        T::schema_ref()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

impl<T: Type> ParsePayload for Raw<T> {
    const IS_REQUIRED: bool = true;

    async fn from_request(_request: &Request, body: &mut RequestBody) -> poem::Result<Self> {
        // What `callbacks.body_max` is, is the pipeline's business.
        let bytes = body.take()?.into_bytes_limit(BODY_MAX_MAX).await?;
        Ok(Self {
            bytes,
            documented: PhantomData,
        })
    }
}

impl_apirequest_for_payload!(Raw<T>, T: Type);

// === impl Reply ===

impl<T: Serialize> Reply<T> {
    /// Writes the answer.
    pub(crate) fn new(value: &T) -> Self {
        let bytes = serde_json::to_vec(value)
            .expect("an answer has string keys and no failing serializer")
            .into();
        Self {
            bytes,
            documented: PhantomData,
        }
    }
}

impl<T: Send> IntoResponse for Reply<T> {
    fn into_response(self) -> Response {
        Response::builder().content_type(JSON).body(self.bytes)
    }
}

impl<T: Type> ApiResponse for Reply<T> {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![response(Some(200), "As asked.", JSON, T::schema_ref())],
        }
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

// === impl Acked ===

impl<A> Acked<A> {
    pub(crate) fn new(status: u16, ack: Bytes, event: Option<EventId>) -> Self {
        Self {
            status,
            ack,
            event,
            documented: PhantomData,
        }
    }
}

impl<A: Send> IntoResponse for Acked<A> {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_GATEWAY);
        let mut answer = Response::builder().status(status).content_type(JSON);
        if let Some(event) = self.event {
            answer = answer.header(EVENT_ID, event.to_string());
        }
        answer.body(self.ack)
    }
}

impl<A: Type> ApiResponse for Acked<A> {
    fn meta() -> MetaResponses {
        let mut ack = response(
            Some(200),
            "The ack that Chat would get; another status means that the callback was refused.",
            JSON,
            A::schema_ref(),
        );
        ack.headers = vec![MetaHeader {
            name: EVENT_ID.to_owned(),
            description: Some(
                "The event's id, when it was journaled before the answer.".to_owned(),
            ),
            required: false,
            deprecated: false,
            schema: String::schema_ref(),
        }];
        MetaResponses {
            responses: vec![ack],
        }
    }

    fn register(registry: &mut Registry) {
        A::register(registry);
    }
}

// === impl EventStream ===

impl IntoResponse for EventStream {
    fn into_response(self) -> Response {
        Response::builder()
            .content_type("text/event-stream")
            // For proxies that would hold the stream back.
            .header("x-accel-buffering", "no")
            .body(self.0)
    }
}

impl ApiResponse for EventStream {
    fn meta() -> MetaResponses {
        let schema = MetaSchemaRef::Inline(Box::new(MetaSchema::new("string")));
        MetaResponses {
            responses: vec![response(
                Some(200),
                "The stream, which ends only when the gateway or the client does.",
                "text/event-stream",
                schema,
            )],
        }
    }

    fn register(_registry: &mut Registry) {}
}

// === impl Static ===

impl IntoResponse for Static {
    fn into_response(self) -> Response {
        self.0
    }
}

impl ApiResponse for Static {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: Vec::new(),
        }
    }

    fn register(_registry: &mut Registry) {}
}

// === impl Problem ===

impl ApiResponse for Problem {
    fn meta() -> MetaResponses {
        MetaResponses {
            responses: vec![response(
                None,
                "Why not.",
                PROBLEM_CONTENT_TYPE,
                ProblemBody::schema_ref(),
            )],
        }
    }

    fn register(registry: &mut Registry) {
        ProblemBody::register(registry);
    }
}
