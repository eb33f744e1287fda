//! `make bench`: everything as it is shipped, then the benchmark of `tests/benches`.

use crate::failure::Result;
use crate::run::{Profile, programs};
use crate::test::{cargo, variables};
use crate::{setup, shell, wasm};

/// Builds and measures.
pub(crate) fn run(arguments: &[String]) -> Result<()> {
    let (parts, clients) = setup::all()?;
    let [npm, python] = setup::peers()?;
    let module = wasm::build(&parts)?;
    let reader = wasm::build_one(&parts, wasm::Package::Reader)?;
    let programs = programs(Profile::Release)?;
    let mut bench = cargo();
    bench.args(["bench", "--locked", "--package", "mcp-zero-tests"]);
    bench.args(["--bench", "gateway", "--"]).args(arguments);
    bench.envs(variables(parts, clients, module, programs));
    bench.env("MCP_ZERO_BENCH_READER", reader);
    bench.env("MCP_ZERO_BENCH_NPM_PEERS", npm);
    bench.env("MCP_ZERO_BENCH_PYTHON_PEERS", python);
    shell::run(&mut bench)
}

/// A decision under few rules and under many: by the processor, then in Wasm.
///
/// # Errors
/// Something does not build.
pub(crate) fn decisions() -> Result<()> {
    let (parts, clients) = setup::all()?;
    println!("native");
    shell::run(cargo().args([
        "bench",
        "--quiet",
        "--locked",
        "--package",
        "mcp-zero-policy",
    ]))?;
    println!("Wasm");
    wasm::bench(&parts, &clients.node, "mcp-zero-policy", "decide")
}
