//! Traces: what a collector hears of callbacks, what a decider is told, and that nobody waits for either.

use std::{collections::BTreeMap, fmt::Write as _, fs, time::Duration};

use gateway_test_support::{ChatApp, Heard, Manner, Sink};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
    },
    common::v1::any_value::Value as Said,
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message;

use super::harness::{
    ACK, FRIEND_DELETE, Gateway, SHOP, SHOP_TOKEN, Setup, eventually, friend_delete,
};

const C2C: &str = "C2C.CallbackBeforeSendMsg";

/// Found also where somebody shows sixteen bytes of a request in a line.
const COLLECTOR_TOKEN: &str = "qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";

/// A collector and what it was told.
struct Collector {
    sink: Sink,
    heard: Vec<Heard>,
}

/// A span, as far as the tests look at it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    name: String,
    trace: String,
    id: String,
    /// Empty for the first of its trace.
    parent: String,
    kind: SpanKind,
    /// Why it has gone wrong.
    failed: Option<String>,
    attributes: BTreeMap<String, String>,
}

// === impl Collector ===

impl Collector {
    fn start() -> Self {
        Self::behaving(Manner::Answer(200, String::new()))
    }

    fn behaving(manner: Manner) -> Self {
        Self {
            sink: Sink::start(manner).unwrap(),
            heard: Vec::new(),
        }
    }

    /// A setup whose spans go here.
    fn traced(&self, setup: Setup) -> Setup {
        let endpoint = format!("http://{}", self.sink.address());
        setup.variable("GATEWAY_TRACES__ENDPOINT", &endpoint)
    }

    /// Every span so far.
    fn spans(&mut self) -> Vec<Seen> {
        self.heard.extend(self.sink.heard());
        self.heard.iter().flat_map(spans_of).collect()
    }

    /// The first span that fits, once it is there.
    fn span(&mut self, what: &str, fits: impl Fn(&Seen) -> bool) -> Seen {
        eventually(what, || self.spans().into_iter().find(&fits))
    }
}

// === impl Seen ===

impl Seen {
    fn of(span: Span) -> Self {
        let attributes = span.attributes.into_iter().map(|attribute| {
            let value = match attribute.value.unwrap().value.unwrap() {
                Said::StringValue(text) => text,
                Said::BoolValue(is_so) => is_so.to_string(),
                Said::IntValue(number) => number.to_string(),
                other => panic!("{other:?}"),
            };
            (attribute.key, value)
        });
        let status = span.status.clone().unwrap_or_default();
        Self {
            attributes: attributes.collect(),
            failed: (status.code() == StatusCode::Error).then_some(status.message),
            kind: SpanKind::try_from(span.kind).unwrap(),
            name: span.name,
            trace: hex(&span.trace_id),
            id: hex(&span.span_id),
            parent: hex(&span.parent_span_id),
        }
    }

    fn says(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }

    fn traceparent(&self) -> String {
        format!("00-{}-{}-01", self.trace, self.id)
    }
}

fn spans_of(heard: &Heard) -> Vec<Seen> {
    assert_eq!(heard.target, "/v1/traces");
    assert_eq!(heard.header("content-type"), Some("application/x-protobuf"));
    let request = ExportTraceServiceRequest::decode(&*heard.body).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| {
        let attributes = resource.resource.unwrap().attributes;
        assert!(attributes.iter().any(|one| one.key == "service.name"));
        resource.scope_spans
    });
    let spans = scopes.flat_map(|scope| scope.spans);
    spans.map(Seen::of).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn message(text: &str) -> String {
    format!(
        r#"{{"CallbackCommand":"{C2C}","From_Account":"private-alice","To_Account":"private-bob","MsgSeq":1,"MsgRandom":2,"MsgTime":3,"MsgKey":"1_2_3","OnlineOnlyFlag":0,"MsgBody":[{{"MsgType":"TIMTextElem","MsgContent":{{"Text":"{text}"}}}}]}}"#
    )
}

