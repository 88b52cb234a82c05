//! A journal in a directory of its own, and what tests ask of it.

use std::{
    future::Future,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        mpsc::{self, Receiver, Sender},
    },
    time::Duration,
};

use bytes::Bytes;
use bytesize::ByteSize;
use gateway_core::{Envelope, EventId, Proof};
use rusqlite::Connection;
use tempfile::TempDir;
use tokio::sync::watch;

use crate::{
    AppendError, Appender, Config, Health, Holder, Journal, JournalError, Observer, ReadLimit, Row,
    Sequence, StoredEvent,
    event::{Checksum, RECORD_COLUMNS, Record},
    journal::{
        open,
        store::faults::{Fault, Faults},
    },
};

pub(crate) const EVERYTHING: ReadLimit = ReadLimit {
    events: usize::MAX,
    bytes: usize::MAX,
};

/// Long enough for a slow machine; only a failing test waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
    pub(crate) config: Config,
    pub(crate) counts: Arc<Counts>,
    pub(crate) faults: Arc<Faults>,
    pub(crate) make_room_max: Duration,
    journal: Option<Journal>,
    holder: Option<Holder>,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) commits: AtomicUsize,
    pub(crate) committed: AtomicUsize,
    pub(crate) unrecorded: AtomicUsize,
    pub(crate) trimmed: AtomicU64,
    /// Lets the writer panic behind its next batch.
    pub(crate) panics: AtomicBool,
    /// Holds the writer after each step of deletion.
    pub(crate) gate: Mutex<Option<Gate>>,
}

/// Holds the writer's thread until it is let go on, or the other end is dropped.
#[derive(Debug)]
pub(crate) struct Gate {
    arrived: Sender<()>,
    pass: Receiver<()>,
}

/// The other end of a [`Gate`].
#[derive(Debug)]
pub(crate) struct Gatekeeper {
    arrived: Receiver<()>,
    pass: Sender<()>,
}

impl Observer for Counts {
    fn committed(&self, events: usize, _took: Duration) {
        assert!(!self.panics.load(Ordering::SeqCst), "as a test wants it");
        self.commits.fetch_add(1, Ordering::SeqCst);
        self.committed.fetch_add(events, Ordering::SeqCst);
    }

    fn unrecorded(&self, events: usize) {
        self.unrecorded.fetch_add(events, Ordering::SeqCst);
    }

    fn trimmed(&self, events: u64) {
        self.trimmed.fetch_add(events, Ordering::SeqCst);
        if let Some(gate) = &*self.gate.lock().unwrap()
            && gate.arrived.send(()).is_ok()
        {
            // The gatekeeper left: nobody is held any more.
            gate.pass.recv().ok();
        }
    }
}

// === impl Gatekeeper ===

impl Gatekeeper {
    /// Waits until the writer has done a step of deletion; from now on it is held.
    pub(crate) fn wait(&self) {
        self.arrived.recv_timeout(PATIENCE).unwrap();
    }

    /// Lets the writer go on.
    pub(crate) fn pass(&self) {
        self.pass.send(()).unwrap();
    }
}

