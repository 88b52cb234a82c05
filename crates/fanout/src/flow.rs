//! One subscription's flow: what it has read of the log, what is under way, and what the state is to know of it.
//!
//! Nothing here waits or touches a disk: the planner reads, saves and starts (`planner`). Events come in by
//! [`Flow::offer`], leave by [`Flow::advance`], and come back by [`Flow::ended`].

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::Arc,
    time::Instant,
};

use bytes::Bytes;
use gateway_core::{Envelope, EventId, EventTime, Subjects};
use gateway_journal::{
    Change, DeadLetter, Delivery, DeliveryReason, DeliveryStatus, Pause, PauseReason, Sequence,
    StoredEvent, Subscription,
};

use crate::{
    DeliverError, DeliverFailure, Delivered, Subscriber,
    pace::{Pace, Sign},
    schedule::spread,
    standing::Standing,
};

/// An event with what its plug-in makes of it.
#[derive(Debug)]
pub(crate) struct Decoded {
    pub(crate) id: EventId,
    pub(crate) envelope: Arc<Envelope>,
    pub(crate) body: Bytes,
    pub(crate) subjects: Subjects,
    pub(crate) time: Option<EventTime>,
}

/// A subscription at work.
#[derive(Debug)]
pub(crate) struct Flow {
    subscriber: Arc<Subscriber>,
    /// As it is to be saved.
    row: Subscription,
    /// Every event up to here was read.
    read: Sequence,
    /// Whether the live reading feeds it; if not, it reads the log for itself.
    is_attached: bool,
    /// Read, wanted, and not begun: past the cursor.
    ready: VecDeque<Ready>,
    ready_bytes: usize,
    /// Events past the last ready one that are not wanted.
    unwanted: u64,
    under_way: BTreeMap<Sequence, UnderWay>,
    /// In which lanes rows are pending, and how many.
    lanes: BTreeMap<u64, u64>,
    pace: Pace,
    /// Whether what began last was a later attempt.
    was_later: bool,
    unsaved: Unsaved,
    /// To be made once what they wait for is saved.
    starting: Vec<Attempt>,
    /// Whether rows may be due that were not looked for.
    may_be_due: bool,
}

/// What the state does not know yet. Values, not differences: it can be saved again.
#[derive(Debug, Default)]
struct Unsaved {
    has_moved: bool,
    pending: Vec<Delivery>,
    settled: Vec<Sequence>,
    dead: Vec<(Delivery, Option<Arc<Decoded>>)>,
}

/// An attempt that is about to be made.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) subscriber: Arc<Subscriber>,
    pub(crate) decoded: Arc<Decoded>,
    /// Counted from 1.
    pub(crate) number: u32,
}

/// How an attempt has ended.
pub(crate) type Ended = Result<Delivered, DeliverError>;

#[derive(Debug)]
struct Ready {
    decoded: Arc<Decoded>,
    lane: Option<u64>,
    /// Events before it, and past the one before, that are not wanted.
    unwanted: u64,
}

#[derive(Debug)]
struct UnderWay {
    delivery: Delivery,
    decoded: Arc<Decoded>,
}

/// Events in memory that are not begun.
const READY_MAX: usize = 512;

/// Their bytes, except that one event may always be there.
const READY_BYTES_MAX: usize = 4 << 20;

// === impl Decoded ===

impl Decoded {
    pub(crate) fn sequence(&self) -> Sequence {
        self.id.sequence()
    }

    fn stored(&self) -> StoredEvent {
        StoredEvent {
            sequence: self.id.sequence(),
            journaled_ms: self.id.journaled_ms(),
            envelope: (*self.envelope).clone(),
            body: self.body.clone(),
        }
    }
}

// === impl Flow ===

