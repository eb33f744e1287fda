//! The bridges, each with one session open in front of the same server.

use super::{bare, echo};
use mcp_zero_tests::{exchange, part, request};
use std::fmt::Write as _;
use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const SECRET: &str = "a-secret-of-the-benchmark-0123456789abcdef";
const CALLER: &str = "00112233445566778899aabbccddeeff";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-06-18","capabilities":{},"clientInfo":{"name":"bench","version":"1"}}}"#;
const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    Bare,
    Ours,
    Supergateway,
    NpmProxy,
    PythonProxy,
}

impl Name {
    pub(super) const ALL: [Self; 5] = [
        Self::Bare,
        Self::Ours,
        Self::Supergateway,
        Self::NpmProxy,
        Self::PythonProxy,
    ];

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Bare => "bare bridge",
            Self::Ours => "mcp-stdio-bridge",
            Self::Supergateway => "supergateway",
            Self::NpmProxy => "mcp-proxy (npm)",
            Self::PythonProxy => "mcp-proxy (PyPI)",
        }
    }
}

/// The small programs of this part, which are this one under other names.
#[derive(Debug)]
pub(super) struct Programs {
    echo: PathBuf,
    bare: PathBuf,
}

/// Lays the links.
pub(super) fn programs(folder: &Path) -> Programs {
    let this = std::env::current_exe().expect("this program has a path");
    let link = |name: &str| {
        let link = folder.join(name);
        std::os::unix::fs::symlink(&this, &link).expect("a link");
        link
    };
    Programs {
        echo: link(echo::NAME),
        bare: link(bare::NAME),
    }
}

/// A running bridge; ended when dropped.
#[derive(Debug)]
pub(super) struct Rival {
    pub(super) name: Name,
    pub(super) address: SocketAddr,
    pub(super) path: String,
    /// Lines that each request has besides.
    pub(super) headers: String,
    pub(super) pid: u32,
    child: Child,
    log: PathBuf,
}

impl Rival {
    /// Starts and opens a session.
    pub(super) fn start(name: Name, programs: &Programs, folder: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        let log = folder.join(format!("{name:?}.log"));
        let file = File::create(&log).expect("a log file");
        let mut command = command(name, address, programs, folder);
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log file"))
            .stderr(file)
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", name.label()));
        let (path, headers) = match name {
            Name::Ours => (
                "/echo".to_owned(),
                format!("x-mcp-zero-bridge: {SECRET}\r\nx-mcp-zero-caller: {CALLER}\r\n"),
            ),
            _ => ("/mcp".to_owned(), String::new()),
        };
        let mut rival = Self {
            name,
            address,
            path,
            headers,
            pid: child.id(),
            child,
            log,
        };
        rival.open();
        rival
    }

    fn open(&mut self) {
        let begin = Instant::now();
        while TcpStream::connect(self.address).is_err() {
            self.waited(begin, "does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        let answer = loop {
            let answer = self.post(INITIALIZE);
            if answer.status == 200 {
                break answer;
            }
            self.waited(begin, &format!("{answer:?}"));
            std::thread::sleep(Duration::from_millis(100));
        };
        if let Some(session) = answer.header("mcp-session-id") {
            let _ = write!(self.headers, "mcp-session-id: {session}\r\n");
        }
        self.headers += "mcp-protocol-version: 2025-06-18\r\n";
        let answer = self.post(INITIALIZED);
        assert_eq!(answer.status, 202, "{}: {answer:?}", self.name.label());
    }

    fn post(&self, body: &str) -> mcp_zero_tests::Response {
        let headers: Vec<(&str, &str)> = self
            .headers
            .lines()
            .filter_map(|line| line.split_once(": "))
            .collect();
        exchange(
            self.address,
            request("POST", &self.path, &headers, body).as_bytes(),
        )
    }

    fn waited(&self, begin: Instant, what: &str) {
        assert!(
            begin.elapsed() < Duration::from_secs(60),
            "{} {what}\n{}",
            self.name.label(),
            std::fs::read_to_string(&self.log).unwrap_or_default()
        );
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // Children of some outlive them: each is ended by its own id.
        for pid in crate::tree::processes(self.pid) {
            mcp_zero_tests::signal(pid, "KILL");
        }
        let _ = self.child.wait();
    }
}

fn command(name: Name, address: SocketAddr, programs: &Programs, folder: &Path) -> Command {
    let port = address.port().to_string();
    let node = |package: &str| {
        let mut command = Command::new(part("MCP_ZERO_TEST_NODE"));
        command.arg(
            part("MCP_ZERO_BENCH_NPM_PEERS")
                .join("node_modules")
                .join(package),
        );
        command
    };
    match name {
        Name::Bare => {
            let mut command = Command::new(&programs.bare);
            command.arg(port).arg(&programs.echo);
            command
        }
        Name::Ours => {
            let policy = folder.join("policy.yaml");
            let text = format!(
                "version: 1\nservers:\n  - name: echo\n    transport: stdio\n    command: {:?}\n",
                programs.echo.to_string_lossy()
            );
            std::fs::write(&policy, text).expect("the policy is written");
            let mut command = Command::new(part("MCP_ZERO_TEST_BRIDGE"));
            command.arg("--policy").arg(policy);
            command.args(["--listen", &address.to_string()]);
            command.env("MCP_BRIDGE_SECRET", SECRET);
            command
        }
        Name::Supergateway => {
            let mut command = node("supergateway/dist/index.js");
            command.arg("--stdio").arg(&programs.echo);
            command.args(["--outputTransport", "streamableHttp", "--stateful"]);
            command.args(["--logLevel", "none", "--port", &port]);
            command
        }
        Name::NpmProxy => {
            let mut command = node("mcp-proxy/dist/bin/mcp-proxy.mjs");
            command.args(["--server", "stream", "--host", "127.0.0.1", "--port", &port]);
            command.arg("--").arg(&programs.echo);
            command
        }
        Name::PythonProxy => {
            let mut command = Command::new(part("MCP_ZERO_BENCH_PYTHON_PEERS").join("bin/python"));
            command.args(["-m", "mcp_proxy", "--port", &port]);
            command.arg(&programs.echo);
            command
        }
    }
}
