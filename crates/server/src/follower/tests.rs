//! The follower's own steps, one at a time, on a real journal in a temporary directory.

use bytesize::ByteSize;
use gateway_core::{Envelope, Proof};
use gateway_journal::{Config, Observer, Outcome, Reason, Status};
use tempfile::TempDir;
use tokio::sync::Notify;

use super::*;
use crate::config::HandlersConfig;

const COMMAND: &str = "Sns.CallbackFriendDelete";

/// As the types want it.
const BODY: &str = r#"{"PairList":[{"From_Account":"a","To_Account":"b"}]}"#;

/// A follower that nobody runs, and the directory of its files.
struct Fixture {
    follower: Follower,
    trimmed: Arc<Notify>,
    directory: TempDir,
}

/// Hears only of events that the journal has deleted.
struct Trimmed(Arc<Notify>);

impl Observer for Trimmed {
    fn committed(&self, _events: usize, _took: Duration) {}
    fn unrecorded(&self, _events: usize) {}
    fn trimmed(&self, _events: u64) {
        self.0.notify_one();
    }
}

impl Fixture {
    /// A log with one event, which every command has passed.
    async fn new(retention: Duration) -> Self {
        let directory = TempDir::new().unwrap();
        let config = Config {
            path: directory.path().join("journal"),
            retention,
            bytes_max: ByteSize::gib(1),
            queue_events: 64,
            queue_bytes: ByteSize::mib(32),
        };
        let trimmed = Arc::new(Notify::new());
        let journal =
            Arc::new(Journal::open(&config, Arc::new(Trimmed(Arc::clone(&trimmed)))).unwrap());
        append(&journal, BODY).await;
        let log_id = journal.head().borrow().log_id;
        let dispatcher = Dispatcher::new(crate::callbacks::installed()).unwrap();
        let metrics = Arc::new(Metrics::new(&dispatcher));
        let config_of_handlers = HandlersConfig {
            concurrency: 4,
            queue: 0,
        };
        let deadline = Duration::from_secs(1);
        let handlers = Handlers::new(&dispatcher, &metrics, &config_of_handlers, deadline);
        let parts = Parts {
            traces: Traces::default(),
            holder: journal.holder(),
            journal,
            index: Arc::new(Index::open(&config.path, log_id, "test").unwrap()),
            state: State::open(&config.path, log_id).unwrap(),
            dispatcher,
            handlers: Arc::new(handlers),
            metrics,
            recent: Arc::default(),
        };
        Self {
            follower: Follower::new(parts).unwrap(),
            trimmed,
            directory,
        }
    }

    fn progress(&mut self) -> &mut Progress {
        let mut commands = self.follower.commands.iter_mut();
        commands
            .find(|progress| progress.command() == COMMAND)
            .unwrap()
    }

    fn remember(&mut self, outcome: Outcome) {
        self.follower
            .parts
            .state
            .save(&[], &[outcome], &[])
            .unwrap();
    }

    fn outcome(&self, sequence: Sequence) -> Option<Outcome> {
        let reader = self.follower.parts.state.reader();
        reader.outcome(sequence).unwrap()
    }
}

async fn append(journal: &Journal, body: &'static str) {
    let (appender, completions) = journal.appender();
    tokio::spawn(completions.run());
    let envelope = Envelope {
        app: "shop".to_owned(),
        sdk_app_id: 1_400_000_000,
        command: COMMAND.to_owned(),
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
    let id = appender.append(envelope, body.into()).await.unwrap();
    let mut head = journal.head();
    head.wait_for(|head| head.sequence >= id.sequence())
        .await
        .unwrap();
}

fn outcome(sequence: Sequence, status: Status, attempts: u32) -> Outcome {
    Outcome {
        sequence,
        command: COMMAND.to_owned(),
        status,
        attempts,
        due_ms: 0,
        reason: Reason::Timeout,
        error: None,
        since_ms: 0,
    }
}

#[tokio::test]
async fn a_parked_event_without_attempts_left_is_dead_and_not_started() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    fixture.remember(outcome(1, Status::Parked, 6));
    fixture.follower.retry().unwrap();
    assert!(!fixture.progress().is_at_work());
    fixture.follower.save().unwrap();
    let dead = fixture.outcome(1).unwrap();
    assert_eq!((dead.status, dead.attempts), (Status::Dead, 6));
}

