//! The binary: the gateway with the installed plug-ins.

use std::process::ExitCode;

fn main() -> ExitCode {
    gateway_server::cli::main(gateway_server::callbacks::installed())
}
