//! Which policy is served, and where.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use mcp_zero_compile::{Source, Variables, stdio_servers};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use support::{ALICE, Bridge, eventually, fake};

/// What the control plane says of the definitions in a policy.
fn tags(policy: &[u8]) -> HashMap<String, String> {
    let source = Source::from_bytes("policy.json", policy).unwrap();
    let servers = stdio_servers(source, &Variables::default()).unwrap();
    servers
        .iter()
        .map(|server| (format!("/{}", server.name), server.tag(&[11; 32])))
        .collect()
}

fn hash(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

#[test]
fn only_what_was_accepted_is_served_and_only_what_changed_ends() {
    let directory = tempfile::tempdir().unwrap();
    let accepted = directory.path().join("accepted");
    let accept = |bytes: &[u8]| {
        let fresh = accepted.with_extension("new");
        let key = "0b".repeat(32);
        std::fs::write(&fresh, format!("{}\n{key}\n", hash(bytes))).unwrap();
        std::fs::rename(&fresh, &accepted).unwrap();
    };
    let path = directory.path().to_owned();
    let server = |name: &str, greeting: &str| -> Value {
        let mut server = fake(&path, name, "legacy");
        server["env"]["GREETING"] = greeting.into();
        server
    };
    let first = support::write_policy(&path, &[server("a", "1"), server("b", "1")]);
    let option = accepted.to_str().unwrap().to_owned();
    let bridge = Bridge::start(directory, &["--accepted", &option]);
    // Nothing was accepted yet.
    std::thread::sleep(std::time::Duration::from_millis(500));
    assert_eq!(bridge.get("/healthz", &[]).status, 503);
    assert_eq!(bridge.initialize("a", ALICE).status, 503);
    accept(&first);
    eventually("the first version", || {
        bridge.get("/healthz", &[]).status == 200
    });
    // What is judged under another definition, or under none, is not run.
    assert_eq!(bridge.initialize("a", ALICE).status, 503);
    let judged = |bytes: &[u8]| {
        *bridge.tags.lock().unwrap() = tags(bytes);
    };
    judged(&first);
    let (a, b) = (bridge.session("a", ALICE), bridge.session("b", ALICE));
    let pid = b.text("pid", &json!({}));
    // A version that nobody has accepted is not served.
    let second = bridge.policy(&[server("b", "1"), server("a", "2"), server("c", "1")]);
    std::thread::sleep(std::time::Duration::from_millis(3000));
    assert_eq!(bridge.initialize("c", ALICE).status, 404);
    assert_eq!(a.text("echo", &json!({})), "{}");
    // Gateways may have it first: then its calls wait, and the program of before runs none.
    judged(&second);
    assert_eq!(bridge.initialize("a", ALICE).status, 503);
    assert_eq!(a.call("1", "pid", &json!({})).status, 503);
    assert_eq!(b.text("pid", &json!({})), pid, "unchanged");
    accept(&second);
    eventually("the second version", || {
        bridge.initialize("c", ALICE).status == 200
    });
    assert_eq!(a.call("1", "pid", &json!({})).status, 404, "changed");
    assert_eq!(b.text("pid", &json!({})), pid, "unchanged");
    let seen = bridge.session("a", ALICE).text("env", &json!({}));
    assert_eq!(
        serde_json::from_str::<Value>(&seen).unwrap()["GREETING"],
        "2"
    );
    // A server that is gone ends too.
    let third = bridge.policy(&[server("a", "2")]);
    accept(&third);
    eventually("the third version", || {
        b.call("1", "pid", &json!({})).status == 404
    });
}

#[test]
fn a_broken_policy_leaves_the_last_one() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    std::fs::write(bridge.directory.path().join("policy.json"), "{").unwrap();
    eventually("it is told", || bridge.log().contains("ERROR"));
    assert_eq!(session.text("echo", &json!({})), "{}");
    let mut other = fake(bridge.directory.path(), "fake", "legacy");
    other["env"]["X"] = "${BRIDGE_TEST_UNSET}".into();
    bridge.policy(&[other]);
    std::thread::sleep(std::time::Duration::from_millis(1000));
    assert_eq!(session.text("echo", &json!({})), "{}");
}

#[test]
fn the_socket_is_for_its_owner() {
    let bridge = Bridge::fake();
    let mode = std::fs::metadata(bridge.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    // A second one does not take it over.
    let listen = format!("unix:{}", bridge.socket().display());
    let second = support::command(bridge.directory.path(), &listen)
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert_eq!(bridge.get("/healthz", &[]).status, 200);
    let other = Bridge::with(|d| vec![fake(d, "fake", "legacy")], &["--mode", "0660"]);
    let mode = std::fs::metadata(other.socket())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o660);
}

#[test]
fn tcp_is_for_loopback_and_whoever_knows_the_secret() {
    let directory = tempfile::tempdir().unwrap();
    support::write_policy(
        directory.path(),
        &[fake(directory.path(), "fake", "legacy")],
    );
    let secret = "s3cr3t-s3cr3t-s3cr3t";
    for (listen, secret) in [
        ("0.0.0.0:0", Some(secret)),
        ("127.0.0.1:0", None),
        ("127.0.0.1:0", Some("short")),
        ("nowhere", Some(secret)),
    ] {
        let mut command = support::command(directory.path(), listen);
        command.env_remove("MCP_BRIDGE_SECRET");
        if let Some(secret) = secret {
            command.env("MCP_BRIDGE_SECRET", secret);
        }
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(78), "{listen}");
        assert!(!String::from_utf8_lossy(&output.stderr).contains(secret.unwrap_or("none")));
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let child = support::command(directory.path(), &format!("127.0.0.1:{port}"))
        .env("MCP_BRIDGE_SECRET", secret)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let _killed = support::Kill(child);
    eventually("it listens", || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let status = |headers: &str| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        write!(
            stream,
            "GET /healthz HTTP/1.1\r\nconnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply.split(' ').nth(1).unwrap().to_owned()
    };
    let known = format!("x-mcp-zero-bridge: {secret}\r\n");
    eventually("it is ready", || {
        status(&format!("host: localhost:{port}\r\n{known}")) == "200"
    });
    assert_eq!(status(&format!("host: 127.0.0.1\r\n{known}")), "200");
    for bad in [
        "host: localhost\r\n".to_owned(),
        "host: localhost\r\nx-mcp-zero-bridge: s3cr3t-s3cr3t-s3cr3T\r\n".to_owned(),
        "host: localhost\r\nx-mcp-zero-bridge: \r\n".to_owned(),
        format!("host: localhost\r\n{known}{known}"),
        format!("host: evil.example\r\n{known}"),
        format!("host: localhost\r\norigin: http://localhost\r\n{known}"),
    ] {
        assert_eq!(status(&bad), "403", "{bad}");
    }
}