/// Has `decider` and `shadow` asked about one-to-one messages.
fn with_deciders(setup: &Setup, decider: &Sink, shadow: &Sink) {
    setup.configure(&format!(
        "[apps.shop]\nsdk_app_id = {SHOP}\ntoken = \"{SHOP_TOKEN}\"\n\
         [deciders.main]\nurl = \"http://{}/\"\n[deciders.trial]\nurl = \"http://{}/\"\n\
         [commands.\"{C2C}\"]\ndecider = \"main\"\nshadow = \"trial\"\n",
        decider.address(),
        shadow.address()
    ));
}

fn allowing() -> Sink {
    Sink::start(Manner::Answer(200, ACK.to_owned())).unwrap()
}

fn trace_of(gateway: &Gateway, id: &str) -> Option<String> {
    let event: serde_json::Value =
        serde_json::from_slice(&gateway.get(&format!("/v1/events/{id}")).body).unwrap();
    event["trace_id"].as_str().map(str::to_owned)
}

#[test]
fn an_after_callback_is_one_trace_with_its_sync_and_its_handler() {
    let mut collector = Collector::start();
    let setup = collector.traced(Setup::new());
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    let event = gateway.page("").data.remove(0);

    let server = collector.span("the callback's span", |span| span.name == FRIEND_DELETE);
    assert_eq!(
        (server.kind, server.parent.as_str()),
        (SpanKind::Server, "")
    );
    for (key, value) in [
        ("callback.app", "shop"),
        ("callback.command", FRIEND_DELETE),
        ("callback.phase", "after"),
        ("callback.proof", "sign"),
        ("callback.simulated", "false"),
        ("callback.outcome", "ok"),
        ("callback.event", &event.id),
        ("http.response.status_code", "200"),
    ] {
        assert_eq!(server.says(key), value, "{key}");
    }
    assert_eq!(server.failed, None);
    let journal = collector.span("the sync's span", |span| span.name == "journal");
    let handler = collector.span("the handler's span", |span| span.name == "handler");
    for child in [&journal, &handler] {
        assert_eq!((&child.trace, &child.parent), (&server.trace, &server.id));
        assert_eq!(child.kind, SpanKind::Internal);
    }
    for (key, value) in [
        ("callback.event", event.id.as_str()),
        ("callback.attempt", "1"),
        ("callback.drift", "false"),
        ("callback.outcome", "ok"),
    ] {
        assert_eq!(handler.says(key), value, "{key}");
    }
    assert_eq!(collector.spans().len(), 3);
    gateway.reaches("gateway_spans_total", &[("outcome", "sent")], 3);

    assert_eq!(trace_of(&gateway, &event.id), Some(server.trace.clone()));
    let admin = format!("http://{}", gateway.admin);
    let explained = setup.run(&["explain", &event.id, "--admin-url", &admin]);
    let explained = String::from_utf8_lossy(&explained.stdout).into_owned();
    assert!(explained.contains(&server.trace), "{explained}");
}

#[test]
fn a_decider_and_a_shadow_are_told_the_span_of_their_question() {
    let mut collector = Collector::start();
    let (decider, shadow) = (allowing(), allowing());
    let setup = collector.traced(Setup::new());
    with_deciders(&setup, &decider, &shadow);
    let gateway = setup.start();
    assert_eq!(gateway.call(C2C, message("hello")).text(), ACK);

    let server = collector.span("the callback's span", |span| span.name == C2C);
    assert_eq!(server.says("callback.decided_by"), "decider");
    assert_eq!(server.says("callback.phase"), "before");
    for (name, role, sink) in [("main", "decider", &decider), ("trial", "shadow", &shadow)] {
        let question = collector.span(role, |span| span.name == role);
        assert_eq!(question.kind, SpanKind::Client);
        assert_eq!(
            (&question.trace, &question.parent),
            (&server.trace, &server.id)
        );
        assert_eq!(question.says("callback.decider"), name);
        assert_eq!(question.failed, None);
        let heard = sink.heard().pop().unwrap();
        assert_eq!(
            heard.header("traceparent"),
            Some(question.traceparent().as_str())
        );
    }

    decider.behave(Manner::Answer(500, String::new()));
    gateway.call(C2C, message("again"));
    let failed = collector.span("a question that failed", |span| span.failed.is_some());
    assert_eq!(
        (failed.name.as_str(), failed.failed.as_deref()),
        ("decider", Some("status"))
    );
    let server = collector.span("its callback", |span| span.id == failed.parent);
    assert_eq!(server.says("callback.outcome"), "policy");
    assert_eq!(server.says("callback.policy_reason"), "status");
}

