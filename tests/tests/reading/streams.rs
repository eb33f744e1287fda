//! The table of protocol.md §6.2: streams with one answer, in every framing that some client reads.
//! The engine's tests read it too.

use serde_json::json;

/// What must not reach the client.
pub(super) const SECRET: &str = "ann@example.com";
/// What it gets instead.
pub(super) const MASKED: &str = "<EMAIL_ADDRESS>";

fn message() -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": format!("mail {SECRET}")}]}})
        .to_string()
}

/// What the client gets of a stream.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Fate {
    /// The answer, masked.
    Masked,
    /// An error in its place.
    Blocked,
    /// Nothing of it, and no error: for no reader is it an event.
    Nothing,
}

use Fate::{Blocked, Masked, Nothing};

/// Comments, ids and retry times of a stream, which pass whatever becomes of the messages; but not
/// those with a character at which some reader cuts a line.
pub(super) fn asides(stream: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(stream);
    let lines = text.split(['\r', '\n']).filter(|line| {
        let named =
            line.starts_with([':']) || line.starts_with("id:") || line.starts_with("retry:");
        let odd = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}');
        named && !line.contains(odd)
    });
    lines.map(str::to_owned).collect()
}

/// Lines without the empty ones that say nothing: the LF of a CRLF that was cut may stand alone.
pub(super) fn plain(text: &str) -> String {
    let lines = text.split(['\r', '\n']).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Every row of the table: what it is, its bytes, what becomes of it.
pub(super) fn streams() -> Vec<(&'static str, Vec<u8>, Fate)> {
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
