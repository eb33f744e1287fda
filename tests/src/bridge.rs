//! The stdio bridge alone, with a door that lets ordinary HTTP clients in.

use crate::part;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The caller that the door names, as the gateway's filter would.
const CALLER: &str = "0123456789abcdef0123456789abcdef";

/// A running bridge; ended when dropped.
#[derive(Debug)]
pub struct Bridge {
    state: TempDir,
    child: Child,
    door: SocketAddr,
}

impl Bridge {
    /// Starts a bridge that serves these servers, and waits until it does.
    ///
    /// # Panics
    /// When it does not within 30 seconds.
    pub fn start(servers: &[Value]) -> Self {
        let state = tempfile::tempdir().expect("a temporary folder");
        let policy = state.path().join("policy.json");
        let document = json!({"version": 1, "servers": servers}).to_string();
        std::fs::write(&policy, document).expect("the policy is written");
        let socket = state.path().join("bridge.sock");
        let child = Command::new(part("MCP_ZERO_TEST_BRIDGE"))
            .arg("--policy")
            .arg(&policy)
            .arg("--listen")
            .arg(format!("unix:{}", socket.display()))
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the bridge starts");
        let door = open(socket.clone());
        let bridge = Self { state, child, door };
        let begin = Instant::now();
        while !healthy(&socket) {
            assert!(
                begin.elapsed() < Duration::from_secs(30),
                "the bridge is not ready"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        bridge
    }

    /// Where HTTP clients come in.
    pub fn address(&self) -> SocketAddr {
        self.door
    }

    /// The URL of a server.
    pub fn url(&self, server: &str) -> String {
        format!("http://{}/{server}", self.door)
    }

    /// A folder that lives as long as the bridge.
    pub fn folder(&self) -> &Path {
        self.state.path()
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let pid = self.child.id().to_string();
        // Told to end, so that it ends its servers.
        let _ = Command::new("kill").args(["-TERM", &pid]).status();
        let _ = self.child.wait();
    }
}

fn healthy(socket: &Path) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = UnixStream::connect(socket)?;
        stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Accepts connections and hands each one's request to the socket, with a caller's name. One
/// request a connection: the bridge is told to close it, and says so to the client.
fn open(socket: PathBuf) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let socket = socket.clone();
            std::thread::spawn(move || pass(client, &socket));
        }
    });
    address
}

fn pass(mut client: TcpStream, socket: &Path) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            break at;
        }
        let length = client.read(&mut piece)?;
        if length == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&piece[..length]);
    };
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let kept = head
        .split("\r\n")
        .filter(|line| !line.to_ascii_lowercase().starts_with("connection:"))
        .collect::<Vec<_>>()
        .join("\r\n");
    let mut bridge = UnixStream::connect(socket)?;
    let added = format!("\r\nconnection: close\r\nx-mcp-zero-caller: {CALLER}");
    bridge.write_all(format!("{kept}{added}").as_bytes())?;
    bridge.write_all(&bytes[end..])?;
    let (mut from, mut to) = (client.try_clone()?, bridge.try_clone()?);
    std::thread::spawn(move || {
        // A client that goes away takes its half with it.
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
    let done = std::io::copy(&mut bridge, &mut client);
    client.shutdown(Shutdown::Both)?;
    done.map(drop)
}
