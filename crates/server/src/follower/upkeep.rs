//! What the follower does beside reading: retries, its own state, trimming, and its end.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use gateway_core::Causes;
use gateway_journal::{ReadError, StateError, Status};
use tracing::{error, warn};

use super::{
    Follower,
    progress::{Attempt, Progress},
    tell,
};
use crate::{clock, metrics::signed};

/// How often cursors are written: what a crash repeats at most.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// How often what the log no longer has is removed from index and state.
const TRIM_EVERY: Duration = Duration::from_secs(2);

/// What went wrong while trimming.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrimError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    State(#[from] StateError),
}

impl Follower {
    /// Looks after blocked threads, retries and the state. A failure of one keeps none of the others from its turn.
    pub(super) fn tick(&mut self) {
        for progress in &mut self.commands {
            progress.look_after(&self.parts.handlers);
        }
        if self.save_stall.is_on() {
            return;
        }
        let retried = self.retry();
        let is_time = self.saved.elapsed() >= SAVE_EVERY;
        let saved = if is_time { self.save() } else { Ok(()) };
        if let Err(error) = retried.and(saved) {
            // A state that is locked makes each of these wait.
            self.save_stall.begin();
            tell(&error);
        }
        if self.trimmed.elapsed() >= TRIM_EVERY
            && let Err(error) = self.trim()
        {
            tell(&error);
        }
    }

    /// Starts the attempts that are due; each is counted on disk before it starts.
    pub(super) fn retry(&mut self) -> Result<(), StateError> {
        self.save_ended()?;
        let counts = self.parts.state.counts()?;
        let parked = parked(&counts);
        let mut starting: Vec<(usize, Attempt)> = Vec::new();
        for (place, progress) in self.commands.iter_mut().enumerate() {
            if !parked.contains(progress.command()) {
                continue;
            }
            let (state, now) = (&self.parts.state, clock::now_ms());
            let due = state.due(progress.command(), now, progress.room())?;
            match progress.read_due(due, &self.reader) {
                Ok(attempts) => {
                    starting.extend(attempts.into_iter().map(|attempt| (place, attempt)));
                }
                Err(error) => {
                    progress.stall();
                    tell(&error);
                }
            }
        }
        if starting.is_empty() {
            return Ok(());
        }
        let counted: Vec<_> = starting
            .iter()
            .map(|(_, attempt)| attempt.outcome.clone())
            .collect();
        self.parts.state.save(&[], &counted, &[])?;
        for (place, attempt) in starting {
            if let Some(progress) = self.commands.get_mut(place) {
                progress.retry(attempt);
            }
        }
        self.submit();
        Ok(())
    }

    /// Saves when attempts have ended since the last time: until then they are due on disk, still.
    pub(super) fn save_ended(&mut self) -> Result<(), StateError> {
        if self.commands.iter().any(Progress::is_unsaved) {
            self.save()?;
        }
        Ok(())
    }

    /// Writes what has changed of cursors, outcomes and drift in one transaction, and tells the journal what it may delete.
    pub(super) fn save(&mut self) -> Result<(), StateError> {
        self.saved = Instant::now();
        let mut cursors = Vec::new();
        let mut outcomes = Vec::new();
        let mut done = Vec::new();
        for progress in &self.commands {
            let command = progress.command();
            cursors.extend(progress.unsaved_cursor().map(|cursor| (command, cursor)));
            outcomes.extend(progress.outcomes.iter().cloned());
            done.extend(progress.done.iter().map(|sequence| (*sequence, command)));
        }
        self.parts.state.save(&cursors, &outcomes, &done)?;
        // Not before: what could not be saved is tried again, or its events would pass for done.
        for progress in &mut self.commands {
            progress.saved();
        }
        let counts = self.parts.state.counts()?;
        self.report_outcomes(&counts);
        let handled = self.commands.iter().map(Progress::cursor).min();
        let mut through = handled.unwrap_or(self.position);
        let parked = parked(&counts);
        let commands = self.commands.iter().map(Progress::command);
        for command in commands.filter(|command| parked.contains(command)) {
            let oldest = self.parts.state.oldest_parked(command)?;
            through = oldest.map_or(through, |oldest| through.min(oldest.saturating_sub(1)));
        }
        self.parts.holder.release(through);
        Ok(())
    }

    fn report_outcomes(&self, counts: &BTreeMap<(String, Status), u64>) {
        for progress in &self.commands {
            let count = |status| {
                let count = counts
                    .get(&(progress.command().to_owned(), status))
                    .copied();
                signed(count.unwrap_or(0))
            };
            let metrics = progress.metrics();
            metrics.parked_events.set(count(Status::Parked));
            metrics.dead_events.set(count(Status::Dead));
        }
    }

    /// Removes from index and state what the log no longer has.
    pub(super) fn trim(&mut self) -> Result<(), TrimError> {
        self.trimmed = Instant::now();
        // Before the bounds: an event that comes in between is not gone.
        let end = self.head.borrow().sequence;
        let gone = match self.reader.bounds()? {
            Some((first, _)) => first.saturating_sub(1),
            None => end,
        };
        if let Err(error) = self.parts.index.trim(gone) {
            let error = Causes(&error);
            warn!(%error, "the index keeps events that the log no longer has");
        }
        self.parts.state.trim(gone)?;
        Ok(())
    }

    /// Lets running handlers end in the time that is left, then saves and closes.
    pub(super) async fn finish(mut self) {
        let deadline = self.deadline.get().copied();
        let deadline = tokio::time::Instant::from_std(deadline.unwrap_or_else(Instant::now));
        self.collect();
        while self.commands.iter().any(Progress::is_at_work)
            && tokio::time::timeout_at(deadline, self.finished.notified())
                .await
                .is_ok()
        {
            self.collect();
        }
        self.collect();
        if self.commands.iter().any(Progress::is_at_work) {
            self.commands.iter_mut().for_each(Progress::stop);
            warn!("handlers still run; their events are handled again after the next start");
        }
        match self.save() {
            Ok(()) => self.answer_replayed(),
            Err(error) => {
                let error = Causes(&error);
                error!(%error, "the handlers' progress is not saved; the last second is repeated");
            }
        }
        if let Err(error) = self.parts.index.close() {
            let error = Causes(&error);
            warn!(%error, "the index is not up to date; the rest is added after the next start");
        }
    }
}

/// The commands with parked events: of the others, the state need not be asked, which costs a query each.
fn parked(counts: &BTreeMap<(String, Status), u64>) -> BTreeSet<&str> {
    let parked = counts
        .iter()
        .filter(|((_, status), events)| *status == Status::Parked && **events > 0);
    parked.map(|((command, _), _)| command.as_str()).collect()
}
