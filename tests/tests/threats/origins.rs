//! Names and origins that are not ours, at the gateway and at both listeners of the bridge (S9).

use super::{ANSWER, CALL};
use mcp_zero_tests::{
    Gateway, Process, Response, Scripted, exchange, free_address, part, policy, request, response,
    wait,
};
use serde_json::json;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Names by which a page of somebody else may reach a port of ours.
const HOSTS: [&str; 8] = [
    "evil.example",
    "evil.example:8080",
    "localhost.evil.example",
    "127.0.0.1.nip.example",
    "evil.example,localhost",
    "localhost@evil.example",
    "0.0.0.0",
    "[::ffff:127.0.0.1]",
];

/// Origins of such pages.
const ORIGINS: [&str; 8] = [
    "https://evil.example",
    "http://evil.example:8080",
    "http://localhost.evil.example",
    "http://localhost@evil.example",
    "http://localhost, https://evil.example",
    "null",
    "file://",
    "evil.example",
];

#[test]
fn the_gateway_answers_to_its_names_only() {
    let server = Scripted::json(ANSWER);
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let send = |host: &str, origin: &str| {
        let headers = [
            ("authorization", bearer.as_str()),
            ("host", host),
            ("origin", origin),
        ];
        gateway.send(request("POST", "/mcp/s", &headers, CALL).as_bytes())
    };
    let refused = |host: &str, origin: &str| {
        let answer = send(host, origin);
        assert_eq!(answer.status, 403, "host {host}, origin {origin}");
        assert_eq!(answer.json()["error"]["code"], -31403);
        assert_eq!(answer.header("access-control-allow-origin"), None);
    };
    for host in HOSTS {
        for origin in ORIGINS {
            refused(host, origin);
        }
        // A name that is not ours is no better for an origin that is ours, that is its own, or is absent.
        refused(host, "http://localhost");
        refused(host, &format!("http://{host}"));
        refused(host, "");
    }
    for origin in ORIGINS {
        refused("localhost", origin);
    }
    assert_eq!(server.received().len(), 0);
    assert_eq!(send("localhost", "http://localhost:3000").status, 200);
    assert_eq!(send("127.0.0.1", "").status, 200);
}

const SECRET: &str = "b0-b0-b0-b0-b0-b0-b0-b0";
const CALLER: &str = "0123456789abcdef0123456789abcdef";

/// A bridge at some address, with a server that writes down what it has run.
struct Bridge {
    _process: Process,
    folder: TempDir,
}

impl Bridge {
    fn start(listen: impl FnOnce(&Path) -> String) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("servers/pair.py");
        let policy = json!({"version": 1, "servers": [{
            "name": "python", "transport": "stdio", "command": part("MCP_ZERO_TEST_PYTHON"),
            "args": [script, folder.path().join("ran")], "env": {"PYTHONUNBUFFERED": "1"},
        }]});
        let file = folder.path().join("policy.json");
        std::fs::write(&file, policy.to_string()).unwrap();
        let process = Process::start(
            Command::new(part("MCP_ZERO_TEST_BRIDGE"))
                .arg("--policy")
                .arg(&file)
                .arg("--listen")
                .arg(listen(folder.path()))
                .env("MCP_BRIDGE_SECRET", SECRET),
            &folder.path().join("bridge.log"),
        );
        Self {
            _process: process,
            folder,
        }
    }

    fn ran(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("ran")).unwrap_or_default()
    }
}

/// A call of 2026-07-28 to the bridge's server, as the gateway would make it but for two headers.
fn call(host: &str, origin: &str, secret: &str) -> String {
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"danger","arguments":{},"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    let headers = [
        ("host", host),
        ("origin", origin),
        ("x-mcp-zero-bridge", secret),
        ("x-mcp-zero-caller", CALLER),
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "tools/call"),
        ("mcp-name", "danger"),
    ];
    request("POST", "/python", &headers, body)
}

fn all_refused(send: impl Fn(&str) -> Response, hosts: bool) {
    let refused = |host: &str, origin: &str| {
        let answer = send(&call(host, origin, SECRET));
        assert_eq!(
            answer.status, 403,
            "host {host}, origin {origin}: {}",
            answer.body
        );
        assert_eq!(answer.header("access-control-allow-origin"), None);
    };
    for host in HOSTS {
        for origin in ORIGINS {
            refused(host, origin);
        }
        if hosts {
            refused(host, "");
        }
    }
    for origin in ORIGINS
        .into_iter()
        .chain(["http://localhost", "http://127.0.0.1:3000"])
    {
        refused("localhost", origin);
    }
}

#[test]
fn the_bridge_on_tcp_answers_to_loopback_and_no_page() {
    let address: SocketAddr = free_address();
    let bridge = Bridge::start(|_| address.to_string());
    wait("the bridge", || TcpStream::connect(address).is_ok());
    let send = |text: &str| exchange(address, text.as_bytes());
    all_refused(send, true);
    for secret in ["", "wrong-wrong-wrong-wrong"] {
        assert_eq!(send(&call("localhost", "", secret)).status, 403);
    }
    assert_eq!(bridge.ran(), "");
    let answer = send(&call("localhost", "", SECRET));
    assert_eq!(
        (answer.status, bridge.ran().as_str()),
        (200, "danger\n"),
        "{}",
        answer.body
    );
}

#[test]
fn the_bridge_on_its_socket_answers_to_no_page() {
    let bridge = Bridge::start(|folder| format!("unix:{}", folder.join("b.sock").display()));
    let socket = bridge.folder.path().join("b.sock");
    wait("the bridge", || UnixStream::connect(&socket).is_ok());
    let send = |text: &str| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        stream.write_all(text.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        response(&answer).expect("a whole answer")
    };
    // Only who may open the socket is there, by whatever name.
    all_refused(send, false);
    assert_eq!(bridge.ran(), "");
    let answer = send(&call("localhost", "", ""));
    assert_eq!(
        (answer.status, bridge.ran().as_str()),
        (200, "danger\n"),
        "{}",
        answer.body
    );
}
