//! 2026-07-28 and server requests: what is said twice agrees, mirrors are masked, and a
//! server that asks the client for too much hears no.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Scripted, events, ok, policy, session};
use serde_json::{Value, json};

const VERSION: &str = "2026-07-28";

fn body(tool: &str, arguments: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {
        "name": tool, "arguments": arguments,
        "_meta": {"io.modelcontextprotocol/protocolVersion": VERSION,
                  "io.modelcontextprotocol/clientCapabilities": {}}}})
    .to_string()
}

#[test]
fn mirrors_of_arguments_are_masked_with_them() {
    let server = Scripted::json(
        r#"{"jsonrpc":"2.0","id":3,"result":{"resultType":"complete","content":[]}}"#,
    );
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let good = body("send", &json!({"to": "ann@example.com", "region": "eu"}));
    let headers = |extra: &[(&'static str, &'static str)]| {
        let mut all = vec![
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", VERSION),
            ("mcp-method", "tools/call"),
            ("mcp-name", "send"),
            ("mcp-param-to", "ann@example.com"),
            ("mcp-param-region", "eu"),
        ];
        all.retain(|(n, _)| !extra.iter().any(|(e, _)| e == n));
        all.extend(extra.iter().filter(|(_, v)| !v.is_empty()));
        all
    };
    let answer = gateway.post_with("s", &headers(&[]), &good);
    assert_eq!(answer.status, 200, "{answer:?}");
    let got = &server.received()[0];
    assert!(
        got.body.contains("<EMAIL_ADDRESS>") && !got.body.contains("ann@"),
        "{}",
        got.body
    );
    assert_eq!(got.header("mcp-param-to"), Some("<EMAIL_ADDRESS>"));
    assert_eq!(got.header("mcp-param-region"), Some("eu"));
    assert_eq!(got.header("mcp-name"), Some("send"));
    for (extra, code) in [
        (("mcp-name", "get-x"), -32020),
        (("mcp-method", ""), -32020),
        (("mcp-protocol-version", "2025-11-25"), -32020),
        (("mcp-protocol-version", "2030-01-01"), -32022),
    ] {
        let refused = gateway.post_with("s", &headers(&[extra]), &good);
        assert_eq!(
            (refused.status, refused.json()["error"]["code"].as_i64()),
            (400, Some(code)),
            "{extra:?}"
        );
        assert_eq!(refused.json()["id"], 3);
    }
    let bare = good.replace("io.modelcontextprotocol/clientCapabilities", "x");
    let refused = gateway.post_with("s", &headers(&[]), &bare);
    assert_eq!(
        (refused.status, refused.json()["error"]["code"].as_i64()),
        (400, Some(-32602))
    );
    let denied = gateway.post_with(
        "s",
        &headers(&[("mcp-name", "nope")]),
        &body("nope", &json!({})),
    );
    assert_eq!(denied.json()["result"]["resultType"], "complete");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn a_denied_server_request_is_answered_for_the_client() {
    let ask = |id: u32, method: &str| {
        format!(
            "data: {{\"jsonrpc\":\"2.0\",\"id\":{id},\"method\":\"{method}\",\"params\":{{}}}}\n\n"
        )
    };
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    let text = format!(
        "{}{}data: {answer}\n\n",
        ask(71, "sampling/createMessage"),
        ask(72, "roots/list")
    );
    let server = Scripted::start(move |request| {
        if request.body.contains("\"id\":71") {
            return vec![b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec()];
        }
        if request.body.contains("tools/call") {
            events(&text, 11)
        } else {
            vec![ok("application/json", "{}")]
        }
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let session = session(&token, "s", "session-7");
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-session-id", session.as_str()),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let call = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
    let seen = gateway.post_with("s", &headers, call);
    assert!(
        seen.body.contains("roots/list") && !seen.body.contains("sampling"),
        "{}",
        seen.body
    );
    assert!(seen.body.contains(answer));
    let got = server.wait(2);
    assert_eq!(got[1].header("mcp-session-id"), Some("session-7"));
    assert_eq!(got[1].header("authorization"), None);
    let told: Value = serde_json::from_str(&got[1].body).unwrap();
    assert_eq!(
        (&told["id"], &told["error"]["code"]),
        (&json!(71), &json!(-31403))
    );
    let record = &gateway.records(1)[0];
    let messages = record["messages"].as_array().unwrap();
    assert_eq!(
        (&messages[0]["method"], &messages[0]["decision"]),
        (&json!("sampling/createMessage"), &json!("deny"))
    );
    assert_eq!(messages[1]["decision"], "allow");
}