#[test]
fn a_plug_in_that_decides_has_a_span() {
    let mut collector = Collector::start();
    let setup = collector.traced(Setup::faulty());
    let gateway = setup.start();
    for (act, reason) in [("err", "error"), ("panic", "panic"), ("stray", "code")] {
        gateway.call("Faulty.Ask", format!(r#"{{"id":"1","act":"{act}"}}"#));
        let handler = collector.span("the plug-in's span", |span| {
            span.name == "plug-in" && span.failed.as_deref() == Some(reason)
        });
        let server = collector.span("its callback", |span| span.id == handler.parent);
        assert_eq!(server.says("callback.outcome"), "policy");
        assert_eq!(server.says("callback.policy_reason"), reason);
    }
}

#[test]
fn a_callback_that_is_not_stored_says_why_in_its_spans() {
    let mut collector = Collector::start();
    let setup = collector
        .traced(Setup::faulty())
        .variable("GATEWAY_JOURNAL__BYTES_MAX", "2 MiB");
    let gateway = setup.start();
    // What is not handled is never deleted, so that the journal gets full.
    let body = format!(r#"{{"id":"{}"}}"#, "x".repeat(20_000));
    eventually("the journal is full", || {
        (gateway.call("Faulty.Block", &body).status == 503).then_some(())
    });
    let server = collector.span("the refused one", |span| {
        span.says("http.response.status_code") == "503"
    });
    assert_eq!(server.says("callback.outcome"), "rejected");
    assert_eq!(server.says("callback.refusal"), "journal");
    assert_eq!(server.failed.as_deref(), Some("journal"));
    let journal = collector.span("its sync", |span| span.parent == server.id);
    assert_eq!(journal.name, "journal");
    assert_eq!(journal.failed.as_deref(), Some("journal"));
}

#[test]
fn a_trace_goes_on_after_a_kill() {
    let mut collector = Collector::start();
    let setup = collector.traced(Setup::faulty());
    let gateway = setup.start();
    gateway.acked("Faulty.ErrOnce", r#"{"id":"once"}"#);
    let first = collector.span("a failed attempt", |span| {
        span.name == "handler" && span.says("callback.outcome") == "error"
    });
    gateway.reaches(
        "gateway_handler_parked_events",
        &[("command", "Faulty.ErrOnce")],
        1,
    );
    gateway.kill();

    let gateway = setup.start();
    let second = collector.span("an attempt that succeeds", |span| {
        span.name == "handler" && span.says("callback.outcome") == "ok"
    });
    assert_eq!(second.says("callback.attempt"), "2");
    assert_eq!(
        (&first.trace, &first.parent),
        (&second.trace, &second.parent)
    );
    assert_eq!(first.says("callback.event"), second.says("callback.event"));
    let trace = trace_of(&gateway, second.says("callback.event"));
    assert_eq!(trace, Some(second.trace));
}

#[test]
fn a_collector_hears_nothing_private_and_nothing_of_strangers() {
    let mut collector = Collector::start();
    let (decider, shadow) = (
        Sink::start(Manner::Answer(200, "private-answer".to_owned())).unwrap(),
        allowing(),
    );
    let setup = collector
        .traced(Setup::faulty())
        .variable("GATEWAY_TRACES__TOKEN_FILE", "collector.token")
        .variable("GATEWAY_CALLBACKS__BODY_MAX", "4 KiB")
        .variable("GATEWAY_LOG__LEVEL", "trace");
    fs::write(
        setup.path("collector.token"),
        format!("{COLLECTOR_TOKEN}\n"),
    )
    .unwrap();
    with_deciders(&setup, &decider, &shadow);
    let gateway = setup.start();
    let stranger = ChatApp::new(SHOP, "private-token-of-nobody");
    for _ in 0..20 {
        let answer = gateway.call_as(&stranger, FRIEND_DELETE, friend_delete("a", "b"));
        assert_eq!(answer.status, 401);
    }
    gateway.call(FRIEND_DELETE, friend_delete("private-alice", "private-bob"));
    gateway.call(
        FRIEND_DELETE,
        r#"{"private-key":"private-text","PairList":[]}"#,
    );
    gateway.call(FRIEND_DELETE, "private-text that is not JSON");
    gateway.call("Private.Command", r#"{"private":1}"#);
    let too_large = gateway.call(FRIEND_DELETE, "private-text ".repeat(1_000));
    assert_eq!(too_large.status, 413);
    gateway.call(C2C, message("private-text"));
    for command in ["Faulty.Panic", "Faulty.Err", "Faulty.Ask"] {
        gateway.call(command, r#"{"id":"private-id","act":"panic"}"#);
    }
    let query = gateway.app.query(FRIEND_DELETE);
    let sign = query.split("Sign=").nth(1).unwrap();
    let sign = sign.split('&').next().unwrap().to_owned();
    let target = format!("/callback?{query}&private=1&ClientIP=198.51.100.77");
    let mut connection = gateway.connect();
    connection.request("POST", &target, &[], b"{}").unwrap();
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "panic")], 1);
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "error")], 1);
    gateway.reaches("gateway_shadow_total", &[], 1);
    assert!(gateway.stop().success());

    let spans = collector.spans();
    let drift = spans
        .iter()
        .any(|span| span.says("callback.drift") == "true");
    let servers = spans.iter().filter(|span| span.kind == SpanKind::Server);
    assert!(drift && servers.clone().count() >= 9, "{spans:#?}");
    let too_large = servers
        .clone()
        .find(|span| span.says("callback.refusal") == "too_large");
    let too_large = too_large.unwrap();
    assert_eq!(too_large.says("http.response.status_code"), "413");
    assert_eq!(too_large.says("callback.outcome"), "rejected");
    assert_eq!(too_large.failed, None, "whoever called is to blame");
    assert!(servers.clone().any(|span| span.name == "other"));
    let bearer = format!("Bearer {COLLECTOR_TOKEN}");
    for heard in &collector.heard {
        assert_eq!(heard.header("authorization"), Some(bearer.as_str()));
        let lower = heard.text().to_lowercase();
        for secret in ["private", SHOP_TOKEN, &sign, "198.51.100.77", "127.0.0.1"] {
            assert!(!lower.contains(secret), "{secret} in {spans:#?}");
        }
    }
    let refused = spans
        .iter()
        .find(|span| span.says("http.response.status_code") == "401");
    assert_eq!(refused, None);
    let logs = setup.logs();
    for secret in ["qqqqqqqq", "7171 7171", "private"] {
        let line = logs.lines().find(|line| line.contains(secret));
        assert_eq!(line, None);
    }
}

