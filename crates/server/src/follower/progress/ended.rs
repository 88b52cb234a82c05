//! What becomes of attempts that have ended, or that never will.

use gateway_journal::{Outcome, Reason, Sequence, Status};

use super::{Progress, Retry};
use crate::{
    clock,
    follower::{finished::Done, replays::Replaying, schedule::pause_after},
    handlers::{Abandoned, Failure, FailureReason, Handlers},
    traces::Span,
};

impl Progress {
    /// Takes back a finished attempt. Tells whether the event is done by it, and was not before.
    pub(in crate::follower) fn finished(&mut self, done: Done) -> bool {
        if done.generation != self.generation {
            return false;
        }
        let has_succeeded = done.ran.is_ok();
        if let Some(replaying) = self.replaying.remove(&done.sequence) {
            let was_done = replaying.known.is_none();
            self.replayed(done.sequence, replaying, done.ran.map(drop));
            return has_succeeded && !was_done;
        }
        let retried = self.end(done.sequence);
        match done.ran {
            Ok(_) => {
                self.metrics().ok.inc();
                self.end_span(done.sequence, "ok");
                if retried.is_some() {
                    self.done.push(done.sequence);
                }
            }
            Err(failure) => {
                self.fail(done.sequence, attempts_of(retried.as_ref()), failure);
            }
        }
        has_succeeded
    }

    /// Removes an attempt from those that run, and returns it if it was a later one.
    pub(super) fn end(&mut self, sequence: Sequence) -> Option<Retry> {
        if let Some(bytes) = self.running.remove(&sequence) {
            self.bytes -= bytes;
            return None;
        }
        let retry = self.retrying.remove(&sequence)?;
        self.bytes -= retry.bytes;
        Some(retry)
    }

    /// An attempt that somebody wished has ended. A failed event that succeeds is done; one that fails again says why, and
    /// waits for its next attempt or stays dead as before: the attempts that it has left are not used up. One that was
    /// done stays done.
    fn replayed(&mut self, sequence: Sequence, replaying: Replaying, result: Result<(), Failure>) {
        self.bytes -= replaying.bytes;
        let reason = match &result {
            Ok(()) => {
                self.metrics().ok.inc();
                self.end_span(sequence, "ok");
                None
            }
            Err(failure) => {
                self.end_span(sequence, failure.reason.as_str());
                Some(self.count(failure.reason))
            }
        };
        match (reason, &replaying.known) {
            (_, None) => {}
            (None, Some(_)) => self.done.push(sequence),
            (Some(reason), Some(known)) => self.outcomes.push(Outcome {
                reason,
                error: result
                    .as_ref()
                    .err()
                    .and_then(|failure| failure.error.clone()),
                since_ms: clock::now_ms(),
                ..known.clone()
            }),
        }
        self.replayed.push(replaying.ended(result));
    }

    /// Counts a failed attempt.
    fn count(&self, reason: FailureReason) -> Reason {
        let metrics = self.metrics();
        let (reason, counter) = match reason {
            FailureReason::Error => (Reason::Error, &metrics.error),
            FailureReason::Panic => (Reason::Panic, &metrics.panic),
            FailureReason::Timeout | FailureReason::Busy => (Reason::Timeout, &metrics.timeout),
        };
        counter.inc();
        reason
    }

    fn fail(&mut self, sequence: Sequence, attempts: u32, failure: Failure) {
        self.end_span(sequence, failure.reason.as_str());
        let reason = self.count(failure.reason);
        let metrics = self.metrics();
        let pause = pause_after(attempts);
        if pause.is_none() {
            metrics.dead.inc();
        }
        let now = clock::now_ms();
        let pause_ms = pause.map_or(0, |pause| {
            u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
        });
        self.outcomes.push(Outcome {
            sequence,
            command: self.command().to_owned(),
            status: if pause.is_some() {
                Status::Parked
            } else {
                Status::Dead
            },
            attempts,
            due_ms: now.saturating_add(pause_ms),
            reason,
            error: failure.error,
            since_ms: now,
        });
    }

