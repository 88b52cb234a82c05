//! Where plug-ins run: a lane for each command, with a thread and a runtime of its own, so that one that blocks, panics
//! or takes for ever slows down nobody else.
//!
//! Not here: which events are handled when, and what a failure means (`follower`, `ingest`). Start at [`Lane::submit`].

#[cfg(test)]
mod tests;
mod worker;

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use gateway_core::{Causes, Context, Dispatcher, Envelope, Phase, Work};
use prometheus::IntGauge;
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tracing::{error, field::display};

use crate::{
    config::HandlersConfig,
    metrics::{Metrics, signed},
};

use worker::{Holder, Worker};

/// One lane for each installed plug-in.
#[derive(Debug)]
pub(crate) struct Handlers {
    lanes: Vec<Lane>,
}

/// Runs the handler of one command, up to so many at a time.
#[derive(Debug)]
pub(crate) struct Lane {
    command: &'static str,
    config: HandlersConfig,
    time_limit: Duration,
    threads: Mutex<Threads>,
    abandoned: IntGauge,
}

/// The thread in use, and those that a handler blocks; they end when it lets go of them.
#[derive(Debug, Default)]
struct Threads {
    current: Option<Worker>,
    abandoned: Vec<JoinHandle<()>>,
}

/// One run of a handler.
pub(crate) struct Job {
    /// Tells jobs of a lane apart.
    pub ticket: u64,
    /// What to run.
    pub work: Work,
    /// What the handler gets beside the request.
    pub cx: Context,
    /// Who is told of its end.
    pub reply: Reply,
}

/// Who waits for a handler's end.
pub(crate) enum Reply {
    /// Called once on the lane's thread; never if the thread is abandoned.
    Call(Box<dyn FnOnce(Ran) + Send>),
    /// A caller of [`Handlers::ask`], who may give up. The permit is free again when the handler ends or is dropped.
    Answer(oneshot::Sender<Ran>, OwnedSemaphorePermit),
}

/// A thread was given up, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Abandoned {
    /// The job with this ticket blocks it.
    Blocked(u64),
    /// It has ended by itself.
    Died,
}

/// How a handler ended: its ack as bytes on the wire, or why there is none.
pub(crate) type Ran = Result<Vec<u8>, Failure>;

/// A handler that did not do its work.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    /// The kind.
    pub reason: FailureReason,
    /// The handler's own words, which may name accounts.
    pub error: Option<String>,
}

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureReason {
    /// It returned an error.
    Error,
    /// It panicked.
    Panic,
    /// It took too long.
    Timeout,
    /// It never started: too many run already.
    Busy,
}

/// Handlers of after-commands get this long.
const AFTER_TIME_LIMIT: Duration = Duration::from_secs(30);

/// So much before its deadline a before-command's handler is given up, so that whoever asked finds its blocked thread
/// abandoned and the next one finds a new thread. With a short deadline it is less: three quarters of it.
const BEFORE_MARGIN: Duration = Duration::from_millis(100);

/// The ticket of those who ask: they wait for the end themselves, so that nobody needs to tell them apart.
const ASKED: u64 = 0;

/// How many threads of one command may be blocked before no further one is started.
const ABANDONED_MAX: usize = 4;

// === impl FailureReason ===

impl FailureReason {
    /// In a word.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Panic => "panic",
            Self::Timeout => "timeout",
            Self::Busy => "busy",
        }
    }
}

// === impl Handlers ===

impl Handlers {
    /// `deadline` is the time limit of before-commands.
    pub(crate) fn new(
        dispatcher: &Dispatcher,
        metrics: &Metrics,
        config: &HandlersConfig,
        deadline: Duration,
    ) -> Self {
        let lanes = dispatcher.iter().map(|installed| {
            let descriptor = installed.descriptor();
            Lane {
                command: descriptor.command,
                config: config.clone(),
                time_limit: match descriptor.phase {
                    Phase::Before => deadline.saturating_sub(BEFORE_MARGIN.min(deadline * 3 / 4)),
                    Phase::After => AFTER_TIME_LIMIT,
                },
                threads: Mutex::default(),
                abandoned: metrics.handler(descriptor.index).abandoned_threads.clone(),
            }
        });
        Self {
            lanes: lanes.collect(),
        }
    }

    /// Reads how many threads are still blocked, which come to their end whenever they like.
    pub(crate) fn read_gauges(&self) {
        for lane in &self.lanes {
            lane.count_abandoned(&mut lane.threads());
        }
    }

    /// The lane of the plug-in at `index`.
    pub(crate) fn lane(&self, index: usize) -> &Lane {
        self.lanes.get(index).expect("every plug-in has a lane")
    }

    /// Asks a before-command's handler, without anybody whose deadline would count.
    ///
    /// # Errors
    ///
    /// As for [`Handlers::ask`].
    pub(crate) async fn ask_at_leisure(
        &self,
        index: usize,
        work: Work,
        envelope: Arc<Envelope>,
    ) -> Ran {
        // A little longer than the handler has, so that it is its own time that runs out.
        let budget = self.lane(index).time_limit + BEFORE_MARGIN;
        self.ask(index, work, envelope, budget).await
    }