impl Flow {
    /// Goes on from what the state knows. `lanes` are those in which rows are pending.
    pub(crate) fn new(
        subscriber: Arc<Subscriber>,
        row: Subscription,
        lanes: BTreeMap<u64, u64>,
        now: Instant,
    ) -> Self {
        let config = &subscriber.config;
        Self {
            pace: Pace::new(config.rate, config.concurrency, now),
            was_later: false,
            read: row.cursor,
            is_attached: false,
            ready: VecDeque::new(),
            ready_bytes: 0,
            unwanted: 0,
            under_way: BTreeMap::new(),
            lanes,
            unsaved: Unsaved {
                has_moved: true,
                ..Unsaved::default()
            },
            starting: Vec::new(),
            may_be_due: true,
            row,
            subscriber,
        }
    }

    pub(crate) fn name(&self) -> &str {
        &self.subscriber.name
    }

    pub(crate) fn subscriber(&self) -> &Arc<Subscriber> {
        &self.subscriber
    }

    pub(crate) fn row(&self) -> &Subscription {
        &self.row
    }

    /// Where it reads on, when the live reading at `position` does not do it for it and there is room.
    pub(crate) fn reads_after(&mut self, position: Sequence) -> Option<Sequence> {
        // One that is ahead starts with what is to come: the live reading would take it back.
        self.is_attached |= self.read == position;
        let wants_more = !self.is_attached && self.has_room() && self.is_active();
        wants_more.then_some(self.read)
    }

    /// The live reading has come to `position`.
    pub(crate) fn followed(&mut self, position: Sequence) {
        if self.is_attached {
            self.read = position;
        }
    }

    /// Its own reading has come to `position`, the live one to `live`.
    pub(crate) fn has_read(&mut self, position: Sequence, live: Sequence) {
        self.read = self.read.max(position);
        self.is_attached |= self.read == live;
    }

    /// Whether the live reading feeds it.
    pub(crate) fn is_attached(&self) -> bool {
        self.is_attached
    }

    /// Whether an event is wanted as far as its envelope tells; it is then to be decoded and offered.
    pub(crate) fn wants(&self, event: &StoredEvent) -> bool {
        self.subscriber.selector.wants(&event.envelope)
    }

    /// Takes an event that is wanted by its envelope, or leaves it to be read later. `false` when there is no room.
    pub(crate) fn offer(&mut self, decoded: &Arc<Decoded>) -> bool {
        if !self.subscriber.selector.wants_about(&decoded.subjects) {
            self.pass();
            return true;
        }
        if !self.has_room() {
            self.is_attached = false;
            self.read = decoded.sequence() - 1;
            return false;
        }
        let selector = &self.subscriber.selector;
        self.ready_bytes += decoded.body.len();
        self.ready.push_back(Ready {
            lane: selector.lane(&decoded.envelope, &decoded.subjects),
            decoded: Arc::clone(decoded),
            unwanted: mem::take(&mut self.unwanted),
        });
        true
    }

    /// Passes over an event that is not wanted.
    pub(crate) fn pass(&mut self) {
        self.unwanted += 1;
    }

    fn has_room(&self) -> bool {
        self.ready.is_empty()
            || (self.ready.len() < READY_MAX && self.ready_bytes < READY_BYTES_MAX)
    }

    /// Whether it is not paused.
    pub(crate) fn is_active(&self) -> bool {
        self.row.paused.is_none()
    }

    /// How many later attempts may be begun now, if any can be due.
    pub(crate) fn room_for_due(&self, now: Instant) -> usize {
        if !self.is_active() || !self.may_be_due {
            return 0;
        }
        let room = self.pace.room(now, self.under_way.len());
        // Many that fail again and again must not hold up those that were not tried yet.
        let is_their_turn = self.was_later && self.front_waits() && !self.pace.is_down();
        if is_their_turn { room / 2 } else { room }
    }

    /// The rows that are under way look due to the state.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Begins a later attempt; gives the event up when there is nothing of it to send.
    pub(crate) fn retry(
        &mut self,
        mut delivery: Delivery,
        decoded: Option<Arc<Decoded>>,
        now: Instant,
        now_ms: u64,
    ) {
        let Some(decoded) = decoded else {
            delivery.reason = Some(DeliveryReason::Damaged);
            delivery.since_ms = now_ms;
            return self.die(delivery, None);
        };
        if self.was_last(&delivery) {
            return self.die(delivery, Some(decoded));
        }
        self.begin(delivery, decoded, now, now_ms);
    }

