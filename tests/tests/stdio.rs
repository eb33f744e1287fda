//! Servers that are processes, behind the bridge that `mcp-zero run` starts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Options, Session, admin, part, policy, signal, wait};
use serde_json::{Value, json};
use std::path::PathBuf;

const CANARY: &str = "c4n4ry-0f-th3-ch1ld";
/// In the arguments of every child, so that none is overlooked.
const MARK: &str = "mcp-zero-e2e";

/// A stdio server of npm's server-everything, whose arguments end with a mark of this test.
fn server(name: &str, mark: &str) -> String {
    let node = part("MCP_ZERO_TEST_NODE");
    let script = part("MCP_ZERO_TEST_NPM_CLIENTS")
        .join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    format!(
        "  - name: {name}\n    transport: stdio\n    command: {}\n    args: ['{}', stdio, '{mark}']\n    env: {{CHILD_TOKEN: '${{CHILD_TOKEN}}'}}\n",
        node.display(),
        script.display()
    )
}

/// The usual policy, its one server `s` started as a process.
fn stdio_policy(mark: &str) -> String {
    let usual = policy("http://127.0.0.1:1/mcp");
    let (head, rest) = usual.split_once("  - name: s\n").unwrap();
    let (_, tail) = rest.split_once("policies:").unwrap();
    format!("{head}{}policies:{tail}", server("s", mark))
}

/// A second server `t`, for the same people.
fn with_second(policy: &str, mark: &str) -> String {
    let second = format!("{}policies:", server("t", mark));
    policy.replace("policies:", &second).replace(
        "    mcp_servers:\n      - name: s\n        tools: ['get*'",
        "    mcp_servers:\n      - name: '*'\n        tools: ['get*'",
    )
}

fn start(policy: &str) -> Gateway {
    let options = Options {
        variables: vec![("CHILD_TOKEN".to_owned(), CANARY.to_owned())],
        ..Options::default()
    };
    Gateway::start_with(policy, &options)
}

/// Processes whose command line holds a text.
fn processes(text: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(PathBuf::from(format!("/proc/{pid}/cmdline"))).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(text)
    })
    .collect()
}

/// The bridge of a gateway.
fn bridges(gateway: &Gateway) -> Vec<u32> {
    processes(&format!(
        "unix:{}",
        gateway.state().join("bridge.sock").display()
    ))
}

fn echo(gateway: &Gateway, server: &str) -> Value {
    let token = gateway.token("alice", "developers");
    let call = json!({"op": "call", "name": "echo", "arguments": {"message": "hello"}});
    Session::sdk1(&gateway.url(server), &token)
        .then(&call)
        .run()
        .remove(0)
}

fn works(answer: &Value) -> bool {
    answer["result"]["content"][0]["text"]
        .as_str()
        .is_some_and(|text| text.contains("hello"))
}

#[test]
fn a_real_client_lists_calls_is_denied_and_sees_masks() {
    let mark = format!("{MARK}-a-{}", std::process::id());
    let mut gateway = start(&stdio_policy(&mark));
    let token = gateway.token("alice", "developers");
    for session in [Session::sdk1, Session::python] {
        let answers = session(&gateway.url("s"), &token)
            .then(&json!({"op": "list"}))
            .then(&json!({"op": "call", "name": "echo", "arguments": {"message": "mail ann@example.com"}}))
            .then(&json!({"op": "call", "name": "get-secret", "arguments": {}}))
            .then(&json!({"op": "call", "name": "get-env", "arguments": {}}))
            .run();
        let tools = answers[0]["result"]["tools"].to_string();
        assert!(
            tools.contains("\"get-sum\"") && !tools.contains("\"toggle"),
            "{tools}"
        );
        let echoed = answers[1].to_string();
        assert!(
            echoed.contains("<EMAIL_ADDRESS>") && !echoed.contains("ann@"),
            "{echoed}"
        );
        assert!(
            answers[2].to_string().contains("Access denied"),
            "{}",
            answers[2]
        );
    }
    let dump = admin(
        &gateway.state().join("envoy.sock"),
        "/config_dump?include_eds",
    );
    assert!(dump.contains("bridge.sock"), "{dump}");
    for text in [CANARY, mark.as_str(), "server-everything"] {
        assert!(!dump.contains(text), "{text}");
    }
    assert!(!gateway.log().contains(CANARY));
    // Nothing outlives the gateway.
    let bridge = bridges(&gateway);
    assert_eq!(bridge.len(), 1);
    assert_eq!(gateway.end(), 0, "{}", gateway.log());
    wait("the end of every process", || {
        processes(&mark).is_empty() && bridges(&gateway).is_empty()
    });
}

#[test]
fn a_killed_bridge_comes_back() {
    let mark = format!("{MARK}-b-{}", std::process::id());
    let gateway = start(&stdio_policy(&mark));
    assert!(works(&echo(&gateway, "s")));
    let before = bridges(&gateway);
    for pid in &before {
        signal(*pid, "KILL");
    }
    wait("another bridge", || {
        let now = bridges(&gateway);
        !now.is_empty() && now != before
    });
    wait("a session", || works(&echo(&gateway, "s")));
}

#[test]
fn a_change_adds_a_server() {
    let mark = format!("{MARK}-c-{}", std::process::id());
    let first = stdio_policy(&mark);
    let gateway = start(&first);
    assert!(works(&echo(&gateway, "s")));
    gateway.set_policy(&with_second(&first, &mark));
    wait("the second server", || works(&echo(&gateway, "t")));
    assert!(works(&echo(&gateway, "s")));
}

#[test]
fn the_first_stdio_server_of_a_change_starts_the_bridge() {
    let mark = format!("{MARK}-d-{}", std::process::id());
    let gateway = start(&policy("http://127.0.0.1:1/mcp"));
    assert!(bridges(&gateway).is_empty());
    gateway.set_policy(&stdio_policy(&mark));
    wait("the bridge", || works(&echo(&gateway, "s")));
    assert_eq!(bridges(&gateway).len(), 1);
}