    /// Asks a before-command's handler and waits for `budget` at most.
    ///
    /// # Errors
    ///
    /// When there is no ack in time, or the handler failed.
    pub(crate) async fn ask(
        &self,
        index: usize,
        work: Work,
        envelope: Arc<Envelope>,
        budget: Duration,
    ) -> Ran {
        let lane = self.lane(index);
        let cx = Context {
            envelope,
            event: None,
            attempt: 1,
        };
        // Whoever was blocked first may still be waiting, or may have looked a little too early.
        lane.abandon_if_blocked();
        let answered = lane.ask(work, cx).ok_or(Failure {
            reason: FailureReason::Busy,
            error: None,
        })?;
        if let Ok(Ok(ran)) = tokio::time::timeout(budget, answered).await {
            return ran;
        }
        lane.abandon_if_blocked();
        Err(Failure {
            reason: FailureReason::Timeout,
            error: None,
        })
    }
}

// === impl Lane ===

impl Lane {
    /// Queues jobs on the lane's thread, which is started when it is needed first.
    ///
    /// # Errors
    ///
    /// Gives the jobs back when the queue is full or no thread can be had.
    pub(crate) fn submit(&self, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
        match self.worker(&mut self.threads()) {
            Some(worker) => worker.submit(jobs),
            None => Err(jobs),
        }
    }

    /// Queues one job of a caller who waits; `None` when too many do, or when no thread can be had.
    fn ask(&self, work: Work, cx: Context) -> Option<oneshot::Receiver<Ran>> {
        let mut threads = self.threads();
        let worker = self.worker(&mut threads)?;
        let permit = worker.permit()?;
        let (answer, answered) = oneshot::channel();
        let job = Job {
            ticket: ASKED,
            work,
            cx,
            reply: Reply::Answer(answer, permit),
        };
        worker.submit(vec![job]).ok()?;
        Some(answered)
    }

    /// The thread in use, started when there is none.
    fn worker<'a>(&self, threads: &'a mut Threads) -> Option<&'a Worker> {
        if threads.current.is_none() {
            self.count_abandoned(threads);
            match self.start(threads.abandoned.len()) {
                Ok(worker) => threads.current = Some(worker),
                Err(error) => {
                    let error = Causes(&error);
                    error!(command = self.command, %error, "no thread for the handler");
                }
            }
        }
        threads.current.as_ref()
    }

    fn start(&self, abandoned: usize) -> io::Result<Worker> {
        if abandoned >= ABANDONED_MAX {
            return Err(io::Error::other(format!(
                "it blocks {abandoned} threads already"
            )));
        }
        Worker::start(self.command, &self.config, self.time_limit)
    }

    fn count_abandoned(&self, threads: &mut Threads) {
        threads.abandoned.retain(|thread| !thread.is_finished());
        self.abandoned.set(signed(threads.abandoned.len() as u64));
    }

    /// Gives the thread up if a handler has blocked it for longer than its time limit, or if it has died. The jobs on
    /// it are lost to their callers.
    pub(crate) fn abandon_if_blocked(&self) -> Option<Abandoned> {
        let mut threads = self.threads();
        let worker = threads.current.as_ref()?;
        let culprit = match worker.blocked_by(self.time_limit) {
            Some(culprit) => Some(culprit),
            None if worker.is_finished() => None,
            None => return None,
        };
        let thread = threads.current.take()?.abandon();
        let command = self.command;
        let Some(Holder { ticket, event }) = culprit else {
            error!(command, "a handler's thread has died; a new one takes over");
            return Some(Abandoned::Died);
        };
        let event = event.map(display);
        error!(
            command,
            event, "a handler blocks its thread; a new one takes over"
        );
        threads.abandoned.push(thread);
        self.count_abandoned(&mut threads);
        Some(Abandoned::Blocked(ticket))
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        // Nothing in here panics half-way through a change.
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Reply ===

impl Reply {
    fn is_awaited(&self) -> bool {
        match self {
            Self::Call(_) => true,
            Self::Answer(answer, _) => !answer.is_closed(),
        }
    }

    /// Waits until nobody waits for the end any more.
    async fn given_up(&mut self) {
        match self {
            Self::Call(_) => std::future::pending().await,
            Self::Answer(answer, _) => answer.closed().await,
        }
    }

    fn send(self, ran: Ran) {
        match self {
            Self::Call(done) => done(ran),
            // Whoever asked may have given up.
            Self::Answer(answer, _permit) => drop(answer.send(ran)),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reply")
    }
}

// === impl Job ===

impl Job {
    fn holder(&self) -> Holder {
        Holder {
            ticket: self.ticket,
            event: self.cx.event,
        }
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.ticket).finish()
    }
}
