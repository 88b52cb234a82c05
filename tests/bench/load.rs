//! The load: signed callbacks over keep-alive connections, all on the thread that runs it; as many as are answered (a
//! closed loop), or at a fixed rate.
//!
//! Every answer is compared with the ack that is expected, byte for byte. Start at [`Load`].

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::Write,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gateway_core::{Token, sign};
use tokio::task::JoinHandle;

use crate::{connection::Connection, deletions, histogram::Histogram, messages};

/// Between a failed connection and the next.
const RECONNECT_AFTER: Duration = Duration::from_millis(20);

/// Whom the load calls, and as which app.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// For the Host header.
    pub(crate) host: String,
    /// The callback path.
    pub(crate) path: String,
    /// The app's number.
    pub(crate) sdk_app_id: u64,
    /// The app's token.
    pub(crate) token: Token,
    /// With what.
    pub(crate) callbacks: Callbacks,
    /// The body of the answer that is expected.
    pub(crate) ack: &'static [u8],
}

/// What the callbacks of a load are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Callbacks {
    /// Friend deletions, each with a body of its own.
    Deletions,
    /// One friend deletion over and over, with a `RequestId`: the gateway acks its repeats without its journal.
    OneDeletion,
    /// A message that is about to be sent; without a `RequestId` nothing is a repeat.
    Messages,
}

/// How many requests at once, and how often.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Shape {
    /// Connections, each with one request under way at most.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: u32,
    /// Requests a second, all connections together; without it, the next one follows each answer. A request that is
    /// late because its connection waits for an answer counts from when it was due.
    #[arg(long)]
    pub(crate) rate: Option<u32>,
}

/// A running load. Ends when dropped.
#[derive(Debug)]
pub(crate) struct Load {
    shared: Rc<Shared>,
    connections: Vec<JoinHandle<()>>,
}

/// What was counted over some time.
#[derive(Debug)]
pub(crate) struct Tally {
    /// Since when.
    pub(crate) since: Instant,
    /// Of the acks; a request that got none is not in here.
    pub(crate) latencies: Histogram,
    /// Answers with another status than 200, by status.
    pub(crate) refused: BTreeMap<u16, u64>,
    /// Answers with status 200 and another body than the ack.
    pub(crate) wrong: u64,
    /// Connections that failed, with or without a request.
    pub(crate) broken: u64,
}

/// What the connections share.
#[derive(Debug)]
struct Shared {
    target: Target,
    serial: Cell<u64>,
    stopping: Cell<bool>,
    tally: RefCell<Tally>,
    head: RefCell<SignedHead>,
}

/// When one connection sends.
#[derive(Debug)]
struct Pace {
    due: Instant,
    every: Option<Duration>,
}

/// A request's head, signed for one second.
#[derive(Debug, Default)]
struct SignedHead {
    second: u64,
    bytes: Vec<u8>,
}

/// One request that is sent once.
pub(crate) fn request(target: &Target) -> Vec<u8> {
    numbered(target, 0)
}

/// The same with the body number `serial`.
pub(crate) fn numbered(target: &Target, serial: u64) -> Vec<u8> {
    let mut head = SignedHead::default();
    head.renew(target);
    let mut request = head.bytes;
    target.callbacks.write(&mut request, serial);
    request
}

// === impl Callbacks ===

impl Callbacks {
    fn command(self) -> &'static str {
        match self {
            Self::Deletions | Self::OneDeletion => deletions::COMMAND,
            Self::Messages => messages::COMMAND,
        }
    }

    /// Of every body, in bytes.
    fn length(self) -> usize {
        let mut body = Vec::new();
        self.write(&mut body, 0);
        body.len()
    }

    /// Writes the body number `serial` behind what `body` holds.
    fn write(self, body: &mut Vec<u8>, serial: u64) {
        match self {
            Self::Deletions => deletions::write(body, serial),
            Self::OneDeletion => deletions::write(body, 0),
            Self::Messages => body.extend_from_slice(messages::body()),
        }
    }
}

// === impl Load ===

impl Load {
    /// Starts the connections on the `LocalSet` of the caller. Numbers of bodies start at `serial`.
    pub(crate) fn start(target: Target, shape: Shape, serial: u64) -> Self {
        let shared = Rc::new(Shared {
            target,
            serial: Cell::new(serial),
            stopping: Cell::new(false),
            tally: RefCell::new(Tally::new()),
            head: RefCell::default(),
        });
        let start = Instant::now();
        let connections = (0..shape.connections)
            .map(|number| Pace::new(start, shape, number))
            .map(|pace| tokio::task::spawn_local(drive(Rc::clone(&shared), pace)))
            .collect();
        Self {
            shared,
            connections,
        }
    }