#[tokio::test]
async fn a_parked_event_that_cannot_be_read_is_dead_and_says_so() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    fixture.remember(outcome(7, Status::Parked, 1));
    fixture.follower.retry().unwrap();
    fixture.follower.save().unwrap();
    let dead = fixture.outcome(7).unwrap();
    assert_eq!((dead.status, dead.reason), (Status::Dead, Reason::Error));
    assert!(dead.error.unwrap().contains("can't be read"));
}

#[tokio::test]
async fn a_lost_event_that_cannot_be_read_again_is_dead() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    fixture.progress().running.insert(7, 0);
    fixture.progress().lose(7);
    fixture.follower.step();
    fixture.follower.save().unwrap();
    let dead = fixture.outcome(7).unwrap();
    assert_eq!((dead.status, dead.reason), (Status::Dead, Reason::Error));
}

#[tokio::test]
async fn an_attempt_is_counted_before_it_starts_and_given_back_when_it_is_lost() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    fixture.remember(outcome(1, Status::Parked, 1));
    fixture.follower.retry().unwrap();
    assert!(fixture.progress().is_at_work());
    assert_eq!(fixture.outcome(1).unwrap().attempts, 2);
    fixture.progress().lose(1);
    assert!(!fixture.progress().is_at_work());
    fixture.follower.save().unwrap();
    let parked = fixture.outcome(1).unwrap();
    assert_eq!((parked.status, parked.attempts), (Status::Parked, 1));
}

#[tokio::test]
async fn what_the_state_knows_is_not_saved_again() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    assert_eq!(fixture.progress().unsaved_cursor(), Some(1));
    fixture.follower.save().unwrap();
    assert_eq!(fixture.progress().unsaved_cursor(), None);
}

#[tokio::test]
async fn drift_is_saved_though_no_cursor_has_moved() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    let journal = Arc::clone(&fixture.follower.parts.journal);
    for body in [
        r#"{"PairList":[],"New":1}"#,
        BODY,
        r#"{"New":{},"PairList":[]}"#,
    ] {
        append(&journal, body).await;
    }
    fixture.follower.step();
    fixture.follower.commands.clear();
    fixture.follower.save().unwrap();
    let reader = fixture.follower.parts.state.reader();
    let kinds = reader.drift(Some(COMMAND)).unwrap();
    assert_eq!(kinds.len(), 1, "{kinds:?}");
    assert_eq!((&*kinds[0].drift.path, kinds[0].count), ("New", 2));
    assert!(kinds[0].first_ms <= kinds[0].last_ms);
}

#[tokio::test]
async fn an_emptied_log_is_trimmed_from_the_state() {
    let mut fixture = Fixture::new(Duration::from_millis(1)).await;
    fixture.remember(outcome(1, Status::Dead, 6));
    fixture.follower.save().unwrap();
    tokio::time::timeout(Duration::from_secs(20), fixture.trimmed.notified())
        .await
        .expect("the journal deletes its event");
    assert_eq!(fixture.follower.reader.bounds().unwrap(), None);
    fixture.follower.trim().unwrap();
    assert_eq!(fixture.outcome(1), None);
}

#[tokio::test]
async fn a_replay_is_not_answered_before_its_end_is_saved() {
    let mut fixture = Fixture::new(Duration::from_hours(1)).await;
    fixture.remember(outcome(1, Status::Dead, 6));
    let replays = fixture.follower.replay.clone();
    let answer = tokio::spawn(async move { replays.replay(1).await });
    tokio::task::yield_now().await;
    fixture.follower.step();
    fixture.follower.finished.notified().await;

    let state = fixture.directory.path().join("journal/state.db");
    let other = rusqlite::Connection::open(state).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    fixture.follower.step();
    tokio::task::yield_now().await;
    assert!(!answer.is_finished());
    drop(other);
    tokio::time::timeout(Duration::from_secs(20), async {
        while !answer.is_finished() {
            fixture.follower.step();
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the state is written again");
    answer.await.unwrap().unwrap();
    assert_eq!(fixture.outcome(1), None);
}
