//! What does a crowd of others do to before-callbacks? Their latency alone, and while after-callbacks come as fast as
//! they are acked and somebody queries the admin listener without a pause. Start at [`run`].

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, anyhow};
use tokio::time::sleep;

use crate::{
    deletions,
    figures::{float, milliseconds, print},
    fill,
    gateway::{self, Gateway},
    load::{Callbacks, Load, Shape, Tally, Target},
    process::Server,
};

/// Each load runs this long before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// Events of the account that is asked for, and how many of them an answer shows.
const SHOWN: u64 = 500;

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct LanesArguments {
    /// How often before-callbacks come alone, and beside the crowd.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long each time.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Connections of before-callbacks.
    #[arg(long, default_value_t = 16)]
    before: u32,
    /// Before-callbacks a second, all connections together.
    #[arg(long, default_value_t = 800)]
    rate: u32,
    /// Connections of after-callbacks.
    #[arg(long, default_value_t = 512)]
    after: u32,
    /// Where the journal goes while it runs: the disk to measure.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
}

/// After-callbacks from a process of its own, and queries from a thread of its own.
struct Crowd {
    load: Server,
    querying: Arc<AtomicBool>,
    /// Returns how many were answered.
    queries: JoinHandle<anyhow::Result<u64>>,
}

/// Prints a table, row by row.
pub(crate) async fn run(arguments: &LanesArguments) -> anyhow::Result<()> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let journal = directory.path().join("journal");
    fill::fill_about_one(&journal, SHOWN).await?;
    let gateway = Arc::new(Gateway::start(&journal, None).await?);
    let target = gateway::target(gateway.callbacks, Callbacks::Messages);
    print(
        "| before-callbacks | answered | not | p50 ms | p99 ms | p99.9 ms | longest ms | acks/s beside | queries/s beside |\n\
         |---|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    )?;
    for _ in 0..arguments.rounds {
        let tally = measure(&target, arguments).await;
        print(&row("alone", &tally, "– | –"))?;
        let crowd = Crowd::start(&gateway, directory.path(), arguments)?;
        let tally = measure(&target, arguments).await;
        print(&row("beside the crowd", &tally, &crowd.stop(arguments)?))?;
    }
    let gateway = Arc::into_inner(gateway).context("somebody still asks the gateway")?;
    gateway.server.terminate().await
}

/// The latency of before-callbacks.
async fn measure(target: &Target, arguments: &LanesArguments) -> Tally {
    let shape = Shape {
        connections: arguments.before,
        rate: Some(arguments.rate),
    };
    let load = Load::start(target.clone(), shape, 0);
    sleep(WARM_UP).await;
    load.take();
    sleep(Duration::from_secs(arguments.seconds)).await;
    let mut tally = load.take();
    tally.add_failures(&load.stop().await);
    tally
}

fn row(name: &str, tally: &Tally, beside: &str) -> String {
    let latency = |per_mille| milliseconds(tally.latencies.quantile(per_mille));
    format!(
        "| {name} | {} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {beside} |\n",
        tally.latencies.total(),
        tally.failures(),
        latency(500),
        latency(990),
        latency(999),
        latency(1000),
    )
}

// === impl Crowd ===

impl Crowd {
    fn start(
        gateway: &Arc<Gateway>,
        directory: &Path,
        arguments: &LanesArguments,
    ) -> anyhow::Result<Self> {
        let token_file = directory.join("token");
        fs::write(&token_file, gateway::TOKEN)?;
        let seconds = WARM_UP.as_secs() + arguments.seconds;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["load", "--url"])
            .arg(format!("http://{}/callback", gateway.callbacks))
            .arg("--token-file")
            .arg(token_file)
            .args(["--sdk-app-id", &gateway::SDK_APP_ID.to_string()])
            .args(["--connections", &arguments.after.to_string()])
            .args(["--seconds", &seconds.to_string()]);
        let load = Server::start(&command, None)?;
        let querying = Arc::new(AtomicBool::new(true));
        let queries = thread::Builder::new().name("queries".to_owned()).spawn({
            let (gateway, querying) = (Arc::clone(gateway), Arc::clone(&querying));
            move || query(&gateway, &querying)
        })?;
        Ok(Self {
            load,
            querying,
            queries,
        })
    }

    /// Two cells: acks and queries a second. Errs if a query failed: then there was no crowd for a part of the time.
    fn stop(mut self, arguments: &LanesArguments) -> anyhow::Result<String> {
        self.querying.store(false, Ordering::Relaxed);
        let queries = self.queries.join();
        let queries = queries.map_err(|_| anyhow!("the thread of the queries panicked"))??;
        let output = self.load.child().stdout.take().context("no output")?;
        let text = io::read_to_string(output)?;
        let acks = text.split(' ').next().unwrap_or("–");
        let seconds = float(WARM_UP.as_secs() + arguments.seconds);
        Ok(format!("{acks} | {:.0}", float(queries) / seconds))
    }
}

/// Asks for the last events of one account, again and again; returns how often.
fn query(gateway: &Gateway, querying: &AtomicBool) -> anyhow::Result<u64> {
    let path = format!("/v1/events?account={}&limit={SHOWN}", deletions::account(0));
    let mut answered = 0;
    while querying.load(Ordering::Relaxed) {
        gateway.get(&path).context("query the events")?;
        answered += 1;
    }
    Ok(answered)
}