    /// What was counted since the last call, or since the start.
    pub(crate) fn take(&self) -> Tally {
        self.shared.tally.replace(Tally::new())
    }

    /// Waits for the answers that are under way; returns what was counted since the last `take`.
    pub(crate) async fn stop(mut self) -> Tally {
        self.shared.stopping.set(true);
        for connection in self.connections.drain(..) {
            connection.await.expect("a connection does not panic");
        }
        self.shared.tally.replace(Tally::new())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.shared.stopping.set(true);
    }
}

/// One connection, opened again whenever it breaks.
async fn drive(shared: Rc<Shared>, mut pace: Pace) {
    let mut request = Vec::with_capacity(1024);
    let mut open = None;
    while !shared.stopping.get() {
        if open.is_none() {
            open = Connection::open(shared.target.address).await.ok();
        }
        let Some(connection) = &mut open else {
            shared.tally.borrow_mut().broken += 1;
            tokio::time::sleep(RECONNECT_AFTER).await;
            continue;
        };
        let due = pace.next().await;
        shared.write_request(&mut request);
        let answer = connection.exchange(&request).await;
        let mut tally = shared.tally.borrow_mut();
        match answer {
            Ok(answer) if answer.status != 200 => {
                *tally.refused.entry(answer.status).or_default() += 1;
            }
            Ok(answer) if answer.body != shared.target.ack => tally.wrong += 1,
            Ok(_) => tally.latencies.record(due.elapsed()),
            Err(_) => {
                tally.broken += 1;
                open = None;
            }
        }
    }
}

// === impl Pace ===

impl Pace {
    /// The connections take turns, evenly spread.
    fn new(start: Instant, shape: Shape, number: u32) -> Self {
        let every = shape
            .rate
            .map(|rate| Duration::from_secs(1) * shape.connections / rate.max(1));
        let turn = every.unwrap_or_default() * number / shape.connections;
        Self {
            due: start + turn,
            every,
        }
    }

    /// Waits for the connection's next turn; returns since when its request counts.
    async fn next(&mut self) -> Instant {
        let now = Instant::now();
        let Some(every) = self.every else {
            return now;
        };
        let due = self.due;
        self.due += every;
        if due <= now {
            return due;
        }
        tokio::time::sleep_until(due.into()).await;
        // The timer is late by up to a millisecond, which is not the server's fault.
        Instant::now()
    }
}

// === impl Tally ===

impl Tally {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            latencies: Histogram::new(),
            refused: BTreeMap::new(),
            wrong: 0,
            broken: 0,
        }
    }

    /// Adds what went wrong later.
    pub(crate) fn add_failures(&mut self, later: &Self) {
        for (status, count) in &later.refused {
            *self.refused.entry(*status).or_default() += count;
        }
        self.wrong += later.wrong;
        self.broken += later.broken;
    }

    /// Requests without their ack.
    pub(crate) fn failures(&self) -> u64 {
        self.refused.values().sum::<u64>() + self.wrong + self.broken
    }
}

// === impl Shared ===

impl Shared {
    /// Writes the next request.
    fn write_request(&self, request: &mut Vec<u8>) {
        let mut head = self.head.borrow_mut();
        head.renew(&self.target);
        let serial = self.serial.get();
        self.serial.set(serial + 1);
        request.clear();
        request.extend_from_slice(&head.bytes);
        self.target.callbacks.write(request, serial);
    }
}

// === impl SignedHead ===

impl SignedHead {
    /// Signs again when the second has changed, as Chat does for each callback. Like Chat's own it has two headers only.
    fn renew(&mut self, target: &Target) {
        let second = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |time| time.as_secs());
        if second == self.second {
            return;
        }
        self.second = second;
        let time = second.to_string();
        let Target {
            host,
            path,
            sdk_app_id,
            ..
        } = target;
        let sign = sign(&target.token, &time);
        let callbacks = target.callbacks;
        let request_id = match callbacks {
            Callbacks::OneDeletion => "&RequestId=5b1b3a52-4c4f-4d0b-9a55-0d6f3a2c7a10",
            Callbacks::Deletions | Callbacks::Messages => "",
        };
        self.bytes.clear();
        write!(
            self.bytes,
            "POST {path}?SdkAppid={sdk_app_id}&CallbackCommand={}&contenttype=json&ClientIP=127.0.0.1\
             &OptPlatform=RESTAPI{request_id}&RequestTime={time}&Sign={sign} HTTP/1.1\r\nHost: {host}\r\n\
             Content-Length: {}\r\n\r\n",
            callbacks.command(),
            callbacks.length(),
        )
        .expect("memory can be written");
    }
}