    /// Whether the process has ended in the last attempt that the schedule has: another one may end it, too.
    fn was_last(&self, delivery: &Delivery) -> bool {
        let schedule = &self.subscriber.schedule;
        let (first_ms, since_ms) = (delivery.first_ms, delivery.since_ms);
        delivery.reason == Some(DeliveryReason::Interrupted)
            && delivery.attempts > 0
            && schedule
                .next(delivery.attempts, first_ms, since_ms)
                .is_none()
    }

    /// All that was due has been seen, or not.
    pub(crate) fn looked(&mut self, is_all: bool) {
        self.may_be_due = !is_all;
    }

    /// Whether a row is under way.
    pub(crate) fn is_under_way(&self, sequence: Sequence) -> bool {
        self.under_way.contains_key(&sequence)
    }

    /// Rows may have become due.
    pub(crate) fn look_again(&mut self) {
        self.may_be_due = true;
    }

    /// Begins first attempts, and moves the cursor over what is begun or not wanted.
    pub(crate) fn advance(&mut self, now: Instant, now_ms: u64) {
        while self.is_active() {
            let Some(front) = self.ready.front() else {
                return self.pass_over_the_rest();
            };
            let is_behind = self.is_behind(front);
            let has_room = if is_behind {
                // While it is down its backlog is the log.
                !self.pace.is_down()
            } else {
                self.pace.room(now, self.under_way.len()) > 0
            };
            if !has_room {
                return;
            }
            let Some(ready) = self.ready.pop_front() else {
                return;
            };
            self.take(ready, is_behind, now, now_ms);
        }
    }

    /// Whether a first attempt waits for room and for nothing else.
    fn front_waits(&self) -> bool {
        let front = self.ready.front();
        front.is_some_and(|front| !self.is_behind(front))
    }

    /// Whether its lane has a row, which comes first.
    fn is_behind(&self, ready: &Ready) -> bool {
        let lane = ready.lane;
        lane.is_some_and(|lane| self.lanes.contains_key(&lane))
    }

    fn pass_over_the_rest(&mut self) {
        if self.row.cursor < self.read {
            self.row.cursor = self.read;
            self.row.filtered += mem::take(&mut self.unwanted);
            self.unsaved.has_moved = true;
        }
    }

