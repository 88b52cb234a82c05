//! A served endpoint with one path for each behaviour, and a client that sends exact bytes.

use std::{
    future::pending,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use bytes::Bytes;
use futures_util::stream;
use gateway_server::listener::{Arrival, ConnectionFailures, Options, Stop, Tls, serve};
use ipnet::IpNet;
use poem::{Body, Endpoint, Request, Response, http::StatusCode};
use prometheus::{IntCounter, IntGauge};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

/// Longer than any test may wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A deadline that a test waits for.
pub(crate) const SHORT: Duration = Duration::from_millis(150);

/// A deadline that a test never reaches.
pub(crate) const LONG: Duration = Duration::from_mins(10);

/// What the endpoint tells the test.
#[derive(Debug, Clone)]
pub(crate) enum Told {
    /// A request came.
    Called { path: String, arrival: Arrival },
    /// The answer's body was dropped.
    Dropped,
}

/// `/` answers at once, `/read` reads the body, `/refuse` doesn't, `/hang` never answers, `/gate` answers once it is
/// opened, `/panic` panics, `/flood` answers without end.
pub(crate) struct Behaviours {
    told: SyncSender<Told>,
    gate: Arc<Notify>,
}

/// A running listener.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) options: Options,
    pub(crate) stop: Stop,
    pub(crate) gate: Arc<Notify>,
    told: Receiver<Told>,
    ended: Receiver<()>,
    threads: usize,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A connection of a client, plain or TLS.
pub(crate) struct Client<S = TcpStream> {
    pub(crate) stream: S,
}

/// Options whose deadlines are never reached, for a test to shorten one.
pub(crate) fn options() -> Options {
    Options {
        connections: Arc::new(Semaphore::new(100)),
        open_connections: IntGauge::new("open", "open connections").unwrap(),
        failures: ConnectionFailures {
            tls: IntCounter::new("tls", "failed handshakes").unwrap(),
            http: IntCounter::new("http", "no HTTP").unwrap(),
        },
        tls: None,
        trusted_proxies: Arc::default(),
        header_deadline: LONG,
        idle_deadline: LONG,
        request_deadline: Some(LONG),
    }
}

pub(crate) fn start(options: Options) -> Server {
    start_threads(options, 1)
}

/// Several runtimes that accept from one socket.
pub(crate) fn start_threads(options: Options, threads: usize) -> Server {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let (told_tx, told) = sync_channel(1000);
    let (ended_tx, ended) = sync_channel(threads);
    let gate = Arc::new(Notify::new());
    let stop = Stop {
        gently: CancellationToken::new(),
        now: CancellationToken::new(),
    };
    let endpoint = Arc::new(Behaviours {
        told: told_tx,
        gate: gate.clone(),
    });
    for _ in 0..threads {
        let socket = socket.try_clone().unwrap();
        let (endpoint, options, stop) = (endpoint.clone(), options.clone(), stop.clone());
        let ended = ended_tx.clone();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime
                .block_on(serve(socket, endpoint, options, stop))
                .unwrap();
            ended.send(()).unwrap();
        });
    }
    Server {
        address,
        options,
        stop,
        gate,
        told,
        ended,
        threads,
    }
}

// === impl Server ===

impl Server {
    pub(crate) fn connect(&self) -> Client {
        Client::new(self.address)
    }

    /// What the endpoint tells next.
    pub(crate) fn told(&self) -> Told {
        self.told
            .recv_timeout(PATIENCE)
            .expect("the endpoint tells")
    }

    /// The next call of the endpoint.
    pub(crate) fn arrival(&self) -> Arrival {
        match self.told() {
            Told::Called { arrival, .. } => arrival,
            Told::Dropped => panic!("a body was dropped where a call was expected"),
        }
    }

    /// The paths called since the last look.
    pub(crate) fn called(&self) -> Vec<String> {
        self.told
            .try_iter()
            .filter_map(|told| match told {
                Told::Called { path, .. } => Some(path),
                Told::Dropped => None,
            })
            .collect()
    }

    /// Waits until `serve` has returned, everywhere.
    pub(crate) fn join(&self) {
        for _ in 0..self.threads {
            self.ended.recv_timeout(PATIENCE).expect("serve returns");
        }
        assert_eq!(self.options.open_connections.get(), 0);
        assert_eq!(self.options.connections.available_permits(), 100);
        TcpStream::connect(self.address).expect_err("the socket is closed");
    }

    pub(crate) fn trust(&self, network: &str) {
        let network: IpNet = network.parse().unwrap();
        self.options.trusted_proxies.store(Arc::new(vec![network]));
    }

    pub(crate) fn reload(&self, tls: Tls) {
        let current: &Arc<ArcSwap<Tls>> = self.options.tls.as_ref().unwrap();
        current.store(Arc::new(tls));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.now.cancel();
    }
}

// === impl Client ===

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }
}

impl<S: Read + Write> Client<S> {
    pub(crate) fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
        self.stream.flush().unwrap();
    }

    pub(crate) fn get(&mut self, path: &str) -> Answer {
        self.send(&get(path));
        self.answer()
    }

    pub(crate) fn answer(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).expect("an answer's head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("an answer's body");
        Answer {
            status: head[9..12].parse().unwrap(),
            body: String::from_utf8(body).unwrap(),
            head,
        }
    }

    /// Waits for the end of the stream; nothing may come before it.
    pub(crate) fn expect_closed(mut self) {
        let mut byte = [0];
        match self.stream.read(&mut byte) {
            Ok(0) => {}
            Ok(_) => panic!("got {byte:?} where the connection should be closed"),
            Err(error) => assert!(is_closing(&error), "not closed: {error}"),
        }
    }

    pub(crate) fn expect_served(&mut self) {
        assert_eq!(self.get("/").status, 200);
    }
}

/// A closed socket that had unread bytes is reset; TLS says when its closing message is missing.
pub(crate) fn is_closing(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

pub(crate) fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: gateway\r\n\r\n")
}

/// The head of a `POST` and as much of its body as is given.
pub(crate) fn post(path: &str, length: usize, body: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: gateway\r\nContent-Length: {length}\r\n\r\n{body}")
}

// === impl Behaviours ===

impl Endpoint for Behaviours {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let arrival = *request.extensions().get::<Arrival>().unwrap();
        let path = request.uri().path().to_owned();
        self.told
            .send(Told::Called {
                path: path.clone(),
                arrival,
            })
            .unwrap();
        match path.as_str() {
            "/read" => {
                let body = request.take_body().into_bytes().await?;
                Ok(body.len().to_string().into())
            }
            "/refuse" => Ok(Response::builder()
                .status(StatusCode::PAYLOAD_TOO_LARGE)
                .body("too large")),
            "/hang" => pending().await,
            "/gate" => {
                self.gate.notified().await;
                Ok("opened".into())
            }
            "/panic" => panic!("an endpoint that panics"),
            "/flood" => Ok(Response::builder().body(self.flood())),
            _ => Ok("hello".into()),
        }
    }
}

struct TellsDrop(SyncSender<Told>);

impl Drop for TellsDrop {
    fn drop(&mut self) {
        // The test may be over.
        self.0.send(Told::Dropped).ok();
    }
}

impl Behaviours {
    fn flood(&self) -> Body {
        let guard = TellsDrop(self.told.clone());
        Body::from_bytes_stream(stream::unfold(guard, |guard| async move {
            Some((
                Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; 8192])),
                guard,
            ))
        }))
    }
}
