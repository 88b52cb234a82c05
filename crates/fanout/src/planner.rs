//! The planner: one thread that reads the log for all subscriptions, saves what is to be done, and has it done.
//!
//! It reads live at one position; a subscription without room is detached and reads for itself later, so that none holds
//! up another. Nothing begins before it is saved. Start at [`Fanout::start`], then `step`.

mod steering;

use std::{
    io,
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime},
};

use gateway_core::{Causes, Dispatcher, EventId, Prepared};
use gateway_journal::{
    Change, Deliveries, Delivery, DeliveryStatus, Head, Holder, Journal, ReadError, ReadLimit,
    Reader, Row, Sequence, StateError, StoredEvent, Subscription,
};
use tokio::{
    sync::{mpsc, watch},
    time::timeout_at,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};
use uuid::Uuid;

use crate::{
    Observer,
    courier::{Courier, Done},
    flow::{Decoded, Flow},
    standing::Board,
    subscriber::{Start, Subscriber},
};

use steering::Wish;
pub use steering::{SteerError, Steering};

/// What the fan-out works on.
#[derive(Debug)]
pub struct Parts {
    /// Followed, and kept until every subscription has passed.
    pub journal: Arc<Journal>,
    /// What is known of subscriptions and deliveries.
    pub deliveries: Deliveries,
    /// Knows the plug-ins, which tell whom an event is about.
    pub dispatcher: Dispatcher,
    /// Told of attempts.
    pub observer: Arc<dyn Observer>,
}

/// The running fan-out.
#[derive(Debug)]
pub struct Fanout {
    stop: CancellationToken,
    deadline: Arc<OnceLock<Instant>>,
    thread: JoinHandle<()>,
    steering: Steering,
    board: Board,
}

/// The planner's own thread works on this.
struct Planner {
    parts: Parts,
    reader: Reader,
    holder: Holder,
    head: watch::Receiver<Head>,
    /// Every row up to here was read live.
    position: Sequence,
    flows: Vec<Flow>,
    courier: Courier,
    wishes: mpsc::Receiver<Wish>,
    board: Board,
    stop: CancellationToken,
    /// Until when attempts may end; set before `stop`.
    deadline: Arc<OnceLock<Instant>>,
    ticked: Instant,
    /// Nothing is read and begun before, after a failure.
    stalled_until: Option<Instant>,
}

/// The fan-out could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state can't be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No runtime or thread.
    #[error("failed to start the fan-out's threads")]
    Thread(#[from] io::Error),
}

/// One read of the log.
const READ: ReadLimit = ReadLimit {
    events: 512,
    bytes: 4 << 20,
};

/// How often it looks after what is due, and after its bookkeeping.
const TICK: Duration = Duration::from_millis(250);

/// The pause after the log or the state failed.
const STALL: Duration = Duration::from_secs(1);

// === impl Fanout ===

impl Fanout {
    /// Goes on from the saved cursors.
    ///
    /// # Errors
    ///
    /// When the state can't be read or written, or no thread can be had.
    pub fn start(parts: Parts, subscribers: Vec<Arc<Subscriber>>) -> Result<Self, StartError> {
        let (steering, wishes) = Steering::new();
        let mut planner = Planner::new(parts, wishes)?;
        planner.configure(subscribers)?;
        // From the first ack on, a crash must find a cursor for each subscription.
        planner.save()?;
        planner.report()?;
        let (stop, deadline) = (planner.stop.clone(), Arc::clone(&planner.deadline));
        let board = planner.board.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("fanout".to_owned())
            .spawn(move || runtime.block_on(planner.run()))?;
        Ok(Self {
            stop,
            deadline,
            thread,
            steering,
            board,
        })
    }

    /// Stops beginning attempts, lets those under way end until `deadline`, saves. Blocks.
    pub fn stop(self, deadline: Instant) {
        // Nobody else sets it.
        self.deadline.get_or_init(|| deadline);
        self.stop.cancel();
        if self.thread.join().is_err() {
            error!("the fan-out has died");
        }
    }

    /// Whether its thread has ended though nobody stopped it.
    pub fn is_dead(&self) -> bool {
        self.thread.is_finished() && !self.stop.is_cancelled()
    }

    /// For whoever wants to steer it.
    pub fn steering(&self) -> Steering {
        self.steering.clone()
    }

    /// How the subscriptions stand.
    pub fn board(&self) -> Board {
        self.board.clone()
    }
}

// === impl Planner ===

