//! §6.2: what clients take for an event, and how it is cut.

use super::Rig;
use super::streams::{
    Fate::{Blocked, Masked, Nothing},
    MASKED, SECRET, asides, plain, streams,
};
use mcp_zero_tests::{Answer, Received, Scripted, events};
use serde_json::json;

/// Says the stream whose number stands in the call, in pieces of the size that stands there.
fn server() -> Scripted {
    Scripted::start(|request: &Received| -> Answer {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let of = |name: &str| body["params"]["arguments"][name].as_u64();
        let (Some(number), Some(size)) = (of("stream"), of("size")) else {
            return vec![mcp_zero_tests::ok(
                "application/json",
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            )];
        };
        let streams = streams();
        let (_, bytes, _) = &streams[number as usize];
        // `events` takes text; what is none is cut by hand.
        match std::str::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => events(text, size as usize),
            _ => pieces(bytes, size as usize),
        }
    })
}

fn pieces(bytes: &[u8], size: usize) -> Answer {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let mut answer = vec![head.as_bytes().to_vec()];
    for piece in bytes.chunks(size) {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        answer.push(chunk);
    }
    answer.push(b"0\r\n\r\n".to_vec());
    answer
}

#[test]
fn every_row_is_masked_blocked_or_no_event() {
    let rig = Rig::before(server());
    let mut wrong = Vec::new();
    for (number, (what, stream, fate)) in streams().iter().enumerate() {
        let mut seen = Vec::new();
        for size in [1, 7, 100_000] {
            let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
                "name": "get-x", "arguments": {"stream": number, "size": size}}});
            let answer = rig.post(&[], body.to_string().as_bytes());
            let text = &answer.body;
            let got = match (text.contains(MASKED), text.contains("-31502")) {
                (true, false) => Masked,
                (false, true) => Blocked,
                (false, false) => Nothing,
                (true, true) => panic!("{what}: {text}"),
            };
            if answer.status != 200 || text.contains(SECRET) || got != *fate {
                wrong.push(format!("{what}, {size}: {} {got:?}: {text}", answer.status));
            }
            if text.matches(MASKED).count() > 1 {
                wrong.push(format!("{what}, {size}: answered twice: {text}"));
            }
            if asides(text.as_bytes()) != asides(stream) {
                wrong.push(format!(
                    "{what}, {size}: ids, times or comments are lost: {text}"
                ));
            }
            let text = text.replace(answer.header("x-correlation-id").unwrap(), "ID");
            seen.push(plain(&text));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{what}: however it is cut: {seen:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// §6.2: the type of an answer is read whatever its case, and the client hears it without parameters.
#[test]
fn types_of_answers_in_capitals_and_with_a_charset_are_read() {
    let rig = Rig::before(Scripted::start(|request: &Received| -> Answer {
        let body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
        let media = body["params"]["arguments"]["type"].as_str().unwrap_or("-");
        let message = json!({"jsonrpc": "2.0", "id": 1,
            "result": {"content": [{"type": "text", "text": SECRET}]}});
        let text = match media.to_ascii_lowercase().starts_with("text/event-stream") {
            true => format!("data: {message}\n\n"),
            false => message.to_string(),
        };
        vec![mcp_zero_tests::ok(media, &text)]
    }));
    for (media, heard) in [
        ("Application/JSON", Some("application/json")),
        ("application/json;charset=UTF-8", Some("application/json")),
        ("TEXT/Event-Stream", Some("text/event-stream")),
        (
            "text/event-stream; Charset=utf-8",
            Some("text/event-stream"),
        ),
        ("application/json; charset=utf-16le", None),
        ("text/event-stream;charset=utf-7", None),
        ("application/json-rpc", None),
        ("text/plain, application/json", None),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "get-x", "arguments": {"type": media}}});
        let answer = rig.post(&[], body.to_string().as_bytes());
        let told = format!("{media}: {answer:?}");
        assert!(!answer.body.contains(SECRET), "{told}");
        assert_eq!(answer.body.contains(MASKED), heard.is_some(), "{told}");
        assert_eq!(answer.body.contains("-31502"), heard.is_none(), "{told}");
        if let Some(heard) = heard {
            assert_eq!(answer.header("content-type"), Some(heard), "{told}");
        }
    }
}
