//! Logs on standard error, for people or for machines.

use std::{io::IsTerminal, panic, time::Instant};

use tracing::error;
use tracing_subscriber::EnvFilter;

use crate::{
    config::{LogConfig, LogFormat},
    throttle::Throttle,
};

/// From here on everything is logged as configured; once a process.
///
/// # Errors
///
/// When `log.level` is no filter.
pub(super) fn start(config: &LogConfig) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.level)?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match config.format {
        LogFormat::Human => logs.with_target(false).init(),
        LogFormat::Json => logs.json().flatten_event(true).init(),
    }
    let throttle = Throttle::default();
    panic::set_hook(Box::new(move |panic| {
        let Some(held_back) = throttle.pass(Instant::now()) else {
            return;
        };
        // The text of a panic may hold what a plug-in was working on: it stays out of the log.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current();
        error!(place, thread = thread.name(), held_back, "panic");
    }));
    Ok(())
}
