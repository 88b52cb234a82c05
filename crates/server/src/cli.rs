//! The command line: arguments, exit codes, and one file for each command.
//!
//! Only here is the environment read, and only here does anything go to standard output. Most commands are clients of
//! a running gateway's admin API; they load the same configuration as the gateway and create no file. Start at
//! [`main`], then `arguments.rs` for what there is.
//!
//! Exit codes: 0 done; 1 refused, not found or damaged; 2 a wrong command line or configuration; 3 the gateway can't be
//! reached.

mod arguments;
mod backoff;
mod body;
mod catalogue;
mod client;
mod configuration;
mod deliveries;
mod doctor;
mod drift;
mod escape;
mod event;
mod events;
mod explain;
mod exposition;
mod failure;
mod fields;
mod healthcheck;
mod journal;
mod letters;
mod list;
mod markdown;
mod metrics;
mod moment;
mod network;
mod output;
mod pages;
mod refusals;
mod replay;
mod rewrite;
mod sign;
mod sse;
mod subscriptions;
mod tail;
#[cfg(test)]
mod test_server;
mod top;
mod transport;
mod trigger;

use std::{ffi::OsString, io, io::IsTerminal, process::ExitCode};

use clap::Parser;
use gateway_core::{Callbacks, Dispatcher, List};

use self::{
    arguments::{Arguments, Command},
    client::Client,
    configuration::Loader,
    failure::{Ending, Failure},
    output::Output,
    rewrite::rewrite,
};
use crate::run::{Durability, serve};

/// Parses the arguments and does what they say.
pub fn main<L: List>(callbacks: Callbacks<L>) -> ExitCode {
    let arguments = rewrite(std::env::args_os().collect());
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => return print_clap(&error),
    };
    // Not locked: the gateway's own threads may want to write, too.
    let mut stdout = io::stdout();
    let is_terminal = stdout.is_terminal();
    let width = terminal_size::terminal_size_of(&stdout).map(|(width, _)| usize::from(width.0));
    let mut output = Output::new(&mut stdout, arguments.json, is_terminal).fitted(width);
    match run(arguments, callbacks, &mut output) {
        Ok(ending) => ending.exit_code(),
        Err(failure) => {
            failure.print(&mut io::stderr().lock());
            failure.exit_code()
        }
    }
}

/// Help goes to standard output and is no failure; a wrong command line is one.
fn print_clap(error: &clap::Error) -> ExitCode {
    match error.print() {
        Err(failed) if failed.kind() != io::ErrorKind::BrokenPipe => ExitCode::from(1),
        _ => u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn run<L: List>(
    arguments: Arguments,
    callbacks: Callbacks<L>,
    output: &mut Output<'_>,
) -> Result<Ending, Failure> {
    let loader = Loader::new(arguments.config, environment()?);
    let command = arguments
        .command
        .unwrap_or(Command::Serve { unsynced: false });
    let ending = match command {
        Command::Serve { unsynced } => {
            let (file, environment) = loader.into_parts();
            let durability = if unsynced {
                Durability::Unsynced
            } else {
                Durability::Synced
            };
            serve(file.as_deref(), environment, callbacks, durability)?;
            Ending::Done
        }
        Command::Config { action } => {
            configuration::run(action, &loader, &callbacks.descriptors(), output)?
        }
        Command::Commands(options) => catalogue::run(
            &options,
            &dispatcher(callbacks)?,
            &loader,
            output,
            &mut io::stderr(),
        )?,
        Command::Trigger(options) => {
            let dispatcher = dispatcher(callbacks)?;
            trigger::run(&options, &dispatcher, &loader, output, &mut io::stderr())?
        }
        Command::Tail(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            tail::run(
                &client,
                &options,
                output,
                &mut io::stderr(),
                &mut backoff::wait,
            )?
        }
        Command::Top(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            top::run(
                client,
                &options,
                wants_colours(),
                output,
                &mut io::stderr(),
                &mut backoff::wait,
            )?
        }
        Command::Events(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            events::run(&client, &options, output)?
        }
        Command::Explain(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            explain::run(&client, options.id, output)?
        }
        Command::Replay(options) => {
            let client = Client::new(&options.events.admin, &loader.load()?)?;
            replay::run(&client, &options, output)?
        }
        Command::Drift(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            drift::run(&client, &options, output)?
        }
        Command::Subscriptions(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            subscriptions::run(&client, &options, output)?
        }
        Command::Deliveries(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            deliveries::run(&client, &options, output)?
        }
        Command::Refusals(options) => {
            let client = Client::new(&options.admin, &loader.load()?)?;
            refusals::run(&client, &options, output)?
        }
        Command::Metrics(options) => metrics::run(&options, &dispatcher(callbacks)?, output)?,
        Command::Doctor(options) => {
            doctor::run(&options, &callbacks.descriptors(), &loader, output)?
        }
        Command::Sign(options) => sign::run(&options, output, &mut io::stderr())?,
        Command::Openapi => {
            let path = loader.load()?.callbacks.path;
            output.raw(crate::openapi::document::<L>(&path).trim_end())?;
            Ending::Done
        }
        Command::Journal { action } => journal::run(action, &loader, output)?,
        Command::Healthcheck(options) => healthcheck::run(&options, &loader, output)?,
    };
    Ok(ending)
}

fn dispatcher<L: List>(callbacks: Callbacks<L>) -> Result<Dispatcher, Failure> {
    Dispatcher::new(callbacks).map_err(|error| Failure::Failed(error.to_string()))
}

/// See <https://no-color.org>.
fn wants_colours() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The variables that can matter. Others may hold any bytes; one of ours must be UTF-8.
fn environment() -> Result<Vec<(String, String)>, Failure> {
    let ours = |name: &OsString| name.as_encoded_bytes().starts_with(b"GATEWAY_");
    std::env::vars_os()
        .filter(|(name, _)| ours(name))
        .map(|(name, value)| {
            let shown = name.to_string_lossy().into_owned();
            match (name.into_string(), value.into_string()) {
                (Ok(name), Ok(value)) => Ok((name, value)),
                _ => Err(Failure::Usage(format!(
                    "failed to read the environment: {shown} is not UTF-8"
                ))),
            }
        })
        .collect()
}
