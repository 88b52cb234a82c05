//! How far one command's handler has come: what it has taken from the log, and what runs.
//!
//! Not here: on which thread it runs (`handlers`), and what becomes of an attempt that has ended (`ended`).

mod ended;

use std::{collections::BTreeMap, sync::Arc};

use gateway_core::{Context, EventId, Installed, Prepared, Work};
use gateway_journal::{Filter, Outcome, ReadError, ReadLimit, Reader, Row, Sequence, StoredEvent};

use super::{
    finished::{Done, Finished},
    replays::{Replayed, Replaying},
    schedule::allows_more,
    stall::Stall,
};
use crate::{
    clock,
    handlers::{Handlers, Job, Reply},
    metrics::{Metrics, ProgressMetrics},
    traces::{Span, Traces},
};

/// The progress of one after-command.
#[derive(Debug)]
pub(super) struct Progress {
    installed: Installed,
    metrics: Arc<Metrics>,
    /// Every event of the command up to here has been taken.
    read: Sequence,
    /// Whether the live reading feeds it; if not, it reads the log for itself.
    is_attached: bool,
    /// First attempts that are not finished: their events' sizes. They hold the cursor.
    pub(super) running: BTreeMap<Sequence, usize>,
    /// Later attempts that are not finished.
    retrying: BTreeMap<Sequence, Retry>,
    /// Among `running`: lost with an abandoned thread, to be read again.
    lost: Vec<Sequence>,
    /// Ready for the thread.
    gathered: Vec<Gathered>,
    /// Of the attempts with the thread: their spans, as far as they are traced.
    spans: BTreeMap<Sequence, Span>,
    bytes: usize,
    bytes_max: usize,
    generation: u64,
    /// No thread could be had, or the log could not be read.
    stall: Stall,
    /// The cursor in the state; `None` when it has none.
    saved: Option<Sequence>,
    /// To be saved with the cursor.
    pub(super) outcomes: Vec<Outcome>,
    /// Events whose later attempt succeeded: their outcomes are to be forgotten.
    pub(super) done: Vec<Sequence>,
    /// Handled once more at somebody's wish.
    pub(super) replaying: BTreeMap<Sequence, Replaying>,
    /// Those of them that have ended.
    pub(super) replayed: Vec<Replayed>,
}

/// An attempt that is about to start.
#[derive(Debug)]
struct Gathered {
    event: StoredEvent,
    work: Work,
    number: u32,
    /// Whether the body says what our types don't expect.
    has_drift: bool,
}

/// A later attempt that is about to be counted, and to start.
#[derive(Debug)]
pub(super) struct Attempt {
    event: StoredEvent,
    work: Work,
    has_drift: bool,
    /// What the state is to know of it: the attempt counts before it starts.
    pub(super) outcome: Outcome,
}

/// A later attempt that is under way.
#[derive(Debug)]
struct Retry {
    /// What the state knows of it; the attempt is counted.
    outcome: Outcome,
    bytes: usize,
}

/// Events of a command in memory.
const EVENTS_MAX: usize = 1024;

/// Bytes of all commands' events in memory; each command may always have one event.
const BYTES_MAX: usize = 32 << 20;

/// Rows that one catching-up read looks at.
const SCAN_MAX: usize = 4096;

/// Each command's share of the memory.
pub(super) fn bytes_max(commands: usize) -> usize {
    BYTES_MAX / commands.max(1)
}

impl Progress {
    /// Starts at the saved cursor; at the log's `end` without one.
    pub(super) fn new(
        installed: Installed,
        saved: Option<Sequence>,
        end: Sequence,
        bytes_max: usize,
        metrics: &Arc<Metrics>,
    ) -> Self {
        Self {
            installed,
            metrics: Arc::clone(metrics),
            read: saved.map_or(end, |saved| saved.min(end)),
            is_attached: false,
            running: BTreeMap::new(),
            retrying: BTreeMap::new(),
            lost: Vec::new(),
            gathered: Vec::new(),
            spans: BTreeMap::new(),
            bytes: 0,
            bytes_max,
            generation: 0,
            stall: Stall::default(),
            saved,
            outcomes: Vec::new(),
            done: Vec::new(),
            replaying: BTreeMap::new(),
            replayed: Vec::new(),
        }
    }

    pub(super) fn index(&self) -> usize {
        self.installed.descriptor().index
    }

