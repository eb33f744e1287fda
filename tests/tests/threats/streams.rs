//! What a server puts into streams and lists that it was not asked for.

use mcp_zero_tests::{Gateway, Scripted, connect, events, ok, policy, request, session};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};

const CARD: &str = "4111 1111 1111 1111";
const MAIL: &str = "ada@example.com";

/// I5: the stream of a GET is judged by the shape of its messages: results that nobody asked for, requests
/// of the server that the policy denies, and data in notifications.
#[test]
fn a_get_stream_carries_nothing_unjudged() {
    let result = json!({"jsonrpc": "2.0", "id": 1, "result": {
        "content": [{"type": "text", "text": format!("card {CARD}")}],
        "structuredContent": {"mail": MAIL}}});
    let sampling = json!({"jsonrpc": "2.0", "id": 71, "method": "sampling/createMessage", "params": {
        "messages": [{"role": "user", "content": {"type": "text", "text": format!("send {CARD}")}}],
        "maxTokens": 1}});
    let elicitation = json!({"jsonrpc": "2.0", "id": 72, "method": "elicitation/create", "params": {
        "message": "your password?", "requestedSchema": {"type": "object", "properties": {}}}});
    let log = json!({"jsonrpc": "2.0", "method": "notifications/message", "params": {
        "level": "info", "data": format!("{MAIL} paid with {CARD}")}});
    let list = json!({"jsonrpc": "2.0", "id": 2, "result": {"tools": [
        {"name": "get-secret", "inputSchema": {"type": "object"}},
        {"name": "get-x", "inputSchema": {"type": "object"}}]}});
    let unreadable =
        format!(r#"{{"jsonrpc":"2.0","id":3,"result":{{}},"result":{{"x":"{MAIL}"}}}}"#);
    let mut text = String::new();
    for message in [&result, &sampling, &elicitation, &log, &list] {
        text.push_str(&format!("event: message\ndata: {message}\n\n"));
    }
    text.push_str(&format!("data: {unreadable}\n\n"));
    let last = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    text.push_str(&format!("data: {last}\n\n"));
    let server = Scripted::start(move |received| {
        if received.head.starts_with("GET") {
            events(&text, 13)
        } else {
            vec![b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec()]
        }
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let id = session(&token, "s", "session-5");
    for resumed in ["", "41"] {
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-session-id", &id),
            ("last-event-id", resumed),
        ];
        let mut stream = connect(gateway.address());
        stream
            .write_all(request("GET", "/mcp/s", &headers, "").as_bytes())
            .unwrap();
        let mut seen = String::new();
        stream.read_to_string(&mut seen).unwrap();
        for secret in [
            CARD,
            MAIL,
            "sampling/createMessage",
            "elicitation/create",
            "get-secret",
            "password",
        ] {
            assert!(!seen.contains(secret), "{secret}: {seen}");
        }
        assert!(
            seen.contains("<EMAIL_ADDRESS> paid with <CREDIT_CARD>"),
            "{seen}"
        );
        assert!(seen.contains("list_changed"), "the stream goes on: {seen}");
    }
    // The server is told that its requests are denied, twice each.
    let told = server.wait(6);
    let denied: Vec<Value> = told
        .iter()
        .filter(|r| r.head.starts_with("POST"))
        .map(|r| serde_json::from_str(&r.body).unwrap())
        .collect();
    assert_eq!(denied.len(), 4, "{denied:#?}");
    assert!(
        denied.iter().all(|d| d["error"]["code"] == -31403),
        "{denied:#?}"
    );
}

/// I6: a list that was made for one caller says so, and another caller has another list.
#[test]
fn a_list_is_for_its_caller_alone() {
    let list = json!({"jsonrpc": "2.0", "id": 1, "result": {
        "tools": [{"name": "get-x", "inputSchema": {"type": "object"}},
                  {"name": "get-secret", "inputSchema": {"type": "object"}}],
        "resultType": "complete", "cacheScope": "public", "ttlMs": 60000}});
    let server = Scripted::start(move |_| {
        let mut answer = ok("application/json", &list.to_string());
        let at = answer.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
        answer.splice(
            at..at,
            b"cache-control: public, max-age=600\r\netag: \"1\"\r\n".to_vec(),
        );
        vec![answer]
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {}}}});
    let ask = |user: &str, groups: &str| {
        let bearer = format!("Bearer {}", gateway.token(user, groups));
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/list"),
        ];
        let answer = gateway.post_with("s", &headers, &body.to_string());
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert_eq!(
            answer.header("cache-control"),
            Some("no-store, no-transform")
        );
        assert_eq!(answer.header("etag"), None);
        let result = answer.json()["result"].clone();
        assert_eq!(result["cacheScope"], "private", "{result}");
        result["tools"].clone()
    };
    let alice = ask("alice", "developers");
    assert_eq!(alice[0]["name"], "get-x", "{alice}");
    assert_eq!(alice.as_array().unwrap().len(), 1, "{alice}");
    assert_eq!(ask("bob", "others"), json!([]));
    assert_eq!(ask("alice", "developers"), alice);
}
