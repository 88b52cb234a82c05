//! The process around [`run`]: configuration, logs, signals, the words at the start and the exit code.

use std::{
    io::Write,
    net::TcpListener,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context as _;
use gateway_core::{Callbacks, List};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use super::{Control, Listeners, demo, logs, run};
use crate::{
    cli,
    config::{self, Checked, Problems},
};

/// Where the configuration comes from, to be read again on SIGHUP.
#[derive(Debug)]
struct Source {
    file: Option<PathBuf>,
    environment: Vec<(String, String)>,
}

/// The exit code of a wrong configuration.
const CONFIGURATION: u8 = 2;

/// Serves until SIGTERM or SIGINT. 0 after a clean stop, 2 for a wrong configuration, 1 otherwise.
pub fn serve<L: List>(
    file: Option<&Path>,
    environment: Vec<(String, String)>,
    callbacks: Callbacks<L>,
) -> ExitCode {
    let source = Source {
        file: file.map(Path::to_owned),
        environment,
    };
    let checked = match source.load() {
        Ok(checked) => checked,
        Err(problems) => {
            eprintln!("{problems}");
            return CONFIGURATION.into();
        }
    };
    match start(&source, checked, callbacks) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start<L: List>(
    source: &Source,
    checked: Checked,
    callbacks: Callbacks<L>,
) -> anyhow::Result<()> {
    logs::start(&checked.config.log).context("log.level")?;
    let checked = demo::add(checked)?;
    let listeners = Listeners::bind(&checked.config)?;
    let welcome = welcome(source, &checked, &listeners)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to start a runtime")?;
    runtime.block_on(async {
        let (reloads, reload) = mpsc::channel(1);
        let shutdown = CancellationToken::new();
        let hangup = signal(SignalKind::hangup()).context("failed to listen for signals")?;
        let terminate = signal(SignalKind::terminate()).context("failed to listen for signals")?;
        let interrupt = signal(SignalKind::interrupt()).context("failed to listen for signals")?;
        let signals = async {
            tokio::select! {
                () = reload_on(hangup, source, reloads) => {}
                () = first_of(terminate, interrupt) => shutdown.cancel(),
            }
            // Whatever ends first, the run goes on to its own end.
            std::future::pending::<()>().await;
        };
        // Printed once the sockets are bound: whoever reads it can call.
        std::io::stdout()
            .write_all(format!("{welcome}\n").as_bytes())
            .context("failed to print")?;
        let control = Control {
            shutdown: shutdown.clone(),
            reload,
        };
        tokio::select! {
            ran = run(checked, callbacks, listeners, control) => ran,
            () = signals => unreachable!("it waits for ever"),
        }
    })
}

/// Where things are, and a command to paste.
fn welcome(source: &Source, checked: &Checked, listeners: &Listeners) -> anyhow::Result<String> {
    let address = |socket: &TcpListener| socket.local_addr().context("failed to read an address");
    let configured = checked.config.apps.keys().next();
    let program = std::env::args().next().unwrap_or_default();
    Ok(cli::welcome(
        &checked.config,
        address(&listeners.callbacks)?,
        address(&listeners.admin)?,
        configured.map_or(demo::NAME, String::as_str),
        cli::Invocation {
            program: &program,
            file: source.file.as_deref(),
        },
    ))
}

async fn reload_on(
    mut hangup: Signal,
    source: &Source,
    reloads: mpsc::Sender<Result<Checked, Problems>>,
) {
    while hangup.recv().await.is_some() {
        if reloads.send(source.load_again()).await.is_err() {
            return;
        }
    }
}

async fn first_of(mut terminate: Signal, mut interrupt: Signal) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

impl Source {
    fn load(&self) -> Result<Checked, Problems> {
        let environment = self.environment.iter().cloned();
        let config = config::load(self.file.as_deref(), environment)?;
        config::check(config)
    }

    fn load_again(&self) -> Result<Checked, Problems> {
        let checked = self.load()?;
        demo::add(checked)
            .map_err(|error| Problems(vec![config::Problem::new("apps", format!("{error:#}"))]))
    }
}
