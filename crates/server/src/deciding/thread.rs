//! A decider's own thread, with a runtime: whatever it sends, the threads that serve callbacks only wait, and other deciders
//! do not even that.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    thread,
};

use tokio::{
    runtime::Builder,
    sync::{mpsc, oneshot},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// How many names may be looked up at a time, which takes a thread each for as long as the resolver likes.
const LOOK_UPS_MAX: usize = 4;

/// A running thread; dropped, it ends as soon as it is not busy. Nobody waits for that: a hostile decider can hold it up.
#[derive(Debug)]
pub(super) struct DeciderThread {
    /// One wake-up for all that comes while the thread is busy: tokio's own way from another thread is a call of the
    /// system for each task.
    works: mpsc::Sender<Work>,
    _stop: DropGuard,
}

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

// === impl DeciderThread ===

impl DeciderThread {
    /// Runs `upkeep`, which has no end, and whatever comes, of which up to `works_max` may wait.
    pub(super) fn start(
        name: &str,
        works_max: usize,
        upkeep: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOK_UPS_MAX)
            .build()?;
        let (works, mut coming) = mpsc::channel::<Work>(works_max);
        let serve = async move {
            let dispatch = async {
                while let Some(work) = coming.recv().await {
                    // It ends when nobody waits for it any more.
                    tokio::spawn(work);
                }
            };
            tokio::join!(upkeep, dispatch)
        };
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        thread::Builder::new()
            .name(format!("decider {name}"))
            .spawn(move || {
                runtime.block_on(stopped.run_until_cancelled(serve));
                // A name that is still being looked up must not hold it up either.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            works,
            _stop: stop.drop_guard(),
        })
    }

    /// Runs something on the thread, until whoever waits for it goes; `None` when the thread has ended, or too much waits
    /// for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (mut answer, answered) = oneshot::channel();
        let work = async move {
            let done = {
                let work = pin!(work);
                tokio::select! {
                    biased;
                    done = work => Some(done),
                    () = answer.closed() => None,
                }
            };
            if let Some(done) = done {
                // Whoever waited may have gone in this moment.
                answer.send(done).ok();
            }
        };
        self.works.try_send(Box::pin(work)).ok()?;
        answered.await.ok()
    }
}
