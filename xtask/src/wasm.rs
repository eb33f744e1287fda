//! Builds the module that Envoy loads, and refuses one that Envoy could not.

use crate::failure::{Failure, Result};
use crate::setup::Parts;
use crate::{root, shell};
use sha2::{Digest, Sha256};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use wasmparser::{Parser, Payload, TypeRef};

/// Bytes of code. Envoy spends about two seconds of CPU on each MB of it at start.
const CODE_BUDGET: usize = 1_200_000;
/// Bytes of static data.
const DATA_BUDGET: usize = 1_000_000;
/// The linear memory one worker may use.
const MAX_MEMORY: u32 = 256 << 20;
/// What Envoy provides besides its own `env.proxy_*`.
const WASI: &[&str] = &[
    "clock_time_get",
    "environ_get",
    "environ_sizes_get",
    "fd_write",
    "proc_exit",
    "random_get",
];

/// A package that makes a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Package {
    /// The one that is shipped.
    Filter,
    /// The same source with a switch that makes it panic, for tests.
    Trap,
    /// A filter that only reads bodies, for benchmarks.
    Reader,
}

/// The header by which tests spring the trap.
const TRAP: &[u8] = b"x-mcp-zero-trap";

impl Package {
    pub(crate) const ALL: [Self; 3] = [Self::Filter, Self::Trap, Self::Reader];

    fn name(self) -> &'static str {
        match self {
            Self::Filter => "mcp-zero-filter",
            Self::Trap => "mcp-zero-filter-trap",
            Self::Reader => "mcp-zero-bench-reader",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Filter => "mcp_zero_filter",
            Self::Trap => "mcp_zero_filter_trap",
            Self::Reader => "mcp_zero_bench_reader",
        }
    }
}

/// Builds the module and returns its path, which names its content.
pub(crate) fn build(parts: &Parts) -> Result<PathBuf> {
    build_one(parts, Package::Filter)
}

/// Builds a module of the workspace as the filter is built.
pub(crate) fn build_one(parts: &Parts, package: Package) -> Result<PathBuf> {
    // As nothing but a module: rustc leaves link-time optimisation out where it makes a library
    // for Rust as well.
    let mut build = cargo(parts, "rustc", &[package])?;
    shell::run(build.args(["--crate-type", "cdylib"]))?;
    keep(package)
}

/// Builds the module and its twin with the trap.
pub(crate) fn build_with_trap(parts: &Parts) -> Result<[PathBuf; 2]> {
    Ok([
        build_one(parts, Package::Filter)?,
        build_one(parts, Package::Trap)?,
    ])
}

fn keep(package: Package) -> Result<PathBuf> {
    let root = root()?;
    let file = package.file();
    let built = root.join(format!("target/wasm32-wasip1/wasm/{file}.wasm"));
    let module = std::fs::read(&built)?;
    let sizes = check(&module)?;
    let has_trap = module.windows(TRAP.len()).any(|w| w == TRAP);
    if has_trap != (package == Package::Trap) {
        return Err(Failure::new(format!(
            "{file}.wasm: the trap of tests belongs in their own module and in no other"
        )));
    }
    let digest: String = Sha256::digest(&module)
        .iter()
        .take(8)
        .map(|b| format!("{b:02x}"))
        .collect();
    let folder = root.join("target/wasm");
    std::fs::create_dir_all(&folder)?;
    let named = folder.join(format!("{file}-{digest}.wasm"));
    if !named.exists() {
        let partial = folder.join(format!("{digest}.partial"));
        std::fs::write(&partial, &module)?;
        std::fs::rename(&partial, &named)?;
        eprintln!(
            "wasm: {} code {} of {CODE_BUDGET}, data {} of {DATA_BUDGET} bytes",
            named.file_name().unwrap_or_default().to_string_lossy(),
            sizes.code,
            sizes.data
        );
    }
    Ok(named)
}

/// A cargo command for the module's target, with the standard library built from source.
pub(crate) fn cargo(parts: &Parts, command: &str, packages: &[Package]) -> Result<Command> {
    let mut cargo = target(parts, command)?;
    cargo.arg("--lib");
    for package in packages {
        cargo.args(["--package", package.name()]);
    }
    Ok(cargo)
}

