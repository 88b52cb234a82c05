//! Interleaved rounds: every server in turn gets the same load, then again, so that a slow minute of the machine hits
//! all of them. Start at [`run`].

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use tokio::time::{interval, sleep};

use crate::{
    deciding,
    figures::{float, milliseconds},
    gateway::{self, Gateway},
    load::{Callbacks, Load, Shape, Tally, Target},
    peers::{self, Role},
    process::{CpuTime, Memory, Server, cpu_time},
};

/// Before idle memory is read.
const IDLE: Duration = Duration::from_millis(500);

/// How often the size of the write-ahead file is read.
const SAMPLE_EVERY: Duration = Duration::from_millis(50);

/// The follower has failed if it needs longer to reach the log's end.
const CATCH_UP_MAX: Duration = Duration::from_secs(30);

/// Threads of the gateway that do their work after an after-callback's ack, by a part of their names.
const BEHIND_THE_ACK: [&str; 5] = ["follow", "index", "handler", "state", "admin"];

/// The same for a before-callback: it waits for its handler, and not for the journal.
const BEHIND_THE_ANSWER: [&str; 5] = ["follow", "index", "journal", "state", "admin"];

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub(crate) enum Variant {
    /// A stock `poem::Server` on tokio's default runtime that answers a constant.
    Poem,
    /// The same on one thread.
    PoemOneThread,
    /// A stock `poem::Server` that appends each body to a raw log with group commit and `fdatasync`.
    Log,
    /// The same on one thread, beside the log's writer.
    LogOneThread,
    /// The gateway, called with one callback over and over: authenticated, read, looked up, counted and acked, but not
    /// journaled.
    GatewayWithoutJournal,
    /// The gateway.
    Gateway,
    /// A stock `poem::Server` that answers a before-callback with a constant, called by the load itself.
    Decider,
    /// The gateway, called with the same before-callback; the plug-in allows it.
    GatewayPlugIn,
    /// The same; the gateway asks that `poem::Server`.
    GatewayDecider,
}

/// How much load.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Connections and rate.
    pub(crate) shape: Shape,
    /// How long the load runs before it counts.
    pub(crate) warm_up: Duration,
    /// How long it counts.
    pub(crate) time: Duration,
    /// The CPUs of the servers, as `taskset -c` takes them.
    pub(crate) cpus: Option<String>,
}

/// What one server did under one load. CPU times are in microseconds for each acked request.
#[derive(Debug)]
pub(crate) struct Sample {
    /// Acks a second.
    pub(crate) throughput: f64,
    /// The server's CPU time; the gateway's until its follower had caught up.
    pub(crate) cpu: f64,
    /// The same without threads that work behind the answer.
    pub(crate) cpu_to_answer: f64,
    /// The same by thread.
    pub(crate) threads: BTreeMap<String, f64>,
    /// The load generator's own CPU time.
    pub(crate) generator_cpu: f64,
    /// Latencies in milliseconds: median, 99 and 99.9 of a hundred.
    pub(crate) latencies: [f64; 3],
    /// Requests without their ack.
    pub(crate) failures: u64,
    /// Before the load.
    pub(crate) idle: Memory,
    /// After the load.
    pub(crate) loaded: Memory,
    /// How long the follower needed to reach the log's end after the load; the gateway only.
    pub(crate) caught_up_in: Option<Duration>,
    /// The largest size of the write-ahead file, in bytes; the gateway only.
    pub(crate) wal_peak: Option<u64>,
}

/// A server of either kind.
enum Running {
    Peer(Server, SocketAddr),
    /// With the decider that it asks.
    Gateway(Gateway, Option<Server>),
}

/// Measures every variant in turn, `rounds` times. A variant that can't be started is named on standard error and
/// left out.
pub(crate) async fn run(
    variants: &[Variant],
    rounds: usize,
    plan: &Plan,
    directory: &Path,
) -> BTreeMap<Variant, Vec<Sample>> {
    let mut samples: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for round in 1..=rounds {
        for variant in variants {
            match measure(*variant, plan, directory).await {
                Ok(sample) => {
                    eprintln!(
                        "round {round} of {rounds}, {variant:?}: {:.0} requests/s, {:.1} µs, p99 {:.2} ms",
                        sample.throughput,
                        sample.cpu,
                        sample.latencies.get(1).copied().unwrap_or_default(),
                    );
                    samples.entry(*variant).or_default().push(sample);
                }
                Err(error) => {
                    eprintln!("round {round} of {rounds}, {variant:?}: left out: {error:#}");
                }
            }
        }
    }
    samples
}

/// One server, started afresh in an empty directory, under one load.
async fn measure(variant: Variant, plan: &Plan, directory: &Path) -> anyhow::Result<Sample> {
    let directory = tempfile::tempdir_in(directory)?;
    let mut running = Running::start(variant, directory.path(), plan.cpus.as_deref()).await?;
    sleep(IDLE).await;
    let idle = running.server().memory()?;
    let load = Load::start(running.target(variant), plan.shape, 0);
    sleep(plan.warm_up).await;

    let own_before = cpu_time(std::process::id())?;
    let before = running.server().cpu_time()?;
    load.take();
    let wal_peak = running.watch(plan.time).await?;
    let tally = load.take();
    let elapsed = tally.since.elapsed();
    let own = cpu_time(std::process::id())?.since(&own_before);

    let rest = load.stop().await;
    let caught_up_in = running.caught_up().await?;
    let used = running.server().cpu_time()?.since(&before);
    let loaded = running.server().memory()?;
    let sample = Sample {
        idle,
        loaded,
        caught_up_in,
        wal_peak,
        ..summarize(variant, &tally, &rest, elapsed, &used, &own)
    };
    if let Running::Gateway(gateway, _decider) = running {
        gateway.server.terminate().await?;
    }
    Ok(sample)
}

