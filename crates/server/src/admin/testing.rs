//! For tests: a real journal with index and state in a temporary directory.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use bytesize::ByteSize;
use gateway_core::{Dispatcher, Envelope, EventId, Proof};
use gateway_journal::{Appender, Config, Head, Index, Journal, Key, Observer, Sequence, State};
use tempfile::TempDir;
use tokio::sync::watch;

use super::finder::Finder;
use crate::callbacks::installed;

/// The command that tests append; every test installs its plug-in.
pub(super) const COMMAND: &str = "Sns.CallbackFriendDelete";

/// A journal and what reads it.
pub(super) struct Log {
    _journal: Journal,
    pub(super) finder: Finder,
    pub(super) state: State,
    pub(super) head: watch::Receiver<Head>,
    appender: Appender,
    _directory: TempDir,
}

struct Deaf;

impl Observer for Deaf {
    fn committed(&self, _events: usize, _took: Duration) {}
    fn unrecorded(&self, _events: usize) {}
    fn trimmed(&self, _events: u64) {}
}

impl Log {
    /// An empty one.
    pub(super) fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let config = Config {
            path: directory.path().join("journal"),
            retention: Duration::from_hours(1),
            bytes_max: ByteSize::gib(1),
            queue_events: 64,
            queue_bytes: ByteSize::mib(32),
        };
        let journal = Journal::open(&config, Arc::new(Deaf)).unwrap();
        let head = journal.head();
        let log_id = head.borrow().log_id;
        let state = State::open(&config.path, log_id).unwrap();
        let finder = Finder {
            reader: journal.reader(),
            index: Arc::new(Index::open(&config.path, log_id, "test").unwrap()),
            state: state.reader(),
            dispatcher: Dispatcher::new(installed()).unwrap(),
            recent: Arc::default(),
            board: gateway_fanout::Board::default(),
        };
        let (appender, completions) = journal.appender();
        tokio::spawn(completions.run());
        Self {
            _journal: journal,
            finder,
            state,
            head,
            appender,
            _directory: directory,
        }
    }

    /// Appends a removal of `to` from the list of `from`, in the app `app`.
    pub(super) async fn append(&self, app: &str, from: &str, to: &str) -> EventId {
        let body = format!(r#"{{"PairList":[{{"From_Account":"{from}","To_Account":"{to}"}}]}}"#);
        self.append_raw(app, COMMAND, body).await
    }

    /// Appends anything.
    pub(super) async fn append_raw(
        &self,
        app: &str,
        command: &str,
        body: impl Into<Bytes>,
    ) -> EventId {
        let envelope = Envelope {
            app: app.to_owned(),
            sdk_app_id: 1_400_000_000,
            command: command.to_owned(),
            received_ms: 1_769_846_400_000,
            client_ip: None,
            platform: None,
            request_id: None,
            peer: None,
            proof: Proof::default(),
            simulated: false,
            verdict: None,
            trace: None,
        };
        let id = self.appender.append(envelope, body.into()).await.unwrap();
        self.head
            .clone()
            .wait_for(|head| head.sequence >= id.sequence())
            .await
            .unwrap();
        id
    }

    /// Lets the index know that these events are about an account, and of all events up to `through`.
    pub(super) fn index(&self, account: &str, events: &[EventId], through: Sequence) {
        let entries = events
            .iter()
            .map(|id| (Key::Account(account), id.sequence()));
        self.finder.index.add(entries, through).unwrap();
    }

    /// The newest event.
    pub(super) fn now(&self) -> Head {
        *self.head.borrow()
    }
}
