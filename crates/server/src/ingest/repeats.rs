//! Repeats: the same callback sent again, because its ack came too late for Chat.
//!
//! A repeat has the same app, command, `RequestId` and body, within ten minutes; without a `RequestId` nothing is a
//! repeat. The table is bounded: when it is full, the oldest is forgotten and would be stored again.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_core::Envelope;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// How long a repeat is known as one.
const WINDOW: Duration = Duration::from_mins(10);

/// How many callbacks are remembered, at about 100 bytes each.
const ENTRIES_MAX: usize = 1 << 17;

/// What makes a repeat: half of a SHA-256 over app, command, `RequestId` and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Fingerprint([u8; 16]);

/// The callbacks of the last minutes, and what they were answered.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats(Arc<Mutex<Table>>);

#[derive(Debug, Default)]
struct Table {
    entries: HashMap<Fingerprint, Entry>,
    /// In the order of arrival; bounds the entries.
    arrivals: VecDeque<(Instant, Fingerprint)>,
}

#[derive(Debug)]
enum Entry {
    /// The first one has no answer yet.
    Waiting(watch::Receiver<Option<Bytes>>),
    Answered(Bytes),
}

/// Whose turn it is.
#[derive(Debug)]
pub(super) enum Turn {
    /// No such callback came before: do the work, then say how it was answered.
    First(First),
    /// The first one was answered with this.
    Repeat(Bytes),
    /// The first one failed meanwhile: ask again.
    Again,
}

/// The first callback of its kind. Dropped without an answer, it has failed, and the next one is the first.
#[derive(Debug)]
pub(super) struct First {
    repeats: Repeats,
    fingerprint: Fingerprint,
    answer: watch::Sender<Option<Bytes>>,
}

// === impl Fingerprint ===

impl Fingerprint {
    /// `None` without a `RequestId`.
    pub(super) fn of(envelope: &Envelope, body: &[u8]) -> Option<Self> {
        let request_id = envelope.request_id.as_deref().filter(|id| !id.is_empty())?;
        let mut hasher = Sha256::new();
        for part in [&envelope.app, &envelope.command, request_id] {
            // The length before each part: no two triples run together into the same text.
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(body);
        let hash = hasher.finalize();
        let (half, _) = hash.split_first_chunk().expect("a SHA-256 has 32 bytes");
        Some(Self(*half))
    }
}

// === impl Repeats ===

impl Repeats {
    /// Finds out whether a callback is the first of its kind; waits for the first one's answer if not.
    pub(super) async fn turn(&self, fingerprint: Fingerprint) -> Turn {
        let mut waiting = match self.enter(fingerprint) {
            Ok(turn) => return turn,
            Err(waiting) => waiting,
        };
        let answered = waiting.wait_for(Option::is_some).await;
        match answered.as_deref() {
            Ok(Some(ack)) => Turn::Repeat(ack.clone()),
            _ => Turn::Again,
        }
    }

    fn enter(&self, fingerprint: Fingerprint) -> Result<Turn, watch::Receiver<Option<Bytes>>> {
        let now = Instant::now();
        let mut table = self.table();
        table.forget(now);
        match table.entries.get(&fingerprint) {
            Some(Entry::Answered(ack)) => Ok(Turn::Repeat(ack.clone())),
            Some(Entry::Waiting(answer)) => Err(answer.clone()),
            None => {
                let (sender, receiver) = watch::channel(None);
                table.entries.insert(fingerprint, Entry::Waiting(receiver));
                table.arrivals.push_back((now, fingerprint));
                Ok(Turn::First(First {
                    repeats: self.clone(),
                    fingerprint,
                    answer: sender,
                }))
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        // Nothing in here panics half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Table ===

impl Table {
    fn forget(&mut self, now: Instant) {
        while let Some((arrived, fingerprint)) = self.arrivals.front() {
            let is_old = now.duration_since(*arrived) >= WINDOW;
            if !is_old && self.arrivals.len() < ENTRIES_MAX {
                break;
            }
            self.entries.remove(fingerprint);
            self.arrivals.pop_front();
        }
    }
}

// === impl First ===

impl First {
    /// Every repeat gets the same ack.
    pub(super) fn answered(self, ack: Bytes) {
        let mut table = self.repeats.table();
        if let Some(entry) = table.entries.get_mut(&self.fingerprint) {
            *entry = Entry::Answered(ack.clone());
        }
        drop(table);
        self.answer.send_replace(Some(ack));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if self.answer.borrow().is_some() {
            return;
        }
        // Its arrival stays in the queue: searching for it would cost more than what it may do, which is to make a later
        // callback of its kind forgotten early.
        self.repeats.table().entries.remove(&self.fingerprint);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(body: &str) -> Fingerprint {
        let stored = r#"{"app":"demo","sdk_app_id":1,"command":"a","received_ms":1,"proof":"sign","request_id":"r"}"#;
        let envelope: Envelope = serde_json::from_str(stored).unwrap();
        Fingerprint::of(&envelope, body.as_bytes()).unwrap()
    }

    #[tokio::test]
    async fn a_repeat_waits_for_the_first_and_gets_its_ack() {
        let repeats = Repeats::default();
        let Turn::First(first) = repeats.turn(fingerprint("x")).await else {
            panic!("nothing came before");
        };
        let waiting = tokio::spawn({
            let repeats = repeats.clone();
            async move { repeats.turn(fingerprint("x")).await }
        });
        first.answered(Bytes::from_static(b"ack"));
        let Turn::Repeat(ack) = waiting.await.unwrap() else {
            panic!("the same came before");
        };
        assert_eq!(ack, "ack");
    }

    #[tokio::test]
    async fn after_a_failure_the_next_is_the_first() {
        let repeats = Repeats::default();
        let first = repeats.turn(fingerprint("x")).await;
        let waiting = tokio::spawn({
            let repeats = repeats.clone();
            async move { repeats.turn(fingerprint("x")).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(matches!(waiting.await.unwrap(), Turn::Again));
        assert!(matches!(
            repeats.turn(fingerprint("x")).await,
            Turn::First(_)
        ));
    }

    #[tokio::test]
    async fn another_body_is_not_a_repeat() {
        let repeats = Repeats::default();
        let _first = repeats.turn(fingerprint("x")).await;
        assert!(matches!(
            repeats.turn(fingerprint("y")).await,
            Turn::First(_)
        ));
    }

    #[tokio::test]
    async fn the_table_is_bounded() {
        let repeats = Repeats::default();
        for number in 0..ENTRIES_MAX + 10 {
            let fingerprint = Fingerprint((number as u128).to_le_bytes());
            if let Turn::First(first) = repeats.turn(fingerprint).await {
                first.answered(Bytes::new());
            }
        }
        assert!(repeats.table().entries.len() <= ENTRIES_MAX);
        assert!(repeats.table().arrivals.len() <= ENTRIES_MAX);
    }
}
