//! Logs on standard error, for people or for machines.

mod limit;

use std::{io::IsTerminal, panic};

use tracing::{Subscriber, error};
use tracing_subscriber::{
    EnvFilter, fmt::MakeWriter, layer::SubscriberExt as _, util::SubscriberInitExt as _,
};

use crate::config::{LogConfig, LogFormat};

pub use limit::HeldBack;
use limit::Limit;

/// Not from every library everything: the client that sends traces shows byte by byte what it sends, its token included,
/// and TLS warns of what strangers send, in their words and at their length.
const QUIET: [&str; 2] = ["ureq_proto::util=off", "rustls=error"];

/// From here on everything is logged as configured; once a process.
///
/// # Errors
///
/// When `log.level` is no filter.
pub(super) fn start(config: &LogConfig) -> anyhow::Result<HeldBack> {
    let held_back = HeldBack::default();
    subscriber(config, std::io::stderr, held_back.clone())?.init();
    panic::set_hook(Box::new(|panic| {
        // The text of a panic may hold what a plug-in was working on: it stays out of the log.
        let place = panic
            .location()
            .map(ToString::to_string)
            .unwrap_or_default();
        let thread = std::thread::current();
        error!(place, thread = thread.name(), "panic");
    }));
    Ok(held_back)
}

fn subscriber(
    config: &LogConfig,
    writer: impl for<'w> MakeWriter<'w> + Send + Sync + 'static,
    held_back: HeldBack,
) -> anyhow::Result<Box<dyn Subscriber + Send + Sync>> {
    let mut filter = EnvFilter::try_new(&config.level)?;
    for directive in QUIET {
        filter = filter.add_directive(directive.parse()?);
    }
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(writer)
        .with_ansi(std::io::stderr().is_terminal());
    let limit = Limit(held_back);
    Ok(match config.format {
        LogFormat::Human => Box::new(logs.with_target(false).finish().with(limit)),
        LogFormat::Json => Box::new(logs.json().flatten_event(true).finish().with(limit)),
    })
}
