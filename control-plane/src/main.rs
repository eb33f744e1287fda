//! The `mcp-zero` program.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use mcp_zero_control_plane::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match Cli::parse().execute().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing better is left to do where even this cannot be written.
            let _ = writeln!(std::io::stderr(), "{failure}");
            ExitCode::from(failure.code())
        }
    }
}
