//! The command line.

use std::process::ExitCode;

use gateway_core::{Callbacks, List};

/// Parses the arguments and does what they say.
pub fn main<L: List>(_callbacks: Callbacks<L>) -> ExitCode {
    unimplemented!()
}

pub(crate) fn welcome(
    _checked: &crate::config::Checked,
    _listeners: &crate::run::Listeners,
    _file: Option<&std::path::Path>,
) -> anyhow::Result<String> {
    unimplemented!()
}
