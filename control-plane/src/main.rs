//! The `mcp-zero` program.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use mcp_zero_control_plane::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    close();
    match Cli::parse().execute().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let told = failure.to_string();
            if !told.is_empty() {
                // Nothing better is left to do where even this cannot be written.
                let _ = writeln!(std::io::stderr(), "{told}");
            }
            ExitCode::from(failure.code())
        }
    }
}

/// Keeps the memory and the environment of this process, secrets of the gateway among them, from
/// whatever runs under the same user: stdio servers do under `run` (proc(5), PR_SET_DUMPABLE).
#[cfg(target_os = "linux")]
fn close() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        // As below.
        let _ = writeln!(
            std::io::stderr(),
            "the environment is open to stdio servers: {error}"
        );
    }
}

#[cfg(not(target_os = "linux"))]
fn close() {}
