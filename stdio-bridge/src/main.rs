//! The `mcp-stdio-bridge` program.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use mcp_zero_stdio_bridge::{cli::Cli, supervise};

fn main() -> ExitCode {
    // Stages between the bridge and a server run from this same file, before anything else.
    if let Some(code) = supervise::stage(std::env::args_os()) {
        return code;
    }
    match Cli::parse().execute() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing better is left to do where even this cannot be written.
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::from(failure.code())
        }
    }
}
