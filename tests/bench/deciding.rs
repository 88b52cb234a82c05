//! What does a decider cost, beside asking it directly; and what happens when it never answers?
//!
//! The load calls a decider, a stock `poem::Server` with a constant answer, once itself and once through the gateway.
//! Then a thousand before-callbacks come at once while the decider takes questions and never answers; then the circuit
//! breaker is open. Start at [`run`].

use std::{
    net::SocketAddr,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use tokio::{task::JoinSet, time::sleep};

use crate::{
    connection::Connection,
    figures::{milliseconds, print},
    gateway::{self, Gateway},
    histogram::Histogram,
    load::{self, Callbacks, Load, Shape, Target},
    messages,
    peers::{self, Role},
    report,
    rounds::{self, Plan, Variant},
};

/// Side by side.
const VARIANTS: [Variant; 3] = [
    Variant::Decider,
    Variant::GatewayPlugIn,
    Variant::GatewayDecider,
];

/// The load runs this long before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// What the policy answers.
const REFUSED: &[u8] = br#"{"ActionStatus":"OK","ErrorCode":1,"ErrorInfo":""}"#;

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct DecidingArguments {
    /// How often each server has its turn, and how often the decider falls silent.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long the load of a turn counts.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    #[command(flatten)]
    shape: Shape,
    /// Before-callbacks that come at once while the decider is silent.
    #[arg(long, default_value_t = 1_000)]
    burst: usize,
    /// CPUs for the servers, as `taskset -c` takes them; give the bench itself the others.
    #[arg(long)]
    server_cpus: Option<String>,
    /// Where journals go while it runs.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
}

/// Prints the tables.
pub(crate) async fn run(arguments: &DecidingArguments) -> anyhow::Result<()> {
    let plan = Plan {
        shape: arguments.shape,
        warm_up: WARM_UP,
        time: Duration::from_secs(arguments.seconds),
        cpus: arguments.server_cpus.clone(),
    };
    if arguments.seconds > 0 {
        let samples = rounds::run(&VARIANTS, arguments.rounds, &plan, &arguments.directory).await;
        print(&report::tables(&samples))?;
    }
    print(
        "\n| the decider is silent | before-callbacks | answered by the policy | p50 ms | p99 ms | longest ms |\n\
         |---|--:|--:|--:|--:|--:|\n",
    )?;
    for _ in 0..arguments.rounds {
        print(&silence(arguments, &plan).await?)?;
    }
    Ok(())
}

/// The configuration of a gateway that asks the decider at an address about messages, and refuses them without answer.
pub(crate) fn configuration(decider: SocketAddr) -> String {
    format!(
        "[deciders.bench]\nurl = \"http://{decider}/callback\"\n\n\
         [commands.\"{}\"]\ndecider = \"bench\"\npolicy = \"refuse\"\n",
        messages::COMMAND,
    )
}

/// Two rows: all at once while the decider is asked, and a load while it is left alone.
async fn silence(arguments: &DecidingArguments, plan: &Plan) -> anyhow::Result<String> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let directory = directory.path();
    let cpus = plan.cpus.as_deref();
    let (_decider, address) = peers::start(Role::Silent, false, directory, cpus)?;
    let gateway = Gateway::configured(&configuration(address), directory, cpus).await?;
    let target = Target {
        ack: REFUSED,
        ..gateway::target(gateway.callbacks, Callbacks::Messages)
    };
    let latencies = burst(&target, arguments.burst).await?;
    let mut rows = row("all at once", arguments.burst as u64, &latencies);

    let load = Load::start(target, plan.shape, 0);
    sleep(plan.warm_up).await;
    load.take();
    sleep(plan.time).await;
    let mut tally = load.take();
    tally.add_failures(&load.stop().await);
    let asked = tally.latencies.total() + tally.failures();
    rows += &row("the breaker is open", asked, &tally.latencies);
    gateway.server.terminate().await?;
    Ok(rows)
}

/// Opens the connections, then sends one request on each, all at once.
async fn burst(target: &Target, count: usize) -> anyhow::Result<Histogram> {
    let first = load::request(&gateway::target(target.address, Callbacks::OneDeletion));
    let mut connections = Vec::new();
    for _ in 0..count {
        let mut connection = Connection::open(target.address).await?;
        // One that is opened and not used is soon closed.
        connection.exchange(&first).await?;
        connections.push(connection);
    }
    let request = load::request(target);
    let mut exchanges = JoinSet::new();
    for mut connection in connections {
        let (request, ack) = (request.clone(), target.ack);
        exchanges.spawn_local(async move {
            let sent = Instant::now();
            let answer = connection.exchange(&request).await?;
            ensure!(answer.body == ack, "another answer than the policy's");
            Ok(sent.elapsed())
        });
    }
    let mut latencies = Histogram::new();
    while let Some(exchanged) = exchanges.join_next().await {
        match exchanged.context("an exchange panicked")? {
            Ok(latency) => latencies.record(latency),
            Err(error) => eprintln!("a before-callback: {error:#}"),
        }
    }
    Ok(latencies)
}

fn row(name: &str, asked: u64, latencies: &Histogram) -> String {
    let latency = |per_mille| milliseconds(latencies.quantile(per_mille));
    format!(
        "| {name} | {asked} | {} | {:.2} | {:.2} | {:.2} |\n",
        latencies.total(),
        latency(500),
        latency(990),
        latency(1000),
    )
}
