//! What is answered after the deadline, seen by callbacks whose first byte came long ago.

use async_trait::async_trait;
use futures_util::FutureExt;
use gateway_core::{
    AckRules, Answer, Callback, Callbacks, Context, EventTime, HandlerError, Subjects, Token,
};
use gateway_journal::Journal;
use poem_openapi::Object;
use serde::Deserialize;
use tempfile::TempDir;

use super::*;
use crate::{callbacks::installed, config};

const AFTER: &str = "Sns.CallbackFriendDelete";

/// The endpoint with a journal of its own.
struct Fixture {
    ingest: Ingest,
    journal: Journal,
    _directory: TempDir,
}

/// A before-command that allows everything.
struct Ask;

#[derive(Debug, Deserialize, Object)]
struct AskRequest {
    /// Anything.
    id: String,
}

struct Allowed;

impl Answer<AskRequest> for Allowed {
    const PHASE: Phase = Phase::Before;
    const RULES: AckRules = AckRules::NOTHING;
    type Ack = Ack;

    fn allow(_request: &AskRequest) -> Self {
        Self
    }

    fn refuse(_request: &AskRequest) -> Self {
        Self
    }

    fn into_ack(self) -> Ack {
        Ack::ok()
    }
}

#[async_trait]
impl Callback for Ask {
    const COMMAND: &'static str = "Test.Ask";
    const FEATURE: &'static str = "Test";
    const SUMMARY: &'static str = "Asks";
    const SOURCE: &'static str = "https://example.com/ask";
    const SAMPLE: &'static str = r#"{"id":"1"}"#;

    type Request = AskRequest;
    type Answer = Allowed;

    fn subjects(request: &AskRequest) -> Subjects {
        Subjects::default().account(&request.id)
    }

    fn time(_request: &AskRequest) -> Option<EventTime> {
        None
    }

    async fn handle(&self, _cx: &Context, _request: AskRequest) -> Result<Allowed, HandlerError> {
        Ok(Allowed)
    }
}

impl Fixture {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let variables = [("SDK_APP_ID", "1"), ("TOKEN", "a")];
        let variables =
            variables.map(|(key, value)| (format!("GATEWAY_APPS__SHOP__{key}"), value.to_owned()));
        let mut config = config::load(None, variables).unwrap();
        config.journal.path = directory.path().join("journal");
        let callbacks: Callbacks<_> = installed().with(Ask);
        let descriptors = callbacks.descriptors();
        let dispatcher = Dispatcher::new(callbacks).unwrap();
        let metrics = Arc::new(Metrics::new(&dispatcher));
        let journal = Journal::open(&config.journal, metrics.observer()).unwrap();
        let deadline = config.callbacks.deadline;
        let handlers = Handlers::new(&dispatcher, &metrics, &config.handlers, deadline);
        let handlers = Arc::new(handlers);
        let checked = config::check(config.clone(), &descriptors).unwrap();
        let live = Live::new(&checked, &dispatcher, &metrics, &Live::default()).unwrap();
        let live = Arc::new(arc_swap::ArcSwap::from_pointee(live));
        let shared = Shared::new(
            live,
            dispatcher,
            handlers,
            metrics,
            Traces::default(),
            &config.callbacks,
        );
        let (appender, completions) = journal.appender();
        tokio::spawn(completions.run());
        Self {
            ingest: Ingest::new(Arc::new(shared), appender),
            journal,
            _directory: directory,
        }
    }

    /// A callback that is `age` old when its body has been read.
    fn request(command: &str, age: Duration) -> Request {
        let received_ms = crate::clock::now_ms();
        let time = (received_ms / 1000).to_string();
        let sign = gateway_core::sign(&Token::new("a").unwrap(), &time);
        let query = format!(
            "SdkAppid=1&CallbackCommand={command}&Sign={sign}&RequestTime={time}&RequestId=r"
        );
        let mut request = Request::builder()
            .method(Method::POST)
            .uri_str(format!("/callback?{query}"))
            .body(r#"{"id":"1"}"#);
        request.extensions_mut().insert(Arrival {
            first_byte: Instant::now().checked_sub(age).unwrap(),
            received_ms,
            peer: Peer::Simulated,
        });
        request
    }

    fn count(&self, outcome: &str) -> u64 {
        let text = self.ingest.shared.metrics.render();
        let lines = text.lines().filter(|line| {
            line.starts_with("gateway_callbacks_total{")
                && line.contains(&format!("outcome=\"{outcome}\""))
        });
        lines
            .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
            .sum()
    }
}

#[tokio::test]
async fn a_refusal_is_as_little_answered_late_as_an_ack() {
    let Fixture {
        ingest,
        journal,
        _directory,
    } = Fixture::new();
    journal.close().unwrap();
    let prompt = ingest.call(Fixture::request(AFTER, Duration::ZERO)).await;
    assert_eq!(prompt.unwrap().status().as_u16(), 503);
    let late = ingest.call(Fixture::request(AFTER, ingest.shared.deadline));
    assert!(late.now_or_never().is_none(), "Chat's retry is thrown away");
    let text = ingest.shared.metrics.render();
    let unanswered = format!("command=\"{AFTER}\",outcome=\"unanswered\"}} 1");
    assert!(text.contains(&unanswered), "{text}");
}

#[tokio::test]
async fn a_before_callback_is_answered_late_too_when_it_is_a_repeat() {
    let fixture = Fixture::new();
    for age in [Duration::ZERO, fixture.ingest.shared.deadline] {
        let answer = fixture.ingest.call(Fixture::request(Ask::COMMAND, age));
        let answer = tokio::time::timeout(Duration::from_secs(30), answer).await;
        let response = answer.expect("it is answered at all").unwrap();
        assert_eq!(response.status().as_u16(), 200);
    }
    assert_eq!(fixture.count("repeated"), 1);
}
