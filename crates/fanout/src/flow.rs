//! One subscription's flow: what it has read of the log, what is under way, and what the state is to know of it.
//!
//! Nothing here waits or touches a disk: the planner reads, saves and starts (`planner`). Events come in by
//! [`Flow::offer`], leave by [`Flow::advance`], and come back by [`Flow::ended`].

use std::{
    collections::{BTreeMap, VecDeque},
    mem,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use gateway_core::{Envelope, EventId, EventTime, Subjects};
use gateway_journal::{
    Change, DeadLetter, Delivery, DeliveryReason, DeliveryStatus, FirstAttempt, Pause, PauseReason,
    Sequence, StoredEvent, Subscription,
};

use crate::{
    DeliverError, DeliverFailure, Delivered, Subscriber,
    clock::millis,
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

/// Tells flows apart, also those of one name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowId(u64);

/// A subscription at work.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four questions, of which any may be answered so"
)]
pub(crate) struct Flow {
    id: FlowId,
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
    under_way_bytes: usize,
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
    /// Nothing is read for it before.
    stalled_until: Option<Instant>,
    /// Whether nothing begins because the cursor is to be moved.
    is_halted: bool,
}

/// What the state does not know yet. Values, not differences: it can be saved again.
#[derive(Debug, Default)]
struct Unsaved {
    has_moved: bool,
    /// Under way, without a row yet and in no lane.
    first_attempts: Vec<Sequence>,
    pending: Vec<Delivery>,
    settled: Vec<Sequence>,
    dead: Vec<(Delivery, Option<Arc<Decoded>>)>,
}

/// An attempt that is about to be made.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// Whose it is: a subscription that was removed and came back has another flow, with events of the same numbers.
    pub(crate) flow: FlowId,
    pub(crate) subscriber: Arc<Subscriber>,
    pub(crate) decoded: Arc<Decoded>,
    /// Counted from 1.
    pub(crate) number: u32,
}

/// How an attempt has ended.
pub(crate) type Ended = Result<Delivered, DeliverError>;

#[derive(Debug)]
struct Ready {
    sequence: Sequence,
    /// `None` for a row that is damaged.
    decoded: Option<Arc<Decoded>>,
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

/// The pause after the log or the state failed.
pub(crate) const STALL: Duration = Duration::from_secs(1);

/// Bytes of bodies under way.
const UNDER_WAY_BYTES_MAX: usize = 4 << 20;

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

// === impl UnderWay ===

impl UnderWay {
    fn first_attempt(&self) -> FirstAttempt<'_> {
        FirstAttempt {
            subscription: &self.delivery.subscription,
            sequence: self.delivery.sequence,
            command: &self.delivery.command,
            began_ms: self.delivery.first_ms,
            due_ms: self.delivery.due_ms,
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
        static FLOWS: AtomicU64 = AtomicU64::new(0);
        let config = &subscriber.config;
        Self {
            id: FlowId(FLOWS.fetch_add(1, Ordering::Relaxed)),
            pace: Pace::new(config.rate, config.concurrency, now),
            was_later: false,
            read: row.cursor,
            is_attached: false,
            ready: VecDeque::new(),
            ready_bytes: 0,
            unwanted: 0,
            under_way: BTreeMap::new(),
            under_way_bytes: 0,
            lanes,
            unsaved: Unsaved {
                has_moved: true,
                ..Unsaved::default()
            },
            starting: Vec::new(),
            may_be_due: true,
            stalled_until: None,
            is_halted: false,
            row,
            subscriber,
        }
    }

