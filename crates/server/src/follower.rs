//! The follower: reads the log once, behind the acks, and brings each event to the index and to its handler.
//!
//! It reads live at one position. A lane whose queue is full, or an index that is being rebuilt, is detached: it reads
//! the log for itself until it has caught up, and holds up nobody. Everything here is one thread; handlers run on
//! threads of their own (`handlers`). Start at [`Follower::start`], then `step`.

mod finished;
mod lane;
mod retry;

use std::{
    collections::BTreeMap,
    io,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use gateway_core::{Dispatcher, EventId, Installed, Phase, Prepared, Subjects};
use gateway_journal::{
    Head, Index, Journal, Key, ReadError, ReadLimit, Reader, Row, Sequence, State, StateError,
    StoredEvent,
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{error, warn};

use crate::{clock, handlers::Handlers, metrics::Metrics};

use finished::Finished;
use lane::Lane;

/// What the follower works on.
#[derive(Debug)]
pub struct Parts {
    /// Told how far it may be trimmed.
    pub journal: Arc<Journal>,
    /// Filled with every event's subjects.
    pub index: Arc<Index>,
    /// Keeps cursors and outcomes.
    pub state: State,
    /// Knows the plug-ins.
    pub dispatcher: Dispatcher,
    /// Runs the plug-ins.
    pub handlers: Arc<Handlers>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
}

/// The running follower.
#[derive(Debug)]
pub struct Running {
    stop: CancellationToken,
    thread: JoinHandle<()>,
}

/// The follower's own thread works on this.
#[derive(Debug)]
pub struct Follower {
    parts: Parts,
    reader: Reader,
    head: watch::Receiver<Head>,
    /// Every row up to here was read live.
    position: Sequence,
    lanes: Vec<Lane>,
    finished: Arc<Finished>,
    stop: CancellationToken,
    grace: Duration,
    saved: Instant,
    trimmed: Instant,
}

/// One read of the log.
const READ: ReadLimit = ReadLimit {
    events: 512,
    bytes: 4 << 20,
};

/// After reading to the end the follower lets a few batches come together: a read for each would cost more.
const READ_PAUSE: Duration = Duration::from_millis(5);

/// How often it looks after retries, blocked threads and its state.
const TICK: Duration = Duration::from_millis(250);

/// How often cursors are written: what a crash repeats at most.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often what the log no longer has is removed from index and state.
const TRIM_EVERY: Duration = Duration::from_secs(2);

/// How long it waits before it tries a failed read or write again.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// What went wrong in one step.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    State(#[from] StateError),
}

// === impl Running ===

impl Running {
    /// Stops reading, gives running handlers the grace period, saves and closes. Blocks.
    pub fn stop(self) {
        self.stop.cancel();
        if self.thread.join().is_err() {
            error!("the follower has died");
        }
    }

    /// Whether its thread has ended though nobody stopped it.
    pub fn is_dead(&self) -> bool {
        self.thread.is_finished() && !self.stop.is_cancelled()
    }
}

// === impl Follower ===

impl Follower {
    /// Starts at the saved cursors; a command without one starts at the log's end.
    ///
    /// # Errors
    ///
    /// When the state can't be read or written, or no thread can be had.
    pub fn start(parts: Parts, grace: Duration) -> Result<Running, StartError> {
        let mut follower = Self::new(parts, grace)?;
        // From the first ack on, a crash or a power cut must find a cursor for each command.
        follower.save()?;
        follower.parts.state.sync()?;
        // Nobody may read 0 before the first step.
        follower.report_lag();
        let stop = follower.stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("follower".to_owned())
            .spawn(move || runtime.block_on(follower.run()))?;
        Ok(Running { stop, thread })
    }

    fn new(parts: Parts, grace: Duration) -> Result<Self, StateError> {
        let head = parts.journal.head();
        let end = head.borrow().sequence;
        let cursors = parts.state.cursors()?;
        let after: Vec<&Installed> = parts
            .dispatcher
            .iter()
            .filter(|installed| installed.descriptor().phase == Phase::After)
            .collect();
        let bytes_max = lane::bytes_max(after.len());
        let mut lanes: Vec<Lane> = after
            .into_iter()
            .map(|installed| {
                let cursor = cursors.get(installed.descriptor().command);
                let cursor = cursor.map_or(end, |cursor| end.min(*cursor));
                Lane::new(installed.clone(), cursor, bytes_max, &parts.metrics)
            })
            .collect();
        let furthest = lanes.iter().map(Lane::cursor).max();
        let position = furthest.unwrap_or(0).max(parts.index.cursor()).min(end);
        for lane in &mut lanes {
            lane.attach_at(position);
        }
        Ok(Self {
            reader: parts.journal.reader(),
            head,
            position,
            lanes,
            finished: Arc::default(),
            stop: CancellationToken::new(),
            grace,
            saved: Instant::now(),
            trimmed: Instant::now(),
            parts,
        })
    }

    async fn run(mut self) {
        let mut ticked = Instant::now();
        while !self.stop.is_cancelled() {
            let mut stepped = self.step();
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                stepped = stepped.and_then(|is_behind| self.tick().map(|()| is_behind));
            }
            match stepped {
                Ok(true) => tokio::task::yield_now().await,
                Ok(false) => self.wait().await,
                Err(error) => {
                    error!(%error, "the follower can't go on; it tries again");
                    let pause = tokio::time::sleep(FAILURE_PAUSE);
                    self.stop.run_until_cancelled(pause).await;
                }
            }
        }
        self.finish().await;
    }

    /// Waits for news: events, finished handlers, or the next tick.
    async fn wait(&mut self) {
        self.stop
            .run_until_cancelled(tokio::time::sleep(READ_PAUSE))
            .await;
        tokio::select! {
            // The writer outlives the follower.
            _ = self.head.changed() => {}
            () = self.finished.notified() => {}
            () = tokio::time::sleep(TICK) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// One bounded piece of work; tells whether there is more to do at once.
    fn step(&mut self) -> Result<bool, StepError> {
        self.collect();
        let rows = self.reader.after(self.position, READ)?;
        let is_behind = !rows.is_empty();
        self.follow(rows);
        let is_index_behind = self.catch_up_index()?;
        let mut is_lane_behind = false;
        for lane in &mut self.lanes {
            is_lane_behind |= lane.catch_up(&self.reader, self.position)?;
        }
        self.submit();
        self.report_lag();
        Ok(is_behind || is_index_behind || is_lane_behind)
    }

    /// Takes rows that were read at the live position.
    fn follow(&mut self, rows: Vec<Row>) {
        let Some(last) = rows.last().map(sequence_of) else {
            return;
        };
        let is_index_attached = self.parts.index.cursor() == self.position;
        let mut subjects = Vec::new();
        for row in rows {
            let Some((event, index, mut prepared)) = self.prepare(row) else {
                continue;
            };
            if !prepared.drift.is_empty()
                && let Some(metrics) = self.parts.metrics.handler(index)
            {
                metrics.drift.inc();
            }
            if is_index_attached {
                subjects.push((event.sequence, std::mem::take(&mut prepared.subjects)));
            }
            if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.index() == index) {
                lane.offer(event, prepared);
            }
        }
        self.position = last;
        for lane in &mut self.lanes {
            lane.followed(last);
        }
        if is_index_attached {
            self.add_to_index(&subjects, last);
        }
    }

    /// Decodes an event for its plug-in and tells the plug-in's place; nothing for a row that is damaged, or when no
    /// plug-in is installed.
    fn prepare(&self, row: Row) -> Option<(StoredEvent, usize, Prepared)> {
        let event = match row {
            Row::Event(event) => event,
            Row::Damaged(sequence) => {
                error!(
                    sequence,
                    "an event in the journal is damaged; it is passed over"
                );
                return None;
            }
        };
        let installed = self.parts.dispatcher.get(&event.envelope.command)?;
        let prepared = installed.prepare(&event.body);
        Some((event, installed.descriptor().index, prepared))
    }

    /// Lets an index that is behind the live position read for itself.
    fn catch_up_index(&mut self) -> Result<bool, ReadError> {
        let cursor = self.parts.index.cursor();
        if cursor >= self.position {
            return Ok(false);
        }
        let rows = self.reader.after(cursor, READ)?;
        let mut through = self.position;
        if rows.len() == READ.events || rows.last().is_some_and(|row| sequence_of(row) < through) {
            through = rows
                .last()
                .map_or(through, |row| sequence_of(row).min(through));
        }
        let subjects: Vec<(Sequence, Subjects)> = rows
            .into_iter()
            .filter(|row| sequence_of(row) <= through)
            .filter_map(|row| self.prepare(row))
            .map(|(event, _, prepared)| (event.sequence, prepared.subjects))
            .collect();
        Ok(self.add_to_index(&subjects, through) && through < self.position)
    }

    fn add_to_index(&self, subjects: &[(Sequence, Subjects)], through: Sequence) -> bool {
        let entries = subjects.iter().flat_map(|(sequence, subjects)| {
            let accounts = subjects.accounts.iter().map(|name| Key::Account(name));
            let groups = subjects.groups.iter().map(|name| Key::Group(name));
            accounts.chain(groups).map(|key| (key, *sequence))
        });
        let added = self.parts.index.add(entries, through);
        if let Err(error) = &added {
            warn!(%error, "events are not indexed; it is tried again");
        }
        added.is_ok()
    }

    /// Hands what the lanes have gathered to their threads.
    fn submit(&mut self) {
        let log_id = self.head.borrow().log_id;
        for lane in &mut self.lanes {
            let id = |event: &StoredEvent| EventId::new(log_id, event.sequence, event.journaled_ms);
            lane.submit(&self.parts.handlers, &self.finished, id);
        }
    }

    /// Takes back what handlers have finished.
    fn collect(&mut self) {
        for done in self.finished.take() {
            if let Some(lane) = self.lanes.iter_mut().find(|lane| lane.index() == done.lane) {
                lane.finished(done);
            }
        }
    }

    fn report_lag(&self) {
        let lanes = self.lanes.iter().map(Lane::cursor).min();
        let behind = self
            .parts
            .index
            .cursor()
            .min(lanes.unwrap_or(Sequence::MAX));
        let lag = self
            .head
            .borrow()
            .sequence
            .saturating_sub(behind.min(self.position));
        self.parts
            .metrics
            .follower_lag
            .set(i64::try_from(lag).unwrap_or(i64::MAX));
    }

    fn tick(&mut self) -> Result<(), StepError> {
        for lane in &mut self.lanes {
            lane.look_after(&self.parts.handlers);
        }
        self.retry()?;
        if self.saved.elapsed() >= SAVE_EVERY {
            self.save()?;
        }
        if self.trimmed.elapsed() >= TRIM_EVERY {
            self.trim()?;
        }
        Ok(())
    }

    /// Starts the attempts that are due; each is counted on disk before it starts.
    fn retry(&mut self) -> Result<(), StepError> {
        if self.lanes.iter().any(Lane::is_unsaved) {
            // Attempts that have finished since the last save are due on disk, still.
            self.save()?;
        }
        let mut started = Vec::new();
        for lane in &mut self.lanes {
            let (state, now) = (&self.parts.state, clock::now_ms());
            for outcome in state.due(lane.command(), now, lane.room())? {
                if !lane.can_retry(outcome.sequence) {
                    continue;
                }
                match self.reader.get(outcome.sequence)? {
                    Some(Row::Event(event)) => started.push(lane.retry(event, outcome)),
                    Some(Row::Damaged(_)) | None => lane.give_up(outcome),
                }
            }
        }
        if !started.is_empty() {
            self.parts.state.save(&[], &started, &[])?;
        }
        self.submit();
        Ok(())
    }

    /// Writes cursors and outcomes in one transaction, and tells the journal what it may delete.
    fn save(&mut self) -> Result<(), StateError> {
        self.saved = Instant::now();
        let mut outcomes = Vec::new();
        let mut done = Vec::new();
        for lane in &self.lanes {
            outcomes.extend(lane.outcomes.iter().cloned());
            let command = lane.command();
            done.extend(lane.done.iter().map(|sequence| (*sequence, command)));
        }
        let cursors: Vec<(&str, Sequence)> = self
            .lanes
            .iter()
            .map(|lane| (lane.command(), lane.cursor()))
            .collect();
        self.parts.state.save(&cursors, &outcomes, &done)?;
        // Not before: what could not be saved is tried again, or its events would pass for done.
        for lane in &mut self.lanes {
            lane.outcomes.clear();
            lane.done.clear();
        }
        self.report_outcomes()?;
        let handled = cursors.iter().map(|(_, cursor)| *cursor).min();
        let handled = handled.unwrap_or(self.position);
        let mut through = handled;
        for lane in &self.lanes {
            let parked = self.parts.state.oldest_parked(lane.command())?;
            through = parked.map_or(through, |oldest| through.min(oldest.saturating_sub(1)));
        }
        self.parts.journal.release(through);
        Ok(())
    }

    fn report_outcomes(&self) -> Result<(), StateError> {
        use gateway_journal::Status::{Dead, Parked};
        let counts: BTreeMap<_, _> = self.parts.state.counts()?;
        for lane in &self.lanes {
            let Some(metrics) = self.parts.metrics.handler(lane.index()) else {
                continue;
            };
            let count = |status| {
                let count = counts.get(&(lane.command().to_owned(), status)).copied();
                i64::try_from(count.unwrap_or(0)).unwrap_or(i64::MAX)
            };
            metrics.parked_events.set(count(Parked));
            metrics.dead_events.set(count(Dead));
        }
        Ok(())
    }

    fn trim(&mut self) -> Result<(), StepError> {
        self.trimmed = Instant::now();
        let Some((first, _)) = self.reader.bounds()? else {
            return Ok(());
        };
        let gone = first.saturating_sub(1);
        if let Err(error) = self.parts.index.trim(gone) {
            warn!(%error, "the index keeps events that the log no longer has");
        }
        self.parts.state.trim(gone)?;
        Ok(())
    }

    /// Gives running handlers the rest of the grace period, then saves and closes.
    async fn finish(mut self) {
        let deadline = tokio::time::Instant::now() + self.grace;
        while self.lanes.iter().any(Lane::is_busy)
            && tokio::time::timeout_at(deadline, self.finished.notified())
                .await
                .is_ok()
        {
            self.collect();
        }
        if self.lanes.iter().any(Lane::is_busy) {
            warn!("handlers still run; their events are handled again after the next start");
        }
        self.collect();
        if let Err(error) = self.save() {
            error!(%error, "the handlers' progress is not saved; the last second is repeated");
        }
        if let Err(error) = self.parts.index.close() {
            warn!(%error, "the index is not up to date; the rest is added after the next start");
        }
    }
}

/// The follower could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state can't be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// No runtime or thread.
    #[error("failed to start the follower's thread")]
    Thread(#[from] io::Error),
}

fn sequence_of(row: &Row) -> Sequence {
    match row {
        Row::Event(event) => event.sequence,
        Row::Damaged(sequence) => *sequence,
    }
}
