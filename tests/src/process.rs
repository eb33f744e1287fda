//! A program of ours, or Envoy, with its log; ended when dropped.

use crate::part;
use serde_json::Value;
use std::fs::File;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A running program.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts a command; what it writes goes to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("a log file");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle"))
            .stderr(file)
            .spawn()
            .expect("the program starts");
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// Starts Envoy with a configuration, in JSON or YAML.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn envoy(folder: &Path, name: &str, configuration: &str) -> Self {
        let file = written(folder, name, configuration);
        Self::start(
            Command::new(part("MCP_ZERO_TEST_ENVOY"))
                .arg("-c")
                .arg(file)
                .args([
                    "--use-dynamic-base-id",
                    "--concurrency",
                    "1",
                    "--log-level",
                    "warning",
                ])
                .args(["--file-flush-interval-msec", "50"]),
            &folder.join(format!("{name}.log")),
        )
    }

    /// What it has written so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// The lines of JSON objects among what it has written, for a server that tells what it is asked.
    ///
    /// # Panics
    /// When such a line is none, which is an error of its own.
    pub fn told(&self) -> Vec<Value> {
        let log = self.log();
        log.lines()
            .filter(|line| line.starts_with('{'))
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {log}")))
            .collect()
    }

    /// Its exit code, once it has ended.
    ///
    /// # Panics
    /// When the system does not say.
    pub fn exit_code(&mut self) -> Option<i32> {
        let status = self.child.try_wait().expect("the child can be asked");
        status.map(|s| s.code().unwrap_or(-1))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}:\n{}", self.log.display(), self.log());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What Envoy says of a configuration without running it.
///
/// # Panics
/// When Envoy cannot be started.
pub fn validate(folder: &Path, name: &str, configuration: &str) -> Result<(), String> {
    let file = written(folder, name, configuration);
    let done = Command::new(part("MCP_ZERO_TEST_ENVOY"))
        .args(["--mode", "validate", "--log-level", "warning", "-c"])
        .arg(file)
        .output()
        .expect("Envoy starts");
    let text = String::from_utf8_lossy(&done.stderr).into_owned();
    // A deprecated or unknown field is a warning at first and an error of some later Envoy.
    if done.status.success() && !text.contains("deprecated") && !text.contains("unknown field") {
        Ok(())
    } else {
        Err(text)
    }
}

fn written(folder: &Path, name: &str, text: &str) -> PathBuf {
    let file = folder.join(format!("{name}.yaml"));
    std::fs::write(&file, text).expect("the configuration is written");
    file
}

/// Runs `mcp-zero` to its end.
///
/// # Panics
/// When it cannot be started.
pub fn mcp_zero(arguments: &[&str]) -> Output {
    Command::new(part("MCP_ZERO_TEST_GATEWAY"))
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .output()
        .expect("mcp-zero starts")
}

/// An address of loopback that is free now.
///
/// # Panics
/// When none is.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}
