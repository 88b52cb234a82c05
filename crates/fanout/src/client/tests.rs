use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use gateway_core::{Envelope, EventId, Proof};
use rcgen::{CertifiedKey, KeyPair, generate_simple_self_signed};
use rustls::{
    ConfigBuilder, ServerConfig, WantsVerifier,
    pki_types::PrivateKeyDer,
    server::{WantsServerCert, WebPkiClientVerifier},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    task::JoinSet,
};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

use super::*;
use crate::Secret;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Longer than anything here should take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a sink does with a request that it has read.
#[derive(Clone)]
enum Act {
    Answer(Vec<u8>),
    /// Answers as if it meant to keep the connection.
    AnswerThenClose(Vec<u8>),
    Close,
    /// Sends this, and then nothing for ever.
    Hang(&'static str),
    /// Sends the first once and the second again and again, for ever.
    Stream(&'static str, Vec<u8>),
}

/// An HTTP server that acts by the list, one entry for each request.
struct Sink {
    address: SocketAddr,
    seen: Arc<Seen>,
    _serving: JoinSet<()>,
}

#[derive(Default)]
struct Seen {
    acts: Mutex<VecDeque<Act>>,
    requests: Mutex<Vec<String>>,
    connections: AtomicUsize,
    streamed: AtomicUsize,
}

impl Sink {
    async fn start(acts: impl IntoIterator<Item = Act>) -> Self {
        Self::start_with(acts, None).await
    }

    async fn start_with(acts: impl IntoIterator<Item = Act>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen {
            acts: Mutex::new(acts.into_iter().collect()),
            ..Seen::default()
        });
        let mut serving = JoinSet::new();
        serving.spawn(Arc::clone(&seen).accept(listener, tls));
        Self {
            address,
            seen,
            _serving: serving,
        }
    }

    async fn answering(answer: impl AsRef<[u8]>) -> Self {
        Self::start([Act::Answer(answer.as_ref().to_vec())]).await
    }

    fn client(&self) -> Client {
        let url = format!("http://{}/hook?token=confidential", self.address);
        client(&url, RootCertStore::empty()).unwrap()
    }

    fn requests(&self) -> Vec<String> {
        self.seen.requests.lock().unwrap().clone()
    }

    fn check_calls(&self, connections: usize, requests: usize) {
        let accepted = self.seen.connections.load(Ordering::SeqCst);
        assert_eq!((accepted, self.requests().len()), (connections, requests));
    }
}

impl Seen {
    async fn accept(self: Arc<Self>, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut serving = JoinSet::new();
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            self.connections.fetch_add(1, Ordering::SeqCst);
            let (seen, tls) = (Arc::clone(&self), tls.clone());
            serving.spawn(async move {
                let Some(tls) = tls else {
                    return seen.serve(stream).await;
                };
                match tls.accept(stream).await {
                    Ok(stream) => seen.serve(stream).await,
                    Err(error) => Err(error),
                }
            });
        }
    }

