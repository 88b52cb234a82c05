//! A decider's own thread, with a runtime: whatever it sends, the threads that serve callbacks only wait, and other deciders
//! do not even that.

use std::{future::Future, io, thread};

use tokio::runtime::{Builder, Handle};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::AbortOnDropHandle,
};

/// How many names may be looked up at a time, which takes a thread each for as long as the resolver likes.
const LOOK_UPS_MAX: usize = 4;

/// A running thread; dropped, it ends as soon as it is not busy. Nobody waits for that: a hostile decider can hold it up.
#[derive(Debug)]
pub(super) struct DeciderThread {
    runtime: Handle,
    _stop: DropGuard,
}

// === impl DeciderThread ===

impl DeciderThread {
    /// Runs `upkeep`, which has no end, and whatever comes.
    pub(super) fn start(
        name: &str,
        upkeep: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(LOOK_UPS_MAX)
            .build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        thread::Builder::new()
            .name(format!("decider {name}"))
            .spawn(move || {
                runtime.block_on(stopped.run_until_cancelled(upkeep));
                // A name that is still being looked up must not hold it up either.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            runtime: handle,
            _stop: stop.drop_guard(),
        })
    }

    /// Runs something on the thread, until whoever waits for it goes; `None` when the thread has ended.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        AbortOnDropHandle::new(self.runtime.spawn(work)).await.ok()
    }
}
