//! HTTP/2 as gRPC-minded clients speak it: a body that ends in trailers.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use http::{HeaderMap, Request};
use mcp_zero_tests::{Gateway, Scripted, policy};
use std::net::SocketAddr;

/// Sends one POST whose body comes in two DATA frames and ends in trailers or not.
async fn post(address: SocketAddr, token: &str, body: &str, trailers: bool) -> (u16, String) {
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let (client, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let mut client = client.ready().await.unwrap();
    let request = Request::post(format!("http://localhost:{}/mcp/s", address.port()))
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json")
        .header("accept", "application/json, text/event-stream")
        .body(())
        .unwrap();
    let (response, mut sender) = client.send_request(request, false).unwrap();
    let (first, second) = body.split_at(body.len() / 2);
    sender.send_data(first.to_owned().into(), false).unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    // A refused head is answered before the body has come.
    let sent = sender.send_data(second.to_owned().into(), !trailers);
    if trailers && sent.is_ok() {
        let mut map = HeaderMap::new();
        map.insert("x-end", "yes".parse().unwrap());
        sender.send_trailers(map).unwrap();
    }
    let response = response.await.unwrap();
    let status = response.status().as_u16();
    let mut stream = response.into_body();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.data().await {
        let piece = piece.unwrap();
        let _ = stream.flow_control().release_capacity(piece.len());
        bytes.extend_from_slice(&piece);
    }
    (status, String::from_utf8(bytes).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_ends_in_trailers_is_judged_like_any_other() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ann@example.com"}]}}"#;
    let server = Scripted::json(answer);
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let call = |tool: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{{"m":"bob@example.com"}}}}}}"#
        )
    };
    for trailers in [false, true] {
        let before = server.received().len();
        let (status, body) = post(gateway.address(), &token, &call("get-x"), trailers).await;
        assert_eq!(
            (status, body),
            (200, answer.replace("ann@example.com", "<EMAIL_ADDRESS>")),
            "{trailers}"
        );
        let got = server.received();
        assert_eq!(got.len(), before + 1);
        assert_eq!(
            got[before].body,
            call("get-x").replace("bob@example.com", "<EMAIL_ADDRESS>")
        );
        let (status, body) = post(gateway.address(), &token, &call("get-secret"), trailers).await;
        assert_eq!(status, 200);
        assert!(body.contains("Access denied"), "{trailers}: {body}");
        let (status, _) = post(gateway.address(), "a.b.c", &call("get-x"), trailers).await;
        assert_eq!(status, 401);
        assert_eq!(server.received().len(), before + 1, "{trailers}");
    }
    gateway.records(6);
}
