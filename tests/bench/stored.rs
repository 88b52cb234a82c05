//! What grows with the journal? The cost of an append, the start, and the last events of one account, with ten
//! thousand to two million events stored. Start at [`run`].

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::ensure;

use crate::{
    append, callgrind, deletions,
    figures::{float, median, milliseconds, print},
    fill,
    gateway::Gateway,
    histogram::Histogram,
};

/// Appends that callgrind counts.
const COUNTED_APPENDS: u64 = 2_048;

/// Starts of which the median counts.
const STARTS: usize = 5;

/// Accounts that are asked for; each is asked for once.
const QUERIES: u64 = 300;

/// Events that an answer shows.
const SHOWN: usize = 50;

/// How long the index may take to be built from nothing.
const INDEXED_MAX: Duration = Duration::from_mins(10);

/// How big a journal, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct StoredArguments {
    /// Sizes of the journal, in events, ascending.
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000, 2_000_000])]
    events: Vec<u64>,
    /// Where the journal goes while it runs: the disk to measure.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
}

/// Fills one journal step by step; prints a table with a row for each size.
pub(crate) async fn run(arguments: &StoredArguments) -> anyhow::Result<()> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    print(
        "| events stored | instructions an append, alone | … 64 at once | events a sync \
         | first start ms | index built in s | start ms | idle MiB \
         | 50 events of an account: p50 ms | p99 ms | longest ms |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
    )?;
    for events in &arguments.events {
        fill::fill(directory.path(), *events).await?;
        let costs = append_costs(directory.path())?;
        // The appends can be counted without a gateway.
        let row = match measure(directory.path(), *events).await {
            Ok(row) => row,
            Err(error) => format!("left out: {error:#} |"),
        };
        print(&format!("| {events} | {costs} | {row}\n"))?;
    }
    Ok(())
}

/// Three cells: instructions of an append with a sync of its own, of one among 64, and how many shared a sync there.
fn append_costs(journal: &Path) -> anyhow::Result<String> {
    if !callgrind::can_count() {
        return Ok("no valgrind | – | –".to_owned());
    }
    let alone = append::count(journal, COUNTED_APPENDS, 1)?;
    let together = append::count(journal, COUNTED_APPENDS, 64)?;
    Ok(format!(
        "{:.0} | {:.0} | {:.1}",
        alone.instructions, together.instructions, together.batch
    ))
}

/// Seven cells: starts, memory and queries of a gateway on the journal.
async fn measure(journal: &Path, events: u64) -> anyhow::Result<String> {
    let mut first = Gateway::start(journal, None).await?;
    let first_start = first.started_in;
    let indexed_in = first.caught_up(INDEXED_MAX).await?;
    first.server.terminate().await?;

    let mut starts = Vec::new();
    for _ in 1..STARTS {
        let gateway = Gateway::start(journal, None).await?;
        starts.push(milliseconds(gateway.started_in));
        gateway.server.terminate().await?;
    }
    let gateway = Gateway::start(journal, None).await?;
    starts.push(milliseconds(gateway.started_in));
    let idle = gateway.server.memory()?.resident;
    let latencies = query(&gateway, events)?;
    gateway.server.terminate().await?;
    Ok(format!(
        "{:.0} | {:.1} | {:.0} | {:.1} | {:.2} | {:.2} | {:.2} |",
        milliseconds(first_start),
        indexed_in.as_secs_f64(),
        median(starts),
        float(idle) / 1024.0 / 1024.0,
        milliseconds(latencies.quantile(500)),
        milliseconds(latencies.quantile(990)),
        milliseconds(latencies.quantile(1000)),
    ))
}

/// Asks for the last events of accounts all over the index, over one connection.
fn query(gateway: &Gateway, events: u64) -> anyhow::Result<Histogram> {
    let mut latencies = Histogram::new();
    let accounts = deletions::ACCOUNTS.min(events);
    for number in 0..QUERIES {
        let account = deletions::account(number * accounts / QUERIES);
        let path = format!("/v1/events?account={account}&limit={SHOWN}");
        let since = Instant::now();
        let page = gateway.get(&path)?;
        latencies.record(since.elapsed());
        ensure!(
            page.contains(r#""data":[{"#),
            "no event of {account} was found"
        );
    }
    Ok(latencies)
}