    /// An error is a client that has hung up.
    async fn serve(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
        while let Some(request) = read_request(&mut stream).await? {
            self.requests.lock().unwrap().push(request);
            let act = self.acts.lock().unwrap().pop_front();
            match act.expect("a request too many") {
                Act::Answer(answer) => stream.write_all(&answer).await?,
                Act::AnswerThenClose(answer) => {
                    stream.write_all(&answer).await?;
                    return stream.shutdown().await;
                }
                Act::Close => return Ok(()),
                Act::Hang(start) => {
                    stream.write_all(start.as_bytes()).await?;
                    std::future::pending::<()>().await;
                }
                Act::Stream(start, bytes) => {
                    stream.write_all(start.as_bytes()).await?;
                    loop {
                        stream.write_all(&bytes).await?;
                        self.streamed.fetch_add(bytes.len(), Ordering::SeqCst);
                    }
                }
            }
        }
        Ok(())
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<String>> {
    let mut request = Vec::new();
    loop {
        if stream.read_buf(&mut request).await? == 0 {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.unwrap().parse().unwrap() {
            return Ok(Some(text.into_owned()));
        }
    }
}

fn secrets() -> Secrets {
    let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
    Secrets::new(vec![secret]).unwrap()
}

fn loopback() -> Egress {
    Egress::Internal(vec!["127.0.0.1/32".parse().unwrap()])
}

fn client(url: &str, roots: RootCertStore) -> Result<Client, UrlError> {
    Client::new(
        &url.parse().unwrap(),
        secrets(),
        loopback(),
        Arc::new(roots),
    )
}

fn message() -> Message {
    Message {
        id: EventId::new(Uuid::from_u128(1), 42, 1_700_000_000_000),
        envelope: Arc::new(Envelope {
            app: "shop".to_owned(),
            sdk_app_id: 1_400_000_000,
            command: "Sns.CallbackFriendDelete".to_owned(),
            received_ms: 1_700_000_000_123,
            client_ip: None,
            platform: None,
            request_id: None,
            peer: None,
            proof: Proof::default(),
            simulated: false,
            verdict: None,
            trace: None,
        }),
        time: None,
        subjects: None,
        body: Bytes::from_static(b"{\"Secret\": \"of the body\"}"),
        attempt: 1,
    }
}

async fn delivered(client: &Client) {
    let delivered = client.deliver(&message(), PATIENCE).await.unwrap();
    assert_eq!(delivered.status, StatusCode::OK);
}

async fn failed(client: &Client, reason: DeliverFailure) -> DeliverError {
    let error = client.deliver(&message(), PATIENCE).await.unwrap_err();
    check_failure(client, &error, reason);
    error
}

async fn times_out(client: &Client) {
    let delivering = client.deliver(&message(), Duration::from_millis(100)).await;
    let error = delivering.unwrap_err();
    check_failure(client, &error, DeliverFailure::Timeout);
    assert_eq!(error.detail, "no answer within 100ms");
}

fn check_failure(client: &Client, error: &DeliverError, reason: DeliverFailure) {
    assert_eq!(error.reason, reason, "{}", error.detail);
    assert!(!error.detail.is_empty() && error.detail.len() < 1000);
    for secret in ["confidential", "of the body", "MfKQ9"] {
        assert!(!format!("{error} {error:?} {client:?}").contains(secret));
    }
}

async fn check_answer(answer: impl AsRef<[u8]>, reason: DeliverFailure) -> DeliverError {
    let sink = Sink::answering(answer).await;
    let error = failed(&sink.client(), reason).await;
    sink.check_calls(1, 1);
    error
}

fn status(status: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

#[tokio::test]
async fn sends_the_body_as_it_came_with_its_headers() {
    let sink = Sink::answering(OK).await;
    delivered(&sink.client()).await;
    let requests = sink.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body.as_bytes(), message().body);
    let (line, fields) = head.split_once("\r\n").unwrap();
    assert_eq!(line, "POST /hook?token=confidential HTTP/1.1");
    let field = |name: &str| {
        let mut values = fields
            .lines()
            .filter_map(|line| line.strip_prefix(&format!("{name}: ")));
        let value = values
            .next()
            .unwrap_or_else(|| panic!("no {name}: {fields}"));
        assert_eq!(values.next(), None, "{name}");
        value.to_owned()
    };
    assert_eq!(field("host"), sink.address.to_string());
    assert_eq!(field("content-length"), body.len().to_string());
    let timestamp_s: u64 = field("webhook-timestamp").parse().unwrap();
    let now_s = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now_s - timestamp_s < 60);
    let signature = secrets().sign(&message().id.to_string(), timestamp_s, body.as_bytes());
    assert_eq!(field("webhook-signature"), signature);
}

#[tokio::test]
async fn any_2xx_is_success() {
    for text in [
        "200 OK",
        "201 Created",
        "202 Accepted",
        "204 No Content",
        "299 Odd",
    ] {
        let sink = Sink::answering(status(text)).await;
        let delivered = sink.client().deliver(&message(), PATIENCE).await.unwrap();
        assert_eq!(delivered.status.as_str(), &text[..3]);
    }
}

#[tokio::test]
async fn what_comes_before_the_answer_is_none() {
    let early = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </>\r\n\r\n";
    let sink = Sink::answering([early, OK].concat()).await;
    delivered(&sink.client()).await;
}

#[tokio::test]
async fn other_statuses_are_failures() {
    for (text, code) in [
        ("400 Bad Request", 400),
        ("429 Slow Down", 429),
        ("500 Oops", 500),
        ("999 What", 999),
    ] {
        check_answer(status(text), DeliverFailure::Status(code)).await;
    }
    check_answer(status("410 Gone"), DeliverFailure::Gone).await;
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Sink::start([]).await;
    for code in [300, 301, 302, 303, 304, 307, 308] {
        let location = format!("location: http://{}/\r\n", elsewhere.address);
        let answer = format!("HTTP/1.1 {code} Moved\r\n{location}content-length: 0\r\n\r\n");
        check_answer(answer, DeliverFailure::Redirect).await;
    }
    elsewhere.check_calls(0, 0);
}

#[tokio::test]
async fn a_subscriber_may_ask_for_a_pause() {
    let answer = |value: &str| {
        format!("HTTP/1.1 503 Busy\r\nretry-after: {value}\r\ncontent-length: 0\r\n\r\n")
    };
    let busy = DeliverFailure::Status(503);
    let error = check_answer(answer("7"), busy).await;
    assert_eq!(error.retry_after, Some(Duration::from_secs(7)));
    let soon = httpdate::fmt_http_date(SystemTime::now() + 90 * Duration::from_secs(1));
    let asked = check_answer(answer(&soon), busy).await.retry_after.unwrap();
    assert!((60..=90).contains(&asked.as_secs()), "{asked:?}");
    assert_eq!(check_answer(answer("soon"), busy).await.retry_after, None);
}

#[tokio::test]
async fn what_is_not_http_is_invalid() {
    check_answer("SSH-2.0-OpenSSH_9.9\r\n", DeliverFailure::Invalid).await;
    check_answer("HTTP/1.1 OK 200\r\n\r\n", DeliverFailure::Invalid).await;
    check_answer("HTTP/1.1 200 OK\r\na b: c\r\n\r\n", DeliverFailure::Invalid).await;
}

#[tokio::test]
async fn a_head_of_a_mebibyte_is_invalid() {
    let head = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    check_answer(head, DeliverFailure::Invalid).await;
}

#[tokio::test]
async fn a_head_without_end_is_a_timeout() {
    let early = b"HTTP/1.1 100 Continue\r\n\r\n".to_vec();
    for act in [
        Act::Stream("", early),
        Act::Hang("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"),
    ] {
        let sink = Sink::start([act]).await;
        let client = sink.client();
        times_out(&client).await;
    }
}

#[tokio::test]
async fn a_connection_that_breaks_off_is_reset_and_not_tried_twice() {
    for act in [
        Act::Close,
        Act::AnswerThenClose(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()),
    ] {
        let sink = Sink::start([act]).await;
        failed(&sink.client(), DeliverFailure::Reset).await;
        sink.check_calls(1, 1);
    }
}

#[tokio::test]
async fn an_answer_after_the_timeout_is_none() {
    let sink = Sink::start([Act::Hang(""), Act::Answer(OK.to_vec())]).await;
    let client = sink.client();
    times_out(&client).await;
    // Nothing of the first attempt reaches the second.
    delivered(&client).await;
    sink.check_calls(2, 2);
}

#[tokio::test]
async fn a_name_server_that_hangs_is_a_timeout() {
    let url = "http://sink.example/".parse().unwrap();
    let client = with_resolver(&url, Names::Silent);
    times_out(&client).await;
}

#[tokio::test]
async fn nobody_there_is_no_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    failed(
        &client(&url, RootCertStore::empty()).unwrap(),
        DeliverFailure::Connect,
    )
    .await;
    let url = "http://sink.example/".parse().unwrap();
    failed(
        &with_resolver(&url, Names::Unknown),
        DeliverFailure::Connect,
    )
    .await;
}

#[tokio::test]
async fn what_the_guard_refuses_is_not_called() {
    let sink = Sink::start([]).await;
    let port = sink.address.port();
    for host in [
        "127.0.0.1",
        "[::ffff:127.0.0.1]",
        "localhost",
        "[::1]",
        "169.254.169.254",
    ] {
        let url = format!("http://{host}:{port}/").parse().unwrap();
        let roots = Arc::new(RootCertStore::empty());
        let client = Client::new(&url, secrets(), Egress::Public, roots).unwrap();
        let error = failed(&client, DeliverFailure::Refused).await;
        assert!(error.detail.contains("refused"), "{}", error.detail);
    }
    sink.check_calls(0, 0);
}

#[tokio::test]
async fn a_name_that_moves_to_a_refused_address_is_refused() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    let sink = Sink::answering(answer).await;
    let moved: SocketAddr = (std::net::Ipv4Addr::new(127, 0, 0, 2), sink.address.port()).into();
    let url = "http://sink.example/".parse().unwrap();
    let names = Names::Listed(Mutex::new([vec![sink.address], vec![moved]].into()));
    let client = with_resolver(&url, names);
    delivered(&client).await;
    failed(&client, DeliverFailure::Refused).await;
    sink.check_calls(1, 1);
}

