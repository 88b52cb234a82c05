//! Building everything, and stopping it in the opposite order.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::Context as _;
use gateway_core::{Callbacks, Dispatcher, List};
use gateway_fanout::Fanout;
use gateway_journal::{Deliveries, Index, Journal, State, StateReader};
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::{Durability, HeldBack, Listeners, port::Port, reload::Reloadable};
use crate::{
    admin,
    config::{Checked, Config, Problems, ShutdownConfig},
    follower::{self, Follower, Recent},
    handlers::Handlers,
    ingest::{self, Ingest},
    listener::Options,
    metrics::{Metrics, signed},
    readiness::Readiness,
    traces::Traces,
};

/// Everything that runs.
#[derive(Debug)]
pub(super) struct Service {
    journal: Arc<Journal>,
    handlers: Arc<Handlers>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    follower: follower::Running,
    fanout: Fanout,
    reloadable: Reloadable,
    traces: Traces,
    callbacks: Port,
    admin: Port,
}

/// What is on disk.
struct Stores {
    journal: Arc<Journal>,
    index: Arc<Index>,
    state: State,
}

/// What the admin listener shows beside what the service has.
struct Shown {
    index: Arc<Index>,
    state: StateReader,
    dispatcher: Dispatcher,
    recent: Arc<Recent>,
}

/// From a request's first byte to the end of its headers.
const HEADER_DEADLINE: Duration = Duration::from_secs(2);

/// Longer than any sender's pool keeps a connection.
const IDLE_DEADLINE: Duration = Duration::from_mins(2);

/// So much after the answer's deadline a callback's connection is closed, answered or not.
const CLOSE_AFTER_DEADLINE: Duration = Duration::from_secs(1);

/// Connections to the admin listener.
const ADMIN_CONNECTIONS_MAX: usize = 256;

/// How long the admin listener's streams may take to end.
const ADMIN_GRACE: Duration = Duration::from_millis(500);

/// How long the last spans may take to be sent, once everything else has ended: the grace period may be used up by then,
/// and nobody waits for a collector that hangs.
const TRACES_GRACE: Duration = Duration::from_secs(2);

impl Service {
    pub(super) fn start<L: List>(
        checked: &Checked,
        callbacks: Callbacks<L>,
        listeners: &Listeners,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let config = &checked.config;
        let dispatcher = Dispatcher::new(callbacks)?;
        let metrics = Arc::new(Metrics::new(&dispatcher));
        metrics.journal_bytes_max(config.journal.bytes_max.as_u64());
        let traces = Traces::start(checked.traces.as_ref(), &metrics.spans);
        let stores = Stores::open(config, &dispatcher, &metrics, durability)?;
        let deadline = config.callbacks.deadline;
        let handlers = Handlers::new(&dispatcher, &metrics, &config.handlers, deadline);
        let handlers = Arc::new(handlers);
        let reloadable = Reloadable::new(checked, dispatcher.clone(), &metrics)?;
        let shared = Arc::new(ingest::Shared::new(
            Arc::clone(&reloadable.live),
            dispatcher.clone(),
            Arc::clone(&handlers),
            Arc::clone(&metrics),
            traces.clone(),
            &config.callbacks,
        ));
        let deliveries = Deliveries::open(&stores.state)?;
        // Both before either releases anything.
        let holders = (stores.journal.holder(), stores.journal.holder());
        let shown = Shown {
            index: Arc::clone(&stores.index),
            state: stores.state.reader(),
            dispatcher: dispatcher.clone(),
            recent: Arc::default(),
        };
        let follower = Follower::start(follower::Parts {
            journal: Arc::clone(&stores.journal),
            holder: holders.0,
            index: stores.index,
            state: stores.state,
            dispatcher,
            handlers: Arc::clone(&handlers),
            metrics: Arc::clone(&metrics),
            traces: traces.clone(),
            recent: Arc::clone(&shown.recent),
        })?;
        let fanout = Fanout::start(
            gateway_fanout::Parts {
                journal: Arc::clone(&stores.journal),
                holder: holders.1,
                deliveries,
                dispatcher: shown.dispatcher.clone(),
                observer: Arc::clone(&metrics.fanout) as _,
            },
            checked.subscribers.clone(),
        )?;
        let mut service = Self {
            readiness: Arc::new(Readiness::new(stores.journal.health())),
            journal: stores.journal,
            handlers,
            metrics,
            follower,
            fanout,
            reloadable,
            traces,
            callbacks: Port::new(),
            admin: Port::new(),
        };
        service.serve_admin::<L>(listeners, shown, &shared)?;
        service.serve_callbacks(config, listeners, &shared)?;
        Ok(service)
    }

