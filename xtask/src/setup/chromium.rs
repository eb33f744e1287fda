//! The browser of the tests: the machine's own, else Debian's without a window system, unpacked.

use super::{cache, debian};
use crate::failure::{Failure, Result};
use std::path::PathBuf;

/// Names under which machines have one.
const NAMES: [&str; 5] = [
    "chromium",
    "chromium-headless-shell",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];
const SUITE: &str = "bookworm";
const PACKAGE: &str = "chromium-headless-shell";
/// Of the packages that it needs: what the machine's own programs have, and drivers of graphics cards.
const LEFT_OUT: [&str; 6] = [
    "libc6",
    "libgcc-s1",
    "libstdc++6",
    "libllvm15",
    "libz3-4",
    "libgl1-mesa-dri",
];
const BY_HAND: &str = "install a Chromium: `apt-get install chromium`";

/// Returns the path of a program that starts it.
pub(super) fn get() -> Result<PathBuf> {
    if let Some(program) = machines() {
        return Ok(program);
    }
    let folder = cache::entry(&format!("{PACKAGE}-{SUITE}"), |scratch| {
        eprintln!("setup: fetching Debian's {PACKAGE} and its libraries (150 MB)");
        debian::unpacked(scratch, SUITE, PACKAGE, &LEFT_OUT).map_err(|e| e.help(BY_HAND))?;
        let program = scratch.join("usr/lib/chromium").join(PACKAGE);
        if !program.exists() {
            return Err(Failure::new(format!("no program in {PACKAGE}")).help(BY_HAND));
        }
        let script = scratch.join("chromium");
        std::fs::write(&script, starter())?;
        super::wheel::make_executable(&script)
    })?;
    Ok(folder.join("chromium"))
}

fn machines() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    NAMES.iter().find_map(|name| {
        let found = folders.iter().map(|folder| folder.join(name));
        found.into_iter().find(|program| program.is_file())
    })
}

/// A script beside the unpacked folders, which finds its libraries wherever the cache is.
fn starter() -> String {
    let libraries = format!("lib/{}-linux-gnu", std::env::consts::ARCH);
    format!(
        "#!/bin/sh\n\
         here=$(dirname \"$(readlink -f \"$0\")\")\n\
         export LD_LIBRARY_PATH=\"$here/usr/{libraries}:$here/{libraries}:$here/usr/{libraries}/pulseaudio\"\n\
         exec \"$here/usr/lib/chromium/{PACKAGE}\" \"$@\"\n"
    )
}