#[tokio::test]
async fn connections_are_kept() {
    let sink = Sink::start(vec![Act::Answer(OK.to_vec()); 10]).await;
    let client = sink.client();
    for _ in 0..10 {
        delivered(&client).await;
        client.tidy();
    }
    sink.check_calls(1, 10);
}

#[tokio::test]
async fn a_failure_keeps_its_connection_too() {
    let sink = Sink::start([Act::Answer(status("500 Oops")), Act::Answer(OK.to_vec())]).await;
    let client = sink.client();
    failed(&client, DeliverFailure::Status(500)).await;
    delivered(&client).await;
    sink.check_calls(1, 2);
}

#[tokio::test]
async fn deliveries_at_once_have_a_connection_each() {
    let sink = Sink::start(vec![Act::Answer(OK.to_vec()); 20]).await;
    let client = Arc::new(sink.client());
    for _ in 0..2 {
        let mut delivering = JoinSet::new();
        for _ in 0..10 {
            let client = Arc::clone(&client);
            delivering.spawn(async move { delivered(&client).await });
        }
        delivering.join_all().await;
    }
    sink.check_calls(10, 20);
}

#[tokio::test]
async fn a_connection_that_has_been_idle_is_not_used_again() {
    for is_tidy in [false, true] {
        let sink = Sink::start(vec![Act::Answer(OK.to_vec()); 2]).await;
        let client = sink.client();
        delivered(&client).await;
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(4)).await;
        tokio::time::resume();
        if is_tidy {
            client.tidy();
            assert!(client.idle().is_empty());
        }
        delivered(&client).await;
        sink.check_calls(2, 2);
    }
}