    fn take(&mut self, ready: Ready, is_behind: bool, now: Instant, now_ms: u64) {
        let Ready {
            decoded,
            lane,
            unwanted,
        } = ready;
        self.ready_bytes -= decoded.body.len();
        self.row.cursor = decoded.sequence();
        self.row.filtered += unwanted;
        self.unsaved.has_moved = true;
        if let Some(lane) = lane {
            *self.lanes.entry(lane).or_default() += 1;
        }
        let delivery = Delivery {
            subscription: self.name().to_owned(),
            sequence: decoded.sequence(),
            command: decoded.envelope.command.clone(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            first_ms: 0,
            due_ms: now_ms,
            lane,
            reason: None,
            detail: None,
            since_ms: now_ms,
        };
        if is_behind {
            self.unsaved.pending.push(delivery);
        } else {
            self.begin(delivery, decoded, now, now_ms);
        }
    }

    /// An attempt counts before it is made, and is due again as if it had failed: whatever ends the process.
    fn begin(&mut self, mut delivery: Delivery, decoded: Arc<Decoded>, now: Instant, now_ms: u64) {
        self.was_later = delivery.attempts > 0;
        delivery.attempts += 1;
        if delivery.first_ms == 0 {
            delivery.first_ms = now_ms;
        }
        let schedule = &self.subscriber.schedule;
        let pause = schedule.next(delivery.attempts, delivery.first_ms, now_ms);
        let pause = self.subscriber.config.timeout + pause.unwrap_or_default();
        delivery.due_ms = now_ms.saturating_add(millis(pause));
        delivery.reason = Some(DeliveryReason::Interrupted);
        delivery.detail = None;
        delivery.since_ms = now_ms;
        self.pace.start(now);
        self.unsaved.pending.push(delivery.clone());
        self.starting.push(Attempt {
            subscriber: Arc::clone(&self.subscriber),
            decoded: Arc::clone(&decoded),
            number: delivery.attempts,
        });
        let under_way = UnderWay { delivery, decoded };
        self.under_way
            .insert(under_way.delivery.sequence, under_way);
    }

    /// Takes back an attempt that has ended.
    pub(crate) fn ended(
        &mut self,
        sequence: Sequence,
        ended: Ended,
        jitter: f64,
        now: Instant,
        now_ms: u64,
    ) {
        let Some(UnderWay {
            mut delivery,
            decoded,
        }) = self.under_way.remove(&sequence)
        else {
            return;
        };
        let Err(error) = ended else {
            self.pace.end(Sign::Well, now);
            self.row.delivered += 1;
            self.unsaved.has_moved = true;
            self.unsaved.settled.push(sequence);
            return self.leave_lane(delivery.lane);
        };
        self.pace.end(sign(&error), now);
        delivery.reason = Some(reason(error.reason));
        delivery.detail = Some(error.detail);
        delivery.since_ms = now_ms;
        if error.reason == DeliverFailure::Gone && self.is_active() {
            self.pause(Some(Pause {
                by: PauseReason::Gone,
                since_ms: now_ms,
            }));
        }
        let schedule = &self.subscriber.schedule;
        match schedule.next(delivery.attempts, delivery.first_ms, now_ms) {
            Some(pause) => {
                let pause = spread(pause, error.retry_after, jitter);
                delivery.due_ms = now_ms.saturating_add(millis(pause));
                self.unsaved.pending.push(delivery);
            }
            None => self.die(delivery, Some(decoded)),
        }
    }

    /// Gives an event up.
    fn die(&mut self, mut delivery: Delivery, decoded: Option<Arc<Decoded>>) {
        self.leave_lane(delivery.lane);
        self.row.dead += 1;
        self.unsaved.has_moved = true;
        delivery.status = DeliveryStatus::Dead;
        self.unsaved.dead.push((delivery, decoded));
    }

    fn leave_lane(&mut self, lane: Option<u64>) {
        let Some(lane) = lane else { return };
        // The next row of the lane waits for this one's end.
        self.may_be_due = true;
        if let Some(rows) = self.lanes.get_mut(&lane) {
            *rows -= 1;
            if *rows == 0 {
                self.lanes.remove(&lane);
            }
        }
    }

    /// When time alone lets something begin.
    pub(crate) fn opens_at(&self) -> Option<Instant> {
        if !(self.may_be_due || self.front_waits()) || !self.is_active() {
            return None;
        }
        self.pace.opens_at(self.under_way.len())
    }

    /// Tries a dead letter again, from its first attempt on.
    pub(crate) fn resurrect(&mut self, delivery: Delivery, now_ms: u64) {
        self.row.dead = self.row.dead.saturating_sub(1);
        self.unsaved.has_moved = true;
        if let Some(lane) = delivery.lane {
            *self.lanes.entry(lane).or_default() += 1;
        }
        self.may_be_due = true;
        self.unsaved.pending.push(Delivery {
            status: DeliveryStatus::Pending,
            attempts: 0,
            first_ms: 0,
            due_ms: now_ms,
            ..delivery
        });
    }

    /// Whether the state has to be told something.
    pub(crate) fn is_unsaved(&self) -> bool {
        let Unsaved {
            has_moved,
            pending,
            settled,
            dead,
        } = &self.unsaved;
        *has_moved || !pending.is_empty() || !settled.is_empty() || !dead.is_empty()
    }

    /// Adds what the state is to know.
    pub(crate) fn add_unsaved<'a>(&'a self, change: &mut Change<'a>) {
        let (name, unsaved) = (self.name(), &self.unsaved);
        if unsaved.has_moved {
            change.subscriptions.push((name, self.row.clone()));
        }
        let settled = unsaved.settled.iter().map(|sequence| (name, *sequence));
        change.settled.extend(settled);
        change.pending.extend(unsaved.pending.iter().cloned());
        let dead = unsaved.dead.iter();
        change
            .dead
            .extend(dead.map(|(delivery, decoded)| DeadLetter {
                delivery: delivery.clone(),
                event: decoded.as_deref().map(Decoded::stored),
            }));
    }