impl Planner {
    fn new(parts: Parts, wishes: mpsc::Receiver<Wish>) -> Result<Self, StartError> {
        let head = parts.journal.head();
        let position = head.borrow().sequence;
        Ok(Self {
            reader: parts.journal.reader(),
            holder: parts.journal.holder(),
            head,
            position,
            flows: Vec::new(),
            courier: Courier::start()?,
            wishes,
            board: Board::default(),
            stop: CancellationToken::new(),
            deadline: Arc::default(),
            ticked: Instant::now(),
            stalled_until: None,
            parts,
        })
    }

    async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let is_behind = match self.step() {
                Ok(is_behind) => is_behind,
                Err(error) => {
                    self.stalled_until = Some(Instant::now() + STALL);
                    tell(&*error);
                    false
                }
            };
            if is_behind {
                // Whoever steers does not wait for a backlog.
                if let Ok(wish) = self.wishes.try_recv() {
                    self.grant(wish);
                }
                tokio::task::yield_now().await;
            } else {
                self.wait().await;
            }
        }
        self.finish().await;
    }

    /// Waits for news: events, attempts that ended, wishes, a flow's turn, or the next tick.
    async fn wait(&mut self) {
        let tick = Instant::now() + TICK;
        let opens = self.flows.iter().filter_map(Flow::opens_at).min();
        let until = match (self.stalled_until, opens) {
            (None, Some(opens)) => tick.min(opens),
            _ => tick,
        };
        tokio::select! {
            // The writer outlives the fan-out.
            _ = self.head.changed() => {}
            () = self.courier.news() => {}
            wish = self.wishes.recv() => {
                if let Some(wish) = wish {
                    self.grant(wish);
                }
            }
            () = tokio::time::sleep_until(until.into()) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// One bounded piece of work; tells whether there is more to do at once.
    fn step(&mut self) -> Result<bool, Box<dyn std::error::Error>> {
        if self
            .stalled_until
            .is_some_and(|until| Instant::now() < until)
        {
            return Ok(false);
        }
        // What could not be saved comes first: the state is asked for what is due.
        if self.stalled_until.take().is_some() {
            self.save()?;
        }
        self.tick()?;
        self.collect();
        self.save()?;
        self.retry()?;
        let mut is_behind = self.read_live()?;
        is_behind |= self.catch_up()?;
        let (now, now_ms) = (Instant::now(), now_ms());
        for flow in &mut self.flows {
            flow.advance(now, now_ms);
        }
        self.save()?;
        Ok(is_behind)
    }

    /// Takes back the attempts that have ended.
    fn collect(&mut self) {
        let (now, now_ms) = (Instant::now(), now_ms());
        for done in self.courier.take() {
            let Done {
                subscription,
                sequence,
                ended,
                took,
            } = done;
            self.parts.observer.attempted(&subscription, &ended, took);
            let mut flows = self.flows.iter_mut();
            if let Some(flow) = flows.find(|flow| *flow.name() == *subscription) {
                flow.ended(sequence, ended, jitter(), now, now_ms);
            }
        }
    }

    /// Begins the later attempts that are due.
    fn retry(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        let (now, now_ms, log_id) = (Instant::now(), now_ms(), self.head.borrow().log_id);
        for flow in &mut self.flows {
            let room = flow.room_for_due(now);
            if room == 0 {
                continue;
            }
            let limit = room + flow.under_way();
            let due = self.parts.deliveries.due(flow.name(), now_ms, limit)?;
            let is_all = due.len() < limit;
            let mut due = due;
            due.retain(|delivery| !flow.is_under_way(delivery.sequence));
            for delivery in due.into_iter().take(room) {
                let event = event_of(&delivery, &self.reader, &self.parts.deliveries)?;
                let decoded = event.map(|event| decode(event, log_id, &self.parts.dispatcher));
                flow.retry(delivery, decoded, now, now_ms);
            }
            flow.looked(is_all);
        }
        Ok(())
    }

    /// Reads on at the live position; tells whether there was anything.
    fn read_live(&mut self) -> Result<bool, ReadError> {
        let rows = self.reader.after(self.position, READ)?;
        let Some(last) = rows.last().map(Row::sequence) else {
            return Ok(false);
        };
        let log_id = self.head.borrow().log_id;
        for row in rows {
            offer(row, &mut self.flows, log_id, &self.parts.dispatcher);
        }
        self.position = last;
        for flow in &mut self.flows {
            flow.followed(last);
        }
        Ok(true)
    }

    /// Lets those read for themselves that have room again; tells whether there is more.
    fn catch_up(&mut self) -> Result<bool, ReadError> {
        let mut is_behind = false;
        let log_id = self.head.borrow().log_id;
        for flow in &mut self.flows {
            let Some(after) = flow.reads_after(self.position) else {
                continue;
            };
            let rows = self.reader.after(after, READ)?;
            let end = rows.last().map_or(self.position, Row::sequence);
            // What is past the live position comes that way.
            let mut rows = rows
                .into_iter()
                .take_while(|row| row.sequence() <= self.position);
            if rows.all(|row| offer_to(flow, row, log_id, &self.parts.dispatcher)) {
                flow.has_read(end.min(self.position), self.position);
                is_behind |= end < self.position;
            }
        }
        Ok(is_behind)
    }

    /// Writes what has changed in one transaction, and has made what waited for that.
    fn save(&mut self) -> Result<(), StateError> {
        if !self.flows.iter().any(Flow::is_unsaved) {
            return Ok(());
        }
        let mut change = Change::default();
        for flow in &self.flows {
            flow.add_unsaved(&mut change);
        }
        self.parts.deliveries.save(&change)?;
        for flow in &mut self.flows {
            for attempt in flow.saved() {
                self.courier.send(attempt);
            }
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Box<dyn std::error::Error>> {
        if self.ticked.elapsed() < TICK {
            return Ok(());
        }
        self.ticked = Instant::now();
        for flow in &mut self.flows {
            flow.look_again();
            self.courier.tidy(flow.subscriber());
        }
        self.hasten()?;
        self.expire()?;
        self.report()?;
        Ok(())
    }

    /// Makes due what can only be due so late because the clock was set back.
    fn hasten(&mut self) -> Result<(), StateError> {
        for flow in &mut self.flows {
            let subscriber = flow.subscriber();
            let pause_max = subscriber.schedule.pause_max();
            let latest = subscriber.config.timeout.saturating_add(pause_max);
            let now_ms = now_ms();
            let beyond_ms = now_ms.saturating_add(millis(latest));
            let name = flow.name();
            let hastened = self.parts.deliveries.hasten(name, beyond_ms, now_ms)?;
            if hastened > 0 {
                warn!(
                    subscription = name,
                    deliveries = hastened,
                    "the clock was set back, or pauses are shorter now; what was to wait for longer is due"
                );
                flow.look_again();
            }
        }
        Ok(())
    }

    /// Forgets the dead letters that are old enough.
    fn expire(&mut self) -> Result<(), StateError> {
        for flow in &mut self.flows {
            let kept = flow.subscriber().config.dead_letters;
            let before_ms = now_ms().saturating_sub(millis(kept));
            let expired = self.parts.deliveries.expire(flow.name(), before_ms)?;
            flow.expired(expired);
        }
        Ok(())
    }

    /// Tells how the subscriptions stand, and which events nobody needs any more.
    fn report(&mut self) -> Result<(), StartError> {
        let counts = self.parts.deliveries.counts()?;
        let oldest = self.parts.deliveries.oldest_pending()?;
        let head = self.head.borrow().sequence;
        let mut standings = Vec::new();
        let mut through = Sequence::MAX;
        for flow in &self.flows {
            let pending = (flow.name().to_owned(), DeliveryStatus::Pending);
            let pending = counts.get(&pending).copied().unwrap_or(0);
            let cursor = flow.row().cursor;
            let oldest = oldest.get(flow.name()).map_or(cursor, |oldest| oldest - 1);
            let passed = oldest.min(cursor);
            through = through.min(passed);
            standings.push(flow.standing(pending, head, self.age_after(passed)?));
        }
        self.parts.observer.stands(&standings);
        self.board.set(standings);
        self.holder.release(through);
        Ok(())
    }

    /// How long ago the first event after `passed` was journaled, in milliseconds; 0 when there is none.
    fn age_after(&self, passed: Sequence) -> Result<u64, ReadError> {
        let first = ReadLimit {
            events: 1,
            bytes: 1,
        };
        let rows = self.reader.after(passed, first)?;
        Ok(match rows.first() {
            Some(Row::Event(event)) => now_ms().saturating_sub(event.journaled_ms),
            _ => 0,
        })
    }

    /// Exchanges the subscriptions; those that stay keep their place.
    fn configure(&mut self, subscribers: Vec<Arc<Subscriber>>) -> Result<(), StartError> {
        let known = self.parts.deliveries.subscriptions()?;
        let now = Instant::now();
        // What can fail comes first: those that are here must not be lost half-way.
        let mut news = Vec::new();
        let (stays, comes): (Vec<_>, Vec<_>) = subscribers
            .into_iter()
            .partition(|subscriber| self.place(&subscriber.name).is_some());
        for subscriber in comes {
            let row = match known.get(&*subscriber.name) {
                Some(row) => row.clone(),
                None => Subscription {
                    cursor: self.first(subscriber.start)?,
                    ..Subscription::default()
                },
            };
            let lanes = self.parts.deliveries.lanes(&subscriber.name)?;
            news.push(Flow::new(subscriber, row, lanes, now));
        }
        let mut flows = Vec::new();
        for subscriber in stays {
            if let Some(place) = self.place(&subscriber.name) {
                let mut flow = self.flows.swap_remove(place);
                flow.reconfigure(subscriber, now);
                flows.push(flow);
            }
        }
        flows.append(&mut news);
        flows.sort_by(|one, other| one.name().cmp(other.name()));
        self.flows = flows;
        for name in known.into_keys() {
            if !self.flows.iter().any(|flow| flow.name() == name) {
                self.parts.deliveries.remove(&name)?;
                warn!(
                    subscription = name,
                    "it is not configured any more; what was due to it is forgotten"
                );
            }
        }
        Ok(())
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.flows.iter().position(|flow| flow.name() == name)
    }

    /// The cursor of a new subscription.
    fn first(&self, start: Start) -> Result<Sequence, ReadError> {
        let end = self.head.borrow().sequence;
        match start {
            Start::Now => Ok(end),
            Start::Beginning => Ok(0),
            Start::At(unix_ms) => {
                let first = self.reader.first_at(unix_ms)?;
                Ok(first.map_or(end, |first| first - 1))
            }
        }
    }

    /// Lets attempts under way end in the time that is left, then saves.
    async fn finish(mut self) {
        let deadline = self.deadline.get().copied().unwrap_or_else(Instant::now);
        self.collect();
        while self.flows.iter().any(|flow| flow.under_way() > 0)
            && timeout_at(deadline.into(), self.courier.news())
                .await
                .is_ok()
        {
            self.collect();
        }
        if self.flows.iter().any(|flow| flow.under_way() > 0) {
            warn!("attempts are still under way; they are made again after the next start");
        }
        if let Err(error) = self.save() {
            let error = Causes(&error);
            error!(%error, "what was delivered last is not saved; it is delivered again");
        }
        self.courier.stop();
    }
}

/// Offers a row to all that are fed by the live reading. It is decoded once, if anybody wants it.
fn offer(row: Row, flows: &mut [Flow], log_id: Uuid, dispatcher: &Dispatcher) {
    let Row::Event(event) = row else {
        // The follower has told of it.
        let attached = flows.iter_mut().filter(|flow| flow.is_attached());
        return attached.for_each(Flow::pass);
    };
    let mut decoded = None;
    let (mut wanting, others): (Vec<&mut Flow>, Vec<&mut Flow>) = flows
        .iter_mut()
        .filter(|flow| flow.is_attached())
        .partition(|flow| flow.wants(&event));
    others.into_iter().for_each(Flow::pass);
    let mut event = Some(event);
    for flow in &mut wanting {
        if decoded.is_none() {
            decoded = event.take().map(|event| decode(event, log_id, dispatcher));
        }
        if let Some(decoded) = &decoded {
            flow.offer(decoded);
        }
    }
}

/// Offers a row to one. `false` when it has no room.
fn offer_to(flow: &mut Flow, row: Row, log_id: Uuid, dispatcher: &Dispatcher) -> bool {
    match row {
        Row::Event(event) if flow.wants(&event) => flow.offer(&decode(event, log_id, dispatcher)),
        _ => {
            flow.pass();
            true
        }
    }
}

/// The event of a row that is due: from the log, or the copy that a dead letter took along.
fn event_of(
    delivery: &Delivery,
    reader: &Reader,
    deliveries: &Deliveries,
) -> Result<Option<StoredEvent>, Box<dyn std::error::Error>> {
    if let Some(Row::Event(event)) = reader.get(delivery.sequence)? {
        return Ok(Some(event));
    }
    Ok(deliveries.event_of(&delivery.subscription, delivery.sequence)?)
}

fn decode(event: StoredEvent, log_id: Uuid, dispatcher: &Dispatcher) -> Arc<Decoded> {
    let installed = dispatcher.get(&event.envelope.command);
    let prepared = installed.map(|installed| installed.prepare(&event.body));
    let Prepared { subjects, time, .. } = prepared.unwrap_or_default();
    Arc::new(Decoded {
        id: EventId::new(log_id, event.sequence, event.journaled_ms),
        envelope: Arc::new(event.envelope),
        body: event.body,
        subjects,
        time,
    })
}

fn tell(error: &(dyn std::error::Error + 'static)) {
    let error = Causes(error);
    error!(%error, "events are not passed on; it is tried again");
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, millis)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// From 0 to 1.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // Every RandomState has other keys: that is randomness enough here.
    let random = RandomState::new().hash_one(()) % 1024;
    f64::from(u32::try_from(random).unwrap_or(0)) / 1024.0
}