#[tokio::test]
async fn a_kept_connection_that_is_closed_is_replaced_once() {
    let ok = || Act::Answer(OK.to_vec());
    let sink = Sink::start([ok(), Act::Close, ok()]).await;
    let client = sink.client();
    delivered(&client).await;
    delivered(&client).await;
    sink.check_calls(2, 3);

    let sink = Sink::start([ok(), Act::Close, Act::Close]).await;
    let client = sink.client();
    delivered(&client).await;
    failed(&client, DeliverFailure::Reset).await;
    sink.check_calls(2, 3);
}

#[tokio::test]
async fn a_sink_that_closes_without_a_word_is_called_anew() {
    let sink = Sink::start(vec![Act::AnswerThenClose(OK.to_vec()); 5]).await;
    let client = sink.client();
    for _ in 0..5 {
        delivered(&client).await;
    }
    sink.check_calls(5, 5);
}

#[tokio::test]
async fn what_is_over_is_not_kept() {
    let last = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok";
    for answer in [last, "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok"] {
        let sink = Sink::answering(answer).await;
        let client = sink.client();
        delivered(&client).await;
        assert!(client.idle().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_nobody_asked_for_is_nobodys() {
    let twice = [status("200 OK"), status("410 Gone")].concat();
    let sink = Sink::start([Act::Answer(twice), Act::Answer(OK.to_vec())]).await;
    let client = sink.client();
    delivered(&client).await;
    delivered(&client).await;
    sink.check_calls(2, 2);
}

#[tokio::test]
async fn a_hundred_megabytes_are_a_success_and_are_not_read() {
    let chunk = [&b"10000\r\n"[..], &vec![b'x'; 65536], b"\r\n"].concat();
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let sink = Sink::start([Act::Stream(head, chunk), Act::Answer(OK.to_vec())]).await;
    let client = sink.client();
    let since = Instant::now();
    delivered(&client).await;
    delivered(&client).await;
    assert!(since.elapsed() < PATIENCE / 2);
    sink.check_calls(2, 2);
    // What the kernel's buffers hold, at most.
    let streamed = sink.seen.streamed.load(Ordering::SeqCst);
    assert!(streamed < 20 << 20, "{streamed}");
}

#[tokio::test]
async fn a_drip_is_a_success_and_holds_nobody_up() {
    let drip = b"HTTP/1.1 200 OK\r\ncontent-length: 60000\r\n\r\nx".to_vec();
    let sink = Sink::start([Act::Answer(drip), Act::Answer(OK.to_vec())]).await;
    let client = sink.client();
    let since = Instant::now();
    let answered = client.deliver(&message(), PATIENCE).await.unwrap();
    assert!(since.elapsed() < PATIENCE / 2);
    assert!(answered.took < DRAIN);
    delivered(&client).await;
    sink.check_calls(2, 2);
}

#[tokio::test]
async fn an_answer_up_to_the_cap_keeps_the_connection() {
    for (bytes, connections) in [(65_536, 1), (65_537, 2)] {
        let body = "x".repeat(bytes);
        let answer = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{bytes:x}\r\n{body}\r\n0\r\n\r\n"
        );
        let sink = Sink::start(vec![Act::Answer(answer.into_bytes()); 2]).await;
        let client = sink.client();
        delivered(&client).await;
        delivered(&client).await;
        sink.check_calls(connections, 2);
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_success() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf".to_vec();
    let sink = Sink::start([Act::AnswerThenClose(half)]).await;
    delivered(&sink.client()).await;
}

#[tokio::test]
async fn compressed_answers_are_left_as_they_are() {
    let answer = "HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nnot";
    let sink = Sink::answering(answer).await;
    delivered(&sink.client()).await;
    assert!(!sink.requests()[0].contains("accept-encoding"));
}

#[tokio::test]
async fn tls_needs_an_authority_that_is_known() {
    let (acceptor, roots) = tls("127.0.0.1");
    let ok = Act::Answer(OK.to_vec());
    let sink = Sink::start_with([ok.clone(), Act::Close, ok.clone(), ok], Some(acceptor)).await;
    let url = format!("https://{}/", sink.address);
    failed(
        &client(&url, RootCertStore::empty()).unwrap(),
        DeliverFailure::Tls,
    )
    .await;
    sink.check_calls(1, 0);

    let client = client(&url, roots).unwrap();
    delivered(&client).await;
    // The next one meets a connection that is closed, and is made once more.
    delivered(&client).await;
    delivered(&client).await;
    sink.check_calls(3, 4);
}

#[tokio::test]
async fn tls_needs_the_hosts_own_name() {
    let (acceptor, roots) = tls("other.example");
    let sink = Sink::start_with([], Some(acceptor)).await;
    let url = format!("https://{}/", sink.address);
    failed(&client(&url, roots).unwrap(), DeliverFailure::Tls).await;
}

/// In TLS 1.3 the client learns of it only when it reads.
#[tokio::test]
async fn a_client_certificate_that_is_asked_for_fails_as_tls() {
    let (identity, roots) = identity("127.0.0.1");
    let verifier = WebPkiClientVerifier::builder_with_provider(
        Arc::new(roots.clone()),
        Arc::new(ring::default_provider()),
    );
    let config = server_config().with_client_cert_verifier(verifier.build().unwrap());
    let sink = Sink::start_with([], Some(acceptor(config, &identity))).await;
    let url = format!("https://{}/", sink.address);
    failed(&client(&url, roots).unwrap(), DeliverFailure::Tls).await;
    sink.check_calls(1, 0);
}

#[tokio::test]
async fn what_is_not_tls_fails_as_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let client = client(&url, RootCertStore::empty()).unwrap();
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        stream
    };
    tokio::join!(failed(&client, DeliverFailure::Tls), answering);
}

#[test]
fn says_what_is_wrong_with_a_url() {
    for (url, expected) in [
        ("/hook", UrlError::Relative),
        ("ftp://sink.example/", UrlError::Scheme),
        ("sink.example:80", UrlError::Scheme),
        ("http://user:password@sink.example/", UrlError::UserInfo),
        ("https://a_b..c/", UrlError::Host),
        ("http://sink.example:65536/", UrlError::Host),
        ("http://[::1]:99999/", UrlError::Host),
    ] {
        assert_eq!(
            client(url, RootCertStore::empty()).unwrap_err(),
            expected,
            "{url}"
        );
    }
    for url in [
        "http://0x7f.1",
        "https://sink.example:8443/?a#b",
        "https://[::1]/",
        "http://127.1/",
    ] {
        assert!(client(url, RootCertStore::empty()).is_ok(), "{url}");
    }
}

fn tls(name: &str) -> (TlsAcceptor, RootCertStore) {
    let (identity, roots) = identity(name);
    (
        acceptor(server_config().with_no_client_auth(), &identity),
        roots,
    )
}

fn server_config() -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
}

