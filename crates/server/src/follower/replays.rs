//! Events that are to be handled once more, on their way to the follower, and how that ended, on the way back.

use std::{sync::Arc, time::Duration};

use gateway_core::{AckFault, Work};
use gateway_journal::{Outcome, Row, Sequence, StateError, StoredEvent};
use tokio::sync::{mpsc, oneshot};

use super::{Follower, finished::Finished, progress::Progress, tell};
use crate::handlers::Failure;

/// Asks the follower to have an event handled once more.
#[derive(Debug, Clone)]
pub(crate) struct Replays {
    replays: mpsc::Sender<Replay>,
    /// Wakes the follower.
    finished: Arc<Finished>,
}

/// An event that is to be handled once more.
#[derive(Debug)]
pub(super) struct Replay {
    sequence: Sequence,
    reply: Reply,
}

/// Who waits for the end.
type Reply = oneshot::Sender<Result<(), ReplayError>>;

/// One that is with its handler.
#[derive(Debug)]
pub(super) struct Replaying {
    /// What the state knows of the event; `None` when it is done.
    pub(super) known: Option<Outcome>,
    pub(super) bytes: usize,
    /// Whether the body says what our types don't expect.
    pub(super) has_drift: bool,
    reply: Reply,
}

/// One that can be handed to its handler.
struct Readied {
    index: usize,
    event: StoredEvent,
    work: Work,
    known: Option<Outcome>,
    has_drift: bool,
}

/// One that has ended, and whose end is not saved yet.
#[derive(Debug)]
pub(super) struct Replayed {
    reply: Reply,
    result: Result<(), ReplayError>,
}

/// An event was not handled once more, or its handler failed again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The handler failed.
    #[error("the handler failed")]
    Failed(Failure),
    /// A before-command's plug-in has answered what Chat would not honour.
    #[error("the plug-in's ack breaks the rules of its command: {0}")]
    Broken(AckFault),
    /// Its body can't be read by its plug-in.
    #[error("its body can't be read by its plug-in; `drift` says where it differs")]
    Undecodable,
    /// There is no plug-in.
    #[error("no plug-in is installed for its command")]
    NotInstalled,
    /// It is being handled, or waits for its first attempt, or an older event of its command does.
    #[error(
        "it, or an older event of its command, is still being handled or waits for its first attempt"
    )]
    Pending,
    /// The log does not hold it, or its row is damaged.
    #[error("the journal does not hold it any more, or its row is damaged")]
    Missing,
    /// Nobody knows yet how it ends.
    #[error(
        "it is still being handled, or how it ended can't be saved yet; look at the event's outcome later"
    )]
    Slow,
    /// Too much waits already, the state can't be read or written, or the gateway stops.
    #[error(
        "too much is being handled, the state can't be read or written, or the gateway stops; try again"
    )]
    Busy,
}

/// Those that wait; further ones are refused.
const WAITING_MAX: usize = 64;

/// Those that one step of the follower hands on.
const STEP_MAX: usize = 16;

/// How long the end is waited for: longer than a handler may take, which may have to wait for its turn.
const PATIENCE: Duration = Duration::from_secs(45);

// === impl Replays ===

impl Replays {
    pub(super) fn new(finished: &Arc<Finished>) -> (Self, mpsc::Receiver<Replay>) {
        let (replays, receiver) = mpsc::channel(WAITING_MAX);
        let finished = Arc::clone(finished);
        (Self { replays, finished }, receiver)
    }

    /// Has an after-event handled once more, and waits for the end; what came of it is then in the state. An event that
    /// was done stays so, whatever happens.
    ///
    /// # Errors
    ///
    /// When it is not handled, or the handler fails.
    pub(crate) async fn replay(&self, sequence: Sequence) -> Result<(), ReplayError> {
        let (waiting, ended) = oneshot::channel();
        let replay = Replay {
            sequence,
            reply: waiting,
        };
        self.replays
            .try_send(replay)
            .map_err(|_| ReplayError::Busy)?;
        self.finished.nudge();
        let ended = tokio::time::timeout(PATIENCE, ended).await;
        // Without an answer its thread was given up, or the gateway stops.
        ended.map_or(Err(ReplayError::Slow), |ended| {
            ended.unwrap_or(Err(ReplayError::Busy))
        })
    }
}

