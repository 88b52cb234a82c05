//! What does one more plug-in cost? Instructions from a body to the prepared request, and of the whole gateway for each
//! callback, with one plug-in installed and with all of them. Start at [`run`].
//!
//! Callgrind runs each process twice, with work and with hardly any, and what starting, ending and the time itself cost
//! falls out.

use std::{path::PathBuf, time::Duration};

use anyhow::{Context, ensure};
use callback_friend_delete::FriendDelete;
use clap::ValueEnum;
use gateway_core::{Callbacks, Dispatcher};
use gateway_server::{
    callbacks,
    run::{Durability, serve},
};
use tokio::time::sleep;

use crate::{
    callgrind, deletions,
    figures::{float, print},
    gateway::{self, Gateway},
    load::{self, Load, Shape},
};

/// Bodies that are prepared.
const BODIES: u64 = 20_000;

/// How long the load runs, under callgrind some fifty times slower than without.
const TIME: Duration = Duration::from_secs(20);

/// Before it, until the first callbacks are through.
const WARM_UP: Duration = Duration::from_secs(3);

/// After the load, until the follower has surely reached the log's end.
const REST: Duration = Duration::from_secs(4);

/// Hardly any callbacks: enough that what is done once a second is done, too.
pub(crate) const FEW: Shape = Shape {
    connections: 1,
    rate: Some(5),
};

/// Callbacks that come one at a time, so that each is a batch of its own.
pub(crate) const ALONE: Shape = Shape {
    connections: 1,
    rate: None,
};

/// Callbacks that share batches.
const TOGETHER: Shape = Shape {
    connections: 32,
    rate: None,
};

/// Where, and how often.
#[derive(Debug, clap::Args)]
pub(crate) struct DispatchArguments {
    /// Where the journals go while it runs.
    #[arg(long, default_value = env!("CARGO_TARGET_TMPDIR"))]
    directory: PathBuf,
    /// How often the whole gateway is counted; each time a row.
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

/// What the child prepares.
#[derive(Debug, clap::Args)]
pub(crate) struct PrepareArguments {
    /// With which plug-ins.
    installed: Plugins,
    /// How many bodies.
    bodies: u64,
}

/// What the child serves.
#[derive(Debug, clap::Args)]
pub(crate) struct HostArguments {
    /// With which plug-ins.
    installed: Plugins,
    /// A file beside the environment.
    #[arg(long)]
    config: Option<PathBuf>,
}

/// Which plug-ins are installed.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Plugins {
    /// That of friend deletions.
    One,
    /// All that there are.
    All,
}

/// What the whole gateway, or one thread of it, did.
#[derive(Debug)]
pub(crate) struct Served {
    /// Until its end.
    pub(crate) instructions: u64,
    /// How many it has answered.
    pub(crate) callbacks: u64,
}

/// Prints a table, row by row.
pub(crate) async fn run(arguments: &DispatchArguments) -> anyhow::Result<()> {
    ensure!(callgrind::can_count(), "valgrind is needed");
    let all = callbacks::installed().descriptors().len();
    print(&format!(
        "| instructions | with 1 plug-in | with {all} | ratio |\n|---|--:|--:|--:|\n"
    ))?;
    let prepare = |installed| count_prepare(installed).map(|count| float(count) / float(BODIES));
    print_row(
        "from a body to the prepared request",
        prepare(Plugins::One)?,
        prepare(Plugins::All)?,
    )?;
    for _ in 0..arguments.rounds {
        let few = [
            serve_counted(Plugins::One, FEW, arguments).await?,
            serve_counted(Plugins::All, FEW, arguments).await?,
        ];
        let [with_one, with_all] = few.each_ref().map(|few| float(few.instructions));
        print_row("start, 27 s with 5 callbacks/s, stop", with_one, with_all)?;
        for (name, shape) in [
            ("a callback, alone", ALONE),
            ("a callback, 32 at once", TOGETHER),
        ] {
            let [few_with_one, few_with_all] = &few;
            let with_one = serve_counted(Plugins::One, shape, arguments).await?;
            let with_all = serve_counted(Plugins::All, shape, arguments).await?;
            print_row(
                name,
                with_one.each_beyond(few_with_one),
                with_all.each_beyond(few_with_all),
            )?;
        }
    }
    Ok(())
}