/// Runs a benchmark of a package in Node, whose V8 is Envoy's.
pub(crate) fn bench(parts: &Parts, node: &Path, package: &str, name: &str) -> Result<()> {
    let script = root()?.join("tests/benches/wasi.mjs");
    let runner = format!("{} --no-warnings {}", node.display(), script.display());
    let mut bench = target(parts, "bench")?;
    bench
        .args(["--package", package, "--bench", name])
        // Else everything would be built once more, to unwind.
        .args(["-Z", "panic-abort-tests"])
        .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", runner);
    shell::run(&mut bench)
}

/// A cargo command with what the target wants.
fn target(parts: &Parts, command: &str) -> Result<Command> {
    let root = root()?;
    let sysroot = shell::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(&root).args([command, "--quiet"]);
    cargo
        .args(["--profile", "wasm", "--target", "wasm32-wasip1"])
        .args(["-Z", "build-std=std,panic_abort"])
        .args(["--target-dir"])
        .arg(root.join("target"))
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", flags(parts, &root, Path::new(&sysroot)))
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    if let Some(source) = &parts.standard_library {
        cargo.env("__CARGO_TESTS_ONLY_SRC_ROOT", source);
    }
    Ok(cargo)
}

/// The same module on every machine: no path of this one remains in it.
fn flags(parts: &Parts, root: &Path, sysroot: &Path) -> String {
    let home = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|h| PathBuf::from(h).join(".cargo")));
    let mut flags = vec![
        format!("-L native={}", parts.wasi_libc.display()),
        format!("-C link-arg=--max-memory={MAX_MEMORY}"),
        format!("--remap-path-prefix={}=/mcp-zero", root.display()),
        format!("--remap-path-prefix={}=/rust", sysroot.display()),
    ];
    if let Some(source) = &parts.standard_library {
        flags.push(format!(
            "--remap-path-prefix={}=/rust-src",
            source.display()
        ));
    }
    if let Some(home) = home {
        flags.push(format!("--remap-path-prefix={}=/cargo", home.display()));
    }
    flags.join(" ")
}

/// Bytes by section.
#[derive(Debug, Default, PartialEq, Eq)]
struct Sizes {
    code: usize,
    data: usize,
}

/// Refuses an import that is not a function Envoy has: an imported tag makes the whole
/// Envoy process abort at load.
fn check(module: &[u8]) -> Result<Sizes> {
    let mut sizes = Sizes::default();
    for payload in Parser::new(0).parse_all(module) {
        match payload.map_err(|e| Failure::new(format!("the module is malformed: {e}")))? {
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import
                        .map_err(|e| Failure::new(format!("the module is malformed: {e}")))?;
                    allow(
                        import.module,
                        import.name,
                        matches!(import.ty, TypeRef::Func(_)),
                    )?;
                }
            }
            Payload::CodeSectionStart { size, .. } => {
                sizes.code = usize::try_from(size).unwrap_or(usize::MAX);
            }
            Payload::DataSection(section) => sizes.data = bytes(&section.range()),
            _ => {}
        }
    }
    for (name, size, budget) in [
        ("code", sizes.code, CODE_BUDGET),
        ("data", sizes.data, DATA_BUDGET),
    ] {
        if size > budget {
            return Err(Failure::new(format!(
                "the module has {size} bytes of {name}, the budget is {budget}"
            )));
        }
    }
    Ok(sizes)
}

fn bytes(range: &Range<u64>) -> usize {
    usize::try_from(range.end.saturating_sub(range.start)).unwrap_or(usize::MAX)
}

fn allow(module: &str, name: &str, function: bool) -> Result<()> {
    let known = match module {
        "env" => name.starts_with("proxy_"),
        "wasi_snapshot_preview1" => WASI.contains(&name),
        _ => false,
    };
    if known && function {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the module imports `{module}.{name}`, which Envoy does not provide as a function"
    ))
    .help(
        "find the crate that brings it in: `cargo tree -p mcp-zero-filter --target wasm32-wasip1`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_envoy_has_may_be_imported() {
        assert!(allow("env", "proxy_log", true).is_ok());
        assert!(allow("wasi_snapshot_preview1", "random_get", true).is_ok());
        assert!(allow("env", "proxy_log", false).is_err());
        assert!(allow("env", "__cpp_exception", false).is_err());
        assert!(allow("wasi_snapshot_preview1", "path_open", true).is_err());
        assert!(allow("__wbindgen_placeholder__", "x", true).is_err());
    }

    #[test]
    fn a_malformed_module_is_refused() {
        assert!(check(b"\0asm\x01\0\0").is_err());
        assert_eq!(check(b"\0asm\x01\0\0\0").unwrap(), Sizes::default());
    }
}
