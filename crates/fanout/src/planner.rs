//! The planner: reads the log for all subscriptions, saves what is to be done, and has it done. One thread for it and the
//! attempts, which are tasks beside it.
//!
//! It reads live at one position; a subscription without room is detached and reads for itself later, so that none holds
//! up another. Nothing begins before it is saved. Start at [`Fanout::start`], then `step`.

mod moving;
mod roster;
mod steering;
mod upkeep;

use std::{
    io, panic,
    sync::{Arc, OnceLock},
    thread::{self, JoinHandle},
    time::Instant,
};

use gateway_core::{Causes, Dispatcher, EventId, Prepared};
use gateway_journal::{
    Change, Deliveries, Delivery, Head, Holder, Journal, ReadError, ReadLimit, Reader, Row,
    Sequence, StateError, StoredEvent,
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
    clock::now_ms,
    courier::{Courier, Done},
    flow::{Decoded, Flow, STALL},
    standing::Board,
    subscriber::Subscriber,
};

use moving::Moving;
use steering::Wish;
use upkeep::{TICK, Upkept};

pub use moving::{Move, Moved};
pub use steering::{SteerError, Steering};

/// What the fan-out works on.
#[derive(Debug)]
pub struct Parts {
    /// Followed.
    pub journal: Arc<Journal>,
    /// Keeps the journal's events until every subscription has passed them. Made before anybody else releases any.
    pub holder: Holder,
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
    head: watch::Receiver<Head>,
    /// Every row up to here was read live.
    position: Sequence,
    /// By name.
    flows: Vec<Flow>,
    /// Whose turn it is to read for itself.
    turn: usize,
    courier: Courier,
    wishes: mpsc::Receiver<Wish>,
    moving: Vec<Moving>,
    board: Board,
    stop: CancellationToken,
    /// Until when attempts may end; set before `stop`.
    deadline: Arc<OnceLock<Instant>>,
    ticked: Instant,
    /// Nothing is read and begun before, after a failure.
    stalled_until: Option<Instant>,
    /// Subscriptions that take the place of the present ones.
    wanted: Option<Vec<Arc<Subscriber>>>,
    /// Subscriptions of which the state has something left that nobody wants.
    removed: Vec<String>,
    /// Whether a power cut could still take the cursor of a new subscription.
    is_unsynced: bool,
    /// Everything that was saved before is on the disk, also after a power cut.
    synced: Instant,
    upkept: Upkept,
}

/// The fan-out could not start, or go on.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The state can't be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// The log can't be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// No runtime or thread.
    #[error("failed to start the fan-out's thread")]
    Thread(#[from] io::Error),
}

/// One read of the log.
const READ: ReadLimit = ReadLimit {
    events: 512,
    bytes: 4 << 20,
};

/// One read for one subscription that is behind: the others wait meanwhile.
const CATCH_UP: ReadLimit = ReadLimit {
    events: 256,
    bytes: 1 << 20,
};

/// Attempts that are taken back at once. A row for each that has failed may have to be written, and the others wait.
const ENDED_MAX: usize = 32;

/// Later attempts of one subscription that begin at once: each reads its event, and writes a row.
const DUE_MAX: usize = 8;

// === impl Fanout ===

