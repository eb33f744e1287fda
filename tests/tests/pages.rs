//! Pages of other origins: what a browser is told, through the whole gateway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Options, Response, Scripted, policy, request};

const PAGE: &str = "https://app.example";
const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
const ALLOW: &str = "access-control-allow-origin";

#[test]
fn a_page_on_the_list_reads_every_answer_and_no_other_page_any() {
    let server = Scripted::json(ANSWER);
    let text = policy(&server.url()) + "cors: {allow_origins: [\"https://old.example\"]}\n";
    let options = Options {
        // The environment goes over the policy.
        variables: vec![("MCP_CORS_ORIGINS".to_owned(), PAGE.to_owned())],
        ..Options::default()
    };
    let gateway = Gateway::start_with(&text, &options);
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let send = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        gateway.send(request(method, path, headers, body).as_bytes())
    };
    let seen = |answer: &Response| answer.header(ALLOW).map(str::to_owned);
    let asks = ("access-control-request-method", "POST");
    let names = (
        "access-control-request-headers",
        "authorization,mcp-param-region,mcp-method",
    );
    for path in [
        "/mcp/s",
        "/mcp/s/",
        "/.well-known/oauth-protected-resource/mcp/s",
    ] {
        let answer = send("OPTIONS", path, &[("origin", PAGE), asks, names], "");
        assert_eq!(
            (answer.status, seen(&answer).as_deref()),
            (204, Some(PAGE)),
            "{path}"
        );
        let allowed = answer.header("access-control-allow-headers").unwrap();
        for name in [
            "Authorization",
            "Mcp-Method",
            "mcp-param-region",
            "Last-Event-ID",
        ] {
            assert!(allowed.split(", ").any(|a| a == name), "{name}: {allowed}");
        }
        assert_eq!(answer.header("vary"), Some("Origin"));
    }
    let auth = ("authorization", bearer.as_str());
    let page = ("origin", PAGE);
    let large = "x".repeat(70_000);
    for (what, status, answer) in [
        (
            "an answer",
            200,
            send("POST", "/mcp/s", &[page, auth], CALL),
        ),
        ("no token", 401, send("POST", "/mcp/s", &[page], CALL)),
        (
            "an unknown path",
            404,
            send("POST", "/mcp/x", &[page, auth], CALL),
        ),
        (
            "another method",
            405,
            send("PUT", "/mcp/s", &[page, auth], ""),
        ),
        (
            "too large",
            413,
            send("POST", "/mcp/s", &[page, auth], &large),
        ),
        (
            "a document",
            200,
            send(
                "GET",
                "/.well-known/oauth-protected-resource/mcp/s",
                &[page],
                "",
            ),
        ),
    ] {
        assert_eq!(answer.status, status, "{what}: {}", answer.body);
        assert_eq!(seen(&answer).as_deref(), Some(PAGE), "{what}");
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("WWW-Authenticate"), "{what}: {exposed}");
    }
    let before = server.received().len();
    for origin in [
        "https://old.example",
        "https://app.example:8443",
        "http://app.example",
        "https://app.example.evil.example",
        "null",
        "localhost",
    ] {
        for (method, headers) in [
            ("OPTIONS", vec![("origin", origin), asks]),
            ("POST", vec![("origin", origin), auth]),
        ] {
            let answer = send(method, "/mcp/s", &headers, CALL);
            assert_eq!(answer.status, 403, "{method} {origin}");
            assert_eq!(seen(&answer), None, "{method} {origin}");
        }
    }
    // Ours, but on no list: served, as from any program, and closed to pages.
    let answer = send(
        "POST",
        "/mcp/s",
        &[("origin", "http://localhost:3000"), auth],
        CALL,
    );
    assert_eq!((answer.status, seen(&answer)), (200, None));
    assert_eq!(server.received().len(), before + 1);
    // No server hears of pages.
    let received = server.received();
    assert!(received.iter().all(|r| r.header("origin").is_none()));
}