    /// Ends what is told of an attempt.
    fn end_span(&mut self, sequence: Sequence, outcome: &'static str) {
        if let Some(span) = self.spans.remove(&sequence) {
            end(span, outcome);
        }
    }

    /// The gateway stops. What is still with the thread is handled again after the next start.
    pub(in crate::follower) fn stop(&mut self) {
        for span in std::mem::take(&mut self.spans).into_values() {
            end(span, "stopped");
        }
    }

    /// An attempt that did not end: it is made again.
    pub(in crate::follower) fn lose(&mut self, sequence: Sequence) {
        self.end_span(sequence, "lost");
        // Whoever wished it sees that nobody is left to answer.
        if let Some(replaying) = self.replaying.remove(&sequence) {
            self.bytes -= replaying.bytes;
        } else if self.running.contains_key(&sequence) {
            self.lost.push(sequence);
        } else if let Some(Retry { outcome, .. }) = self.end(sequence) {
            // It was counted before it started, and is none of those that failed.
            self.outcomes.push(Outcome {
                attempts: outcome.attempts - 1,
                due_ms: clock::now_ms(),
                ..outcome
            });
        }
    }

    /// A parked event has had its last attempt, whose end nobody saw.
    pub(super) fn give_up(&mut self, outcome: Outcome) {
        self.metrics().dead.inc();
        self.outcomes.push(Outcome {
            status: Status::Dead,
            since_ms: clock::now_ms(),
            ..outcome
        });
    }

    /// The event's row is damaged or missing.
    pub(super) fn give_up_unreadable(&mut self, sequence: Sequence, attempts: u32) {
        self.metrics().dead.inc();
        let error = "the event can't be read from the journal".to_owned();
        self.die(sequence, attempts, Reason::Error, Some(error));
    }

    /// An event whose body says nothing to the plug-in is given up at once: only another plug-in can read it.
    pub(super) fn give_up_undecodable(&mut self, sequence: Sequence) {
        self.metrics().undecodable.inc();
        self.die(sequence, 0, Reason::Undecodable, None);
    }

    fn die(&mut self, sequence: Sequence, attempts: u32, reason: Reason, error: Option<String>) {
        let now = clock::now_ms();
        self.outcomes.push(Outcome {
            sequence,
            command: self.command().to_owned(),
            status: Status::Dead,
            attempts,
            due_ms: now,
            reason,
            error,
            since_ms: now,
        });
    }

    /// The attempt that kept the thread has failed.
    fn blocked(&mut self, culprit: Sequence) {
        let failure = Failure {
            reason: FailureReason::Timeout,
            error: None,
        };
        if let Some(replaying) = self.replaying.remove(&culprit) {
            self.replayed(culprit, replaying, Err(failure));
        } else if self.running.contains_key(&culprit) || self.retrying.contains_key(&culprit) {
            let attempts = attempts_of(self.end(culprit).as_ref());
            self.fail(culprit, attempts, failure);
        }
    }

    /// Gives up a thread that a handler blocks: that event is parked, the others on it are handled again.
    pub(in crate::follower) fn look_after(&mut self, handlers: &Handlers) {
        let Some(abandoned) = handlers.lane(self.index()).abandon_if_blocked() else {
            return;
        };
        self.generation += 1;
        if let Abandoned::Blocked(culprit) = abandoned {
            self.blocked(culprit);
        }
        self.gathered.clear();
        self.lost.clear();
        let under_way: Vec<Sequence> = self
            .running
            .keys()
            .chain(self.retrying.keys())
            .chain(self.replaying.keys())
            .copied()
            .collect();
        for sequence in under_way {
            self.lose(sequence);
        }
    }
}

fn end(mut span: Span, outcome: &'static str) {
    span.set("callback.outcome", outcome);
    if outcome != "ok" {
        span.fail(outcome);
    }
}

/// How many attempts were started; a first one is in no list of later ones.
fn attempts_of(retry: Option<&Retry>) -> u32 {
    retry.map_or(1, |retry| retry.outcome.attempts)
}