// === impl Replaying ===

impl Replaying {
    pub(super) fn ended(self, result: Result<(), Failure>) -> Replayed {
        Replayed {
            reply: self.reply,
            result: result.map_err(ReplayError::Failed),
        }
    }
}

// === impl Follower ===

impl Follower {
    /// Hands on what somebody wants handled once more; tells whether there may be more at once.
    pub(super) fn replay(&mut self) -> bool {
        for _ in 0..STEP_MAX {
            let Ok(Replay { sequence, reply }) = self.replays.try_recv() else {
                return false;
            };
            match self.readied(sequence) {
                Ok(readied) => self.hand_on(readied, reply),
                // Whoever asked may have gone.
                Err(error) => drop(reply.send(Err(error))),
            }
        }
        true
    }

    fn hand_on(&mut self, readied: Readied, reply: Reply) {
        let progress = self.command_at(readied.index);
        let progress = progress.expect("what is readied has a handler's progress");
        let replaying = Replaying {
            known: readied.known,
            bytes: readied.event.body.len(),
            has_drift: readied.has_drift,
            reply,
        };
        progress.replay(readied.event, readied.work, replaying);
    }

    /// An event with its handler's work, and what the state knows of it.
    fn readied(&mut self, sequence: Sequence) -> Result<Readied, ReplayError> {
        // Each further try would hold up all commands for as long as the last one.
        if self.save_stall.is_on() {
            return Err(ReplayError::Busy);
        }
        let row = self.reader.get(sequence).map_err(|error| {
            tell(&error);
            ReplayError::Busy
        })?;
        let Some(Row::Event(event)) = row else {
            return Err(ReplayError::Missing);
        };
        let installed = self.parts.dispatcher.get(&event.envelope.command);
        let installed = installed.ok_or(ReplayError::NotInstalled)?.clone();
        let index = installed.descriptor().index;
        let progress = self.command_at(index).ok_or(ReplayError::NotInstalled)?;
        if progress.is_pending(sequence) {
            return Err(ReplayError::Pending);
        }
        if progress.room() == 0 {
            return Err(ReplayError::Busy);
        }
        let known = self.known_outcome(sequence).map_err(|error| {
            self.save_stall.begin();
            tell(&error);
            ReplayError::Busy
        })?;
        let prepared = installed.prepare(&event.body);
        let work = prepared.work.ok_or(ReplayError::Undecodable)?;
        self.add_late_to_index(&event, prepared.subjects);
        Ok(Readied {
            index,
            work,
            known,
            has_drift: !prepared.drift.is_empty(),
            event,
        })
    }

    fn known_outcome(&mut self, sequence: Sequence) -> Result<Option<Outcome>, StateError> {
        self.save_ended()?;
        self.parts.state.reader().outcome(sequence)
    }

    /// Tells those who wait, once what they wait for is in the state. If it can't be saved they wait on: what they were
    /// told would not be true after a crash.
    pub(super) fn tell_replayed(&mut self) {
        let has_ended = |progress: &Progress| !progress.replayed.is_empty();
        if self.save_stall.is_on() || !self.commands.iter().any(has_ended) {
            return;
        }
        // The cursor, too: an event that was handled a moment ago is to be done for whoever looks.
        match self.save() {
            Ok(()) => self.answer_replayed(),
            Err(error) => {
                self.save_stall.begin();
                tell(&error);
            }
        }
    }

    /// Tells those who wait; what they wait for is in the state.
    pub(super) fn answer_replayed(&mut self) {
        let commands = self.commands.iter_mut();
        for Replayed { reply, result } in commands.flat_map(|progress| progress.replayed.drain(..))
        {
            // Whoever asked may have gone.
            drop(reply.send(result));
        }
    }
}
