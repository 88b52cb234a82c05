//! The gateway itself as a child process: the binary that cargo built beside the bench.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, ensure};
use gateway_core::{Ack, Token};

use crate::{
    load::{Callbacks, Target},
    process::Server,
};

/// The binary that cargo built beside the bench.
const PROGRAM: &str = env!("CARGO_BIN_EXE_callback-gateway");

/// The number of the one app.
pub(crate) const SDK_APP_ID: u64 = 1_400_000_001;

/// The name of the one app.
pub(crate) const APP: &str = "bench";

/// Its token: no secret, the gateway listens on loopback for as long as the bench runs.
pub(crate) const TOKEN: &str = "a-token-for-the-bench";

/// Between two readings of the metrics; each costs the gateway some CPU time, which is counted.
const METRICS_EVERY: Duration = Duration::from_millis(20);

/// A gauge may be read just before it is set.
const ZERO_FOR: Duration = Duration::from_secs(1);

/// A start that takes longer has failed.
const START_MAX: Duration = Duration::from_mins(2);

/// A running gateway.
#[derive(Debug)]
pub(crate) struct Gateway {
    /// The process.
    pub(crate) server: Server,
    /// Where callbacks go.
    pub(crate) callbacks: SocketAddr,
    /// From the start of the process to the first 200 of `/readyz`.
    pub(crate) started_in: Duration,
    /// Where the journal lies.
    journal: PathBuf,
    admin: SocketAddr,
    agent: ureq::Agent,
}

/// The token of the one app.
fn token() -> Token {
    Token::new(TOKEN).expect("the token is well-formed")
}

/// The one app's callbacks to a server: of which kind, and which ack is expected.
pub(crate) fn target(address: SocketAddr, callbacks: Callbacks) -> Target {
    Target {
        address,
        host: address.to_string(),
        path: "/callback".to_owned(),
        sdk_app_id: SDK_APP_ID,
        token: token(),
        callbacks,
        ack: Ack::OK,
    }
}

/// The configuration: the defaults but for addresses, journal and app.
pub(crate) fn environment(
    callbacks: SocketAddr,
    admin: SocketAddr,
    journal: &Path,
) -> Vec<(String, String)> {
    let variables = [
        ("CALLBACKS__LISTEN", callbacks.to_string()),
        ("ADMIN__LISTEN", admin.to_string()),
        ("JOURNAL__PATH", journal.display().to_string()),
        ("APPS__BENCH__SDK_APP_ID", SDK_APP_ID.to_string()),
        ("APPS__BENCH__TOKEN", TOKEN.to_owned()),
        ("LOG__LEVEL", "warn".to_owned()),
    ];
    let named = variables.map(|(name, value)| (format!("GATEWAY_{name}"), value));
    named.into()
}

impl Gateway {
    /// Starts it on the journal in `journal` and waits until it is ready.
    pub(crate) async fn start(journal: &Path, cpus: Option<&str>) -> anyhow::Result<Self> {
        let mut command = Command::new(PROGRAM);
        command.arg("serve");
        Self::launch(command, journal, cpus).await
    }

    /// Starts it with a configuration file of its own, which is put beside the journal.
    pub(crate) async fn configured(
        configuration: &str,
        directory: &Path,
        cpus: Option<&str>,
    ) -> anyhow::Result<Self> {
        let file = directory.join("gateway.toml");
        fs::write(&file, configuration)?;
        let mut command = Command::new(PROGRAM);
        command.arg("--config").arg(file).arg("serve");
        Self::launch(command, &directory.join("journal"), cpus).await
    }

    /// Starts what `command` runs: a gateway that is configured by its environment.
    pub(crate) async fn launch(
        mut command: Command,
        journal: &Path,
        cpus: Option<&str>,
    ) -> anyhow::Result<Self> {
        let [callbacks, admin] = free_addresses()?;
        command.envs(environment(callbacks, admin, journal));
        let since = Instant::now();
        let server = Server::start(&command, cpus)?;
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .build();
        let mut gateway = Self {
            server,
            callbacks,
            started_in: Duration::ZERO,
            journal: journal.to_owned(),
            admin,
            agent: agent.into(),
        };
        while gateway.get("/readyz").is_err() {
            gateway.server.ensure_running()?;
            ensure!(since.elapsed() < START_MAX, "the gateway is not ready");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        gateway.started_in = since.elapsed();
        Ok(gateway)
    }

    /// The body of a page of the admin listener. Blocks the thread.
    pub(crate) fn get(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("http://{}{path}", self.admin);
        let mut answer = self.agent.get(&url).call()?;
        Ok(answer.body_mut().read_to_string()?)
    }

    /// Waits until every series of `gateway_follower_lag_events` is 0 and stays so; returns how long it took until then.
    pub(crate) async fn caught_up(&mut self, patience: Duration) -> anyhow::Result<Duration> {
        let since = Instant::now();
        let mut zero_since = None;
        while since.elapsed() < patience {
            match self.follower_lag() {
                Ok(0.0) => {
                    let zero_since: &Instant = zero_since.get_or_insert_with(Instant::now);
                    if zero_since.elapsed() >= ZERO_FOR {
                        return Ok(*zero_since - since);
                    }
                }
                Ok(_) => zero_since = None,
                Err(error) => {
                    self.server.ensure_running()?;
                    return Err(error);
                }
            }
            tokio::time::sleep(METRICS_EVERY).await;
        }
        anyhow::bail!("the follower is behind for {patience:?}")
    }

    /// The greatest lag of a cursor, in events.
    pub(crate) fn follower_lag(&self) -> anyhow::Result<f64> {
        let metrics = self.get("/metrics")?;
        let lags: Vec<f64> = metrics
            .lines()
            .filter(|line| line.starts_with("gateway_follower_lag_events"))
            .filter_map(|line| line.rsplit(' ').next()?.parse().ok())
            .collect();
        lags.into_iter()
            .reduce(f64::max)
            .context("/metrics has no gateway_follower_lag_events")
    }

    /// The size of the largest write-ahead file of the journal, in bytes.
    pub(crate) fn wal_bytes(&self) -> anyhow::Result<u64> {
        let mut largest = 0;
        for entry in self.journal.read_dir()? {
            let entry = entry?;
            if entry.file_name().as_encoded_bytes().ends_with(b"-wal") {
                // It may be gone since the listing.
                largest = largest.max(entry.metadata().map_or(0, |metadata| metadata.len()));
            }
        }
        Ok(largest)
    }
}

/// Two addresses that nobody listens on now.
fn free_addresses() -> anyhow::Result<[SocketAddr; 2]> {
    let first = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let second = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    Ok([first.local_addr()?, second.local_addr()?])
}
