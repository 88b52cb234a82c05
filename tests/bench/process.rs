//! Servers as child processes, and what Linux says of their CPU time and memory.

use std::{
    collections::BTreeMap,
    fs,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, ensure};

/// `/proc` counts CPU time in hundredths of a second, whatever the kernel's own clock does.
const TICK: Duration = Duration::from_millis(10);

/// A server that is killed when dropped.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

/// CPU time, user and system together.
#[derive(Debug, Clone, Default)]
pub(crate) struct CpuTime {
    /// Of the whole process, ended threads included.
    pub(crate) total: Duration,
    /// Of its threads, by name.
    pub(crate) threads: BTreeMap<String, Duration>,
}

/// Resident memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    /// Now.
    pub(crate) resident: u64,
    /// The most since the start.
    pub(crate) peak: u64,
}

// === impl Server ===

impl Server {
    /// Starts the command, on some CPUs only when `cpus` (as `taskset -c` takes them) says so.
    pub(crate) fn start(command: &Command, cpus: Option<&str>) -> anyhow::Result<Self> {
        let mut pinned;
        let mut plain;
        let starter = if let Some(cpus) = cpus {
            pinned = Command::new("taskset");
            pinned.arg("-c").arg(cpus).arg(command.get_program());
            &mut pinned
        } else {
            plain = Command::new(command.get_program());
            &mut plain
        };
        starter
            .args(command.get_args())
            .env_clear()
            .envs(
                command
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let child = starter
            .spawn()
            .with_context(|| format!("start {}", command.get_program().display()))?;
        Ok(Self { child })
    }

    /// The child, for its standard output.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Errs with the status if the server has ended.
    pub(crate) fn ensure_running(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => anyhow::bail!("the server ended with {status}"),
            None => Ok(()),
        }
    }

    /// CPU time since the start.
    pub(crate) fn cpu_time(&self) -> anyhow::Result<CpuTime> {
        cpu_time(self.child.id())
    }

    /// Resident memory.
    pub(crate) fn memory(&self) -> anyhow::Result<Memory> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let bytes = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
            Some(kibibytes * 1024)
        };
        Ok(Memory {
            resident: bytes("VmRSS:").context("VmRSS")?,
            peak: bytes("VmHWM:").context("VmHWM")?,
        })
    }

    /// Asks the server to stop and waits until it has.
    pub(crate) async fn terminate(mut self) -> anyhow::Result<()> {
        let asked = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()?;
        ensure!(asked.success(), "the server ended by itself");
        for _ in 0..3_000 {
            if let Some(status) = self.child.try_wait()? {
                ensure!(status.success(), "the server ended with {status}");
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("the server did not end within 30 s");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail only when the server has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

// === impl CpuTime ===

impl CpuTime {
    /// What was used since `earlier`.
    pub(crate) fn since(&self, earlier: &Self) -> Self {
        let threads = self.threads.iter().map(|(name, time)| {
            let before = earlier.threads.get(name).copied().unwrap_or_default();
            (name.clone(), time.saturating_sub(before))
        });
        Self {
            total: self.total.saturating_sub(earlier.total),
            threads: threads.collect(),
        }
    }
}

/// CPU time of a process since its start.
pub(crate) fn cpu_time(process: u32) -> anyhow::Result<CpuTime> {
    let (_, total) = stat(&format!("/proc/{process}/stat"))?;
    let mut threads = BTreeMap::new();
    for task in fs::read_dir(format!("/proc/{process}/task"))? {
        // A thread may end between the listing and the reading.
        if let Ok((name, time)) = stat(&format!("{}/stat", task?.path().display())) {
            *threads.entry(name).or_default() += time;
        }
    }
    Ok(CpuTime { total, threads })
}

/// Name and CPU time in a `stat` file. The name stands in parentheses and may hold anything; `utime` and `stime` are
/// the 12th and 13th word after it.
fn stat(path: &str) -> anyhow::Result<(String, Duration)> {
    let text = fs::read_to_string(path)?;
    let (head, tail) = text.rsplit_once(") ").context("no name in stat")?;
    let (_, name) = head.split_once('(').context("no name in stat")?;
    let mut ticks = 0;
    for word in tail.split(' ').skip(11).take(2) {
        ticks += word.parse::<u32>().context("no CPU time in stat")?;
    }
    Ok((name.to_owned(), TICK * ticks))
}
