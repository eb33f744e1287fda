//! Fuzz targets on the ordinary toolchain: coverage by the compiler's own pass, the engine of
//! libFuzzer. Each runs for a while from its seeds; what it learns stays in the target folder.

use crate::failure::{Failure, Result};
use crate::shell;
use std::process::Command;

/// The readers of what outsiders write.
const TARGETS: [&str; 7] = ["scan", "rpc", "sse", "policy", "jws", "snapshot", "framing"];

/// What cargo-fuzz sets, as far as it needs no sanitizer: those want another toolchain.
const FLAGS: &str = "--cfg fuzzing -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Builds the targets and runs each for so many seconds, or one of them.
///
/// # Errors
/// A target does not build, or has found something; what that is stands in `target/fuzz/found`.
pub(crate) fn run(seconds: u32, only: Option<&str>) -> Result<()> {
    if let Some(name) = only
        && !TARGETS.contains(&name)
    {
        return Err(Failure::new(format!(
            "no fuzz target `{name}`; there are {}",
            TARGETS.join(", ")
        )));
    }
    let version = shell::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    let host = host.ok_or_else(|| Failure::new("rustc names no host"))?;
    let flags: Vec<&str> = FLAGS.split_whitespace().collect();
    shell::run(
        crate::test::cargo()
            .args(["build", "--release", "--locked", "--target", host])
            .args(["--manifest-path", "fuzz/Cargo.toml"])
            .args(["--target-dir", "target/fuzz"])
            .env("RUSTFLAGS", flags.join(" ")),
    )?;
    let root = crate::root()?;
    let target_folder = root.join("target/fuzz");
    let programs = target_folder.join(host).join("release");
    for target in TARGETS {
        if only.is_some_and(|only| only != target) {
            continue;
        }
        let learnt = target_folder.join("corpus").join(target);
        let found = target_folder.join("found").join(target);
        for folder in [&learnt, &found] {
            std::fs::create_dir_all(folder)
                .map_err(|e| Failure::new(format!("{}: {e}", folder.display())))?;
        }
        println!("fuzz: {target}, {seconds} s");
        shell::run(
            Command::new(programs.join(target))
                .arg(format!("-max_total_time={seconds}"))
                // One input that takes longer than this is a find.
                .args(["-timeout=10", "-rss_limit_mb=2048", "-max_len=8192"])
                .args(["-verbosity=0", "-print_final_stats=1"])
                .arg(format!("-artifact_prefix={}/", found.display()))
                .arg(learnt)
                .arg(root.join("fuzz/seeds").join(target)),
        )?;
    }
    Ok(())
}