    fn serve_callbacks(
        &mut self,
        config: &Config,
        listeners: &Listeners,
        shared: &Arc<ingest::Shared>,
    ) -> anyhow::Result<()> {
        let options = Options {
            connections: Arc::new(Semaphore::new(config.callbacks.connections_max)),
            open_connections: self.metrics.open_connections("callbacks"),
            failures: self.metrics.connection_failures("callbacks"),
            tls: self.reloadable.callbacks_tls.clone(),
            trusted_proxies: Arc::clone(&self.reloadable.trusted_proxies),
            header_deadline: HEADER_DEADLINE,
            idle_deadline: IDLE_DEADLINE,
            request_deadline: Some(config.callbacks.deadline + CLOSE_AFTER_DEADLINE),
        };
        for number in 0..config.callbacks.threads {
            let (appender, completions) = self.journal.appender();
            let ingest = Ingest::new(Arc::clone(shared), appender);
            self.callbacks.serve(
                format!("callbacks-{number}"),
                &listeners.callbacks,
                Arc::new(ingest),
                options.clone(),
                completions.run(),
            )?;
        }
        Ok(())
    }

    fn serve_admin<L: List>(
        &mut self,
        listeners: &Listeners,
        shown: Shown,
        shared: &Arc<ingest::Shared>,
    ) -> anyhow::Result<()> {
        let (appender, completions) = self.journal.appender();
        let parts = admin::Parts {
            reader: self.journal.reader(),
            head: self.journal.head(),
            index: shown.index,
            state: shown.state,
            dispatcher: shown.dispatcher,
            recent: shown.recent,
            replays: self.follower.replays(),
            board: self.fanout.board(),
            steering: self.fanout.steering(),
            handlers: Arc::clone(&self.handlers),
            ingest: Arc::new(Ingest::new(Arc::clone(shared), appender)),
            metrics: Arc::clone(&self.metrics),
            readiness: Arc::clone(&self.readiness),
            guard: Arc::clone(&self.reloadable.guard),
            callback_path: shared.path.clone(),
            stop: self.admin.gently(),
        };
        let options = Options {
            connections: Arc::new(Semaphore::new(ADMIN_CONNECTIONS_MAX)),
            open_connections: self.metrics.open_connections("admin"),
            failures: self.metrics.connection_failures("admin"),
            tls: self.reloadable.admin_tls.clone(),
            trusted_proxies: Arc::default(),
            header_deadline: HEADER_DEADLINE,
            idle_deadline: IDLE_DEADLINE,
            request_deadline: None,
        };
        self.admin.serve(
            "admin".to_owned(),
            &listeners.admin,
            Arc::new(admin::endpoint::<L>(parts)),
            options,
            completions.run(),
        )
    }

    /// Takes over a new configuration, all of it or nothing.
    pub(super) fn reload(&mut self, loaded: Result<Config, Problems>) {
        let steering = self.fanout.steering();
        self.reloadable
            .reload(loaded, &self.metrics, |subscribers| {
                steering.configure(subscribers)
            });
    }

    /// Sets the gauges that nobody sets when they change.
    pub(super) fn read_gauges(&self) {
        let is_writable = self.readiness.is_journal_writable();
        self.metrics.journal(self.journal.usage(), is_writable);
        let is_ready = self.readiness.problems().is_empty();
        self.metrics.ready.set(i64::from(is_ready));
        self.handlers.read_gauges();
        self.metrics.follower_lag.set(signed(self.follower.lag()));
    }

