//! Sessions belong to their callers, through the whole gateway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Response, Scripted, mcp_zero, ok, policy, request, two_servers};
use std::time::{Duration, Instant};

const ID: &str = "mcp-session-id";
/// What the server calls its session.
const UPSTREAM: &str = "upstream-session-4711";
const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// A server with sessions.
fn server() -> Scripted {
    Scripted::start(|received| {
        let mut answer = ok("application/json", ANSWER);
        if received.body.contains("initialize") {
            let at = answer.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
            let header = format!("Mcp-Session-Id: {UPSTREAM}\r\n");
            answer.splice(at..at, header.into_bytes());
        }
        if received.head.starts_with("DELETE") {
            answer = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        }
        vec![answer]
    })
}

fn open(gateway: &Gateway, token: &str) -> String {
    let answer = gateway.post("s", token, INITIALIZE);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.header(ID).unwrap().to_owned()
}

fn send(gateway: &Gateway, method: &str, path: &str, token: &str, id: &str) -> Response {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        (ID, id),
        ("last-event-id", if method == "GET" { "7" } else { "" }),
    ];
    let body = if method == "POST" { CALL } else { "" };
    gateway.send(request(method, path, &headers, body).as_bytes())
}

#[test]
fn a_session_is_its_callers_alone() {
    let server = server();
    let gateway = Gateway::start(&two_servers(&server.url()));
    let alice = gateway.token("alice", "developers");
    let sealed = open(&gateway, &alice);
    assert!(!sealed.contains(UPSTREAM));
    let bob = gateway.token("bob", "developers");
    let unsealed = sealed.replace(|c: char| c.is_ascii_lowercase(), "A");
    let before = server.received().len();
    let same = |answer: &Response| {
        let id = answer.header("x-correlation-id").unwrap();
        (answer.status, answer.body.replace(id, "ID"))
    };
    let unknown = same(&send(&gateway, "POST", "/mcp/s", &alice, "no-such-session"));
    assert_eq!(unknown.0, 404);
    for method in ["POST", "GET", "DELETE"] {
        for (what, path, token, id) in [
            ("another caller", "/mcp/s", &bob, sealed.as_str()),
            ("another server", "/mcp/t", &alice, &sealed),
            ("what the server calls it", "/mcp/s", &alice, UPSTREAM),
            ("a changed one", "/mcp/s", &alice, &unsealed),
            ("a part", "/mcp/s", &alice, sealed.get(4..).unwrap()),
        ] {
            let answer = send(&gateway, method, path, token, id);
            assert_eq!(same(&answer), unknown, "{method}, {what}");
            let correlation = answer.header("x-correlation-id").unwrap();
            assert_eq!(gateway.record(correlation)["cause"], "no_session");
        }
    }
    assert_eq!(
        server.received().len(),
        before,
        "nothing reached the server"
    );
    // Its own caller may, with any token of theirs.
    let renewed = gateway.token("alice", "developers,more");
    for method in ["POST", "GET", "DELETE"] {
        let answer = send(&gateway, method, "/mcp/s", &renewed, &sealed);
        assert!(answer.status < 300, "{method}: {}", answer.body);
        let last = server.received().pop().unwrap();
        assert_eq!(last.header(ID), Some(UPSTREAM), "{method}");
    }
    // Two ids in one request are none.
    let bearer = format!("Bearer {alice}");
    let twice = [
        ("authorization", bearer.as_str()),
        (ID, &sealed),
        (ID, &sealed),
    ];
    let answer = gateway.send(request("POST", "/mcp/s", &twice, CALL).as_bytes());
    assert_eq!(same(&answer), unknown);
}

#[test]
fn a_rotation_is_a_push_and_ends_nothing_that_is_open() {
    let server = server();
    let gateway = Gateway::start(&policy(&server.url()));
    let alice = gateway.token("alice", "developers");
    let before = open(&gateway, &alice);
    let state = gateway.state().to_string_lossy().into_owned();
    let rotate = |arguments: &[&str]| {
        let all = [&["rotate-sessions", "--state-dir", &state], arguments].concat();
        assert!(mcp_zero(&all).status.success());
    };
    let wait = |what: &str, done: &dyn Fn() -> bool| {
        let begin = Instant::now();
        while !done() {
            assert!(begin.elapsed() < Duration::from_secs(20), "{what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    let status = |id: &str| send(&gateway, "POST", "/mcp/s", &alice, id).status;
    rotate(&[]);
    wait("new sessions have a new key", &|| {
        open(&gateway, &alice) != before
    });
    let after = open(&gateway, &alice);
    assert_eq!((status(&before), status(&after)), (200, 200));
    rotate(&["--at-once"]);
    wait("former sessions end", &|| status(&before) == 404);
    wait("all of them", &|| status(&after) == 404);
}

#[test]
fn neither_keys_nor_sessions_are_shown() {
    let server = server();
    let gateway = Gateway::start(&policy(&server.url()));
    let alice = gateway.token("alice", "developers");
    let sealed = open(&gateway, &alice);
    assert_eq!(
        send(&gateway, "POST", "/mcp/s", &alice, &sealed).status,
        200
    );
    let key = std::env::var("MCP_GATEWAY_KEY").unwrap();
    let records = gateway.records(2);
    for (what, text) in [
        ("/config_dump", gateway.envoy_admin("/config_dump")),
        ("/stats", gateway.envoy_admin("/stats")),
        ("the log", gateway.log()),
        ("records", format!("{records:?}")),
    ] {
        assert!(!text.is_empty(), "{what}");
        for canary in [&key, UPSTREAM, &sealed, &alice] {
            assert!(!text.contains(canary), "{what} shows {canary}");
        }
    }
    let dump = gateway.envoy_admin("/config_dump");
    assert!(dump.contains("MCP_GATEWAY_KEY"), "its name is there");
    assert_eq!(records[0]["session"], records[1]["session"]);
}
