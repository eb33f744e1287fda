//! Real clients and real stdio servers, and the bridge between them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Bridge, Session, exchange, part};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn everything(name: &str, sessions: &str) -> Value {
    let script = part("MCP_ZERO_TEST_NPM_CLIENTS")
        .join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    json!({
        "name": name, "transport": "stdio", "sessions": sessions,
        "command": part("MCP_ZERO_TEST_NODE"), "args": [script, "stdio"],
    })
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("servers")
        .join(name)
}

fn python(record: &Path) -> Value {
    json!({
        "name": "python", "transport": "stdio", "command": part("MCP_ZERO_TEST_PYTHON"),
        "args": [fixture("pair.py"), record], "env": {"PYTHONUNBUFFERED": "1"},
    })
}

fn node(record: &Path) -> Value {
    json!({
        "name": "node", "transport": "stdio", "command": part("MCP_ZERO_TEST_NODE"),
        "args": [fixture("pair.mjs"), record],
        "env": {"MCP_ZERO_TEST_NPM_CLIENTS": part("MCP_ZERO_TEST_NPM_CLIENTS")},
    })
}

fn text(answer: &Value) -> &str {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{answer}"))
}

/// What a client of 2025-11-25 does with server-everything; sampling where it has its own child.
fn conversation(session: Session, asks: bool) {
    let session = session
        .then(&json!({"op": "server"}))
        .then(&json!({"op": "ping"}))
        .then(&json!({"op": "list"}))
        .then(&json!({"op": "call", "name": "echo", "arguments": {"message": "gr\u{fc}\u{df}e \u{1f600}"}}))
        .then(&json!({"op": "call", "name": "trigger-long-running-operation", "progress": true,
                      "arguments": {"duration": 1, "steps": 3}}));
    let session = if asks {
        session.then(&json!({"op": "call", "name": "trigger-sampling-request",
                             "arguments": {"prompt": "hello", "maxTokens": 10}}))
    } else {
        session
    };
    let answers = session.run();
    assert_eq!(answers.len(), if asks { 6 } else { 5 }, "{answers:#?}");
    assert!(answers.iter().all(|a| a["ok"] == true), "{answers:#?}");
    assert!(
        answers[0].to_string().contains("2025-11-25"),
        "{}",
        answers[0]
    );
    assert!(answers[2].to_string().contains("get-sum"), "{}", answers[2]);
    assert!(text(&answers[3]).contains("gr\u{fc}\u{df}e \u{1f600}"));
    assert!(text(&answers[4]).contains("completed"), "{}", answers[4]);
    assert_eq!(
        answers[4]["progress"].as_array().map(Vec::len),
        Some(3),
        "{}",
        answers[4]
    );
    if asks {
        assert!(
            answers[5]
                .to_string()
                .contains("sampled by the test client"),
            "{}",
            answers[5]
        );
    }
}

#[test]
fn clients_with_sessions_have_a_server_each() {
    let bridge = Bridge::start(&[everything("everything", "per_client")]);
    let url = bridge.url("everything");
    conversation(Session::sdk1(&url, "").with(&["--answer-server"]), true);
    conversation(Session::sdk2(&url, "").with(&["--answer-server"]), true);
    let python = Session::python(&url, "").with(&["--answer-server", "--protocol", "legacy"]);
    conversation(python, true);
    // A client that would rather have no session falls back.
    conversation(Session::sdk2(&url, "").with(&["--protocol", "auto"]), false);
    conversation(
        Session::python(&url, "").with(&["--protocol", "auto"]),
        false,
    );
}

#[test]
fn clients_with_sessions_share_a_server() {
    let bridge = Bridge::start(&[everything("everything", "shared")]);
    let url = bridge.url("everything");
    std::thread::scope(|scope| {
        let one = scope.spawn(|| conversation(Session::sdk1(&url, ""), false));
        let two = scope.spawn(|| conversation(Session::sdk2(&url, ""), false));
        one.join().unwrap();
        two.join().unwrap();
    });
}

#[test]
fn clients_without_sessions_speak_to_a_server_of_both_eras() {
    let folder = tempfile::tempdir().unwrap();
    let record = folder.path().join("ran");
    let bridge = Bridge::start(&[python(&record)]);
    let url = bridge.url("python");
    let clients = [
        (
            Session::sdk2(&url, "").with(&["--protocol", "2026-07-28"]),
            "2026-07-28",
        ),
        (
            Session::sdk2(&url, "").with(&["--protocol", "auto"]),
            "2026-07-28",
        ),
        (Session::python(&url, ""), "2026-07-28"),
        (
            Session::python(&url, "").with(&["--protocol", "legacy"]),
            "2025-11-25",
        ),
        (Session::sdk1(&url, ""), "2025-11-25"),
    ];
    let count = clients.len();
    for (client, revision) in clients {
        let answers = client
            .then(&json!({"op": "server"}))
            .then(&json!({"op": "list"}))
            .then(&json!({"op": "call", "name": "safe", "arguments": {"x": 1}}))
            .run();
        assert_eq!(answers.len(), 3, "{answers:#?}");
        assert!(answers[0].to_string().contains(revision), "{}", answers[0]);
        assert!(answers[1].to_string().contains("danger"), "{}", answers[1]);
        assert_eq!(text(&answers[2]), "safe");
    }
    let ran = std::fs::read_to_string(&record).unwrap();
    assert_eq!(ran, "safe\n".repeat(count));
}

fn post(bridge: &Bridge, server: &str, session: &str, body: &str) -> mcp_zero_tests::Response {
    let request = format!(
        "POST /{server} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\naccept: application/json, text/event-stream\r\n{session}content-length: {}\r\n\r\n{body}",
        body.len()
    );
    exchange(bridge.address(), request.as_bytes())
}

/// A request between raw line ends inside an argument: a server that reads lines would run it,
/// had the bridge copied the bytes.
#[test]
fn a_request_inside_an_argument_is_not_run() {
    let corpus = include_str!("../../stdio-bridge/tests/stdio_newline_smuggle.txt");
    let folder = tempfile::tempdir().unwrap();
    let record = |name: &str| folder.path().join(name);
    let bridge = Bridge::start(&[python(&record("python")), node(&record("node"))]);
    for server in ["python", "node"] {
        let hello = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": {"name": "t", "version": "1"}}});
        let answer = post(&bridge, server, "", &hello.to_string());
        let id = answer
            .header("mcp-session-id")
            .unwrap_or_else(|| panic!("{answer:?}"));
        let session = format!("mcp-session-id: {id}\r\n");
        let done = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
        assert_eq!(post(&bridge, server, &session, done).status, 202);
        let mut cases = 0;
        for line in corpus.lines() {
            let quoted = line.split('\'').nth(1).unwrap();
            let body = quoted.replace("\\n", "\n").replace("\\r", "\r");
            let answer = post(&bridge, server, &session, &body).json();
            assert_eq!(text(&answer), "safe", "{server}: {line}");
            cases += 1;
        }
        // Whatever it had been made to read is behind it now.
        let last = r#"{"jsonrpc":"2.0","id":9,"method":"tools/call","params":{"name":"safe","arguments":{}}}"#;
        assert_eq!(text(&post(&bridge, server, &session, last).json()), "safe");
        let ran = std::fs::read_to_string(record(server)).unwrap();
        assert_eq!(ran, "safe\n".repeat(cases + 1), "{server}");
    }
}