/// Takes spans, and says something of a part of them.
fn partly(rejected_spans: i64, error_message: &str) -> Manner {
    let partial_success = Some(ExportTracePartialSuccess {
        rejected_spans,
        error_message: error_message.to_owned(),
    });
    let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Manner::Raw([head.into_bytes(), body].concat())
}

/// Has three spans sent to a collector that answers so. How many of them were taken and failed, and the log.
fn told_so(manner: Manner) -> (u64, u64, String) {
    let mut collector = Collector::behaving(manner);
    let setup = collector
        .traced(Setup::new())
        .variable("GATEWAY_TRACES__TOKEN_FILE", "collector.token");
    fs::write(setup.path("collector.token"), COLLECTOR_TOKEN).unwrap();
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    gateway.reaches("gateway_spans_total", &[], 3);
    let count = |outcome| gateway.metric("gateway_spans_total", &[("outcome", outcome)]);
    let (sent, failed) = (count("sent"), count("failed"));
    assert!(gateway.stop().success());
    assert_eq!(collector.spans().len(), 3, "none is sent again");
    (sent, failed, setup.logs())
}

#[test]
fn what_a_collector_says_of_rejected_spans_is_logged() {
    let reason = format!("no room\nfor {COLLECTOR_TOKEN} {}", "x".repeat(5_000));
    let (sent, failed, log) = told_so(partly(1_000, &reason));
    assert_eq!((sent, failed), (0, 3));
    let mut lines = log.lines().filter(|line| line.contains("no room"));
    let line = lines.next().unwrap();
    assert!(line.contains("has rejected spans"), "{line}");
    assert!(
        line.contains("rejected=") && line.contains("spans="),
        "{line}"
    );
    assert!(line.contains(r"no room\nfor … xxx"), "{line}");
    assert!(line.len() < 500 && !log.contains(COLLECTOR_TOKEN), "{line}");

    let (sent, failed, log) = told_so(partly(0, "use gzip"));
    assert_eq!((sent, failed), (3, 0));
    assert!(log.contains("use gzip"), "{log}");
}

