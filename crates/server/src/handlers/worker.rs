//! A thread with a runtime that runs the handlers of one command.

use std::{
    any::Any,
    collections::VecDeque,
    future::Future,
    io,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::{sync::mpsc, time::timeout};

use super::{Failure, FailureReason, Job, Ran};

/// A running thread; dropped, it ends as soon as it is not blocked.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: mpsc::Sender<Vec<Job>>,
    turn: Arc<Turn>,
    thread: JoinHandle<()>,
}

/// Whose turn it is on the thread, and since when.
#[derive(Debug)]
struct Turn {
    started: Instant,
    /// The ticket; 0 for nobody's.
    ticket: AtomicU64,
    /// Milliseconds after `started`.
    since_ms: AtomicU64,
}

/// Submissions that may wait; their senders bound the jobs in them.
const SUBMISSIONS_MAX: usize = 1024;

// === impl Worker ===

impl Worker {
    pub(super) fn start(
        command: &str,
        concurrency: usize,
        time_limit: Duration,
    ) -> io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (sender, receiver) = mpsc::channel(SUBMISSIONS_MAX);
        let turn = Arc::new(Turn {
            started: Instant::now(),
            ticket: AtomicU64::new(0),
            since_ms: AtomicU64::new(0),
        });
        let serve = serve(receiver, concurrency, time_limit, Arc::clone(&turn));
        let thread = thread::Builder::new()
            .name(format!("handler {command}"))
            .spawn(move || runtime.block_on(serve))?;
        Ok(Self {
            jobs: sender,
            turn,
            thread,
        })
    }

    pub(super) fn submit(&self, jobs: Vec<Job>) -> Result<(), Vec<Job>> {
        self.jobs
            .try_send(jobs)
            .map_err(mpsc::error::TrySendError::into_inner)
    }

    /// The ticket of a job that has kept the thread for longer than `time_limit` without giving way.
    pub(super) fn blocked_by(&self, time_limit: Duration) -> Option<u64> {
        let ticket = self.turn.ticket.load(Ordering::Acquire);
        let since = Duration::from_millis(self.turn.since_ms.load(Ordering::Acquire));
        let is_blocked =
            ticket != 0 && self.turn.started.elapsed().saturating_sub(since) > time_limit;
        is_blocked.then_some(ticket)
    }

    /// Sends no more; the thread ends once it is let go of.
    pub(super) fn abandon(self) -> JoinHandle<()> {
        self.thread
    }

    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }
}

/// Runs jobs until the sender is gone.
async fn serve(
    mut jobs: mpsc::Receiver<Vec<Job>>,
    concurrency: usize,
    time_limit: Duration,
    turn: Arc<Turn>,
) {
    let mut waiting = VecDeque::new();
    let mut running = FuturesUnordered::new();
    loop {
        while running.len() < concurrency
            && let Some(job) = waiting.pop_front()
        {
            running.push(run(job, time_limit, &turn));
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
    let Job {
        ticket,
        work,
        cx,
        done,
    } = job;
    let handler = Timed {
        handler: Box::pin(AssertUnwindSafe(work.run(&cx)).catch_unwind()),
        ticket,
        turn,
    };
    let failed = |reason, error| Failure { reason, error };
    let ran: Ran = match timeout(time_limit, handler).await {
        Ok(Ok(Ok(ack))) => Ok(ack),
        Ok(Ok(Err(error))) => Err(failed(FailureReason::Error, Some(error.to_string()))),
        Ok(Err(panic)) => Err(failed(FailureReason::Panic, text_of(&*panic))),
        Err(_) => Err(failed(FailureReason::Timeout, None)),
    };
    done(ran);
}

fn text_of(panic: &(dyn Any + Send)) -> Option<String> {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
}

/// A handler that says when it has the thread.
struct Timed<'a, F> {
    handler: Pin<Box<F>>,
    ticket: u64,
    turn: &'a Turn,
}

impl<F: Future> Future for Timed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let since = self.turn.started.elapsed().as_millis();
        let since = u64::try_from(since).unwrap_or(u64::MAX);
        self.turn.since_ms.store(since, Ordering::Release);
        self.turn.ticket.store(self.ticket, Ordering::Release);
        let polled = self.handler.as_mut().poll(cx);
        self.turn.ticket.store(0, Ordering::Release);
        polled
    }
}
