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
use gateway_core::{Ack, Envelope};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

/// How long a repeat is known as one.
const WINDOW: Duration = Duration::from_mins(10);

/// How many callbacks are remembered, at about 100 bytes each beside their acks.
const ENTRIES_MAX: usize = 1 << 17;

/// How many bytes of acks are remembered. Those of after-callbacks are one constant and take none.
const ACK_BYTES_MAX: usize = 16 << 20;

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
    arrivals: VecDeque<Arrival>,
    ack_bytes: usize,
    next_number: u64,
}

#[derive(Debug)]
struct Arrival {
    at: Instant,
    fingerprint: Fingerprint,
    number: u64,
}

#[derive(Debug)]
struct Entry {
    /// Tells it from one of the same fingerprint that was forgotten.
    number: u64,
    answer: Answer,
}

#[derive(Debug)]
enum Answer {
    /// The first one has none yet.
    Awaited(watch::Receiver<Option<Bytes>>),
    Given(Bytes),
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
    number: u64,
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
        match table.entries.get(&fingerprint).map(|entry| &entry.answer) {
            Some(Answer::Given(ack)) => Ok(Turn::Repeat(ack.clone())),
            Some(Answer::Awaited(answer)) => Err(answer.clone()),
            None => {
                let (sender, receiver) = watch::channel(None);
                Ok(Turn::First(First {
                    repeats: self.clone(),
                    number: table.enter(fingerprint, now, receiver),
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
    fn enter(
        &mut self,
        fingerprint: Fingerprint,
        at: Instant,
        answer: watch::Receiver<Option<Bytes>>,
    ) -> u64 {
        let number = self.next_number;
        self.next_number += 1;
        let answer = Answer::Awaited(answer);
        self.entries.insert(fingerprint, Entry { number, answer });
        self.arrivals.push_back(Arrival {
            at,
            fingerprint,
            number,
        });
        number
    }

    fn answer(&mut self, fingerprint: Fingerprint, number: u64, ack: Bytes) {
        let entry = self.entries.get_mut(&fingerprint);
        if let Some(entry) = entry.filter(|entry| entry.number == number) {
            self.ack_bytes += size(&ack);
            entry.answer = Answer::Given(ack);
        }
    }

    fn remove(&mut self, fingerprint: Fingerprint, number: u64) {
        let entry = self.entries.get(&fingerprint);
        if entry.is_some_and(|entry| entry.number == number)
            && let Some(entry) = self.entries.remove(&fingerprint)
            && let Answer::Given(ack) = entry.answer
        {
            self.ack_bytes -= size(&ack);
        }
    }

    fn forget(&mut self, now: Instant) {
        while let Some(arrival) = self.arrivals.front() {
            let is_old = now.duration_since(arrival.at) >= WINDOW;
            let is_full = self.arrivals.len() >= ENTRIES_MAX || self.ack_bytes > ACK_BYTES_MAX;
            if !is_old && !is_full {
                break;
            }
            let (fingerprint, number) = (arrival.fingerprint, arrival.number);
            self.arrivals.pop_front();
            self.remove(fingerprint, number);
        }
    }
}

/// What an ack takes.
fn size(ack: &Bytes) -> usize {
    if ack == Ack::OK { 0 } else { ack.len() }
}

// === impl First ===

impl First {
    /// Every repeat gets the same ack.
    pub(super) fn answered(self, ack: Bytes) {
        self.repeats
            .table()
            .answer(self.fingerprint, self.number, ack.clone());
        self.answer.send_replace(Some(ack));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if self.answer.borrow().is_some() {
            return;
        }
        // Its arrival stays in the queue, where it is passed over: searching for it would cost more.
        self.repeats.table().remove(self.fingerprint, self.number);
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
    async fn a_forgotten_first_that_fails_leaves_its_successor_alone() {
        let repeats = Repeats::default();
        let Turn::First(old) = repeats.turn(fingerprint("x")).await else {
            panic!("nothing came before");
        };
        repeats.table().remove(old.fingerprint, old.number);
        let Turn::First(new) = repeats.turn(fingerprint("x")).await else {
            panic!("the old one was forgotten");
        };
        drop(old);
        new.answered(Bytes::from_static(b"ack"));
        assert!(matches!(
            repeats.turn(fingerprint("x")).await,
            Turn::Repeat(_)
        ));
    }

    #[tokio::test]
    async fn long_acks_are_forgotten_before_they_take_too_much() {
        let repeats = Repeats::default();
        let ack = Bytes::from(vec![b'x'; 1 << 20]);
        for number in 0..40u128 {
            if let Turn::First(first) = repeats.turn(Fingerprint(number.to_le_bytes())).await {
                first.answered(ack.clone());
            }
        }
        assert!(repeats.table().ack_bytes <= ACK_BYTES_MAX + ack.len());
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
