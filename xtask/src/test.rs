//! The test and lint steps.

use crate::failure::Result;
use crate::setup::{self, Clients, Parts};
use crate::{layer, root, run, shell, wasm};
use std::path::PathBuf;
use std::process::Command;

/// Sets up, builds what the end-to-end tests start, and runs tests: those that the arguments for
/// cargo name.
pub(crate) fn run(which: &[&str]) -> Result<()> {
    let (parts, clients) = setup::all()?;
    let modules = wasm::build_with_trap(&parts)?;
    let programs = run::programs(run::Profile::Dev)?;
    let mut tests = cargo();
    if nextest() {
        tests.args(["nextest", "run", "--test-threads", &threads().to_string()]);
    } else {
        tests.arg("test");
    }
    tests.args(["--all-targets", "--locked"]).args(which);
    tests.envs(test_variables(parts, clients, modules, programs));
    shell::run(&mut tests)
}

/// Runs the faults of the end-to-end tests in random order, for so many minutes.
pub(crate) fn soak(minutes: u32, seed: Option<u64>) -> Result<()> {
    let (parts, clients) = setup::all()?;
    let module = wasm::build(&parts)?;
    let programs = run::programs(run::Profile::Dev)?;
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
    let modules = wasm::build_with_trap(&parts)?;
    let programs = run::programs(run::Profile::Dev)?;
    for (name, path) in test_variables(parts, clients, modules, programs) {
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
    shell::run(wasm::cargo(&parts, "clippy", &wasm::Package::ALL)?.args(["--", "-D", "warnings"]))?;
    shell::run(
        cargo()
            .args(["doc", "--workspace", "--no-deps", "--locked"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn test_variables(
    parts: Parts,
    clients: Clients,
    [filter, trap]: [PathBuf; 2],
    programs: [PathBuf; 3],
) -> Vec<(&'static str, PathBuf)> {
    let mut variables = variables(parts, clients, filter, programs);
    variables.push(("MCP_ZERO_TEST_FILTER_TRAP", trap));
    variables
}

/// What the harness reads, for tests and benchmarks.
pub(crate) fn variables(
    parts: Parts,
    clients: Clients,
    filter: PathBuf,
    programs: [PathBuf; 3],
) -> Vec<(&'static str, PathBuf)> {
    let [gateway, demo, bridge] = programs;
    vec![
        // For control planes and Envoys that tests start apart.
        ("MCP_GATEWAY_KEY", PathBuf::from("5e".repeat(32))),
        ("MCP_ZERO_TEST_GATEWAY", gateway),
        ("MCP_ZERO_TEST_DEMO_SERVER", demo),
        ("MCP_ZERO_TEST_BRIDGE", bridge),
        ("MCP_ZERO_TEST_ENVOY", parts.envoy),
        ("MCP_ZERO_TEST_FILTER", filter),
        ("MCP_ZERO_TEST_CHROMIUM", clients.chromium),
        ("MCP_ZERO_TEST_NODE", clients.node),
        ("MCP_ZERO_TEST_NPM_CLIENTS", clients.npm),
        ("MCP_ZERO_TEST_PYTHON", clients.python),
        ("MCP_ZERO_TEST_TOOLS", clients.tools),
        ("MCP_ZERO_TEST_WHEELS", clients.wheels),
    ]
}

pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    if let Ok(root) = root() {
        command.current_dir(root);
    }
    command
}

/// Twice the cores: an end-to-end test mostly waits for what it has started.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(1, usize::from)
}

fn nextest() -> bool {
    cargo()
        .args(["nextest", "--version"])
        .output()
        .is_ok_and(|o| o.status.success())
}
