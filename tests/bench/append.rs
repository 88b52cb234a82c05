//! What an append costs at some size of the log, in instructions: callgrind runs this binary once with appends and
//! once without, and what opening and closing cost falls out.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context, ensure};

use crate::{figures::float, fill};

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

/// Whether callgrind can be used.
pub(crate) fn can_count() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
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
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe()?)
        .args(["append", "--directory"])
        .arg(directory)
        .args(["--events", &events.to_string()])
        .args(["--at-once", &at_once.to_string()])
        .output()?;
    ensure!(
        output.status.success(),
        "valgrind ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    Ok((collected(&output)?, syncs(&output)?))
}

/// The total that callgrind prints: `==123== Collected : 456`.
fn collected(output: &Output) -> anyhow::Result<u64> {
    let text = String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find(|line| line.contains("Collected :"));
    let number = line.and_then(|line| line.rsplit(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .context("callgrind printed no count")
}

fn syncs(output: &Output) -> anyhow::Result<u64> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.trim().parse().context("the child printed no count")
}
