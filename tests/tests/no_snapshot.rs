//! Without a snapshot nothing passes: every request is refused with 503 and the server is untouched.

use mcp_zero_tests::{Envoy, Upstream};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"x"}}"#;

fn post(headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST /mcp/x HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
        .into_bytes()
}

#[test]
fn every_request_is_refused_with_a_json_rpc_error() {
    let upstream = Upstream::start();
    let envoy = Envoy::without_snapshot(&upstream);
    let requests: Vec<Vec<u8>> = vec![
        post("", CALL),
        post("authorization: Bearer anything\r\n", CALL),
        post("", ""),
        b"GET /mcp/x HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"DELETE /mcp/x HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"OPTIONS / HTTP/1.1\r\nhost: localhost\r\n\r\n".to_vec(),
        b"POST /mcp/x HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n".to_vec(),
    ];
    for request in requests {
        let shown = String::from_utf8_lossy(&request).into_owned();
        let response = envoy.send(&request);
        assert_eq!(response.status, 503, "{shown}");
        assert_eq!(
            response.header("content-type"),
            Some("application/json"),
            "{shown}"
        );
        let id = response
            .header("x-correlation-id")
            .expect("a correlation id");
        let body: serde_json::Value = serde_json::from_str(&response.body).expect("a JSON body");
        assert_eq!(body["error"]["code"], -31503, "{shown}");
        assert!(body["id"].is_null(), "{shown}");
        assert!(
            body["error"]["message"]
                .as_str()
                .is_some_and(|m| m.contains(id)),
            "{shown}"
        );
    }
    assert_eq!(upstream.reached(), 0);
}

#[test]
fn a_header_that_is_not_utf8_does_not_kill_the_filter() {
    let upstream = Upstream::start();
    let envoy = Envoy::without_snapshot(&upstream);
    let mut poisoned = b"POST /mcp/x HTTP/1.1\r\nhost: localhost\r\nx-request-id: ".to_vec();
    poisoned.extend_from_slice(b"\xff\xfe\r\ncontent-length: 0\r\n\r\n");
    assert_eq!(envoy.send(&poisoned).status, 503);
    for _ in 0..3 {
        let response = envoy.send(&post("", CALL));
        assert_eq!(response.status, 503);
        assert_eq!(
            response.header("content-type"),
            Some("application/json"),
            "the filter answers"
        );
    }
    assert_eq!(upstream.reached(), 0);
}

#[test]
fn the_count_of_the_server_is_not_blind() {
    let upstream = Upstream::start();
    let response = mcp_zero_tests::exchange(upstream.address(), &post("", CALL));
    assert_eq!(response.status, 200);
    assert!(upstream.reached() > 0);
}