impl Fanout {
    /// Goes on from the saved cursors.
    ///
    /// # Errors
    ///
    /// When the state can't be read or written, or no thread can be had.
    pub fn start(parts: Parts, subscribers: Vec<Arc<Subscriber>>) -> Result<Self, PlanError> {
        let (steering, wishes) = Steering::new();
        let mut planner = Planner::new(parts, wishes);
        planner.wanted = Some(subscribers);
        planner.configure()?;
        planner.report()?;
        let (stop, deadline) = (planner.stop.clone(), Arc::clone(&planner.deadline));
        let board = planner.board.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("fanout".to_owned())
            .spawn(move || {
                // A task of its own: waking the thread's first future costs a system call each time, from itself, too.
                let running = async { tokio::spawn(planner.run()).await };
                if let Err(error) = runtime.block_on(running) {
                    panic::resume_unwind(error.into_panic());
                }
            })?;
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
    fn new(parts: Parts, wishes: mpsc::Receiver<Wish>) -> Self {
        let head = parts.journal.head();
        let position = head.borrow().sequence;
        Self {
            reader: parts.journal.reader(),
            head,
            position,
            flows: Vec::new(),
            turn: 0,
            courier: Courier::default(),
            wishes,
            moving: Vec::new(),
            board: Board::default(),
            stop: CancellationToken::new(),
            deadline: Arc::default(),
            ticked: Instant::now(),
            stalled_until: None,
            wanted: None,
            removed: Vec::new(),
            is_unsynced: false,
            synced: Instant::now(),
            upkept: Upkept::new(),
            parts,
        }
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
                // What else has ended by now is saved in the same transaction.
                tokio::task::yield_now().await;
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
        let mut is_behind = self.tick();
        is_behind |= self.collect();
        // Whoever asks the state must find what has ended; else that is saved together with what begins.
        if !self.moving.is_empty() || self.may_retry() {
            self.save()?;
        }
        is_behind |= self.go_on_moving();
        self.retry();
        is_behind |= self.remove()?;
        is_behind |= self.read_live()?;
        is_behind |= self.catch_up();
        let (now, now_ms) = (Instant::now(), now_ms());
        for flow in &mut self.flows {
            flow.advance(now, now_ms);
        }
        self.save()?;
        Ok(is_behind)
    }

    /// Takes back attempts that have ended; tells whether there are more.
    fn collect(&mut self) -> bool {
        let (now, now_ms) = (Instant::now(), now_ms());
        let (ended, is_all) = self.courier.take(ENDED_MAX);
        for done in ended {
            let Done {
                flow,
                subscription,
                sequence,
                ended,
                took,
            } = done;
            self.parts.observer.attempted(&subscription, &ended, took);
            let mut flows = self.flows.iter_mut();
            if let Some(flow) = flows.find(|found| found.id() == flow) {
                flow.ended(sequence, ended, jitter(), now, now_ms);
            }
        }
        !is_all
    }

    fn may_retry(&self) -> bool {
        let now = Instant::now();
        self.flows.iter().any(|flow| flow.room_for_due(now) > 0)
    }

    /// Begins the later attempts that are due.
    fn retry(&mut self) {
        let (now, log_id) = (Instant::now(), self.head.borrow().log_id);
        for flow in &mut self.flows {
            if let Err(error) = retry(flow, &self.reader, &self.parts, log_id, now) {
                flow.stall(now);
                tell(&*error);
            }
        }
    }

    /// Reads on at the live position; tells whether there was anything.
    fn read_live(&mut self) -> Result<bool, ReadError> {
        if !self.flows.iter().any(Flow::is_attached) {
            // Nobody would be offered anything.
            self.position = self.head.borrow().sequence;
            return Ok(false);
        }
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

    /// Lets one of those read for itself that have room again, each in its turn; tells whether there is more.
    fn catch_up(&mut self) -> bool {
        let (now, position) = (Instant::now(), self.position);
        let log_id = self.head.borrow().log_id;
        // Each is the first in its turn; their order stays, by which the board tells them apart.
        self.turn = (self.turn + 1) % self.flows.len().max(1);
        let (later, first) = self.flows.split_at_mut(self.turn);
        let mut has_read = false;
        for flow in first.iter_mut().chain(later) {
            let Some((after, events)) = flow.reads_after(position, now) else {
                continue;
            };
            if has_read {
                return true;
            }
            has_read = true;
            let limit = ReadLimit {
                events: events.min(CATCH_UP.events),
                ..CATCH_UP
            };
            match self.reader.after(after, limit) {
                Ok(rows) => take_over(flow, rows, position, log_id, &self.parts.dispatcher),
                Err(error) => {
                    flow.stall(now);
                    tell(&error);
                }
            }
        }
        let mut flows = self.flows.iter_mut();
        has_read && flows.any(|flow| flow.reads_after(position, now).is_some())
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
        for attempt in self.flows.iter_mut().flat_map(Flow::saved) {
            self.courier.send(attempt);
        }
        Ok(())
    }

    /// Lets attempts under way end in the time that is left, then saves.
    async fn finish(mut self) {
        let deadline = self.deadline.get().copied().unwrap_or_else(Instant::now);
        let now_ms = now_ms();
        for flow in &mut self.flows {
            flow.drop_unsent(now_ms);
        }
        while self.collect() {}
        while self.flows.iter().any(|flow| flow.under_way() > 0)
            && timeout_at(deadline.into(), self.courier.news())
                .await
                .is_ok()
        {
            while self.collect() {}
        }
        while self.collect() {}
        if self.flows.iter().any(|flow| flow.under_way() > 0) {
            warn!("attempts are still under way; they are made again after the next start");
        }
        if let Err(error) = self.save() {
            let error = Causes(&error);
            error!(%error, "what was delivered last is not saved; it is delivered again");
        }
    }
}

/// Offers a row to all that are fed by the live reading. It is decoded once, if anybody wants it.
fn offer(row: Row, flows: &mut [Flow], log_id: Uuid, dispatcher: &Dispatcher) {
    let attached = flows.iter_mut().filter(|flow| flow.is_attached());
    let event = match row {
        Row::Event(event) => event,
        Row::Damaged(sequence) => {
            for flow in attached {
                // Without room it is read again later.
                flow.damaged(sequence);
            }
            return;
        }
    };
    let mut decoded = None;
    for flow in attached {
        if flow.wants(&event) {
            let decoded = decoded.get_or_insert_with(|| decode(event.clone(), log_id, dispatcher));
            flow.offer(decoded);
        } else {
            flow.pass();
        }
    }
}

/// Lets a subscription that reads for itself take rows, up to the live `position`: what is past it comes that way.
fn take_over(
    flow: &mut Flow,
    rows: Vec<Row>,
    position: Sequence,
    log_id: Uuid,
    dispatcher: &Dispatcher,
) {
    let end = rows.last().map_or(position, Row::sequence).min(position);
    for row in rows {
        let has_room = match row {
            row if row.sequence() > position => break,
            Row::Damaged(sequence) => flow.damaged(sequence),
            Row::Event(event) if flow.wants(&event) => {
                flow.offer(&decode(event, log_id, dispatcher))
            }
            Row::Event(_) => {
                flow.pass();
                true
            }
        };
        if !has_room {
            return;
        }
    }
    flow.has_read(end, position);
}

/// Begins the later attempts of one subscription that are due.
fn retry(
    flow: &mut Flow,
    reader: &Reader,
    parts: &Parts,
    log_id: Uuid,
    now: Instant,
) -> Result<(), Box<dyn std::error::Error>> {
    let room = flow.room_for_due(now).min(DUE_MAX);
    if room == 0 {
        return Ok(());
    }
    let now_ms = now_ms();
    // After the clock was set, those under way may look due.
    let limit = room + flow.under_way();
    let mut due = parts.deliveries.due(flow.name(), now_ms, limit)?;
    let is_all = due.len() < limit;
    due.retain(|delivery| !flow.is_under_way(delivery.sequence));
    for delivery in due.into_iter().take(room) {
        if flow.room_for_due(now) == 0 {
            return Ok(());
        }
        let event = event_of(&delivery, reader, &parts.deliveries)?;
        let decoded = event.map(|event| decode(event, log_id, &parts.dispatcher));
        flow.retry(delivery, decoded, now, now_ms);
    }
    flow.looked(is_all);
    Ok(())
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

/// From 0 to 1.
fn jitter() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // Every RandomState has other keys: that is randomness enough here.
    let random = RandomState::new().hash_one(()) % 1024;
    f64::from(u32::try_from(random).unwrap_or(0)) / 1024.0
}
