//! What an append costs at some size of the log, in instructions: callgrind runs this binary once with appends and
//! once without, and what opening and closing cost falls out.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::Context;

use crate::{callgrind, figures::float, fill};

/// What the child appends.
#[derive(Debug, clap::Args)]
pub(crate) struct AppendArguments {
    /// The journal.
    #[arg(long)]
    directory: PathBuf,
    /// How many events.
    #[arg(long)]
    events: u64,
    /// How many wait for each sync.
    #[arg(long)]
    at_once: usize,
}

/// The cost of one append.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Instructions of the whole process, kernel excluded.
    pub(crate) instructions: f64,
    /// How many events shared a sync, on average.
    pub(crate) batch: f64,
}

/// Counts by appending `events` to the journal in `directory`.
pub(crate) fn count(directory: &Path, events: u64, at_once: usize) -> anyhow::Result<Cost> {
    let (without, _) = run(directory, 0, at_once)?;
    let (with, batches) = run(directory, events, at_once)?;
    Ok(Cost {
        instructions: float(with.saturating_sub(without)) / float(events),
        batch: float(events) / float(batches),
    })
}

/// The child's side: appends, and prints the number of syncs.
pub(crate) async fn child(arguments: &AppendArguments) -> anyhow::Result<()> {
    let syncs = fill::append(&arguments.directory, arguments.events, arguments.at_once).await?;
    Ok(writeln!(io::stdout(), "{syncs}")?)
}

/// Instructions and syncs of one child.
fn run(directory: &Path, events: u64, at_once: usize) -> anyhow::Result<(u64, u64)> {
    let directory = directory.to_str().context("a path that is no text")?;
    let (events, at_once) = (events.to_string(), at_once.to_string());
    let counted = callgrind::run([
        "append",
        "--directory",
        directory,
        "--events",
        &events,
        "--at-once",
        &at_once,
    ])?;
    let syncs = String::from_utf8_lossy(&counted.output.stdout);
    let syncs = syncs.trim().parse();
    Ok((
        counted.instructions,
        syncs.context("the child printed no count")?,
    ))
}