fn acceptor(
    config: ConfigBuilder<ServerConfig, WantsServerCert>,
    identity: &CertifiedKey<KeyPair>,
) -> TlsAcceptor {
    let key = PrivateKeyDer::try_from(identity.signing_key.serialize_der()).unwrap();
    let config = config.with_single_cert(vec![identity.cert.der().clone()], key);
    TlsAcceptor::from(Arc::new(config.unwrap()))
}

fn identity(name: &str) -> (CertifiedKey<KeyPair>, RootCertStore) {
    let identity = generate_simple_self_signed([name.to_owned()]).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(identity.cert.der().clone()).unwrap();
    (identity, roots)
}

#[derive(Debug)]
enum Names {
    Listed(Mutex<VecDeque<Vec<SocketAddr>>>),
    Unknown,
    Silent,
}

#[async_trait]
impl Resolve for Names {
    async fn resolve(&self, _host: &str, _port: u16) -> io::Result<Vec<SocketAddr>> {
        match self {
            Self::Listed(answers) => Ok(answers.lock().unwrap().pop_front().unwrap()),
            Self::Unknown => Err(io::Error::other("no such host")),
            Self::Silent => std::future::pending().await,
        }
    }
}

fn with_resolver(url: &Uri, names: Names) -> Client {
    let roots = Arc::new(RootCertStore::empty());
    Client::with_resolver(url, secrets(), loopback(), roots, Arc::new(names)).unwrap()
}
