//! The whole service.

use std::{path::Path, process::ExitCode};

use gateway_core::{Callbacks, List};

/// Serves until SIGTERM or SIGINT. 0 after a clean stop, 2 for a wrong configuration, 1 otherwise.
pub fn serve<L: List>(
    _file: Option<&Path>,
    _environment: Vec<(String, String)>,
    _callbacks: Callbacks<L>,
) -> ExitCode {
    unimplemented!()
}
