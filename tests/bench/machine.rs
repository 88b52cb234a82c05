//! What a figure depends on: the machine, its kernel, and how long its disk takes to sync.

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::Write,
    path::Path,
    time::Instant,
};

use anyhow::Context;

use crate::{figures::milliseconds, histogram::Histogram};

/// Syncs that the disk is asked for.
const SYNCS: usize = 500;

/// What each of them writes, in bytes.
const WRITE: usize = 4096;

/// The machine as a Markdown table.
pub(crate) fn facts(directory: &Path) -> anyhow::Result<String> {
    let processor = fs::read_to_string("/proc/cpuinfo")?;
    let processor = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory = memory.lines().next().unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let syncs = time_syncs(directory)?;
    let mut facts = String::from("| machine | |\n|---|---|\n");
    writeln!(facts, "| processor | {processor} |")?;
    writeln!(
        facts,
        "| cores | {} |",
        std::thread::available_parallelism()?
    )?;
    writeln!(
        facts,
        "| memory | {} |",
        memory.trim_start_matches("MemTotal:").trim()
    )?;
    writeln!(facts, "| kernel | {} |", kernel.trim())?;
    writeln!(facts, "| file system | {} |", file_system(directory)?)?;
    writeln!(
        facts,
        "| append {WRITE} bytes and `fdatasync`, {SYNCS} times | median {:.2} ms, p99 {:.2} ms |",
        milliseconds(syncs.quantile(500)),
        milliseconds(syncs.quantile(990)),
    )?;
    Ok(facts)
}

/// The type of the file system that holds a directory.
fn file_system(directory: &Path) -> anyhow::Result<String> {
    let directory = directory.canonicalize()?;
    let mounts = fs::read_to_string("/proc/mounts")?;
    let mount = mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ').skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| directory.starts_with(point))
        .max_by_key(|(point, _)| point.len());
    let (_, kind) = mount.context("no mount holds the directory")?;
    Ok(kind.to_owned())
}

fn time_syncs(directory: &Path) -> anyhow::Result<Histogram> {
    let directory = tempfile::tempdir_in(directory)?;
    let mut file = File::create_new(directory.path().join("syncs"))?;
    let mut latencies = Histogram::new();
    for _ in 0..SYNCS {
        let since = Instant::now();
        file.write_all(&[0x5a; WRITE])?;
        file.sync_data()?;
        latencies.record(since.elapsed());
    }
    Ok(latencies)
}
