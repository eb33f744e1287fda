//! Request lines and headers: one spelling, or none.

use super::{call, result, verdict};
use mcp_zero_tests::{Gateway, Scripted, attempt, policy, request, response};
use std::time::Duration;

#[test]
fn one_spelling_of_a_path() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let auth = ("authorization", bearer.as_str());
    let body = call(1, "get-x", "n");
    let post = |path: &str| gateway.send(request("POST", path, &[auth], &body).as_bytes());
    let good = [
        "/mcp/s",
        "/mcp/s/",
        "//mcp///s",
        "/mcp/./s",
        "/mcp/other/../s",
        "/x/../../mcp/s",
        "/mcp/%73",
        "/%6dcp/s?a=b",
    ];
    for path in good {
        let answer = post(path);
        assert_eq!(
            (answer.status, answer.body),
            (200, result(1, "fine")),
            "{path}"
        );
    }
    let received = server.received();
    assert_eq!(received.len(), good.len());
    for got in received {
        assert!(
            got.head.starts_with("POST /mcp HTTP/1.1\r\n"),
            "{}",
            got.head
        );
    }
    for (path, wanted) in [
        ("/mcp%2fs", (400, -32600)),
        ("/mcp%2Fs", (400, -32600)),
        ("/mcp%5Cs", (400, -32600)),
        ("/mcp/s%2f..%2fother", (400, -32600)),
        // An escaped backslash is a slash to some; a bare one becomes one.
        ("/mcp/s/..", (404, -31404)),
        ("/mcp/s/../other", (404, -31404)),
        ("/MCP/s", (404, -31404)),
        ("/mcp/S", (404, -31404)),
        ("/mcp/s%00", (400, -32600)),
        ("/mcp/%2573", (404, -31404)),
        ("/mcp;/s", (404, -31404)),
        // The absolute form would name a second host.
        ("http://localhost/mcp/s", (404, -31404)),
        ("https://evil.example/mcp/s", (404, -31404)),
    ] {
        let answer = post(path);
        assert_eq!(verdict(&answer), wanted, "{path}: {answer:?}");
    }
    assert_eq!(
        server.received().len(),
        good.len(),
        "nothing else reached it"
    );
}

#[test]
fn header_names_and_numbers() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let auth = ("authorization", bearer.as_str());
    let body = call(1, "get-x", "n");
    for name in ["mcp_session_id", "x_a", "Content_Length"] {
        let text = request("POST", "/mcp/s", &[auth, (name, "1")], &body);
        let answer = gateway.send(text.as_bytes());
        assert_eq!(verdict(&answer), (400, -32600), "{name}: {answer:?}");
    }
    let with = |count: usize| {
        let names: Vec<String> = (0..count).map(|n| format!("x-{n}")).collect();
        let mut headers = vec![auth];
        headers.extend(names.iter().map(|n| (n.as_str(), "1")));
        gateway.send(request("POST", "/mcp/s", &headers, &body).as_bytes())
    };
    // Host, type, accept, connection, authorization and length are six more.
    assert_eq!(with(58).status, 200);
    let answer = with(59);
    assert_eq!(verdict(&answer), (431, -32600), "{answer:?}");
    let long = "x".repeat(70_000);
    let text = request("POST", "/mcp/s", &[auth, ("x-long", &long)], &body);
    let answer = gateway.send(text.as_bytes());
    assert_eq!(verdict(&answer), (431, -32600), "{answer:?}");
    assert_eq!(server.received().len(), 1);
}

#[test]
fn methods_and_upgrades() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let auth = ("authorization", bearer.as_str());
    let send = |text: &str| {
        let bytes = attempt(gateway.address(), text.as_bytes(), Duration::from_secs(5));
        let line = text.lines().next().unwrap_or_default();
        response(&bytes).unwrap_or_else(|| panic!("no whole answer to {line}"))
    };
    for method in ["TRACE", "PATCH", "PROPFIND"] {
        let answer = send(&request(method, "/mcp/s", &[auth], ""));
        assert!([400, 405].contains(&answer.status), "{method}: {answer:?}");
    }
    for target in ["127.0.0.1:1", "localhost:80", "/mcp/s"] {
        let answer = send(&format!(
            "CONNECT {target} HTTP/1.1\r\nhost: localhost\r\nauthorization: {bearer}\r\n\r\n"
        ));
        assert!((400..500).contains(&answer.status), "{target}: {answer:?}");
    }
    for (protocol, method) in [
        ("websocket", "GET"),
        ("h2c", "GET"),
        ("connect-udp", "GET"),
        ("websocket", "POST"),
    ] {
        let headers = [
            auth,
            ("connection", "Upgrade, HTTP2-Settings"),
            ("upgrade", protocol),
            ("http2-settings", "AAMAAABkAAQAAP__"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ("sec-websocket-version", "13"),
        ];
        let answer = send(&request(method, "/mcp/s", &headers, &call(1, "get-x", "n")));
        if protocol == "h2c" {
            // HTTP/2 in clear is not begun; what is asked is judged: a GET has no body.
            assert!([200, 400].contains(&answer.status), "{answer:?}");
        } else {
            // Envoy makes a CONNECT of connect-udp, for which there is no route.
            let wanted = if protocol == "websocket" {
                (403, -31403)
            } else {
                (404, -31404)
            };
            assert_eq!(verdict(&answer), wanted, "{protocol}: {answer:?}");
        }
    }
    for got in server.received() {
        assert!(got.header("upgrade").is_none(), "{}", got.head);
        assert!(
            got.head.starts_with("POST") || got.head.starts_with("GET"),
            "{}",
            got.head
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http2_connects_nowhere() {
    let server = Scripted::json(result(1, "fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let stream = tokio::net::TcpStream::connect(gateway.address())
        .await
        .unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let connect = http::Request::builder()
        .method("CONNECT")
        .uri("localhost:80")
        .header("authorization", bearer)
        .body(())
        .unwrap();
    let (answer, _sender) = client.send_request(connect, false).unwrap();
    // Refused by a status or by a reset of the stream.
    if let Ok(answer) = answer.await {
        assert!(answer.status().is_client_error(), "{answer:?}");
    }
    // By now the settings have come: no CONNECT for another protocol (RFC 8441).
    assert!(!client.is_extended_connect_protocol_enabled());
    assert_eq!(server.received().len(), 0);
}
