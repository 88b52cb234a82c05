//! The follower: reads the log once, behind the acks, and brings each event to the index and to its handler.
//!
//! It reads live at one position. A command whose queue is full, or an index that is being rebuilt, is detached: it
//! reads the log for itself until it has caught up, and holds up nobody; so does its failure. Everything here is one
//! thread; handlers run on threads of their own (`handlers`). Start at [`Follower::start`], then `step`; `upkeep` has
//! what is done beside reading.

mod finished;
mod indexing;
mod progress;
mod recent;
mod replays;
mod schedule;
mod stall;
#[cfg(test)]
mod tests;
mod upkeep;

use std::{
    error::Error,
    io,
    panic::Location,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use gateway_core::{Causes, Dispatcher, EventId, Installed, Phase, Prepared, Subjects};
use gateway_journal::{
    Head, Holder, Index, Journal, ReadLimit, Reader, Row, Sequence, State, StateError, StoredEvent,
};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::{clock, handlers::Handlers, metrics::Metrics, traces::Traces};

use finished::Finished;
use indexing::FoundBy;
use progress::Progress;
pub(crate) use recent::{Recent, Times};
use replays::Replay;
pub(crate) use replays::{ReplayError, Replays};
use stall::Stall;

/// What the follower works on.
#[derive(Debug)]
pub(crate) struct Parts {
    /// Followed.
    pub journal: Arc<Journal>,
    /// Keeps the journal's events until they are handled.
    pub holder: Holder,
    /// Filled with every event's subjects.
    pub index: Arc<Index>,
    /// Keeps cursors, outcomes and drift.
    pub state: State,
    /// Knows the plug-ins.
    pub dispatcher: Dispatcher,
    /// Runs the plug-ins.
    pub handlers: Arc<Handlers>,
    /// Where everything is counted.
    pub metrics: Arc<Metrics>,
    /// Told when events were decoded and handled.
    pub recent: Arc<Recent>,
    /// Where attempts are told of.
    pub traces: Traces,
}

/// The running follower.
#[derive(Debug)]
pub(crate) struct Running {
    stop: CancellationToken,
    deadline: Arc<OnceLock<Instant>>,
    thread: JoinHandle<()>,
    replays: Replays,
    head: watch::Receiver<Head>,
    behind: Arc<AtomicU64>,
}

/// The follower's own thread works on this.
#[derive(Debug)]
pub(crate) struct Follower {
    parts: Parts,
    reader: Reader,
    head: watch::Receiver<Head>,
    /// Every row up to here was read live.
    position: Sequence,
    /// The after-commands.
    commands: Vec<Progress>,
    /// Where each plug-in stands in `commands`, at its index; `None` for a before-command.
    places: Vec<Option<usize>>,
    finished: Arc<Finished>,
    replays: mpsc::Receiver<Replay>,
    /// Given to whoever wants to ask.
    replay: Replays,
    stop: CancellationToken,
    /// Until when running handlers may end; set before `stop`.
    deadline: Arc<OnceLock<Instant>>,
    saved: Instant,
    trimmed: Instant,
    /// The index is being built from the log's beginning.
    is_index_built: bool,
    live_stall: Stall,
    index_stall: Stall,
    /// What has ended can't be saved.
    save_stall: Stall,
    /// Every event up to here is indexed, and done, parked or dead.
    behind: Arc<AtomicU64>,
}

/// One read of the log.
const READ: ReadLimit = ReadLimit {
    events: 512,
    bytes: 4 << 20,
};

/// After reading to the end the follower lets a few batches come together: a read for each would cost more.
const READ_PAUSE: Duration = Duration::from_millis(1);

/// How often it looks after retries, blocked threads and its state.
const TICK: Duration = Duration::from_millis(250);

// === impl Running ===

impl Running {
    /// Stops reading, lets running handlers end until `deadline`, saves and closes. Blocks.
    pub(crate) fn stop(self, deadline: Instant) {
        // Nobody else sets it.
        self.deadline.get_or_init(|| deadline);
        self.stop.cancel();
        if self.thread.join().is_err() {
            error!("the follower has died");
        }
    }

    /// Events between the log's end and the slowest of the index and the handlers' cursors, also when the follower hangs.
    pub(crate) fn lag(&self) -> u64 {
        let behind = self.behind.load(Ordering::Relaxed);
        self.head.borrow().sequence.saturating_sub(behind)
    }

    /// For whoever wants an event handled once more.
    pub(crate) fn replays(&self) -> Replays {
        self.replays.clone()
    }

    /// Whether its thread has ended though nobody stopped it.
    pub(crate) fn is_dead(&self) -> bool {
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
    pub(crate) fn start(parts: Parts) -> Result<Running, StartError> {
        let mut follower = Self::new(parts)?;
        // From the first ack on, a crash or a power cut must find a cursor for each command.
        follower.save()?;
        follower.parts.state.sync()?;
        // Nobody may read 0 before the first step.
        follower.report_lag();
        let (stop, deadline) = (follower.stop.clone(), Arc::clone(&follower.deadline));
        let replays = follower.replay.clone();
        let (head, behind) = (follower.head.clone(), Arc::clone(&follower.behind));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = thread::Builder::new()
            .name("follower".to_owned())
            .spawn(move || runtime.block_on(follower.run()))?;
        Ok(Running {
            stop,
            deadline,
            thread,
            replays,
            head,
            behind,
        })
    }

    fn new(parts: Parts) -> Result<Self, StateError> {
        let head = parts.journal.head();
        let end = head.borrow().sequence;
        let cursors = parts.state.cursors()?;
        let after: Vec<&Installed> = parts
            .dispatcher
            .iter()
            .filter(|installed| installed.descriptor().phase == Phase::After)
            .collect();
        let bytes_max = progress::bytes_max(after.len());
        let mut commands: Vec<Progress> = after
            .into_iter()
            .map(|installed| {
                let saved = cursors.get(installed.descriptor().command).copied();
                Progress::new(installed.clone(), saved, end, bytes_max, &parts.metrics)
            })
            .collect();
        let furthest = commands.iter().map(Progress::cursor).max();
        let position = furthest.unwrap_or(0).max(parts.index.cursor()).min(end);
        for progress in &mut commands {
            progress.attach_at(position);
        }
        let finished = Arc::default();
        let (replay, replays) = Replays::new(&finished);
        let places = places(&commands, parts.dispatcher.iter().len());
        Ok(Self {
            reader: parts.journal.reader(),
            head,
            position,
            places,
            commands,
            finished,
            replays,
            replay,
            stop: CancellationToken::new(),
            deadline: Arc::default(),
            saved: Instant::now(),
            trimmed: Instant::now(),
            is_index_built: false,
            live_stall: Stall::default(),
            index_stall: Stall::default(),
            save_stall: Stall::default(),
            behind: Arc::default(),
            parts,
        })
    }

    async fn run(mut self) {
        let mut ticked = Instant::now();
        while !self.stop.is_cancelled() {
            let is_behind = self.step();
            if ticked.elapsed() >= TICK {
                ticked = Instant::now();
                self.tick();
            }
            if is_behind {
                tokio::task::yield_now().await;
            } else {
                self.wait().await;
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

    /// One bounded piece of work; tells whether there is more to do at once. A failure stalls what failed, only.
    fn step(&mut self) -> bool {
        self.collect();
        self.tell_replayed();
        let mut is_behind = self.replay();
        is_behind |= self.read_live();
        is_behind |= self.catch_up_index();
        for progress in &mut self.commands {
            match progress.catch_up(&self.reader, self.position) {
                Ok(has_more) => is_behind |= has_more,
                Err(error) => {
                    progress.stall();
                    tell(&error);
                }
            }
        }
        self.submit();
        self.report_lag();
        is_behind
    }

    /// Reads on at the live position; tells whether there was anything.
    fn read_live(&mut self) -> bool {
        if self.live_stall.is_on() {
            return false;
        }
        match self.reader.after(self.position, READ) {
            Ok(rows) => {
                let is_behind = !rows.is_empty();
                self.follow(rows);
                is_behind
            }
            Err(error) => {
                self.live_stall.begin();
                tell(&error);
                false
            }
        }
    }

    /// Takes rows that were read at the live position.
    fn follow(&mut self, rows: Vec<Row>) {
        let Some(last) = rows.last().map(Row::sequence) else {
            return;
        };
        let is_index_attached = self.parts.index.cursor() == self.position;
        let mut found_by = Vec::new();
        let sequences = rows.iter().map(Row::sequence);
        self.parts.recent.decoded(sequences, clock::now_ms());
        for row in rows {
            let event = match row {
                Row::Event(event) => event,
                Row::Damaged(sequence) => {
                    self.pass_over(sequence);
                    continue;
                }
            };
            let Some((index, mut prepared)) = self.prepare(&event) else {
                found_by.extend(FoundBy::of(&event, Subjects::default()));
                continue;
            };
            let has_drift = !prepared.drift.is_empty();
            if has_drift {
                self.parts.metrics.handler(index).drift.inc();
                // Roughly right after a crash: what was read since the last save, about a second's worth, is counted
                // twice where it is read again, and not at all where the index was ahead and the reading starts there.
                let drift = std::mem::take(&mut prepared.drift);
                let (command, journaled_ms) = (&event.envelope.command, event.journaled_ms);
                self.parts.state.note_drift(command, drift, journaled_ms);
            }
            if is_index_attached {
                let subjects = std::mem::take(&mut prepared.subjects);
                found_by.extend(FoundBy::of(&event, subjects));
            }
            if let Some(progress) = self.command_at(index) {
                progress.offer(event, prepared.work, has_drift);
            }
        }
        self.position = last;
        for progress in &mut self.commands {
            progress.followed(last);
        }
        if is_index_attached {
            self.add_to_index(&found_by, last);
        }
    }

    /// Nobody can tell whose a damaged row was, so that no handler can be said to have missed it: it is counted.
    fn pass_over(&self, sequence: Sequence) {
        self.parts.metrics.damaged.inc();
        error!(
            sequence,
            "an event in the journal is damaged; it is passed over"
        );
    }

    /// Decodes an event for its plug-in and tells the plug-in's place; nothing when none is installed.
    fn prepare(&self, event: &StoredEvent) -> Option<(usize, Prepared)> {
        let installed = self.parts.dispatcher.get(&event.envelope.command)?;
        Some((installed.descriptor().index, installed.prepare(&event.body)))
    }

    /// Hands what the commands have gathered to their threads.
    fn submit(&mut self) {
        let log_id = self.head.borrow().log_id;
        for progress in &mut self.commands {
            let id = |event: &StoredEvent| EventId::new(log_id, event.sequence, event.journaled_ms);
            let (handlers, traces) = (&self.parts.handlers, &self.parts.traces);
            progress.submit(handlers, traces, &self.finished, id);
        }
    }

    /// Takes back what handlers have finished.
    fn collect(&mut self) {
        for done in self.finished.take() {
            let (sequence, ended_ms) = (done.sequence, done.ended_ms);
            let progress = self.command_at(done.index);
            if progress.is_some_and(|progress| progress.finished(done)) {
                self.parts.recent.handled(sequence, ended_ms);
            }
        }
    }

    /// The progress of the plug-in at `index`; `None` for a before-command.
    fn command_at(&mut self, index: usize) -> Option<&mut Progress> {
        let place = self.places.get(index).copied().flatten()?;
        self.commands.get_mut(place)
    }

    /// Tells how far it has come.
    fn report_lag(&self) {
        let cursors = self.commands.iter().map(Progress::cursor);
        let behind = cursors.fold(self.parts.index.cursor(), Sequence::min);
        self.behind.store(behind, Ordering::Relaxed);
    }
}

/// The follower could not start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    /// The state can't be read or written.
    #[error(transparent)]
    State(#[from] StateError),
    /// No runtime or thread.
    #[error("failed to start the follower's thread")]
    Thread(#[from] io::Error),
}

/// Turns the places of the after-commands' plug-ins around; there are `installed` plug-ins.
fn places(commands: &[Progress], installed: usize) -> Vec<Option<usize>> {
    let mut places = vec![None; installed];
    for (place, progress) in commands.iter().enumerate() {
        if let Some(entry) = places.get_mut(progress.index()) {
            *entry = Some(place);
        }
    }
    places
}

/// The place keeps one part's lines from hiding another's.
#[track_caller]
fn tell(error: &(dyn Error + 'static)) {
    let (error, place) = (Causes(error), Location::caller());
    error!(%error, %place, "a part of the follower can't go on; it tries again");
}
