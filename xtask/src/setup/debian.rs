//! Parts that Debian's archive carries, read with the machine's own apt.

use super::cache;
use crate::failure::{Failure, Result};
use crate::shell;
use std::path::{Path, PathBuf};
use std::process::Command;

const WASI_LIBC: &str = "0.0~git20220510.9886d3d-2";
const WASI_LIBC_SHA256: &str = "513e25eeca77f7e31adf928b684714dd656cc6bc70c2970abfe3b4117e3b736f";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Returns the folder with wasi libc's archives.
pub(super) fn wasi_libc() -> Result<PathBuf> {
    let name = format!("wasi-libc-{}", &WASI_LIBC_SHA256[..12]);
    let folder = cache::entry(&name, |scratch| {
        eprintln!("setup: fetching wasi libc {WASI_LIBC}");
        let deb = download(scratch, "bookworm", "wasi-libc", WASI_LIBC)
            .map_err(|e| e.help("install Debian's package wasi-libc of that version"))?;
        cache::verify(&deb, WASI_LIBC_SHA256)?;
        unpack(&deb, scratch, "./usr/lib/wasm32-wasi")
    })?;
    Ok(folder.join("usr/lib/wasm32-wasi"))
}

/// Downloads one package of a suite through a private apt state, so that the machine's is untouched.
pub(super) fn download(
    scratch: &Path,
    suite: &str,
    package: &str,
    version: &str,
) -> Result<PathBuf> {
    let apt = Apt::for_suite(&scratch.join("apt"), suite)?;
    shell::output(apt.get().arg("update"))?;
    shell::output(
        apt.get()
            .args(["download", &format!("{package}={version}")])
            .current_dir(scratch),
    )?;
    std::fs::remove_dir_all(scratch.join("apt"))?;
    std::fs::read_dir(scratch)?
        .filter_map(std::result::Result::ok)
        .map(|e| e.path())
        .find(|p| p.extension().is_some_and(|x| x == "deb"))
        .ok_or_else(|| Failure::new(format!("apt downloaded no file for {package}")))
}

/// Unpacks one folder of a package and removes the package.
pub(super) fn unpack(deb: &Path, target: &Path, folder: &str) -> Result<()> {
    let script = r#"dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" "$3""#;
    shell::output(
        Command::new("sh")
            .args(["-ec", script, "sh"])
            .arg(deb)
            .arg(target)
            .arg(folder),
    )?;
    std::fs::remove_file(deb)?;
    Ok(())
}

/// Downloads a package of a suite with all that it needs, and unpacks everything but some packages.
/// Which versions, apt decides, and checks them by the archive's signature: the archive keeps no
/// version that it has replaced for security.
pub(super) fn unpacked(
    scratch: &Path,
    suite: &str,
    package: &str,
    left_out: &[&str],
) -> Result<()> {
    let state = scratch.join("apt");
    let apt = Apt::for_suite(&state, suite)?;
    // As if nothing were installed: the machine may be of another release.
    std::fs::write(state.join("status"), "")?;
    let status = format!("Dir::State::status={}/status", state.display());
    shell::output(apt.get().arg("update"))?;
    shell::output(
        apt.get()
            .args(["-o", &status, "-o", "Debug::NoLocking=1"])
            .args(["install", "--yes", "--download-only"])
            .args(["--no-install-recommends", package]),
    )?;
    for deb in std::fs::read_dir(state.join("cache/archives"))? {
        let deb = deb?.path();
        let name = deb.file_name().unwrap_or_default().to_string_lossy();
        let (name, is_package) = match name.split_once('_') {
            Some((name, _)) => (name, deb.extension().is_some_and(|x| x == "deb")),
            None => ("", false),
        };
        if is_package && !left_out.contains(&name) {
            shell::output(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(scratch))?;
        }
    }
    std::fs::remove_dir_all(state)?;
    Ok(())
}

struct Apt(PathBuf);

impl Apt {
    fn for_suite(state: &Path, suite: &str) -> Result<Self> {
        let archive = shell::output(Command::new("apt-get").args([
            "indextargets",
            "--format",
            "$(REPO_URI)",
        ]))
        .map_err(|e| e.help("this step needs apt on a Debian-like machine"))?;
        let archive = archive
            .lines()
            .find(|l| !l.contains("security"))
            .ok_or_else(|| Failure::new("apt knows no archive"))?;
        for folder in ["lists/partial", "cache/archives/partial"] {
            std::fs::create_dir_all(state.join(folder))?;
        }
        std::fs::write(
            state.join("sources.list"),
            format!("deb [signed-by={KEYRING}] {archive} {suite} main\n"),
        )?;
        Ok(Self(state.to_path_buf()))
    }

    fn get(&self) -> Command {
        let state = self.0.display();
        let mut command = Command::new("apt-get");
        for option in [
            format!("Dir::State::lists={state}/lists"),
            format!("Dir::Cache={state}/cache"),
            format!("Dir::Etc::sourcelist={state}/sources.list"),
            "Dir::Etc::sourceparts=-".to_owned(),
            "APT::Get::List-Cleanup=0".to_owned(),
            "APT::Sandbox::User=root".to_owned(),
        ] {
            command.args(["-o", &option]);
        }
        command.arg("--quiet");
        command
    }
}
