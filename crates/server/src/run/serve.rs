//! The process around [`run`]: configuration, logs, signals and the words at the start.

use std::{
    io::Write,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use gateway_core::{Callbacks, List};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, oneshot},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    Control, Durability, Listeners, demo, files, logs, run,
    welcome::{self, Invocation},
};
use crate::config::{self, Checked, Config, Problems};

/// Why the gateway did not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The configuration is wrong; nothing was opened.
    #[error(transparent)]
    Configuration(#[from] Problems),
    /// Anything else, with its causes.
    #[error("{0:#}")]
    Failed(anyhow::Error),
}

/// Where the configuration comes from, to be read again on SIGHUP.
#[derive(Debug)]
struct Source {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

/// Where the listeners are, with the ports that the system has chosen.
struct Addresses {
    callbacks: SocketAddr,
    admin: SocketAddr,
}

/// Serves until SIGTERM or SIGINT; returns after a clean stop.
///
/// # Errors
///
/// When the configuration is wrong, something can't be opened or started, or did not close.
pub fn serve<L: List>(
    file: Option<&Path>,
    environment: Vec<(String, String)>,
    callbacks: Callbacks<L>,
    durability: Durability,
) -> Result<(), ServeError> {
    let source = Source {
        file: file.map(Path::to_owned),
        environment,
    };
    let descriptors = callbacks.descriptors();
    let checked = config::check(source.read()?, &descriptors)?;
    start(&source, checked, callbacks, durability).map_err(ServeError::Failed)
}

fn start<L: List>(
    source: &Source,
    checked: Checked,
    callbacks: Callbacks<L>,
    durability: Durability,
) -> anyhow::Result<()> {
    let held_back = logs::start(&checked.config.log).context("log.level")?;
    files::raise_limit();
    let checked = demo::add(checked)?;
    let listeners = Listeners::bind(&checked.config)?;
    let addresses = Addresses::of(&listeners)?;
    let welcome = welcome(source, &checked, &addresses);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start a runtime")?;
    let ran = runtime.block_on(async {
        let (reloads, reload) = mpsc::channel(1);
        let (started, is_started) = oneshot::channel();
        let shutdown = CancellationToken::new();
        let listen = |kind| signal(kind).context("failed to listen for signals");
        let hangup = listen(SignalKind::hangup())?;
        let terminate = listen(SignalKind::terminate())?;
        let interrupt = listen(SignalKind::interrupt())?;
        let control = Control {
            shutdown: shutdown.clone(),
            reload,
            started,
            durability,
            held_back: held_back.clone(),
        };
        let beside = async {
            tokio::join!(
                greet(is_started, &addresses, &welcome),
                reload_on(hangup, source, reloads),
                stop_on(terminate, interrupt, shutdown),
            );
            // The run comes to its own end.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            ran = run(checked, callbacks, listeners, control) => ran,
            () = beside => unreachable!("it waits for ever"),
        }
    });
    held_back.tell_rest();
    ran
}

/// Says where things are, once they are there.
async fn greet(is_started: oneshot::Receiver<()>, addresses: &Addresses, welcome: &str) {
    if is_started.await.is_err() {
        return;
    }
    let Addresses { callbacks, admin } = addresses;
    let version = env!("CARGO_PKG_VERSION");
    info!(version, %callbacks, %admin, "serving");
    if let Err(error) = writeln!(std::io::stdout(), "{welcome}") {
        warn!(%error, "failed to print where the gateway listens");
    }
}

/// Where things are, and a command to paste.
fn welcome(source: &Source, checked: &Checked, addresses: &Addresses) -> String {
    let configured = checked.config.apps.keys().next();
    let program = std::env::args().next().unwrap_or_default();
    welcome::welcome(
        &checked.config,
        addresses.callbacks,
        addresses.admin,
        configured.map_or(demo::NAME, String::as_str),
        Invocation {
            program: &program,
            file: source.file.as_deref(),
        },
    )
}

async fn reload_on(
    mut hangup: Signal,
    source: &Source,
    reloads: mpsc::Sender<Result<Config, Problems>>,
) {
    while hangup.recv().await.is_some() {
        if reloads.send(source.read()).await.is_err() {
            return;
        }
    }
}

async fn stop_on(mut terminate: Signal, mut interrupt: Signal, shutdown: CancellationToken) {
    for is_first in [true, false] {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        if is_first {
            shutdown.cancel();
        }
    }
    warn!("asked twice to stop; ending at once");
    // What was acked is synced, and what is in flight is repeated.
    std::process::exit(1);
}

impl Addresses {
    fn of(listeners: &Listeners) -> anyhow::Result<Self> {
        let address =
            |socket: &TcpListener| socket.local_addr().context("failed to read an address");
        Ok(Self {
            callbacks: address(&listeners.callbacks)?,
            admin: address(&listeners.admin)?,
        })
    }
}

impl Source {
    fn read(&self) -> Result<Config, Problems> {
        config::load(self.file.as_deref(), self.environment.iter().cloned())
    }
}
