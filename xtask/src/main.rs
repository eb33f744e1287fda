//! The build steps of this workspace: `cargo xtask help`.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool talks to its user"
)]

mod bench;
mod failure;
mod fuzz;
mod layer;
mod run;
mod setup;
mod shell;
mod test;
mod wasm;

use clap::{Parser, Subcommand};
use failure::Result;
use std::process::ExitCode;

/// The build steps of mcp-zero.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    step: Step,
}

#[derive(Subcommand)]
enum Step {
    /// Get what a fresh machine lacks; instant when all is there.
    Setup,
    /// Build and check the module that Envoy loads.
    Wasm,
    /// Build and run a whole gateway in front of the demo server.
    Run {
        /// A policy in place of policies/demo.yaml
        #[arg(long)]
        policy: Option<std::path::PathBuf>,
    },
    /// Check which crate depends on which.
    Layer,
    /// Print the variables that the end-to-end tests read, as shell exports.
    Env,
    /// Set up, build and run every test.
    Test,
    /// Set up, build and run the tests through Envoy.
    E2e {
        /// A part of the names of those that run
        name: Option<String>,
    },
    /// Measure; what follows goes to the benchmark (`cargo xtask bench --help`).
    #[command(disable_help_flag = true)]
    Bench {
        /// See docs/benchmarks.md
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Measure decisions, natively and in Wasm.
    Decisions,
    /// Faults under load in random order, for some minutes.
    Soak {
        /// How long
        #[arg(long, default_value_t = 8)]
        minutes: u32,
        /// The seed that an earlier run has printed
        #[arg(long)]
        seed: Option<u64>,
    },
    /// Throw mutated input at each reader of what outsiders write.
    Fuzz {
        /// How long for each target
        #[arg(long, default_value_t = 60)]
        seconds: u32,
        /// One target instead of all
        target: Option<String>,
    },
    /// Format, clippy (native and Wasm), documentation, layers.
    Lint,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().step {
        Step::Setup => setup::all().map(drop),
        Step::Wasm => setup::parts()
            .and_then(|parts| wasm::build(&parts))
            .map(drop),
        Step::Run { policy } => run::run(policy),
        Step::Layer => layer::check(),
        Step::Env => test::print_environment(),
        Step::Test => test::run(&["--workspace"]),
        Step::E2e { name } => {
            let mut which = vec!["--package", "mcp-zero-tests"];
            which.extend(name.as_deref());
            test::run(&which)
        }
        Step::Bench { arguments } => bench::run(&arguments),
        Step::Decisions => bench::decisions(),
        Step::Soak { minutes, seed } => test::soak(minutes, seed),
        Step::Fuzz { seconds, target } => fuzz::run(seconds, target.as_deref()),
        Step::Lint => test::lint(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// The folder of the workspace.
fn root() -> Result<std::path::PathBuf> {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .map(std::path::Path::to_path_buf)
        .ok_or_else(|| failure::Failure::new("xtask lies outside the workspace"))
}
