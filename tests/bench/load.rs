//! The load: a closed loop of signed friend deletions over keep-alive connections, all on the thread that runs it.
//!
//! Every body is different; every answer is compared with the ack, byte for byte. Start at [`Load`].

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    io::Write,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use gateway_core::{Ack, Token, sign};
use tokio::task::JoinHandle;

use crate::{connection::Connection, deletions, histogram::Histogram};

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
}

/// A running load. Dropped without `stop`, it goes on until its `LocalSet` is dropped.
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

/// A request's head, signed for one second.
#[derive(Debug, Default)]
struct SignedHead {
    second: u64,
    bytes: Vec<u8>,
}

// === impl Load ===

impl Load {
    /// Starts the connections on the `LocalSet` of the caller. Numbers of bodies start at `serial`.
    pub(crate) fn start(target: Target, connections: usize, serial: u64) -> Self {
        let shared = Rc::new(Shared {
            target,
            serial: Cell::new(serial),
            stopping: Cell::new(false),
            tally: RefCell::new(Tally::new()),
            head: RefCell::default(),
        });
        let connections = (0..connections)
            .map(|_| tokio::task::spawn_local(drive(Rc::clone(&shared))))
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
    pub(crate) async fn stop(self) -> Tally {
        self.shared.stopping.set(true);
        for connection in self.connections {
            connection.await.expect("a connection does not panic");
        }
        self.shared.tally.replace(Tally::new())
    }
}

/// One connection, opened again whenever it breaks.
async fn drive(shared: Rc<Shared>) {
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
        shared.write_request(&mut request);
        let sent = Instant::now();
        let answer = connection.exchange(&request).await;
        let mut tally = shared.tally.borrow_mut();
        match answer {
            Ok(answer) if answer.status != 200 => {
                *tally.refused.entry(answer.status).or_default() += 1;
            }
            Ok(answer) if answer.body != Ack::OK => tally.wrong += 1,
            Ok(_) => tally.latencies.record(sent.elapsed()),
            Err(_) => {
                tally.broken += 1;
                open = None;
            }
        }
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
    /// Writes the next request. Like Chat's own it has two headers only.
    fn write_request(&self, request: &mut Vec<u8>) {
        let mut head = self.head.borrow_mut();
        head.renew(&self.target);
        let serial = self.serial.replace(self.serial.get() + 1);
        request.clear();
        request.extend_from_slice(&head.bytes);
        deletions::write(request, serial);
    }
}

// === impl SignedHead ===

impl SignedHead {
    /// Signs again when the second has changed, as Chat does for each callback.
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
        self.bytes.clear();
        write!(
            self.bytes,
            "POST {path}?SdkAppid={sdk_app_id}&CallbackCommand={}&contenttype=json&ClientIP=127.0.0.1\
             &OptPlatform=RESTAPI&RequestTime={time}&Sign={sign} HTTP/1.1\r\nHost: {host}\r\n\
             Content-Length: {}\r\n\r\n",
            deletions::COMMAND,
            deletions::length(),
        )
        .expect("memory can be written");
    }
}