    pub(super) fn command(&self) -> &'static str {
        self.installed.descriptor().command
    }

    /// Every event up to here is done, parked or dead.
    pub(super) fn cursor(&self) -> Sequence {
        let oldest = self.running.keys().next();
        oldest.map_or(self.read, |oldest| self.read.min(oldest - 1))
    }

    /// The cursor, if the state has another.
    pub(super) fn unsaved_cursor(&self) -> Option<Sequence> {
        let cursor = self.cursor();
        (self.saved != Some(cursor)).then_some(cursor)
    }

    /// The state has taken the cursor, `outcomes` and `done`.
    pub(super) fn saved(&mut self) {
        self.saved = Some(self.cursor());
        self.outcomes.clear();
        self.done.clear();
    }

    pub(super) fn metrics(&self) -> &ProgressMetrics {
        self.metrics.progress(self.index())
    }

    fn is_busy(&self) -> bool {
        !self.running.is_empty() || !self.retrying.is_empty() || !self.replaying.is_empty()
    }

    /// Whether attempts are with the thread, and may end.
    pub(super) fn is_at_work(&self) -> bool {
        self.taken() > self.gathered.len() + self.lost.len()
    }

    /// Attempts that are not finished.
    fn taken(&self) -> usize {
        self.running.len() + self.retrying.len() + self.replaying.len()
    }

    /// Whether an event waits for its first attempt, or is being handled.
    pub(super) fn is_pending(&self, sequence: Sequence) -> bool {
        sequence > self.cursor()
            || self.retrying.contains_key(&sequence)
            || self.replaying.contains_key(&sequence)
    }

    /// Leaves the command alone for a while, after a failure.
    pub(super) fn stall(&mut self) {
        self.stall.begin();
    }

    /// Whether attempts have finished that the state does not know of.
    pub(super) fn is_unsaved(&self) -> bool {
        !self.outcomes.is_empty() || !self.done.is_empty()
    }

    /// Lets the live reading feed the command if it has taken everything up to `position`.
    pub(super) fn attach_at(&mut self, position: Sequence) {
        self.is_attached = self.read >= position;
    }

    /// Takes an event from the live reading, or leaves it to be read again later.
    pub(super) fn offer(&mut self, event: StoredEvent, work: Option<Work>, has_drift: bool) {
        if !self.is_attached {
            return;
        }
        if self.room() == 0 {
            self.is_attached = false;
            self.read = event.sequence - 1;
            return;
        }
        self.take(event, work, has_drift);
    }

    /// The live reading has come to `position`.
    pub(super) fn followed(&mut self, position: Sequence) {
        if self.is_attached {
            self.read = position;
        }
    }

    /// Reads for itself up to the live `position`, as far as there is room. Tells whether there is more.
    pub(super) fn catch_up(
        &mut self,
        reader: &Reader,
        position: Sequence,
    ) -> Result<bool, ReadError> {
        if self.stall.is_on() {
            return Ok(false);
        }
        self.read_lost(reader)?;
        if self.is_attached || self.room() == 0 {
            return Ok(false);
        }
        let filter = Filter {
            command: Some(self.command().to_owned()),
            ..Filter::default()
        };
        let limit = ReadLimit {
            events: self.room(),
            bytes: self.bytes_max.saturating_sub(self.bytes),
        };
        let page = reader.after_matching(self.read, &filter, limit, SCAN_MAX)?;
        for row in page.rows {
            // What lies beyond comes with the live reading.
            if row.sequence() > position {
                break;
            }
            // A damaged row is of an unknown command; the live reading has told of it.
            if let Row::Event(event) = row {
                self.prepare_and_take(event);
            }
        }
        self.read = page.next.map_or(position, |next| next.min(position));
        self.attach_at(position);
        Ok(!self.is_attached)
    }

    /// Reads again what was lost with an abandoned thread.
    fn read_lost(&mut self, reader: &Reader) -> Result<(), ReadError> {
        if self.lost.is_empty() {
            return Ok(());
        }
        let mut events = reader.get_many(&self.lost)?.into_iter().peekable();
        for sequence in std::mem::take(&mut self.lost) {
            self.end(sequence);
            match events.next_if(|event| event.sequence == sequence) {
                Some(event) => self.prepare_and_take(event),
                None => self.give_up_unreadable(sequence, 1),
            }
        }
        Ok(())
    }

    fn prepare_and_take(&mut self, event: StoredEvent) {
        let Prepared { work, drift, .. } = self.installed.prepare(&event.body);
        self.take(event, work, !drift.is_empty());
    }

    fn take(&mut self, event: StoredEvent, work: Option<Work>, has_drift: bool) {
        let Some(work) = work else {
            self.give_up_undecodable(event.sequence);
            return;
        };
        self.bytes += event.body.len();
        self.running.insert(event.sequence, event.body.len());
        self.gathered.push(Gathered {
            event,
            work,
            number: 1,
            has_drift,
        });
    }

    /// How many events more may be taken.
    pub(super) fn room(&self) -> usize {
        let is_full = self.is_busy() && self.bytes >= self.bytes_max;
        if is_full || self.stall.is_on() {
            0
        } else {
            // What can't be saved counts, too.
            let unsaved = self.outcomes.len() + self.replayed.len();
            EVENTS_MAX.saturating_sub(self.taken() + unsaved)
        }
    }

    /// Reads the events whose next attempt is due, as many as there is room for, and counts it. Gives up those that
    /// can't be read or have had their last attempt.
    pub(super) fn read_due(
        &mut self,
        due: Vec<Outcome>,
        reader: &Reader,
    ) -> Result<Vec<Attempt>, ReadError> {
        let mut attempts = Vec::new();
        let mut bytes = self.bytes;
        for mut outcome in due {
            if self.retrying.contains_key(&outcome.sequence)
                || self.replaying.contains_key(&outcome.sequence)
            {
                continue;
            }
            if bytes >= self.bytes_max && (self.is_busy() || !attempts.is_empty()) {
                break;
            }
            if !allows_more(outcome.attempts) {
                self.give_up(outcome);
                continue;
            }
            let Some(Row::Event(event)) = reader.get(outcome.sequence)? else {
                self.give_up_unreadable(outcome.sequence, outcome.attempts);
                continue;
            };
            let Prepared { work, drift, .. } = self.installed.prepare(&event.body);
            let Some(work) = work else {
                self.give_up_undecodable(event.sequence);
                continue;
            };
            bytes += event.body.len();
            outcome.attempts += 1;
            attempts.push(Attempt {
                event,
                work,
                has_drift: !drift.is_empty(),
                outcome,
            });
        }
        Ok(attempts)
    }

    /// Starts a later attempt, which is counted on disk.
    pub(super) fn retry(&mut self, attempt: Attempt) {
        let Attempt {
            event,
            work,
            has_drift,
            outcome,
        } = attempt;
        let (bytes, number) = (event.body.len(), outcome.attempts);
        self.bytes += bytes;
        self.retrying
            .insert(event.sequence, Retry { outcome, bytes });
        self.gathered.push(Gathered {
            event,
            work,
            number,
            has_drift,
        });
    }

    /// Starts an attempt that somebody wishes.
    pub(super) fn replay(&mut self, event: StoredEvent, work: Work, replaying: Replaying) {
        let attempt = replaying.known.as_ref().map_or(0, |known| known.attempts) + 1;
        self.bytes += replaying.bytes;
        let (sequence, has_drift) = (event.sequence, replaying.has_drift);
        self.replaying.insert(sequence, replaying);
        self.gathered.push(Gathered {
            event,
            work,
            number: attempt,
            has_drift,
        });
    }

    /// Hands what was gathered to the command's thread.
    pub(super) fn submit(
        &mut self,
        handlers: &Handlers,
        traces: &Traces,
        finished: &Arc<Finished>,
        id: impl Fn(&StoredEvent) -> EventId,
    ) {
        if self.gathered.is_empty() || self.stall.is_on() {
            return;
        }
        let (index, generation) = (self.index(), self.generation);
        let spans = &mut self.spans;
        let job = |gathered: Gathered| {
            let finished = Arc::clone(finished);
            let (sequence, id) = (gathered.event.sequence, id(&gathered.event));
            let span = gathered.span(traces, id);
            if span.is_on() {
                spans.insert(sequence, span);
            }
            Job {
                ticket: sequence,
                work: gathered.work,
                cx: Context {
                    event: Some(id),
                    envelope: Arc::new(gathered.event.envelope),
                    attempt: gathered.number,
                },
                reply: Reply::Call(Box::new(move |ran| {
                    finished.push(Done {
                        index,
                        generation,
                        sequence,
                        ran,
                        ended_ms: clock::now_ms(),
                    });
                })),
            }
        };
        let jobs = self.gathered.drain(..).map(job).collect();
        if let Err(jobs) = handlers.lane(index).submit(jobs) {
            self.stall.begin();
            for job in jobs {
                self.lose(job.ticket);
            }
        }
    }
}

// === impl Gathered ===

impl Gathered {
    /// What is told of the attempt. Its time begins here: waiting for the thread is part of it.
    fn span(&self, traces: &Traces, event: EventId) -> Span {
        let mut span = traces.resume(&self.event.envelope).inside("handler");
        span.set_event(Some(event));
        span.set("callback.attempt", i64::from(self.number));
        span.set("callback.drift", self.has_drift);
        span
    }
}