    /// Counts what the log holds back, and says so where it is time.
    pub(super) fn count_held_back(&self, held_back: &HeldBack) {
        self.metrics.log_lines_held_back.inc_by(held_back.count());
        held_back.tell(Instant::now());
    }

    /// Something that has ended though nobody stopped it: the process is of no use without it.
    pub(super) fn dead_part(&self) -> Option<&'static str> {
        let parts = [
            ("the follower", self.follower.is_dead()),
            ("the fan-out", self.fanout.is_dead()),
            ("the journal's writer", self.journal.is_dead()),
            ("the callback listener", self.callbacks.is_dead()),
            ("the admin listener", self.admin.is_dead()),
        ];
        let dead = parts.into_iter().find(|(_, is_dead)| *is_dead);
        dead.map(|(part, _)| part)
    }

    /// Fails `/readyz`, drains, stops accepting, finishes what is in flight, syncs, closes, sends the last spans. Callbacks
    /// and handlers end within the grace period; the drain comes before it, [`ADMIN_GRACE`], the last sync and
    /// [`TRACES_GRACE`] after it.
    ///
    /// # Errors
    ///
    /// When the follower or the journal did not close; the last spans are sent all the same.
    pub(super) async fn stop(self, config: &ShutdownConfig) -> anyhow::Result<()> {
        info!("stopping");
        self.readiness.stop();
        self.metrics.ready.set(0);
        tokio::time::sleep(config.drain).await;
        let started = Instant::now();
        let traces = self.traces.clone();
        let closed = self.close(started + config.grace).await;
        let last = Instant::now() + TRACES_GRACE;
        if let Err(error) = tokio::task::spawn_blocking(move || traces.stop(last)).await {
            warn!(%error, "the last spans are lost");
        }
        closed?;
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        info!(took_ms, "stopped");
        Ok(())
    }

    async fn close(mut self, deadline: Instant) -> anyhow::Result<()> {
        finish(&mut self.callbacks, deadline).await;
        let (follower, fanout) = (self.follower, self.fanout);
        let (read, passed_on) = tokio::join!(
            tokio::task::spawn_blocking(move || follower.stop(deadline)),
            tokio::task::spawn_blocking(move || fanout.stop(deadline)),
        );
        read.context("failed to stop the follower")?;
        passed_on.context("failed to stop the fan-out")?;
        finish(&mut self.admin, Instant::now() + ADMIN_GRACE).await;
        // Nobody else holds the journal now: the listeners' threads, the follower and the fan-out have ended.
        let journal =
            Arc::into_inner(self.journal).context("failed to close the journal: it is in use")?;
        tokio::task::spawn_blocking(move || journal.close())
            .await
            .context("failed to close the journal")??;
        Ok(())
    }
}

// === impl Stores ===

impl Stores {
    fn open(
        config: &Config,
        dispatcher: &Dispatcher,
        metrics: &Metrics,
        durability: Durability,
    ) -> anyhow::Result<Self> {
        let open = match durability {
            Durability::Synced => Journal::open,
            Durability::Unsynced => Journal::open_unsynced,
        };
        let journal = open(&config.journal, metrics.observer())?;
        let log_id = journal.head().borrow().log_id;
        let directory = &config.journal.path;
        Ok(Self {
            journal: Arc::new(journal),
            index: Arc::new(Index::open(directory, log_id, &fingerprint(dispatcher))?),
            state: State::open(directory, log_id)?,
        })
    }
}

/// Lets a listener's requests finish, and closes what is left at the deadline.
async fn finish(port: &mut Port, deadline: Instant) {
    port.stop_gently();
    let stop_now = port.now();
    let finished = port.finished();
    tokio::pin!(finished);
    let in_time = tokio::time::timeout_at(deadline.into(), &mut finished).await;
    if in_time.is_err() {
        warn!("connections are still open at the end of their time; closing them");
        stop_now.cancel();
        finished.await;
    }
}

/// The commands that the index is built with.
fn fingerprint(dispatcher: &Dispatcher) -> String {
    let mut commands: Vec<&str> = dispatcher
        .iter()
        .map(|installed| installed.descriptor().command)
        .collect();
    commands.sort_unstable();
    commands.join(" ")
}
