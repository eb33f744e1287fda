//! §6.2: what clients take for an event, and how it is cut.

use super::Rig;
use mcp_zero_tests::{Answer, Received, Scripted, events};
use serde_json::json;

const SECRET: &str = "ann@example.com";
const MASKED: &str = "<EMAIL_ADDRESS>";

fn message() -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": format!("mail {SECRET}")}]}})
        .to_string()
}

/// What the client gets of a stream.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Fate {
    /// The answer, masked.
    Masked,
    /// An error in its place.
    Blocked,
    /// Nothing of it, and no error: for no reader is it an event.
    Nothing,
}

use Fate::{Blocked, Masked, Nothing};

fn streams() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let m = message();
    let (first, second) = m.split_at(m.find("\"result\"").unwrap());
    let (broken_1, broken_2) = m.split_at(m.find("mail").unwrap() + 2);
    let text = |text: String| text.into_bytes();
    let twice = m.replace("\"result\"", "\"result\":{},\"result\"");
    let mut invalid = text(format!("data: {m}\n\n"));
    let at = invalid.windows(4).position(|w| w == b"mail").unwrap();
    invalid[at] = 0xff;
    vec![
        ("LF", text(format!("data: {m}\n\n")), Masked),
        ("CRLF", text(format!("data: {m}\r\n\r\n")), Masked),
        ("CR", text(format!("data: {m}\r\r")), Masked),
        (
            "mixed",
            text(format!("event: message\r\ndata: {m}\n\r\n")),
            Masked,
        ),
        (
            "CR then LF lines",
            text(format!(": x\rdata: {m}\n\n")),
            Masked,
        ),
        ("no space", text(format!("data:{m}\n\n")), Masked),
        ("two spaces", text(format!("data:  {m}\n\n")), Masked),
        (
            "event: message",
            text(format!("event: message\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "an empty event field",
            text(format!("event:\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "event: foo",
            text(format!("event: foo\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "data before event",
            text(format!("data: {m}\nevent: x\n\n")),
            Masked,
        ),
        (
            "several lines",
            text(format!("data: {first}\ndata: {second}\n\n")),
            Masked,
        ),
        (
            "several lines, CR",
            text(format!("data: {first}\rdata: {second}\r\r")),
            Masked,
        ),
        (
            "a line break in a string",
            text(format!("data: {broken_1}\ndata: {broken_2}\n\n")),
            Blocked,
        ),
        ("a mark", text(format!("\u{feff}data: {m}\n\n")), Masked),
        (
            "a comment",
            text(format!(": hello\n\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "unknown fields",
            text(format!("foo: bar\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "id and retry",
            text(format!("id: 7\nretry: 10\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "NUL in an id",
            text(format!("id: a\u{0}b\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "a first event without data",
            text(format!("id: 1\ndata:\n\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "a field in capitals",
            text(format!("DATA: {m}\n\n")),
            Nothing,
        ),
        (
            "a space before the colon",
            text(format!("data : {m}\n\n")),
            Nothing,
        ),
        ("a leading space", text(format!(" data: {m}\n\n")), Nothing),
        (
            "VT for a line",
            text(format!(": x\u{b}data: {m}\n\n")),
            Nothing,
        ),
        (
            "NEL for a line",
            text(format!(": x\u{85}data: {m}\n\n")),
            Nothing,
        ),
        (
            "LS for a line",
            text(format!(": x\u{2028}data: {m}\n\n")),
            Nothing,
        ),
        ("no end", text(format!("data: {m}\n")), Nothing),
        ("no end at all", text(format!("data: {m}")), Nothing),
        ("a batch", text(format!("data: [{m}]\n\n")), Blocked),
        ("result twice", text(format!("data: {twice}\n\n")), Blocked),
        ("invalid UTF-8", invalid, Blocked),
        ("no JSON", text(format!("data: mail {SECRET}\n\n")), Blocked),
        (
            "two answers",
            text(format!("data: {m}\n\ndata: {m}\n\n")),
            Masked,
        ),
        (
            "an answer to another",
            text(format!("data: {}\n\n", m.replace("\"id\":1", "\"id\":2"))),
            Masked,
        ),
    ]
}

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
    for (number, (what, _, fate)) in streams().iter().enumerate() {
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
            seen.push(text.replace(answer.header("x-correlation-id").unwrap(), "ID"));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{what}: however it is cut: {seen:?}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
