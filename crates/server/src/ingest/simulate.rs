//! Simulated callbacks: signed and sent through the endpoint in process. Only socket, TLS and source networks are
//! skipped.

use std::time::{Duration, Instant};

use bytes::Bytes;
use gateway_core::{App, EventId, Peer, sign};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poem::{Endpoint, Request, http::Method};

use super::Ingest;
use crate::{clock, listener::Arrival};

/// What a simulated callback was answered.
#[derive(Debug, Clone)]
pub(crate) struct Simulated {
    /// The HTTP status that Chat would get.
    pub status: u16,
    /// The body that Chat would get: an ack.
    pub ack: Bytes,
    /// The event, when it was journaled before the answer.
    pub event: Option<EventId>,
}

/// A callback could not be simulated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SimulateError {
    /// There is no such app.
    #[error("no app is named `{0}`")]
    UnknownApp(String),
    /// Several apps and none named.
    #[error("several apps are configured; name one with `app`")]
    AppNeeded,
    /// No answer within the deadline: over the network the connection would be closed.
    #[error("the callback was not answered in time")]
    Unanswered,
}

/// How much longer than the deadline an answer may take before the caller gives up, as Chat would.
const PATIENCE: Duration = Duration::from_millis(500);

impl Ingest {
    /// Signs `body` for an app (the only one when `None`) and sends it through the pipeline in process.
    ///
    /// # Errors
    ///
    /// When the app is not clear, or no answer came in time. A refusal is an answer.
    pub(crate) async fn simulate(
        &self,
        app: Option<&str>,
        command: &str,
        body: Bytes,
    ) -> Result<Simulated, SimulateError> {
        let received_ms = clock::now_ms();
        let live = self.shared.live.load_full();
        let app = choose(live.apps.iter(), app)?;
        let query = query(app, command, received_ms / 1000);
        let mut request = Request::builder()
            .method(Method::POST)
            .uri_str(format!("{}?{query}", self.shared.path))
            .body(body);
        request.extensions_mut().insert(Arrival {
            first_byte: Instant::now(),
            received_ms,
            peer: Peer::Simulated,
        });
        let answer = tokio::time::timeout(self.shared.deadline + PATIENCE, self.call(request));
        let Ok(Ok(mut response)) = answer.await else {
            return Err(SimulateError::Unanswered);
        };
        Ok(Simulated {
            status: response.status().as_u16(),
            event: response.extensions_mut().remove(),
            ack: response
                .take_body()
                .into_bytes()
                .await
                .expect("an ack is in memory"),
        })
    }
}

fn choose<'a>(
    mut apps: impl ExactSizeIterator<Item = &'a App>,
    name: Option<&str>,
) -> Result<&'a App, SimulateError> {
    match name {
        Some(name) => apps
            .find(|app| &*app.name == name)
            .ok_or_else(|| SimulateError::UnknownApp(name.to_owned())),
        None if apps.len() == 1 => apps.next().ok_or(SimulateError::AppNeeded),
        None => Err(SimulateError::AppNeeded),
    }
}

fn query(app: &App, command: &str, now: u64) -> String {
    let command = utf8_percent_encode(command, NON_ALPHANUMERIC);
    let unsigned = format!(
        "SdkAppid={}&CallbackCommand={command}&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI",
        app.sdk_app_id
    );
    let Some(token) = app.tokens.first() else {
        return unsigned;
    };
    let time = now.to_string();
    format!("{unsigned}&Sign={}&RequestTime={time}", sign(token, &time))
}