    /// The state knows it; attempts may be made.
    pub(crate) fn saved(&mut self) -> Vec<Attempt> {
        self.unsaved = Unsaved::default();
        mem::take(&mut self.starting)
    }

    /// Dead letters were forgotten.
    pub(crate) fn expired(&mut self, events: u64) {
        self.row.expired += events;
    }

    /// Takes over another configuration.
    pub(crate) fn reconfigure(&mut self, subscriber: Arc<Subscriber>, now: Instant) {
        let config = &subscriber.config;
        self.pace = Pace::new(config.rate, config.concurrency, now);
        self.subscriber = subscriber;
        self.may_be_due = true;
    }

    /// How it stands, with as many rows pending, and an oldest event that it has not got for so long.
    pub(crate) fn standing(&self, pending: u64, head: Sequence, oldest_ms: u64) -> Standing {
        Standing {
            name: self.name().to_owned(),
            cursor: self.row.cursor,
            delivered: self.row.delivered,
            filtered: self.row.filtered,
            dead: self.row.dead,
            expired: self.row.expired,
            pending,
            behind: head.saturating_sub(self.row.cursor),
            oldest_ms,
            under_way: self.under_way.len() as u64,
            paused: self.row.paused,
            is_down: self.pace.is_down(),
        }
    }

    /// Stops or goes on, at somebody's wish.
    pub(crate) fn pause(&mut self, paused: Option<Pause>) {
        self.row.paused = paused;
        self.unsaved.has_moved = true;
        self.may_be_due = true;
    }
}

/// What a failure says about the subscriber.
fn sign(error: &DeliverError) -> Sign {
    match error.reason {
        DeliverFailure::Status(429 | 502 | 503 | 504) => Sign::Overloaded(error.retry_after),
        DeliverFailure::Status(_) | DeliverFailure::Gone | DeliverFailure::Redirect => Sign::Picky,
        DeliverFailure::Timeout
        | DeliverFailure::Connect
        | DeliverFailure::Tls
        | DeliverFailure::Refused
        | DeliverFailure::Reset
        | DeliverFailure::Invalid => Sign::Down,
    }
}

