//! What becomes of jobs whose callers give up.

use async_trait::async_trait;
use gateway_core::{Ack, Answer, Callback, Callbacks, EventTime, HandlerError, Proof, Subjects};
use poem_openapi::Object;
use serde::Deserialize;
use tokio::sync::mpsc;

use super::*;

/// Blocks its thread at `gate` until it is let go, and tells what it ran.
struct Gate {
    ran: mpsc::Sender<String>,
    go: Mutex<std::sync::mpsc::Receiver<()>>,
}

#[derive(Deserialize, Object)]
struct GateRequest {
    name: String,
}

struct Open;

impl Answer<GateRequest> for Open {
    const PHASE: Phase = Phase::Before;
    type Ack = Ack;

    fn allow(_request: &GateRequest) -> Self {
        Self
    }

    fn refuse(_request: &GateRequest) -> Self {
        Self
    }

    fn into_ack(self) -> Ack {
        Ack::ok()
    }
}

#[async_trait]
impl Callback for Gate {
    const COMMAND: &'static str = "Test.Gate";
    const FEATURE: &'static str = "Tests";
    const SUMMARY: &'static str = "Asks to pass";
    const SOURCE: &'static str = "https://example.com";
    const SAMPLE: &'static str = r#"{"name":"gate"}"#;

    type Request = GateRequest;
    type Answer = Open;

    fn subjects(_request: &GateRequest) -> Subjects {
        Subjects::default()
    }

    fn time(_request: &GateRequest) -> Option<EventTime> {
        None
    }

    async fn handle(&self, _cx: &Context, request: GateRequest) -> Result<Open, HandlerError> {
        self.ran.try_send(request.name.clone()).unwrap();
        if request.name == "gate" {
            self.go.lock().unwrap().recv().unwrap();
        }
        Ok(Open)
    }
}

/// Handlers of which two run at once, with a deadline that nobody reaches.
struct Fixture {
    dispatcher: Dispatcher,
    handlers: Handlers,
    go: std::sync::mpsc::Sender<()>,
}

impl Fixture {
    /// Comes with the names of those that run.
    fn new() -> (Self, mpsc::Receiver<String>) {
        let (ran, names) = mpsc::channel(8);
        let (go, is_let_go) = std::sync::mpsc::channel();
        let gate = Gate {
            ran,
            go: Mutex::new(is_let_go),
        };
        let dispatcher = Dispatcher::new(Callbacks::new().with(gate)).unwrap();
        let metrics = Metrics::new(&dispatcher);
        let fixture = Self {
            handlers: Handlers::new(&dispatcher, &metrics, 2, Duration::from_mins(1)),
            dispatcher,
            go,
        };
        (fixture, names)
    }

    async fn ask(&self, name: &str, patience: Duration) -> Result<(), FailureReason> {
        let installed = self.dispatcher.get("Test.Gate").unwrap();
        let body = format!(r#"{{"name":"{name}"}}"#);
        let work = installed.prepare(body.as_bytes()).work.unwrap();
        let envelope = Envelope {
            app: "shop".to_owned(),
            sdk_app_id: 1_400_000_000,
            command: "Test.Gate".to_owned(),
            received_ms: 0,
            client_ip: None,
            platform: None,
            request_id: None,
            peer: None,
            proof: Proof::default(),
            simulated: false,
            verdict: None,
        };
        let asked = self.handlers.ask(0, work, Arc::new(envelope), patience);
        asked.await.map(drop).map_err(|failure| failure.reason)
    }
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_never_runs_and_keeps_its_place_till_then() {
    let (fixture, mut ran) = Fixture::new();
    let late = Duration::from_secs(20);
    tokio::select! {
        asked = fixture.ask("gate", late) => panic!("the gate is closed: {asked:?}"),
        name = ran.recv() => assert_eq!(name.as_deref(), Some("gate")),
    }
    let given_up = fixture.ask("given up", Duration::from_millis(1)).await;
    assert_eq!(given_up, Err(FailureReason::Timeout));
    let third = fixture.ask("third", late).await;
    assert_eq!(third, Err(FailureReason::Busy), "both places are taken");

    fixture.go.send(()).unwrap();
    let mut asked = fixture.ask("next", late).await;
    while asked == Err(FailureReason::Busy) {
        tokio::task::yield_now().await;
        asked = fixture.ask("next", late).await;
    }
    assert_eq!(asked, Ok(()));
    assert_eq!(ran.recv().await.as_deref(), Some("next"));
}

#[tokio::test]
async fn a_short_deadline_leaves_a_handler_time() {
    let (fixture, _ran) = Fixture::new();
    let metrics = Metrics::new(&fixture.dispatcher);
    let deadline = Duration::from_millis(100);
    let handlers = Handlers::new(&fixture.dispatcher, &metrics, 2, deadline);
    assert!(handlers.lane(0).time_limit > Duration::ZERO);
}