/// Divides what was used by what was done. The server's CPU time runs until the last answer, so `rest`, the answers
/// after the counted time, share it.
fn summarize(
    variant: Variant,
    tally: &Tally,
    rest: &Tally,
    elapsed: Duration,
    used: &CpuTime,
    own: &CpuTime,
) -> Sample {
    let acked = float(tally.latencies.total());
    let served = acked + float(rest.latencies.total());
    let each = |time: Duration, requests: f64| time.as_secs_f64() * 1e6 / requests;
    let behind = used
        .threads
        .iter()
        .filter(|(name, _)| variant.is_behind_the_answer(name))
        .map(|(_, time)| *time)
        .sum();
    Sample {
        throughput: acked / elapsed.as_secs_f64(),
        cpu: each(used.total, served),
        cpu_to_answer: each(used.total.saturating_sub(behind), served),
        threads: used
            .threads
            .iter()
            .map(|(name, time)| (name.clone(), each(*time, served)))
            .collect(),
        generator_cpu: each(own.total, acked),
        latencies: [500, 990, 999].map(|part| milliseconds(tally.latencies.quantile(part))),
        failures: tally.failures() + rest.failures(),
        idle: Memory::default(),
        loaded: Memory::default(),
        caught_up_in: None,
        wal_peak: None,
    }
}

// === impl Variant ===

impl Variant {
    /// Whether an ack means that the body is synced.
    pub(crate) fn is_durable(self) -> bool {
        matches!(self, Self::Log | Self::LogOneThread | Self::Gateway)
    }

    /// Whether it has threads that work behind the answer.
    pub(crate) fn works_behind(self) -> bool {
        matches!(
            self,
            Self::Gateway | Self::GatewayPlugIn | Self::GatewayDecider
        )
    }

    /// What the load calls it with.
    fn callbacks(self) -> Callbacks {
        match self {
            Self::GatewayWithoutJournal => Callbacks::OneDeletion,
            Self::Decider | Self::GatewayPlugIn | Self::GatewayDecider => Callbacks::Messages,
            _ => Callbacks::Deletions,
        }
    }

    fn is_behind_the_answer(self, thread: &str) -> bool {
        let behind = match self.callbacks() {
            Callbacks::Messages => BEHIND_THE_ANSWER,
            Callbacks::Deletions | Callbacks::OneDeletion => BEHIND_THE_ACK,
        };
        behind.iter().any(|part| thread.contains(part))
    }
}

// === impl Running ===

impl Running {
    async fn start(variant: Variant, directory: &Path, cpus: Option<&str>) -> anyhow::Result<Self> {
        let (role, one_thread) = match variant {
            Variant::Gateway | Variant::GatewayWithoutJournal | Variant::GatewayPlugIn => {
                return Ok(Self::Gateway(Gateway::start(directory, cpus).await?, None));
            }
            Variant::GatewayDecider => {
                let (decider, address) = peers::start(Role::Poem, false, directory, cpus)?;
                let configuration = deciding::configuration(address);
                let gateway = Gateway::configured(&configuration, directory, cpus).await?;
                return Ok(Self::Gateway(gateway, Some(decider)));
            }
            Variant::Poem | Variant::Decider => (Role::Poem, false),
            Variant::PoemOneThread => (Role::Poem, true),
            Variant::Log => (Role::Log, false),
            Variant::LogOneThread => (Role::Log, true),
        };
        let (server, address) = peers::start(role, one_thread, directory, cpus)?;
        Ok(Self::Peer(server, address))
    }

    fn server(&self) -> &Server {
        match self {
            Self::Peer(server, _) => server,
            Self::Gateway(gateway, _) => &gateway.server,
        }
    }

    fn target(&self, variant: Variant) -> Target {
        let address = match self {
            Self::Peer(_, address) => *address,
            Self::Gateway(gateway, _) => gateway.callbacks,
        };
        gateway::target(address, variant.callbacks())
    }

    /// Lets the load run; returns the largest write-ahead file seen.
    async fn watch(&self, time: Duration) -> anyhow::Result<Option<u64>> {
        let Self::Gateway(gateway, _) = self else {
            sleep(time).await;
            return Ok(None);
        };
        let end = Instant::now() + time;
        let mut peak = 0;
        let mut tick = interval(SAMPLE_EVERY);
        while Instant::now() < end {
            tick.tick().await;
            peak = peak.max(gateway.wal_bytes()?);
        }
        Ok(Some(peak))
    }

    async fn caught_up(&mut self) -> anyhow::Result<Option<Duration>> {
        match self {
            Self::Peer(..) => Ok(None),
            Self::Gateway(gateway, _) => gateway.caught_up(CATCH_UP_MAX).await.map(Some),
        }
    }
}
