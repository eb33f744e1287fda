//! The test and lint steps.

use crate::failure::Result;
use crate::setup::{self, Clients, Parts};
use crate::{layer, root, run, shell, wasm};
use std::path::PathBuf;
use std::process::Command;

/// Sets up, builds what the end-to-end tests start, and runs every test.
pub(crate) fn run() -> Result<()> {
    let (parts, clients) = setup::all()?;
    let module = wasm::build(&parts)?;
    let programs = run::programs()?;
    let mut tests = cargo();
    if nextest() {
        tests.args(["nextest", "run"]);
    } else {
        tests.arg("test");
    }
    tests.args(["--workspace", "--all-targets", "--locked"]);
    tests.envs(variables(parts, clients, module, programs));
    shell::run(&mut tests)
}

/// Runs the faults of the end-to-end tests in random order, for so many minutes.
pub(crate) fn soak(minutes: u32, seed: Option<u64>) -> Result<()> {
    let (parts, clients) = setup::all()?;
    let module = wasm::build(&parts)?;
    let programs = run::programs()?;
    let mut soak = cargo();
    soak.args(["run", "--locked", "-p", "mcp-zero-tests"])
        .args(["--bin", "mcp-zero-faults", "--", "soak"])
        .arg(minutes.to_string())
        .args(seed.map(|seed| seed.to_string()))
        .envs(variables(parts, clients, module, programs));
    shell::run(&mut soak)
}

/// Prints what `run` passes to the tests.
pub(crate) fn print_environment() -> Result<()> {
    let (parts, clients) = setup::all()?;
    let module = wasm::build(&parts)?;
    let programs = run::programs()?;
    for (name, path) in variables(parts, clients, module, programs) {
        println!("export {name}='{}'", path.display());
    }
    Ok(())
}

/// Everything a reviewer's machine checks before a person looks.
pub(crate) fn lint() -> Result<()> {
    let parts = setup::parts()?;
    shell::run(cargo().args(["fmt", "--all", "--check"]))?;
    layer::check()?;
    shell::run(cargo().args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--",
        "-D",
        "warnings",
    ]))?;
    shell::run(wasm::cargo(&parts, "clippy")?.args(["--", "-D", "warnings"]))?;
    shell::run(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn variables(
    parts: Parts,
    clients: Clients,
    module: PathBuf,
    programs: [PathBuf; 2],
) -> [(&'static str, PathBuf); 7] {
    let [gateway, demo] = programs;
    [
        ("MCP_ZERO_TEST_GATEWAY", gateway),
        ("MCP_ZERO_TEST_DEMO_SERVER", demo),
        ("MCP_ZERO_TEST_ENVOY", parts.envoy),
        ("MCP_ZERO_TEST_FILTER", module),
        ("MCP_ZERO_TEST_NODE", clients.node),
        ("MCP_ZERO_TEST_NPM_CLIENTS", clients.npm),
        ("MCP_ZERO_TEST_PYTHON", clients.python),
    ]
}

pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if let Ok(root) = root() {
        command.current_dir(root);
    }
    command
}

fn nextest() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|o| o.status.success())
}
