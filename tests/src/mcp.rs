//! Real MCP clients and a real MCP server, from their official packages.

use crate::part;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// A server on an official npm package over Streamable HTTP; ended when dropped.
#[derive(Debug)]
pub struct Everything {
    child: Child,
    address: SocketAddr,
}

impl Everything {
    /// Starts npm's server-everything on a free port and waits until it listens.
    ///
    /// # Panics
    /// When it does not within 30 seconds.
    pub fn start() -> Self {
        let script = part("MCP_ZERO_TEST_NPM_CLIENTS")
            .join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        Self::node(|command, port| {
            command.arg(script).arg("streamableHttp").env("PORT", port);
        })
    }

    /// Starts one of our own servers in `tests/conformance`.
    ///
    /// # Panics
    /// As [`Everything::start`].
    pub fn ours(script: &str, arguments: &[&str]) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance");
        Self::node(|command, port| {
            command.arg(folder.join(script)).arg(port).args(arguments);
        })
    }

    fn node(configure: impl FnOnce(&mut Command, &str)) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("a bound socket has an address");
        drop(free);
        let mut command = Command::new(part("MCP_ZERO_TEST_NODE"));
        configure(&mut command, &address.port().to_string());
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("node starts");
        let server = Self { child, address };
        let begin = Instant::now();
        while TcpStream::connect(address).is_err() {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "the server does not listen"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("http://{}/mcp", self.address)
    }
}

impl Drop for Everything {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One of the client programs in `tests/clients`.
#[derive(Debug)]
pub struct Session {
    command: Command,
    lines: String,
}

impl Session {
    /// npm `@modelcontextprotocol/sdk` 1.x.
    pub fn sdk1(url: &str, token: &str) -> Self {
        Self::new(part("MCP_ZERO_TEST_NODE"), "call.mjs", url, token)
    }

    /// npm `@modelcontextprotocol/client` 2.x.
    pub fn sdk2(url: &str, token: &str) -> Self {
        Self::new(part("MCP_ZERO_TEST_NODE"), "call2.mjs", url, token)
    }

    /// PyPI `mcp` 2.x.
    pub fn python(url: &str, token: &str) -> Self {
        Self::new(part("MCP_ZERO_TEST_PYTHON"), "call.py", url, token)
    }

    /// FastMCP's client.
    pub fn fastmcp(url: &str, token: &str) -> Self {
        Self::new(part("MCP_ZERO_TEST_PYTHON"), "call_fastmcp.py", url, token)
    }

    /// npm `@modelcontextprotocol/sdk` 1.x over standard input and output of a program.
    pub fn stdio(command: &Value) -> Self {
        Self::new(part("MCP_ZERO_TEST_NODE"), "call.mjs", "", "")
            .with(&["--command", &command.to_string()])
    }

    fn new(program: PathBuf, script: &str, url: &str, token: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("clients");
        let mut command = Command::new(program);
        command.arg(folder.join(script));
        if !url.is_empty() {
            command.args(["--url", url]);
        }
        if !token.is_empty() {
            command.args(["--token", token]);
        }
        Self {
            command,
            lines: String::new(),
        }
    }

    /// Further arguments.
    #[must_use]
    pub fn with(mut self, arguments: &[&str]) -> Self {
        self.command.args(arguments);
        self
    }

    /// A variable.
    #[must_use]
    pub fn knowing(mut self, variable: &str, value: &str) -> Self {
        self.command.env(variable, value);
        self
    }

    /// One more operation.
    #[must_use]
    pub fn then(mut self, operation: &Value) -> Self {
        self.lines.push_str(&operation.to_string());
        self.lines.push('\n');
        self
    }

    /// Runs all operations; one answer each, or the failure to connect.
    ///
    /// # Panics
    /// When the client cannot be started or prints what is no JSON.
    pub fn run(mut self) -> Vec<Value> {
        let lines = std::mem::take(&mut self.lines);
        let mut child = self.spawn();
        let mut stdin = child.stdin.take().expect("stdin is piped");
        stdin.write_all(lines.as_bytes()).expect("the client reads");
        drop(stdin);
        let done = child.wait_with_output().expect("the client ends");
        let text = String::from_utf8_lossy(&done.stdout);
        text.lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|e| {
                    panic!("{e}: {line}\n{}", String::from_utf8_lossy(&done.stderr))
                })
            })
            .collect()
    }

    /// Starts the client, to be given one operation after the other.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn talk(mut self) -> Talk {
        let mut child = self.spawn();
        Talk {
            stdin: child.stdin.take(),
            answers: BufReader::new(child.stdout.take().expect("stdout is piped")),
            child,
        }
    }

    fn spawn(&mut self) -> Child {
        self.command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the client starts")
    }
}

/// A client that stays connected between operations; ended when dropped.
#[derive(Debug)]
pub struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Talk {
    /// Has one operation done; its answer, or the failure to connect.
    ///
    /// # Panics
    /// When the client has ended or prints what is no JSON.
    pub fn ask(&mut self, operation: &Value) -> Value {
        let stdin = self.stdin.as_mut().expect("it is open until the end");
        writeln!(stdin, "{operation}").expect("the client reads");
        let mut line = String::new();
        self.answers
            .read_line(&mut line)
            .expect("the client answers");
        serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line:?}"))
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        // So that it says goodbye.
        self.stdin = None;
        let _ = self.child.wait();
    }
}
