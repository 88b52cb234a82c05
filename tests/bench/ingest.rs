//! What does a callback cost, beside a bare poem server and a server that only appends to a synced log?
//!
//! `cargo bench --profile dist --bench ingest` prints CPU time, throughput, latencies and memory, side by side;
//! `… -- stored` asks what grows with the journal, `… -- dispatch` what with the plug-ins, `… -- deciding` what a decider
//! costs and what one that never answers does, `… -- lanes` what a crowd of others does to before-callbacks,
//! `… -- scraping` what a scrape of the metrics costs, `… -- passing` how fast and how soon events are passed on;
//! `… -- load --url … --token-file … --sdk-app-id …` puts the same load on any running gateway; `… -- machine` prints
//! what the figures depend on. Nothing is asserted. Start at [`rounds::run`]; the method is in `docs/performance.md`.

mod append;
mod callgrind;
mod connection;
mod deciding;
mod deletions;
mod dispatch;
mod figures;
mod fill;
mod gateway;
mod histogram;
mod lanes;
mod load;
mod machine;
mod messages;
mod passing;
mod peers;
mod process;
mod report;
mod rounds;
mod running;
mod scraping;
mod stored;

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Parser;
use tokio::{runtime::Builder, task::LocalSet};

use figures::print;
use load::Shape;
use rounds::{Plan, Variant};

/// The load runs this long before it counts.
const WARM_UP: Duration = Duration::from_secs(1);

/// Everything.
const ALL: [Variant; 6] = [
    Variant::Poem,
    Variant::PoemOneThread,
    Variant::Log,
    Variant::LogOneThread,
    Variant::GatewayWithoutJournal,
    Variant::Gateway,
];

/// Side by side: the gateway, bare poem, and a raw synced log.
#[derive(Debug, Parser)]
#[command(name = "ingest")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// How often each server has its turn.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// How long the load of a turn counts.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// How long the one long turn of the durable servers takes, after the rounds; 0 for none.
    #[arg(long, default_value_t = 60)]
    long: u64,
    #[command(flatten)]
    shape: Shape,
    /// Only these servers.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Variant>,
    /// One round of two seconds and no long turn: to see that it works.
    #[arg(long)]
    quick: bool,
    /// CPUs for the servers, as `taskset -c` takes them; give the bench itself the others.
    #[arg(long)]
    server_cpus: Option<String>,
    /// Where logs and journals go while it runs: the disk to measure.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
    /// Cargo says so for `cargo bench`.
    #[arg(long, hide = true, global = true)]
    bench: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Put the load on a running gateway.
    Load(running::LoadArguments),
    /// What grows with the journal: appends, the start, queries.
    Stored(stored::StoredArguments),
    /// What grows with the plug-ins: instructions of the dispatch and of the whole gateway.
    Dispatch(dispatch::DispatchArguments),
    /// What a decider costs, and what happens when it never answers.
    Deciding(deciding::DecidingArguments),
    /// Before-callbacks beside a crowd of others.
    Lanes(lanes::LanesArguments),
    /// What a scrape of the metrics costs.
    Scraping(scraping::ScrapingArguments),
    /// How fast events are passed on, how soon, and what that costs the ack.
    Passing(passing::PassingArguments),
    /// Print what the figures depend on.
    Machine,
    /// What the child processes of the bench do.
    #[command(hide = true)]
    Serve(peers::RoleArguments),
    /// What callgrind runs.
    #[command(hide = true)]
    Append(append::AppendArguments),
    /// What callgrind runs.
    #[command(hide = true)]
    Prepare(dispatch::PrepareArguments),
    /// What callgrind runs.
    #[command(hide = true)]
    Host(dispatch::HostArguments),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    match &arguments.command {
        Some(Command::Serve(role)) => return peers::serve(role),
        Some(Command::Machine) => return print(&machine::facts(&arguments.directory)?),
        Some(Command::Prepare(prepare)) => return dispatch::prepare(prepare),
        Some(Command::Host(host)) => return dispatch::host(host),
        // `cargo test --benches` runs benches too; figures of that would mean nothing.
        None if !arguments.bench => return print("run it with `cargo bench --profile dist`\n"),
        _ => {}
    }
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(LocalSet::new().run_until(async {
        match &arguments.command {
            Some(Command::Load(load)) => print(&running::run(load).await?),
            Some(Command::Stored(stored)) => stored::run(stored).await,
            Some(Command::Append(append)) => append::child(append).await,
            Some(Command::Dispatch(dispatch)) => dispatch::run(dispatch).await,
            Some(Command::Deciding(deciding)) => deciding::run(deciding).await,
            Some(Command::Lanes(lanes)) => lanes::run(lanes).await,
            Some(Command::Scraping(scraping)) => scraping::run(scraping).await,
            Some(Command::Passing(passing)) => passing::run(passing).await,
            _ => compare(arguments).await,
        }
    }))
}

/// The rounds, then the long turn.
async fn compare(arguments: &Arguments) -> anyhow::Result<()> {
    let directory: &Path = &arguments.directory;
    let variants = if arguments.only.is_empty() {
        &ALL
    } else {
        arguments.only.as_slice()
    };
    let (rounds, seconds, long) = if arguments.quick {
        (1, 2, 0)
    } else {
        (arguments.rounds, arguments.seconds, arguments.long)
    };
    let mut plan = Plan {
        shape: arguments.shape,
        warm_up: WARM_UP,
        time: Duration::from_secs(seconds),
        cpus: arguments.server_cpus.clone(),
    };
    let samples = rounds::run(variants, rounds, &plan, directory).await;
    print(&format!(
        "{}\nRounds: {rounds} of {seconds} s; connections: {}.\n\n{}",
        machine::facts(directory)?,
        plan.shape.connections,
        report::tables(&samples),
    ))?;
    if long == 0 {
        return Ok(());
    }
    plan.time = Duration::from_secs(long);
    let durable: Vec<Variant> = variants
        .iter()
        .copied()
        .filter(|variant| variant.is_durable())
        .collect();
    let samples = rounds::run(&durable, 1, &plan, directory).await;
    print(&format!(
        "\nRounds: 1 of {long} s.\n\n{}",
        report::tables(&samples)
    ))
}
