//! A child that ends with this process, however that ends.
//!
//! The kernel signals a child whose parent dies, but the child itself must ask for it. So
//! this program starts itself first, asks, and becomes the child.

use std::ffi::OsString;
use std::path::Path;

use tokio::process::Command;

use crate::failure::Failure;

/// The hidden command that does so.
pub const COMMAND: &str = "tethered";

/// A command that starts `program`, to which arguments can be added. It is asked to end
/// (SIGTERM) when the thread that spawns it does, so spawn it from the main one.
pub fn command(program: &Path) -> Command {
    // Unlike its path, this stays when the file is replaced by a newer version.
    let own = Path::new("/proc/self/exe");
    if cfg!(not(target_os = "linux")) || !own.exists() {
        return Command::new(program);
    }
    let mut command = Command::new(own);
    command
        .arg(COMMAND)
        .arg(std::process::id().to_string())
        .arg(program);
    command
}

/// Becomes `program`. Returns only where that fails.
pub fn become_child(parent: u32, program: &Path, arguments: &[OsString]) -> Failure {
    use std::os::unix::process::CommandExt as _;
    if let Err(failure) = tie(parent) {
        return failure;
    }
    let error = std::process::Command::new(program).args(arguments).exec();
    Failure::config(format!("{}: {error}", program.display()))
}

#[cfg(target_os = "linux")]
fn tie(parent: u32) -> Result<(), Failure> {
    use rustix::process::{Signal, getppid, set_parent_process_death_signal};
    set_parent_process_death_signal(Some(Signal::TERM))
        .map_err(|error| Failure::runtime(format!("no signal at the parent's end: {error}")))?;
    // It may have died before that.
    let is_there =
        getppid().is_some_and(|pid| u32::try_from(pid.as_raw_nonzero().get()) == Ok(parent));
    if is_there {
        Ok(())
    } else {
        Err(Failure::runtime("the parent has ended"))
    }
}

/// Elsewhere a child may outlive a parent that was killed.
#[cfg(not(target_os = "linux"))]
fn tie(_: u32) -> Result<(), Failure> {
    Ok(())
}
