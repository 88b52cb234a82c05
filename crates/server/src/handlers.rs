//! Where plug-ins run: a lane for each command, with a thread and a runtime of its own, so that one that blocks, panics
//! or takes for ever slows down nobody else.
//!
//! Not here: which events are handled when, and what a failure means (`follower`, `ingest`). Start at [`Lane::submit`].

mod worker;

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
    time::Duration,
};

use gateway_core::{Context, Dispatcher, Envelope, Phase, Work};
use prometheus::IntGauge;
use tokio::sync::{Semaphore, oneshot};
use tracing::error;

use crate::metrics::Metrics;

use worker::Worker;

/// One lane for each installed plug-in.
#[derive(Debug)]
pub struct Handlers {
    lanes: Vec<Lane>,
}

/// Runs the handler of one command, up to so many at a time.
#[derive(Debug)]
pub struct Lane {
    command: &'static str,
    concurrency: usize,
    time_limit: Duration,
    /// One permit for each caller of [`Handlers::ask`].
    callers: Semaphore,
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
pub struct Job {
    /// Tells jobs of a lane apart.
    pub ticket: u64,
    /// What to run.
    pub work: Work,
    /// What the handler gets beside the request.
    pub cx: Context,
    /// Called once on the lane's thread; never if the thread is abandoned.
    pub done: Box<dyn FnOnce(Ran) + Send>,
}

/// How a handler ended: its ack as bytes on the wire, or why there is none.
pub type Ran = Result<Vec<u8>, Failure>;

/// A handler that did not do its work.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The kind.
    pub reason: FailureReason,
    /// The handler's own words, which may name accounts.
    pub error: Option<String>,
}

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureReason {
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
/// abandoned and the next one finds a new thread.
const BEFORE_MARGIN: Duration = Duration::from_millis(100);

/// How many threads of one command may be blocked before no further one is started.
const ABANDONED_MAX: usize = 4;

// === impl Handlers ===

impl Handlers {
    /// `concurrency` handlers of a command run at once; `deadline` is the time limit of before-commands.
    pub fn new(
        dispatcher: &Dispatcher,
        metrics: &Metrics,
        concurrency: usize,
        deadline: Duration,
    ) -> Self {
        let lanes = dispatcher.iter().map(|installed| {
            let descriptor = installed.descriptor();
            Lane {
                command: descriptor.command,
                concurrency,
                time_limit: match descriptor.phase {
                    Phase::Before => deadline.saturating_sub(BEFORE_MARGIN),
                    Phase::After => AFTER_TIME_LIMIT,
                },
                callers: Semaphore::new(concurrency),
                threads: Mutex::default(),
                abandoned: metrics
                    .handler(descriptor.index)
                    .expect("every plug-in has metrics")
                    .abandoned_threads
                    .clone(),
            }
        });
        Self {
            lanes: lanes.collect(),
        }
    }

    /// The lane of the plug-in at `index`.
    pub fn lane(&self, index: usize) -> &Lane {
        self.lanes.get(index).expect("every plug-in has a lane")
    }

    /// Asks a before-command's handler and waits for `patience` at most.
    ///
    /// # Errors
    ///
    /// When there is no ack in time, or the handler failed.
    pub async fn ask(
        &self,
        index: usize,
        work: Work,
        envelope: Arc<Envelope>,
        patience: Duration,
    ) -> Ran {
        let lane = self.lane(index);
        let busy = || Failure {
            reason: FailureReason::Busy,
            error: None,
        };
        let _permit = lane.callers.try_acquire().map_err(|_| busy())?;
        let (answer, answered) = oneshot::channel();
        let job = Job {
            ticket: u64::MAX,
            work,
            cx: Context {
                envelope,
                event: None,
                attempt: 1,
            },
            // Whoever asked may have given up.
            done: Box::new(|ran| drop(answer.send(ran))),
        };
        lane.submit(vec![job]).map_err(|_| busy())?;
        if let Ok(Ok(ran)) = tokio::time::timeout(patience, answered).await {
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
    pub fn submit(&self, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
        let mut threads = self.threads();
        if threads.current.is_none() {
            threads.abandoned.retain(|thread| !thread.is_finished());
            self.abandoned
                .set(i64::try_from(threads.abandoned.len()).unwrap_or(i64::MAX));
            if threads.abandoned.len() >= ABANDONED_MAX {
                return Err(jobs);
            }
            match Worker::start(self.command, self.concurrency, self.time_limit) {
                Ok(worker) => threads.current = Some(worker),
                Err(error) => {
                    error!(command = self.command, %error, "no thread for the handler");
                    return Err(jobs);
                }
            }
        }
        match &threads.current {
            Some(worker) => worker.submit(jobs),
            None => Err(jobs),
        }
    }

    /// Gives the thread up if a handler has blocked it for longer than its time limit, or if it has died. The jobs on
    /// it are lost to their callers; returns the ticket of the culprit, if it is known.
    pub fn abandon_if_blocked(&self) -> Option<Option<u64>> {
        let mut threads = self.threads();
        let worker = threads.current.as_ref()?;
        let culprit = worker.blocked_by(self.time_limit);
        if culprit.is_none() && !worker.is_finished() {
            return None;
        }
        error!(
            command = self.command,
            "a handler blocks its thread; a new one takes over"
        );
        let thread = threads.current.take()?.abandon();
        threads.abandoned.push(thread);
        self.abandoned.inc();
        Some(culprit)
    }

    fn threads(&self) -> MutexGuard<'_, Threads> {
        // Nothing in here panics half-way through a change.
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Job").field(&self.ticket).finish()
    }
}