    pub(crate) fn id(&self) -> FlowId {
        self.id
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

    /// Where it reads on, and how many events at most, when the live reading at `position` does not do it for it. Not
    /// before half of what it holds is begun: a read for each event would cost more than the event.
    pub(crate) fn reads_after(
        &mut self,
        position: Sequence,
        now: Instant,
    ) -> Option<(Sequence, usize)> {
        // One that is ahead starts with what is to come: the live reading would take it back.
        self.is_attached |= self.read == position;
        let is_low = self.ready.len() <= READY_MAX / 2 && self.ready_bytes <= READY_BYTES_MAX / 2;
        let is_behind = !self.is_attached && self.read < position;
        let wants_more = is_behind && is_low && self.is_active() && !self.is_stalled(now);
        wants_more.then_some((self.read, READY_MAX - self.ready.len()))
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
        let selector = &self.subscriber.selector;
        let lane = selector.lane(&decoded.envelope, &decoded.subjects);
        self.push(decoded.sequence(), Some(Arc::clone(decoded)), lane)
    }

    /// Takes a row that can't be read, which nobody knows to be unwanted. `false` when there is no room.
    pub(crate) fn damaged(&mut self, sequence: Sequence) -> bool {
        self.push(sequence, None, None)
    }

    fn push(
        &mut self,
        sequence: Sequence,
        decoded: Option<Arc<Decoded>>,
        lane: Option<u64>,
    ) -> bool {
        if !self.has_room() {
            self.is_attached = false;
            self.read = sequence - 1;
            return false;
        }
        self.ready_bytes += decoded.as_ref().map_or(0, |decoded| decoded.body.len());
        self.ready.push_back(Ready {
            sequence,
            decoded,
            lane,
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

    /// Whether it is neither paused nor halted.
    pub(crate) fn is_active(&self) -> bool {
        self.row.paused.is_none() && !self.is_halted
    }

    /// How many later attempts may be begun now, if any can be due.
    pub(crate) fn room_for_due(&self, now: Instant) -> usize {
        if !self.is_active() || !self.may_be_due || self.is_stalled(now) {
            return 0;
        }
        let room = self.room(now);
        // Many that fail again and again must not hold up those that were not tried yet.
        let is_their_turn = self.was_later && self.front_waits() && !self.pace.is_down();
        if is_their_turn { room / 2 } else { room }
    }

    /// Leaves it alone for a while: what it needs of the log or the state can't be read.
    pub(crate) fn stall(&mut self, now: Instant) {
        self.stalled_until = Some(now + STALL);
    }

    fn is_stalled(&self, now: Instant) -> bool {
        self.stalled_until.is_some_and(|until| now < until)
    }

    /// How many attempts are under way.
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
        let delivery = self.begin(delivery, decoded, now, now_ms).clone();
        self.unsaved.pending.push(delivery);
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
                self.room(now) > 0
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
            sequence,
            decoded,
            lane,
            unwanted,
        } = ready;
        self.row.cursor = sequence;
        self.row.filtered += unwanted;
        self.unsaved.has_moved = true;
        let mut delivery = Delivery {
            subscription: self.name().to_owned(),
            sequence,
            command: String::new(),
            status: DeliveryStatus::Pending,
            attempts: 0,
            first_ms: 0,
            due_ms: now_ms,
            lane,
            reason: None,
            detail: None,
            since_ms: now_ms,
        };
        let Some(decoded) = decoded else {
            delivery.reason = Some(DeliveryReason::Damaged);
            return self.die(delivery, None);
        };
        self.ready_bytes -= decoded.body.len();
        delivery.command.clone_from(&decoded.envelope.command);
        if let Some(lane) = lane {
            *self.lanes.entry(lane).or_default() += 1;
        }
        if is_behind {
            return self.unsaved.pending.push(delivery);
        }
        let delivery = self.begin(delivery, decoded, now, now_ms);
        if lane.is_some() {
            let delivery = delivery.clone();
            self.unsaved.pending.push(delivery);
        } else {
            self.unsaved.first_attempts.push(sequence);
        }
    }

    /// An attempt counts before it is made, and is due again as if it had failed: whatever ends the process. Returns what
    /// is to be saved.
    fn begin(
        &mut self,
        mut delivery: Delivery,
        decoded: Arc<Decoded>,
        now: Instant,
        now_ms: u64,
    ) -> &Delivery {
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
        self.starting.push(Attempt {
            flow: self.id,
            subscriber: Arc::clone(&self.subscriber),
            decoded: Arc::clone(&decoded),
            number: delivery.attempts,
        });
        self.under_way_bytes += decoded.body.len();
        let under_way = UnderWay { delivery, decoded };
        let place = self.under_way.entry(under_way.delivery.sequence);
        &place.insert_entry(under_way).into_mut().delivery
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
        self.under_way_bytes -= decoded.body.len();
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
        if error.reason == DeliverFailure::Gone && self.row.paused.is_none() {
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
        if self.is_heavy() {
            return None;
        }
        let opens = self.pace.opens_at(self.under_way.len())?;
        Some(self.stalled_until.map_or(opens, |until| opens.max(until)))
    }

    /// How many attempts may begin now.
    fn room(&self, now: Instant) -> usize {
        if self.is_heavy() {
            return 0;
        }
        self.pace.room(now, self.under_way.len())
    }

    /// Whether what is under way takes as much memory as it may; one event may always be under way.
    fn is_heavy(&self) -> bool {
        self.under_way_bytes >= UNDER_WAY_BYTES_MAX && !self.under_way.is_empty()
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
            first_attempts,
            pending,
            settled,
            dead,
        } = &self.unsaved;
        *has_moved
            || !first_attempts.is_empty()
            || !pending.is_empty()
            || !settled.is_empty()
            || !dead.is_empty()
    }

    /// Adds what the state is to know.
    pub(crate) fn add_unsaved<'a>(&'a self, change: &mut Change<'a>) {
        let (name, unsaved) = (self.name(), &self.unsaved);
        if unsaved.has_moved {
            change.subscriptions.push((name, self.row.clone()));
        }
        let settled = unsaved.settled.iter().map(|sequence| (name, *sequence));
        change.settled.extend(settled);
        let first = unsaved.first_attempts.iter();
        let first = first.filter_map(|sequence| self.under_way.get(sequence));
        let first = first.map(UnderWay::first_attempt);
        change.first_attempts.extend(first);
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

    /// Takes over another configuration. What was read past the cursor is read again: the old one has judged it.
    pub(crate) fn reconfigure(&mut self, subscriber: Arc<Subscriber>, now: Instant) {
        let (config, old) = (&subscriber.config, &self.subscriber.config);
        if (config.rate, config.concurrency) != (old.rate, old.concurrency) {
            self.pace = Pace::new(config.rate, config.concurrency, now);
        }
        self.subscriber = subscriber;
        self.may_be_due = true;
        self.read_again();
    }

    /// Forgets what was read past the cursor.
    fn read_again(&mut self) {
        self.ready.clear();
        self.ready_bytes = 0;
        self.unwanted = 0;
        self.read = self.row.cursor;
        self.is_attached = false;
    }

    /// Takes back attempts that could not be saved and so were not made: their rows are due as if nothing had been tried.
    pub(crate) fn drop_unsent(&mut self, now_ms: u64) {
        self.unsaved.first_attempts.clear();
        for attempt in mem::take(&mut self.starting) {
            let Some(under_way) = self.under_way.remove(&attempt.decoded.sequence()) else {
                continue;
            };
            self.under_way_bytes -= under_way.decoded.body.len();
            let mut delivery = under_way.delivery;
            delivery.attempts -= 1;
            delivery.due_ms = now_ms;
            if delivery.attempts == 0 {
                delivery.first_ms = 0;
                delivery.reason = None;
            }
            self.unsaved.pending.push(delivery);
        }
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

    /// Begins nothing, until [`Flow::go_on`]. The cursor, once nothing is under way.
    pub(crate) fn halt(&mut self) -> Option<Sequence> {
        self.is_halted = true;
        self.under_way.is_empty().then_some(self.row.cursor)
    }

    /// Goes on where it stood.
    pub(crate) fn go_on(&mut self) {
        self.is_halted = false;
        self.may_be_due = true;
    }

    /// For whoever saves it, too.
    pub(crate) fn row_mut(&mut self) -> &mut Subscription {
        &mut self.row
    }

    /// Reads on at `cursor`; what is between was not wanted, if it comes that way. `lanes` are those in which rows are
    /// pending.
    pub(crate) fn arrive(&mut self, cursor: Sequence, lanes: BTreeMap<u64, u64>) {
        self.row.filtered += cursor.saturating_sub(self.row.cursor);
        self.row.cursor = cursor;
        self.lanes = lanes;
        self.read_again();
        self.unsaved.has_moved = true;
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

#[cfg(test)]
mod tests;