/// The child of [`count_prepare`].
pub(crate) fn prepare(arguments: &PrepareArguments) -> anyhow::Result<()> {
    let dispatcher = match arguments.installed {
        Plugins::One => Dispatcher::new(Callbacks::new().with(FriendDelete)),
        Plugins::All => Dispatcher::new(callbacks::installed()),
    }?;
    let mut body = Vec::new();
    for serial in 0..arguments.bodies {
        body.clear();
        deletions::write(&mut body, serial);
        let installed = dispatcher.get(deletions::COMMAND);
        let prepared = installed
            .context("the plug-in is not there")?
            .prepare(&body);
        ensure!(prepared.work.is_some(), "a body can't be read");
    }
    Ok(())
}

/// The child of [`serve_counted`]: the gateway, but for its allocator.
pub(crate) fn host(arguments: &HostArguments) -> anyhow::Result<()> {
    let environment = std::env::vars().filter(|(name, _)| name.starts_with("GATEWAY_"));
    let environment = environment.collect();
    let config = arguments.config.as_deref();
    match arguments.installed {
        Plugins::One => {
            let callbacks = Callbacks::new().with(FriendDelete);
            serve(config, environment, callbacks, Durability::Synced)?;
        }
        Plugins::All => serve(
            config,
            environment,
            callbacks::installed(),
            Durability::Synced,
        )?,
    }
    Ok(())
}

/// Instructions that preparing the bodies takes, and writing them.
fn count_prepare(installed: Plugins) -> anyhow::Result<u64> {
    let count = |bodies: u64| callgrind::run(["prepare", installed.name(), &bodies.to_string()]);
    let (with, without) = (count(BODIES)?, count(0)?);
    Ok(with.instructions.saturating_sub(without.instructions))
}

/// Runs the whole gateway in an empty directory under a load.
async fn serve_counted(
    installed: Plugins,
    shape: Shape,
    arguments: &DispatchArguments,
) -> anyhow::Result<Served> {
    let directory = tempfile::tempdir_in(&arguments.directory)?;
    let log = directory.path().join("callgrind");
    let mut command = callgrind::command(&std::env::current_exe()?, &log);
    command.args(["host", installed.name()]);
    let gateway = Gateway::launch(command, &directory.path().join("journal"), None).await?;
    let target = gateway::target(gateway.callbacks, load::Callbacks::Deletions);
    // Callgrind translates what runs for the first time, which takes seconds.
    let first = Load::start(target.clone(), FEW, 0);
    sleep(WARM_UP).await;
    let first = first.stop().await;
    let load = Load::start(target, shape, deletions::ACCOUNTS);
    sleep(TIME).await;
    let tally = load.stop().await;
    ensure!(tally.failures() == 0, "not all callbacks were acked");
    sleep(REST).await;
    // Asked once: an answer takes instructions, and more of them with more plug-ins.
    ensure!(gateway.follower_lag()? == 0.0, "the follower is behind");
    gateway.server.terminate().await?;
    Ok(Served {
        instructions: callgrind::collected(&log)?,
        callbacks: first.latencies.total() + tally.latencies.total(),
    })
}

fn print_row(name: &str, with_one: f64, with_all: f64) -> anyhow::Result<()> {
    print(&format!(
        "| {name} | {with_one:.0} | {with_all:.0} | {:.3} |\n",
        with_all / with_one
    ))
}

// === impl Served ===

impl Served {
    /// What each of the callbacks took that there are more than in `few`.
    pub(crate) fn each_beyond(&self, few: &Self) -> f64 {
        (float(self.instructions) - float(few.instructions))
            / (float(self.callbacks) - float(few.callbacks))
    }
}

// === impl Plugins ===

impl Plugins {
    /// As an argument.
    fn name(self) -> &'static str {
        match self {
            Self::One => "one",
            Self::All => "all",
        }
    }
}
