//! Instructions of a process, counted by callgrind. Those of the kernel are not in it, nor is any waiting.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context, ensure};

/// What a process did until its end.
#[derive(Debug)]
pub(crate) struct Counted {
    /// Instructions of all its threads.
    pub(crate) instructions: u64,
    /// What it printed.
    pub(crate) output: Output,
}

/// Whether callgrind can be used.
pub(crate) fn can_count() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    version.is_ok_and(|output| output.status.success())
}

/// `program` under callgrind, which writes its count to `log` when the process ends.
pub(crate) fn command(program: &Path, log: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--log-file={}", log.display()))
        .arg(program);
    command
}

/// `program` under callgrind, which writes one file for each thread into `directory` when the process ends.
pub(crate) fn command_by_thread(program: &Path, directory: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--separate-threads=yes"])
        .arg(format!(
            "--callgrind-out-file={}",
            directory.join("threads").display()
        ))
        .arg(format!("--log-file={}", directory.join("log").display()))
        .arg(program);
    command
}

/// The instructions that callgrind counted in `directory`, of the threads that ran a function with `function` in its
/// name.
pub(crate) fn collected_by_threads_with(directory: &Path, function: &str) -> anyhow::Result<u64> {
    let mut instructions = None;
    for file in fs::read_dir(directory)? {
        let file = file?;
        if !file.file_name().to_string_lossy().starts_with("threads-") {
            continue;
        }
        let text = fs::read_to_string(file.path())?;
        let mut lines = text.lines();
        if lines.any(|line| line.starts_with("fn=") && line.contains(function)) {
            let mut lines = text.lines();
            let totals = lines.find_map(|line| line.strip_prefix("totals: "));
            let totals: u64 = totals
                .context("callgrind wrote no totals")?
                .trim()
                .parse()?;
            instructions = Some(instructions.unwrap_or(0) + totals);
        }
    }
    instructions.with_context(|| format!("no thread ran {function}"))
}

/// The count that callgrind left in `log`: `==123== Collected : 456`.
pub(crate) fn collected(log: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(log)?;
    let line = text.lines().find(|line| line.contains("Collected :"));
    let number = line.and_then(|line| line.rsplit(' ').next());
    number
        .and_then(|number| number.parse().ok())
        .context("callgrind printed no count")
}

/// Runs this binary with other arguments to its end.
pub(crate) fn run<S: AsRef<OsStr>>(
    arguments: impl IntoIterator<Item = S>,
) -> anyhow::Result<Counted> {
    let log = tempfile::NamedTempFile::new()?;
    let output = command(&std::env::current_exe()?, log.path())
        .args(arguments)
        .output()?;
    ensure!(
        output.status.success(),
        "what callgrind runs ended with {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(Counted {
        instructions: collected(log.path())?,
        output,
    })
}
