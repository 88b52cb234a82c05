//! A thread with a runtime that runs the handlers of one command.

use std::{
    any::Any,
    collections::VecDeque,
    future::Future,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use gateway_core::EventId;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::timeout,
};
use tracing::debug;

use super::{Failure, FailureReason, Job, Ran};
use crate::config::HandlersConfig;

/// A running thread; dropped, it ends as soon as it is not blocked.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Vec<Job>>,
    /// One permit for each job of a caller who waits.
    callers: Arc<Semaphore>,
    turn: Arc<Turn>,
    thread: JoinHandle<()>,
}

/// Who is meant by a job, once the job itself is under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holder {
    /// The job's ticket.
    pub(super) ticket: u64,
    /// The event that it handles.
    pub(super) event: Option<EventId>,
}

/// Whose turn it is on the thread.
#[derive(Debug, Default)]
struct Turn {
    /// Who, and since when. Nobody while the runtime looks for the next one.
    holder: Mutex<Option<(Holder, Instant)>>,
    /// Another thread has taken over: nobody has a turn any more.
    is_over: AtomicBool,
}

/// The follower's submissions that may wait beside those of callers, each of whom has a permit; the follower bounds the
/// jobs in them.
const SUBMISSIONS_MAX: usize = 1024;

// === impl Worker ===

impl Worker {
    pub(super) fn start(
        command: &str,
        config: &HandlersConfig,
        time_limit: Duration,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let callers = config.concurrency + config.queue;
        let (sender, receiver) = mpsc::channel(callers + SUBMISSIONS_MAX);
        let turn = Arc::new(Turn::default());
        let serve = serve(receiver, config.concurrency, time_limit, Arc::clone(&turn));
        let thread = thread::Builder::new()
            .name(format!("handler {command}"))
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self {
            jobs: sender,
            callers: Arc::new(Semaphore::new(callers)),
            turn,
            thread,
        })
    }

    pub(super) fn submit(&self, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
        self.jobs
            .try_send(jobs)
            .map_err(mpsc::error::TrySendError::into_inner)
    }

    /// Leave for one more job of a caller who waits; `None` when too many do already.
    pub(super) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.callers).try_acquire_owned().ok()
    }

    /// Who has kept the thread for longer than `time_limit` without giving way.
    pub(super) fn blocked_by(&self, time_limit: Duration) -> Option<Holder> {
        let (holder, since) = (*self.turn.holder())?;
        (since.elapsed() > time_limit).then_some(holder)
    }

    /// Sends no more; the thread ends once it is let go of, and what waits on it never starts.
    pub(super) fn abandon(self) -> JoinHandle<()> {
        self.turn.is_over.store(true, Ordering::Release);
        self.thread
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

// === impl Turn ===

impl Turn {
    /// Runs code of a plug-in, and says meanwhile whose it is.
    fn hold<T>(&self, holder: Holder, run: impl FnOnce() -> T) -> T {
        *self.holder() = Some((holder, Instant::now()));
        let ran = run();
        *self.holder() = None;
        ran
    }

    /// Drops what belongs to a plug-in, which may block or panic at it as anywhere else.
    fn discard<T>(&self, holder: Holder, value: T) {
        let discarded = self.hold(holder, || {
            catch_unwind(AssertUnwindSafe(move || drop(value)))
        });
        if let Err(panic) = discarded {
            // Its own drop may panic again.
            std::mem::forget(panic);
        }
    }

    fn holder(&self) -> MutexGuard<'_, Option<(Holder, Instant)>> {
        self.holder.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs jobs until the sender is gone or the thread is given up. What waits is bounded: by the permits of those who
/// ask, and by what the follower may have in flight.
async fn serve(
    mut jobs: mpsc::Receiver<Vec<Job>>,
    concurrency: usize,
    time_limit: Duration,
    turn: Arc<Turn>,
) {
    let mut waiting: VecDeque<Job> = VecDeque::new();
    let mut running = FuturesUnordered::new();
    loop {
        // Its jobs run again elsewhere.
        if turn.is_over.load(Ordering::Acquire) {
            return;
        }
        while running.len() < concurrency
            && let Some(job) = waiting.pop_front()
        {
            if job.reply.is_awaited() {
                running.push(run(job, time_limit, &turn));
            } else {
                turn.discard(job.holder(), job);
            }
        }
        tokio::select! {
            submitted = jobs.recv() => match submitted {
                Some(jobs) => waiting.extend(jobs),
                None => return,
            },
            Some(()) = running.next() => {}
        }
    }
}

async fn run(job: Job, time_limit: Duration, turn: &Turn) {
    let holder = job.holder();
    let Job {
        work,
        cx,
        mut reply,
        ticket: _,
    } = job;
    let handler = Timed {
        handler: Some(Box::pin(AssertUnwindSafe(work.run(&cx)).catch_unwind())),
        holder,
        turn,
    };
    let failed = |reason, error| Failure { reason, error };
    let ended = tokio::select! {
        biased;
        ended = timeout(time_limit, handler) => ended,
        // Its place is for somebody who still waits.
        () = reply.given_up() => return,
    };
    let ran: Ran = match ended {
        Ok(Ok(Ok(ack))) => Ok(ack),
        Ok(Ok(Err(error))) => Err(failed(FailureReason::Error, Some(error.to_string()))),
        Ok(Err(panic)) => Err(failed(FailureReason::Panic, text_of(&*panic))),
        Err(_) => Err(failed(FailureReason::Timeout, None)),
    };
    debug!(
        command = cx.envelope.command,
        outcome = ran
            .as_ref()
            .map_or_else(|failure| failure.reason.as_str(), |_| "ok"),
        attempt = cx.attempt,
        event = cx.event.map(display),
        trace = cx.envelope.trace_id().map(display),
        "a handler has ended"
    );
    reply.send(ran);
}

fn text_of(panic: &(dyn Any + Send)) -> Option<String> {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
}

/// A handler that says when it has the thread, also while it is dropped.
struct Timed<'a, F> {
    /// `None` only while it is dropped.
    handler: Option<Pin<Box<F>>>,
    holder: Holder,
    turn: &'a Turn,
}

impl<F: Future> Future for Timed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let (holder, turn) = (self.holder, self.turn);
        let handler = self
            .handler
            .as_mut()
            .expect("it is there until it is dropped");
        turn.hold(holder, || handler.as_mut().poll(cx))
    }
}

impl<F> Drop for Timed<'_, F> {
    fn drop(&mut self) {
        self.turn.discard(self.holder, self.handler.take());
    }
}
