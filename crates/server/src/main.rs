//! The binary: the gateway with the installed plug-ins.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

// A twentieth less CPU time for each callback than with the system's, for some MiB more: docs/performance.md.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    gateway_server::cli::main(gateway_server::callbacks::installed())
}