fn reason(failure: DeliverFailure) -> DeliveryReason {
    match failure {
        DeliverFailure::Status(_) => DeliveryReason::Status,
        DeliverFailure::Gone => DeliveryReason::Gone,
        DeliverFailure::Redirect => DeliveryReason::Redirect,
        DeliverFailure::Timeout => DeliveryReason::Timeout,
        DeliverFailure::Connect => DeliveryReason::Connect,
        DeliverFailure::Tls => DeliveryReason::Tls,
        DeliverFailure::Refused => DeliveryReason::Refused,
        DeliverFailure::Reset => DeliveryReason::Reset,
        DeliverFailure::Invalid => DeliveryReason::Unreadable,
    }
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use gateway_core::Proof;
    use rustls::RootCertStore;
    use uuid::Uuid;

    use super::*;
    use crate::{Named, Secret, Secrets, Start};

    const NOW_MS: u64 = 1_700_000_000_000;

    /// In the order of accounts, where there are any; events without filter.
    fn flow(cursor: Sequence) -> Flow {
        let keys = r#"{"url":"http://127.0.0.1/","secret_files":[],"order":"accounts","retries":["1s"],"give_up_after":"10s","concurrency":2}"#;
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let named = Named {
            url: "http://127.0.0.1/".parse().unwrap(),
            secrets: Secrets::new(vec![secret]).unwrap(),
            roots: Arc::new(RootCertStore::empty()),
            start: Start::Now,
        };
        let config = serde_json::from_str(keys).unwrap();
        let subscriber = Subscriber::new("billing", &config, named).unwrap();
        let row = Subscription {
            cursor,
            ..Subscription::default()
        };
        let lanes = BTreeMap::new();
        Flow::new(Arc::new(subscriber), row, lanes, Instant::now())
    }

    fn event(sequence: Sequence, account: &str) -> Arc<Decoded> {
        Arc::new(Decoded {
            id: EventId::new(Uuid::from_u128(1), sequence, NOW_MS),
            envelope: Arc::new(Envelope {
                app: "shop".to_owned(),
                sdk_app_id: 1,
                command: "A.B".to_owned(),
                received_ms: NOW_MS,
                client_ip: None,
                platform: None,
                request_id: None,
                peer: None,
                proof: Proof::default(),
                simulated: false,
                verdict: None,
                trace: None,
            }),
            body: Bytes::new(),
            subjects: Subjects::default().accounts([account]),
            time: None,
        })
    }

    /// The events whose attempts begin now.
    fn begun(flow: &mut Flow, now: Instant, now_ms: u64) -> Vec<Sequence> {
        flow.advance(now, now_ms);
        let attempts = flow.saved();
        attempts
            .iter()
            .map(|attempt| attempt.decoded.sequence())
            .collect()
    }

    #[test]
    fn one_that_starts_ahead_of_the_live_reading_is_not_taken_back() {
        let mut flow = flow(10);
        assert_eq!(flow.reads_after(7), Some(10), "there is nothing yet");
        assert!(!flow.is_attached());
        assert_eq!(flow.reads_after(10), None);
        assert!(flow.is_attached());
    }

    #[test]
    fn one_that_has_caught_up_is_fed_at_once() {
        let mut flow = flow(3);
        assert_eq!(flow.reads_after(7), Some(3));
        flow.has_read(5, 7);
        assert!(!flow.is_attached());
        flow.has_read(7, 7);
        assert!(flow.is_attached());
    }

    #[test]
    fn an_event_that_ended_the_process_in_its_last_attempt_is_given_up() {
        let row = |since_ms| Delivery {
            subscription: "billing".to_owned(),
            sequence: 1,
            command: "A.B".to_owned(),
            status: DeliveryStatus::Pending,
            attempts: 9,
            first_ms: NOW_MS,
            due_ms: since_ms,
            lane: None,
            reason: Some(DeliveryReason::Interrupted),
            detail: None,
            since_ms,
        };
        for (after_ms, is_dead) in [(9_000, false), (9_001, true)] {
            let (mut flow, since_ms) = (flow(1), NOW_MS + after_ms);
            let event = Some(event(1, "alice"));
            // However long the gateway was away.
            let now_ms = since_ms + 1_000_000;
            flow.retry(row(since_ms), event, Instant::now(), now_ms);
            assert_eq!(flow.row().dead, u64::from(is_dead));
            assert_eq!(flow.saved().is_empty(), is_dead);
        }
    }

    #[test]
    fn while_it_is_down_its_cursor_stands_still() {
        let (mut flow, now) = (flow(0), Instant::now());
        for sequence in 1..=2 {
            assert!(flow.offer(&event(sequence, "alice")));
        }
        assert_eq!(begun(&mut flow, now, NOW_MS), [1]);
        assert_eq!(flow.row().cursor, 2, "the second is a row behind the first");
        while !flow.pace.is_down() {
            flow.pace.end(Sign::Down, now);
        }
        assert!(flow.offer(&event(3, "alice")));
        assert!(begun(&mut flow, now, NOW_MS).is_empty());
        assert_eq!(flow.row().cursor, 2);
        flow.pace.end(Sign::Well, now);
        assert!(begun(&mut flow, now, NOW_MS).is_empty());
        assert_eq!(flow.row().cursor, 3);
    }
}
