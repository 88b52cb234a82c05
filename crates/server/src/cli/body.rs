//! The body that `trigger` sends: a sample or a file, with fields replaced.

use std::{
    fs::File,
    io::{self, Read},
    path::Path,
};

use gateway_core::Dispatcher;
use serde_json::Value;

use super::{arguments::TriggerOptions, failure::Failure, fields};
use crate::config::BODY_MAX_MAX;

/// The bytes to send. Without fields to replace, a file goes as it is, whatever it holds.
pub(super) fn build(options: &TriggerOptions, dispatcher: &Dispatcher) -> Result<Vec<u8>, Failure> {
    let command = &options.command;
    let wrong = |what: String| Failure::Usage(format!("failed to trigger {command}: {what}"));
    if !command
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        || command.is_empty()
    {
        return Err(wrong("a command has letters, digits and dots".to_owned()));
    }
    let bytes = match &options.body {
        Some(path) => read(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?,
        None => sample(command, dispatcher).map_err(wrong)?,
    };
    if options.fields.is_empty() {
        return Ok(bytes);
    }
    let mut body: Value = serde_json::from_slice(&bytes).map_err(|error| {
        wrong(format!(
            "fields can't be replaced in a body that is not JSON: {error}"
        ))
    })?;
    fields::replace(&mut body, &options.fields).map_err(|error| wrong(error.to_string()))?;
    Ok(body.to_string().into_bytes())
}

fn sample(command: &str, dispatcher: &Dispatcher) -> Result<Vec<u8>, String> {
    match dispatcher.get(command) {
        Some(installed) => Ok(installed.descriptor().sample.as_bytes().to_vec()),
        None => {
            Err("it is not installed; see `callback-gateway commands`, or give a --body".to_owned())
        }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(path)?)
    };
    reader
        .by_ref()
        .take(BODY_MAX_MAX as u64 + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() > BODY_MAX_MAX {
        return Err(io::Error::other(format!(
            "longer than {BODY_MAX_MAX} bytes"
        )));
    }
    Ok(bytes)
}