#[test]
fn spans_are_taken_by_the_status_whatever_the_body_is() {
    let broken = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n\r\n";
    for manner in [
        Manner::Answer(200, "x".repeat(100 << 10)),
        Manner::Answer(202, "<html>".to_owned()),
        Manner::Raw(broken.into()),
    ] {
        let (sent, failed, log) = told_so(manner);
        assert_eq!((sent, failed), (3, 0), "{log}");
        assert!(!log.contains("the collector"), "{log}");
    }
}

#[test]
fn a_batch_is_sent_once_though_its_collector_wishes_otherwise() {
    let later =
        "HTTP/1.1 503 Later\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    let (sent, failed, log) = told_so(Manner::Raw(later.into()));
    assert_eq!((sent, failed), (0, 3));
    let line = log.lines().find(|line| line.contains("does not take"));
    assert!(line.unwrap().contains("status 503"), "{log}");
}

#[test]
fn the_last_spans_are_sent_though_a_handler_uses_up_the_grace_period() {
    let mut collector = Collector::start();
    let setup = collector
        .traced(Setup::faulty())
        .variable("GATEWAY_SHUTDOWN__GRACE", "1s");
    let gateway = setup.start();
    gateway.acked("Faulty.Block", r#"{"id":"1"}"#);
    eventually("it runs", || setup.ran("Faulty.Block").pop());
    gateway.reaches("gateway_spans_total", &[("outcome", "sent")], 2);
    assert!(gateway.stop().success());
    let spans = collector.spans();
    let handler = spans.iter().find(|span| span.name == "handler").unwrap();
    assert_eq!(handler.says("callback.outcome"), "stopped");
    assert_eq!(handler.failed.as_deref(), Some("stopped"));
}

/// What the gateway says of how long its stop took.
fn took(log: &str) -> Duration {
    let (_, took_ms) = log.rsplit_once("took_ms=").unwrap();
    let took_ms = took_ms.split_whitespace().next().unwrap();
    Duration::from_millis(took_ms.parse().unwrap())
}

#[test]
fn nobody_waits_for_a_collector_that_is_away_or_hangs() {
    for manner in [
        Manner::Close,
        Manner::Silence,
        Manner::Answer(503, String::new()),
    ] {
        let collector = Collector::behaving(manner.clone());
        let setup = collector.traced(Setup::new());
        let gateway = setup.start();
        let mut connection = gateway.connect();
        for number in 0..2_000 {
            let target = format!("/callback?{}", gateway.app.query(FRIEND_DELETE));
            let body = friend_delete("alice", &number.to_string());
            let answer = connection.request("POST", &target, &[], body.as_bytes());
            assert_eq!(answer.unwrap().text(), ACK);
        }
        // Three spans of each callback: more than may wait.
        let (outcome, least_lines) = match manner {
            // The first batches are still being waited for.
            Manner::Silence => ("overflow", 0),
            _ => ("failed", 1),
        };
        gateway.reaches("gateway_spans_total", &[("outcome", outcome)], 1);
        gateway.reaches(
            "gateway_handler_outcomes_total",
            &[("outcome", "ok")],
            2_000,
        );
        assert_eq!(
            gateway.metric("gateway_spans_total", &[("outcome", "sent")]),
            0
        );
        drop(connection);
        assert!(gateway.stop().success());
        let log = setup.logs();
        // Two seconds are for the last spans, and nothing else is left to do; one batch alone may take five.
        assert!(took(&log) < Duration::from_secs(4), "{manner:?}: {log}");
        let lines = log
            .lines()
            .filter(|line| line.contains("does not take spans"))
            .count();
        assert!((least_lines..=40).contains(&lines), "{lines} lines");
    }
}

#[test]
fn nothing_is_traced_unless_it_is_wanted() {
    let mut collector = Collector::start();
    let none = collector
        .traced(Setup::new())
        .variable("GATEWAY_TRACES__SAMPLED", "0");
    for setup in [Setup::new(), none] {
        let (decider, shadow) = (allowing(), allowing());
        with_deciders(&setup, &decider, &shadow);
        let gateway = setup.start();
        gateway.acked(C2C, message("hello"));
        gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
        for sink in [&decider, &shadow] {
            let heard = eventually("it is asked", || sink.heard().pop());
            assert_eq!(heard.header("traceparent"), None);
        }
        let events = eventually("both are there", || {
            let events = gateway.events("");
            (events.len() == 2).then_some(events)
        });
        for event in events {
            assert_eq!(trace_of(&gateway, &event.id), None);
        }
        assert!(gateway.stop().success());
    }
    assert_eq!(collector.spans(), []);
}

#[test]
fn the_environment_of_other_programs_changes_nothing() {
    let mut collector = Collector::start();
    let setup = collector
        .traced(Setup::new())
        .variable("OTEL_SDK_DISABLED", "true")
        .variable("OTEL_TRACES_SAMPLER", "always_off")
        .variable("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
        .variable("OTEL_BSP_SCHEDULE_DELAY", "3600000")
        .variable("OTEL_BSP_MAX_QUEUE_SIZE", "1")
        .variable("OTEL_RESOURCE_ATTRIBUTES", "service.name=private");
    let gateway = setup.start();
    gateway.acked(FRIEND_DELETE, friend_delete("alice", "bob"));
    let server = collector.span("the callback's span", |span| span.name == FRIEND_DELETE);
    assert_eq!(server.says("callback.app"), "shop");
    assert_eq!(server.says("callback.outcome"), "ok");
    let heard = collector.heard.first().unwrap();
    assert!(!heard.text().contains("private"));
}

#[test]
fn a_share_of_the_callbacks_is_traced() {
    let mut collector = Collector::start();
    let setup = collector
        .traced(Setup::new())
        .variable("GATEWAY_TRACES__SAMPLED", "0.5");
    let gateway = setup.start();
    for number in 0..200 {
        gateway.acked(FRIEND_DELETE, friend_delete("alice", &number.to_string()));
    }
    gateway.reaches("gateway_handler_outcomes_total", &[("outcome", "ok")], 200);
    assert!(gateway.stop().success());
    let spans = collector.spans();
    let servers = spans
        .iter()
        .filter(|span| span.kind == SpanKind::Server)
        .count();
    assert!((50..150).contains(&servers), "{servers} of 200");
    assert_eq!(spans.len(), servers * 3, "each with its children");
}
