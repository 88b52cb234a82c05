//! The callback endpoint.

use bytes::Bytes;
use gateway_core::EventId;

/// The callback endpoint.
#[derive(Debug)]
pub struct Ingest {}

/// What a simulated callback was answered.
#[derive(Debug, Clone)]
pub struct Simulated {
    /// The HTTP status that Chat would get.
    pub status: u16,
    /// The body that Chat would get: an ack.
    pub ack: Bytes,
    /// The event, when it was journaled before the answer.
    pub event: Option<EventId>,
}

/// A callback could not be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SimulateError {
    /// There is no such app.
    #[error("no app is named `{0}`")]
    UnknownApp(String),
    /// Several apps and none named.
    #[error("several apps are configured; name one")]
    AppNeeded,
    /// No answer within the deadline: over the network the connection would be closed.
    #[error("the callback was not answered in time")]
    Unanswered,
}

impl Ingest {
    /// Signs `body` for an app (the only one when `None`) and sends it through the pipeline in process.
    pub async fn simulate(
        &self,
        _app: Option<&str>,
        _command: &str,
        _body: Bytes,
    ) -> Result<Simulated, SimulateError> {
        unimplemented!()
    }
}
