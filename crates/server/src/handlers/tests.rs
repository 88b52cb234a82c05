//! What becomes of jobs whose callers give up.

use async_trait::async_trait;
use gateway_core::{
    Ack, AckRules, Answer, Callback, Callbacks, EventTime, HandlerError, Proof, Subjects,
};
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
    const RULES: AckRules = AckRules::NOTHING;
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

/// Handlers of which one runs at a time and one waits.
struct Fixture {
    dispatcher: Dispatcher,
    handlers: Handlers,
    go: std::sync::mpsc::Sender<()>,
}

impl Fixture {
    /// Comes with the names of those that run.
    fn new(deadline: Duration) -> (Self, mpsc::Receiver<String>) {
        let (ran, names) = mpsc::channel(8);
        let (go, is_let_go) = std::sync::mpsc::channel();
        let gate = Gate {
            ran,
            go: Mutex::new(is_let_go),
        };
        let dispatcher = Dispatcher::new(Callbacks::new().with(gate)).unwrap();
        let metrics = Metrics::new(&dispatcher);
        let config = HandlersConfig {
            concurrency: 1,
            queue: 1,
        };
        let fixture = Self {
            handlers: Handlers::new(&dispatcher, &metrics, &config, deadline),
            dispatcher,
            go,
        };
        (fixture, names)
    }

    fn work(&self, name: &str) -> Work {
        let installed = self.dispatcher.get("Test.Gate").unwrap();
        let body = format!(r#"{{"name":"{name}"}}"#);
        installed.prepare(body.as_bytes()).work.unwrap()
    }

    /// A job that nobody waits for.
    fn job(&self, ticket: u64, name: &str) -> Job {
        Job {
            ticket,
            work: self.work(name),
            cx: Context {
                event: None,
                envelope: envelope(),
                attempt: 1,
            },
            reply: Reply::Call(Box::new(drop)),
        }
    }

    async fn ask(&self, name: &str, patience: Duration) -> Result<(), FailureReason> {
        let asked = self.handlers.ask(0, self.work(name), envelope(), patience);
        asked.await.map(drop).map_err(|failure| failure.reason)
    }
}

fn envelope() -> Arc<Envelope> {
    Arc::new(Envelope {
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
        trace: None,
    })
}

#[tokio::test]
async fn a_job_that_nobody_waits_for_never_runs_and_keeps_its_place_till_then() {
    let (fixture, mut ran) = Fixture::new(Duration::from_mins(1));
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
    let (fixture, _ran) = Fixture::new(Duration::from_millis(100));
    assert!(fixture.handlers.lane(0).time_limit > Duration::ZERO);
}

#[tokio::test]
async fn what_waits_on_an_abandoned_thread_never_starts_there() {
    let (fixture, mut ran) = Fixture::new(Duration::from_millis(100));
    let lane = fixture.handlers.lane(0);
    let jobs = vec![fixture.job(7, "gate"), fixture.job(8, "behind")];
    assert!(lane.submit(jobs).is_ok());
    assert_eq!(ran.recv().await.as_deref(), Some("gate"));
    let abandoned = loop {
        if let Some(abandoned) = lane.abandon_if_blocked() {
            break abandoned;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(abandoned, Abandoned::Blocked(7));
    assert_eq!(lane.abandoned.get(), 1);
    fixture.go.send(()).unwrap();
    while lane.abandoned.get() == 1 {
        fixture.handlers.read_gauges();
        tokio::task::yield_now().await;
    }
    assert!(ran.try_recv().is_err());
}
