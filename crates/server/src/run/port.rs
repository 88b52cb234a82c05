//! A listener with the threads that serve it.

use std::{
    io,
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
};

use anyhow::Context as _;
use poem::Endpoint;
use tokio_util::sync::CancellationToken;
use tracing::error;

use crate::listener::{self, Options, Stop};

/// A served listener.
#[derive(Debug)]
pub(super) struct Port {
    stop: Stop,
    threads: Vec<JoinHandle<()>>,
}

impl Port {
    pub(super) fn new() -> Self {
        Self {
            stop: Stop {
                gently: CancellationToken::new(),
                now: CancellationToken::new(),
            },
            threads: Vec::new(),
        }
    }

    /// Serves a clone of `socket` on a thread with a runtime of its own. `beside` runs on that runtime, too.
    pub(super) fn serve<E, B>(
        &mut self,
        name: String,
        socket: &TcpListener,
        endpoint: Arc<E>,
        options: Options,
        beside: B,
    ) -> anyhow::Result<()>
    where
        E: Endpoint + 'static,
        B: Future<Output = ()> + Send + 'static,
    {
        let socket = socket.try_clone().context("failed to clone a socket")?;
        let stop = self.stop.clone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("failed to start a runtime")?;
        let serve = async move {
            let beside = tokio::spawn(beside);
            let served: io::Result<()> = listener::serve(socket, endpoint, options, stop).await;
            beside.abort();
            if let Err(error) = served {
                error!(%error, "a listener has failed");
            }
        };
        let thread = thread::Builder::new()
            .name(name)
            .spawn(move || {
                runtime.block_on(serve);
                // What the admin API still reads for a caller that is gone must not hold up the stop.
                runtime.shutdown_background();
            })
            .context("failed to start a listener's thread")?;
        self.threads.push(thread);
        Ok(())
    }

    /// Whether a thread has ended though nobody stopped it.
    pub(super) fn is_dead(&self) -> bool {
        !self.stop.gently.is_cancelled() && self.threads.iter().any(JoinHandle::is_finished)
    }

    /// No new connections and requests.
    pub(super) fn stop_gently(&self) {
        self.stop.gently.cancel();
    }

    /// Cancelled when no new connections and requests are wanted.
    pub(super) fn gently(&self) -> CancellationToken {
        self.stop.gently.clone()
    }

    /// Cancelled, it closes every connection.
    pub(super) fn now(&self) -> CancellationToken {
        self.stop.now.clone()
    }

    /// Waits until every connection is closed.
    pub(super) async fn finished(&mut self) {
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                if thread.join().is_err() {
                    error!("a listener's thread has died");
                }
            }
        });
        joined
            .await
            .expect("a blocking task is not cancelled, and this one does not panic");
    }
}
