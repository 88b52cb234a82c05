//! What does a scrape of `/metrics` cost the gateway, with every plug-in, several apps and deciders? Start at [`run`].

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use crate::{
    figures::{milliseconds, print},
    gateway::Gateway,
};

/// How much.
#[derive(Debug, clap::Args)]
pub(crate) struct ScrapingArguments {
    /// How often the scrapes are counted.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Scrapes of a round: CPU time is counted in hundredths of a second.
    #[arg(long, default_value_t = 500)]
    scrapes: u32,
    /// Apps and deciders beside the one app that is always there.
    #[arg(long, default_value_t = 4)]
    more: usize,
    /// Where the journal goes while it runs.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
}

/// Prints a table, row by row.
pub(crate) async fn run(arguments: &ScrapingArguments) -> anyhow::Result<()> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let apps = (0..arguments.more)
        .map(|number| {
            format!(
                "[apps.app{number}]\nsdk_app_id = {}\ntoken = \"token{number}\"\n\
                 [deciders.decider{number}]\nurl = \"http://127.0.0.1:1/\"\n",
                number + 1
            )
        })
        .collect::<Vec<_>>();
    let gateway = Gateway::configured(&apps.concat(), directory.path(), None).await?;
    print(
        "| apps and deciders | series | KiB | CPU ms a scrape | ms a scrape |\n|--:|--:|--:|--:|--:|\n",
    )?;
    for _ in 0..arguments.rounds {
        let text = gateway.get("/metrics")?;
        let series = text.lines().filter(|line| !line.starts_with('#')).count();
        let (cpu, took) = scrape(&gateway, arguments.scrapes)?;
        print(&format!(
            "| {} | {series} | {} | {:.2} | {:.2} |\n",
            arguments.more + 1,
            text.len() / 1024,
            milliseconds(cpu),
            milliseconds(took),
        ))?;
    }
    gateway.server.terminate().await
}

/// The CPU time and the time of one scrape, in the mean.
fn scrape(gateway: &Gateway, scrapes: u32) -> anyhow::Result<(Duration, Duration)> {
    let (before, since) = (gateway.server.cpu_time()?, Instant::now());
    for _ in 0..scrapes {
        gateway.get("/metrics")?;
    }
    let used = gateway.server.cpu_time()?.since(&before).total;
    Ok((used / scrapes, since.elapsed() / scrapes))
}
