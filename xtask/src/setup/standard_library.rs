//! The source of the standard library of exactly the active compiler.

use super::{cache, debian};
use crate::failure::{Failure, Result};
use crate::shell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A `rust-src` package for one compiler.
struct Pin {
    compiler: &'static str,
    suite: &'static str,
    version: &'static str,
    sha256: &'static str,
}

const PINS: &[Pin] = &[Pin {
    compiler: "1.95.0",
    suite: "trixie-backports",
    version: "1.95.0+dfsg1-2~bpo13+1",
    sha256: "7b76db5b880a77f9e52975d2baa6209d2f76d2c9c2789515c3088cb960e2c83b",
}];

/// Returns the folder `library`, or nothing where the compiler's sysroot has it.
pub(super) fn get() -> Result<Option<PathBuf>> {
    let sysroot = PathBuf::from(shell::output(
        Command::new("rustc").args(["--print", "sysroot"]),
    )?);
    if sysroot
        .join("lib/rustlib/src/rust/library/Cargo.lock")
        .exists()
    {
        return Ok(None);
    }
    let printed = shell::output(Command::new("rustc").arg("--version"))?;
    let compiler = printed.split(' ').nth(1).unwrap_or_default();
    let help = "run `rustup component add rust-src`";
    let pin = PINS
        .iter()
        .find(|p| p.compiler == compiler)
        .ok_or_else(|| {
            Failure::new(format!(
                "no source of the standard library is pinned for rustc {compiler}"
            ))
            .help(help)
        })?;
    let name = format!(
        "rust-src-{compiler}-{}",
        pin.sha256.get(..12).unwrap_or_default()
    );
    let folder = cache::entry(&name, |scratch| {
        fetch(pin, scratch).map_err(|e| e.help(help))
    })?;
    Ok(Some(
        folder.join(format!("usr/src/rustc-{compiler}/library")),
    ))
}

fn fetch(pin: &Pin, scratch: &Path) -> Result<()> {
    eprintln!(
        "setup: fetching the standard library's source for rustc {}",
        pin.compiler
    );
    let deb = debian::download(scratch, pin.suite, "rust-src", pin.version)?;
    cache::verify(&deb, pin.sha256)?;
    debian::unpack(
        &deb,
        scratch,
        &format!("./usr/src/rustc-{}/library", pin.compiler),
    )
}
