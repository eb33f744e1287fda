//! `make run`: a whole gateway in front of the demo server, until Ctrl-C.

use crate::failure::{Failure, Result};
use crate::test::cargo;
use crate::{root, setup, shell, wasm};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const DEMO_POLICY: &str = "policies/demo.yaml";
const DEMO_ADDRESS: &str = "127.0.0.1:9100";

/// Builds everything and runs it. `policy` stands in place of the demo.
pub(crate) fn run(policy: Option<PathBuf>) -> Result<()> {
    let parts = setup::parts()?;
    let module = wasm::build(&parts)?;
    let [gateway, demo, _] = programs(Profile::Dev)?;
    let policy = match policy {
        Some(policy) => policy,
        None => root()?.join(DEMO_POLICY),
    };
    let server = Command::new(&demo)
        .args(["--listen", DEMO_ADDRESS])
        .stdin(Stdio::null())
        .spawn();
    let mut server = Kill(server.map_err(|e| cannot(&demo, &e))?);
    let mut command = Command::new(&gateway);
    command.args(["run", "--dev", "--policy"]).arg(policy);
    command.arg("--envoy").arg(parts.envoy);
    command.arg("--filter").arg(module);
    let child = command.spawn().map_err(|e| cannot(&gateway, &e))?;
    forward_signals(child.id())?;
    let mut child = Kill(child);
    let status = child.0.wait().map_err(|e| cannot(&gateway, &e))?;
    server.stop();
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} ended with {status}",
        gateway.display()
    )))
}

/// How programs are built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Quickly.
    Dev,
    /// As they are shipped.
    Release,
}

/// Builds the programs and says where they are: the gateway, the demo server and the bridge, which
/// the gateway finds beside itself.
pub(crate) fn programs(profile: Profile) -> Result<[PathBuf; 3]> {
    let mut build = cargo();
    build.args(["build", "--locked", "-p", "mcp-zero-control-plane"]);
    build.args(["-p", "mcp-zero-demo-server", "-p", "mcp-zero-stdio-bridge"]);
    let folder = match profile {
        Profile::Dev => "debug",
        Profile::Release => {
            build.arg("--release");
            "release"
        }
    };
    shell::run(&mut build)?;
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().map(|r| r.join("target")), |t| Ok(t.into()))?;
    let folder = target.join(folder);
    let programs = ["mcp-zero", "mcp-zero-demo-server", "mcp-stdio-bridge"];
    Ok(programs.map(|program| folder.join(program)))
}

/// Ctrl-C reaches the whole group by itself; a plain SIGTERM reaches only us.
fn forward_signals(child: u32) -> Result<()> {
    ctrlc::set_handler(move || {
        // The child may have ended already.
        let _ = Command::new("kill")
            .args(["-TERM", &child.to_string()])
            .status();
    })
    .map_err(|e| Failure::new(format!("signals: {e}")))
}

fn cannot(program: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be started: {error}", program.display()))
}

/// A child that does not outlive us.
struct Kill(Child);

impl Kill {
    fn stop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Kill {
    fn drop(&mut self) {
        self.stop();
    }
}
