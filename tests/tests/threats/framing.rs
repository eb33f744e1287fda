//! Requests whose end two readers see at different places (T6).

use super::ANSWER;
use mcp_zero_tests::{Gateway, Scripted, attempt, policy};
use std::time::Duration;

/// What an attacker wants to get past the gateway: a call that is denied.
const HIDDEN: &str =
    r#"{"jsonrpc":"2.0","id":666,"method":"tools/call","params":{"name":"get-secret"}}"#;
const OPEN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;

#[test]
fn nothing_is_hidden_behind_a_request() {
    let server = Scripted::json(ANSWER);
    let gateway = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let hidden = format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{HIDDEN}",
        HIDDEN.len()
    );
    let chunk = format!("{:x}\r\n{OPEN}\r\n0\r\n\r\n", OPEN.len());
    let length = OPEN.len();
    let both = OPEN.len() + hidden.len();
    let cases: Vec<(&str, String, String)> = vec![
        (
            "length and chunks",
            format!("content-length: {length}\r\ntransfer-encoding: chunked"),
            format!("{chunk}{hidden}"),
        ),
        (
            "chunks and length",
            format!("transfer-encoding: chunked\r\ncontent-length: {both}"),
            format!("{chunk}{hidden}"),
        ),
        (
            "two lengths",
            format!("content-length: {length}\r\ncontent-length: {both}"),
            format!("{OPEN}{hidden}"),
        ),
        (
            "two lengths in one",
            format!("content-length: {length}, {both}"),
            format!("{OPEN}{hidden}"),
        ),
        (
            "a length with a sign",
            format!("content-length: +{length}"),
            format!("{OPEN}{hidden}"),
        ),
        (
            "a length in hex",
            format!("content-length: 0x{length:x}"),
            format!("{OPEN}{hidden}"),
        ),
        (
            "a space before the colon",
            format!("content-length : {length}"),
            format!("{OPEN}{hidden}"),
        ),
        (
            "another coding",
            "transfer-encoding: xchunked".to_owned(),
            format!("{chunk}{hidden}"),
        ),
        (
            "two codings",
            "transfer-encoding: chunked\r\ntransfer-encoding: identity".to_owned(),
            format!("{chunk}{hidden}"),
        ),
        (
            "a coding behind a tab",
            "transfer-encoding:\tchunked, identity".to_owned(),
            format!("{chunk}{hidden}"),
        ),
        (
            "a length below zero",
            "content-length: -1".to_owned(),
            format!("{OPEN}{hidden}"),
        ),
        (
            "a folded coding",
            format!("content-length: {length}\r\ntransfer-encoding:\r\n chunked"),
            format!("{chunk}{hidden}"),
        ),
        (
            "a chunk's odd size",
            "transfer-encoding: chunked".to_owned(),
            format!("+{chunk}{hidden}"),
        ),
        (
            "a bare line feed",
            format!("x: y\ncontent-length: {length}\r\ncontent-length: {both}"),
            format!("{OPEN}{hidden}"),
        ),
        (
            "two hosts",
            format!("host: evil.example\r\ncontent-length: {length}"),
            OPEN.to_owned(),
        ),
    ];
    for (what, framing, body) in &cases {
        let text = format!(
            "POST /mcp/s HTTP/1.1\r\nhost: localhost\r\nauthorization: {bearer}\r\ncontent-type: application/json\r\naccept: application/json\r\n{framing}\r\n\r\n{body}"
        );
        let bytes = attempt(gateway.address(), text.as_bytes(), Duration::from_secs(3));
        let told = String::from_utf8_lossy(&bytes).into_owned();
        let status = told.split(' ').nth(1).unwrap_or_default();
        assert!(["400", "403", "501"].contains(&status), "{what}: {told:?}");
    }
    // None of the two went on, in whatever disguise.
    assert_eq!(server.received().len(), 0, "{:#?}", server.received());
    let token = bearer.trim_start_matches("Bearer ");
    assert_eq!(gateway.post("s", token, OPEN).body, ANSWER);
}