// === impl Fixture ===

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// With a configuration that is not the usual one.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config {
            path: directory.path().join("journal"),
            retention: Duration::from_hours(1),
            bytes_max: ByteSize::gib(1),
            queue_events: 8192,
            queue_bytes: ByteSize::mib(32),
        };
        change(&mut config);
        let mut fixture = Self {
            directory,
            config,
            counts: Arc::default(),
            faults: Arc::default(),
            make_room_max: Duration::from_millis(20),
            journal: None,
            holder: None,
        };
        fixture.start();
        fixture
    }

    pub(crate) fn start(&mut self) {
        let journal = self.try_open().unwrap();
        self.holder = Some(journal.holder());
        self.journal = Some(journal);
    }

    pub(crate) fn try_open(&self) -> Result<Journal, JournalError> {
        let mut options = open::options(&self.config);
        options.faults = self.faults.clone();
        options.make_room_max = self.make_room_max;
        open::open(&self.config, options, self.counts.clone())
    }

    pub(crate) fn stop(&mut self) {
        self.close().unwrap();
    }

    pub(crate) fn close(&mut self) -> Result<(), JournalError> {
        self.journal.take().unwrap().close()
    }

    /// Drops the journal without closing it.
    pub(crate) fn into_directory(self) -> TempDir {
        self.directory
    }

    /// Drops the journal without closing it: its writer ends by itself.
    pub(crate) fn abandon(&mut self) {
        self.journal = None;
    }

    /// Holds the writer after each step of deletion.
    pub(crate) fn gate(&self) -> Gatekeeper {
        let (arrived, arrivals) = mpsc::channel();
        let (pass, passed) = mpsc::channel();
        *self.counts.gate.lock().unwrap() = Some(Gate {
            arrived,
            pass: passed,
        });
        Gatekeeper {
            arrived: arrivals,
            pass,
        }
    }

    pub(crate) fn restart(&mut self) {
        self.stop();
        self.start();
    }

    /// The only holder has passed these events.
    pub(crate) fn release(&self, through: Sequence) {
        self.holder.as_ref().unwrap().release(through);
    }

    pub(crate) fn journal(&self) -> &Journal {
        self.journal.as_ref().unwrap()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.config.path.join("log.db")
    }

    /// Opens the closed log behind the journal's back.
    pub(crate) fn sql(&self) -> Connection {
        Connection::open(self.log()).unwrap()
    }

    /// Gives the events of the closed log other times.
    pub(crate) fn set_times(&self, at: impl Fn(Sequence) -> u64) {
        let sql = self.sql();
        let select = format!("SELECT {RECORD_COLUMNS} FROM events");
        let mut events = sql.prepare(&select).unwrap();
        let mut rows = events.query([]).unwrap();
        let mut changed = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let Row::Event(event) = Record::read(row).unwrap().decode() else {
                continue;
            };
            let envelope = serde_json::to_vec(&event.envelope).unwrap();
            let StoredEvent {
                sequence,
                envelope: Envelope { app, command, .. },
                body,
                ..
            } = &event;
            let crc = Checksum::of(app, command, &envelope, body).at(*sequence, at(*sequence));
            changed.push((crc, at(*sequence).cast_signed(), sequence.cast_signed()));
        }
        for change in changed {
            sql.execute(
                "UPDATE events SET crc = ?1, journaled_ms = ?2 WHERE sequence = ?3",
                change,
            )
            .unwrap();
        }
    }

    /// Runs on a runtime as the server's, with an appender.
    pub(crate) fn run<F: Future>(&self, work: impl FnOnce(Appender) -> F) -> F::Output {
        let (appender, completions) = self.journal().appender();
        block_on(async {
            tokio::spawn(completions.run());
            work(appender).await
        })
    }

    /// Appends one event after the other.
    pub(crate) fn append(&self, bodies: &[&str]) -> Vec<EventId> {
        self.run(async |appender| {
            let mut ids = Vec::new();
            for body in bodies {
                ids.push(
                    appender
                        .append(envelope("demo"), body_of(body))
                        .await
                        .unwrap(),
                );
            }
            ids
        })
    }

    /// Appends one event.
    pub(crate) fn try_append(&self, body: &str) -> Result<EventId, AppendError> {
        self.run(async |appender| appender.append(envelope("demo"), body_of(body)).await)
    }

    pub(crate) fn events(&self) -> Vec<StoredEvent> {
        let rows = self.journal().reader().after(0, EVERYTHING).unwrap();
        rows.into_iter().map(event).collect()
    }

    pub(crate) fn bodies(&self) -> Vec<String> {
        self.events()
            .into_iter()
            .map(|event| String::from_utf8(event.body.to_vec()).unwrap())
            .collect()
    }

    pub(crate) fn sequences(&self) -> Vec<Sequence> {
        self.events().iter().map(|event| event.sequence).collect()
    }

    /// Lets the next `count` commits fail with an error code of SQLite.
    pub(crate) fn fail(&self, fault: Fault, count: usize) {
        self.faults.set(fault, count);
    }

    /// Waits until the health is as wanted.
    pub(crate) fn wait_for(&self, wanted: impl FnMut(&Health) -> bool) {
        wait(self.journal().health(), wanted);
    }
}

pub(crate) fn wait<T>(mut watch: watch::Receiver<T>, wanted: impl FnMut(&T) -> bool) {
    block_on(async {
        tokio::time::timeout(PATIENCE, watch.wait_for(wanted))
            .await
            .expect("it changes in time")
            .expect("the journal is open");
    });
}

/// Waits for something that nothing announces.
pub(crate) fn eventually(mut holds: impl FnMut() -> bool) {
    block_on(async {
        tokio::time::timeout(PATIENCE, async {
            while !holds() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await
        .expect("it holds in time");
    });
}

pub(crate) fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

pub(crate) fn envelope(app: &str) -> Envelope {
    Envelope {
        app: app.to_owned(),
        sdk_app_id: 1_400_000_000,
        command: "Sns.CallbackFriendDelete".to_owned(),
        received_ms: 1,
        client_ip: None,
        platform: Some("iOS".to_owned()),
        request_id: None,
        peer: None,
        proof: Proof::default(),
        simulated: false,
        verdict: None,
        trace: None,
    }
}

pub(crate) fn body_of(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

pub(crate) fn event(row: Row) -> StoredEvent {
    match row {
        Row::Event(event) => event,
        Row::Damaged(sequence) => panic!("the row {sequence} is damaged"),
    }
}
