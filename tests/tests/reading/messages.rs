//! §6.1: what real servers read differently.

use super::{ALLOWED, DENIED, Rig};
use serde_json::Value;

/// What becomes of a message.
#[derive(Clone, Copy)]
enum Fate {
    /// Nothing reaches the server: HTTP status, JSON-RPC code.
    Refused(u16, i64),
    /// A tool call that the policy denies, read as such.
    Denied,
    /// It is allowed and arrives as the very bytes that were sent.
    Arrives,
}

use Fate::{Arrives, Denied, Refused};

/// A call with the tool's name as it is written between the quotes.
fn call(name: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{name}"}}}}"#)
}

fn with(rest: &str) -> Vec<u8> {
    format!(r#"{{"jsonrpc":"2.0",{rest}}}"#).into_bytes()
}

const PARAMS: &str = r#""params":{"name":"get-x"}"#;

fn bodies() -> Vec<(&'static str, Vec<u8>, Fate)> {
    let text = |text: &str| text.as_bytes().to_vec();
    let denied = call(DENIED);
    let allowed = call(ALLOWED);
    let utf16 = |bom: bool| -> Vec<u8> {
        let bom = bom.then_some(0xfeff_u16);
        let units = bom.into_iter().chain(allowed.encode_utf16());
        units.flat_map(u16::to_le_bytes).collect()
    };
    let deep = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        with(&format!(
            r#""id":1,"method":"tools/call","params":{{"name":"get-x","arguments":{{"a":{open}{close}}}}}"#
        ))
    };
    let id = |id: &str| with(&format!(r#""id":{id},"method":"tools/call",{PARAMS}"#));
    let arguments = |arguments: &str| {
        with(&format!(
            r#""id":1,"method":"tools/call","params":{{"name":"get-x","arguments":{arguments}}}"#
        ))
    };
    let invalid = |bytes: &[u8]| {
        let mut body = text(
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x","arguments":{"a":""#,
        );
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\"}}}");
        body
    };
    vec![
        // Keys that stand twice, in any spelling and at any depth.
        (
            "method twice",
            with(&format!(
                r#""id":1,"method":"ping","method":"tools/call",{PARAMS}"#
            )),
            Refused(400, -32700),
        ),
        (
            "params twice",
            with(&format!(
                r#""id":1,"method":"tools/call",{PARAMS},"params":{{"name":"get-secret"}}"#
            )),
            Refused(400, -32700),
        ),
        (
            "name twice",
            with(r#""id":1,"method":"tools/call","params":{"name":"get-x","name":"get-secret"}"#),
            Refused(400, -32700),
        ),
        (
            "name twice, once escaped",
            with(
                r#""id":1,"method":"tools/call","params":{"name":"get-x","n\u0061me":"get-secret"}"#,
            ),
            Refused(400, -32700),
        ),
        (
            "a key twice in arguments",
            arguments(r#"{"a":1,"a":2}"#),
            Refused(400, -32700),
        ),
        (
            "a key twice, deep",
            arguments(r#"{"a":[{"b":{"c":1,"c":2}}]}"#),
            Refused(400, -32700),
        ),
        (
            "id twice",
            with(&format!(r#""id":1,"id":2,"method":"tools/call",{PARAMS}"#)),
            Refused(400, -32700),
        ),
        // Other spellings of keys that are governed.
        (
            "Name besides name",
            with(r#""id":1,"method":"tools/call","params":{"name":"get-x","Name":"get-secret"}"#),
            Refused(400, -32600),
        ),
        (
            "NAME alone",
            with(r#""id":1,"method":"tools/call","params":{"NAME":"get-x"}"#),
            Refused(400, -32600),
        ),
        (
            "Method besides method",
            with(&format!(
                r#""id":1,"method":"tools/call","Method":"ping",{PARAMS}"#
            )),
            Refused(400, -32600),
        ),
        (
            "Params alone",
            with(r#""id":1,"method":"tools/call","Params":{"name":"get-x"}"#),
            Refused(400, -32600),
        ),
        // One text, however it is written: judged by what it says, forwarded as it is.
        (
            "an escaped slash in the method",
            with(&format!(r#""id":1,"method":"tools\/call",{PARAMS}"#)),
            Arrives,
        ),
        (
            "an escaped slash in the method of a denied call",
            with(r#""id":1,"method":"tools\/call","params":{"name":"get-secret"}"#),
            Denied,
        ),
        (
            "the method in escapes",
            with(&format!(
                r#""id":1,"method":"\u0074ools\u002fcall",{PARAMS}"#
            )),
            Arrives,
        ),
        (
            "a denied name in escapes",
            text(&call(r"get\u002dsecret")),
            Denied,
        ),
        (
            "a key in escapes",
            with(r#""id":1,"method":"tools/call","params":{"n\u0061me":"get-secret"}"#),
            Denied,
        ),
        (
            "an allowed name in escapes",
            text(&call(r"get\u002dx")),
            Arrives,
        ),
        // Batches.
        (
            "a batch",
            text(&format!("[{allowed}]")),
            Refused(400, -32600),
        ),
        (
            "a batch of two",
            text(&format!("[{allowed},{denied}]")),
            Refused(400, -32600),
        ),
        ("an empty batch", text("[]"), Refused(400, -32600)),
        (
            "a batch in white space",
            text(&format!(" \n[{denied}]")),
            Refused(400, -32600),
        ),
        // Bytes.
        ("UTF-16", utf16(false), Refused(400, -32700)),
        ("UTF-16 with a mark", utf16(true), Refused(400, -32700)),
        (
            "a UTF-8 mark",
            text(&format!("\u{feff}{allowed}")),
            Refused(400, -32700),
        ),
        (
            "invalid UTF-8 in a string",
            invalid(b"\xff"),
            Refused(400, -32700),
        ),
        (
            "an overlong form",
            invalid(b"\xc0\xaf"),
            Refused(400, -32700),
        ),
        (
            "a surrogate in UTF-8",
            invalid(b"\xed\xa0\x80"),
            Refused(400, -32700),
        ),
        ("cut UTF-8", invalid(b"\xe2\x82"), Refused(400, -32700)),
        (
            "a lone surrogate",
            arguments(r#"{"a":"\ud800"}"#),
            Refused(400, -32700),
        ),
        (
            "surrogates the wrong way round",
            arguments(r#"{"a":"\udc00\ud800"}"#),
            Refused(400, -32700),
        ),
        (
            "a pair of surrogates",
            arguments(r#"{"a":"\ud83d\ude00"}"#),
            Arrives,
        ),
        (
            "NUL in a string",
            arguments("{\"a\":\"\u{0}\"}"),
            Refused(400, -32700),
        ),
        (
            "a tab in a string",
            arguments("{\"a\":\"\t\"}"),
            Refused(400, -32700),
        ),
        ("NaN", arguments(r#"{"a":NaN}"#), Refused(400, -32700)),
        (
            "Infinity",
            arguments(r#"{"a":-Infinity}"#),
            Refused(400, -32700),
        ),
        (
            "a number in hex",
            arguments(r#"{"a":0x1}"#),
            Refused(400, -32700),
        ),
        (
            "a leading zero",
            arguments(r#"{"a":01}"#),
            Refused(400, -32700),
        ),
        (
            "a comment",
            text(&format!("/* x */{allowed}")),
            Refused(400, -32700),
        ),
        (
            "a comma at the end",
            with(&format!(r#""id":1,"method":"tools/call",{PARAMS},"#)),
            Refused(400, -32700),
        ),
        (
            "single quotes",
            text(&allowed.replace('"', "'")),
            Refused(400, -32700),
        ),
        (
            "garbage behind",
            text(&format!("{allowed}x")),
            Refused(400, -32700),
        ),
        (
            "two documents",
            text(&format!("{allowed}\n{denied}")),
            Refused(400, -32700),
        ),
        (
            "NUL behind",
            text(&format!("{allowed}\u{0}")),
            Refused(400, -32700),
        ),
        (
            "half a document",
            text(&allowed[..allowed.len() - 1]),
            Refused(400, -32700),
        ),
        ("nothing", text(""), Refused(400, -32700)),
        ("white space", text("  \n"), Refused(400, -32700)),
        ("null", text("null"), Refused(400, -32600)),
        ("a text", text("\"tools/call\""), Refused(400, -32600)),
        (
            "white space around",
            text(&format!(" \t{allowed} ")),
            Arrives,
        ),
        // Depth.
        ("depth 60", deep(60), Arrives),
        ("depth 65", deep(65), Refused(400, -32700)),
        ("depth 200", deep(200), Refused(400, -32700)),
        ("depth 1000", deep(1000), Refused(400, -32700)),
        ("depth 10000", deep(10_000), Refused(400, -32700)),
        // Ids.
        ("id 7.5", id("7.5"), Refused(400, -32600)),
        ("id true", id("true"), Refused(400, -32600)),
        ("id an object", id("{}"), Refused(400, -32600)),
        ("id a list", id("[1]"), Refused(400, -32600)),
        ("id null", id("null"), Refused(400, -32600)),
        ("id 2^60", id("1152921504606846976"), Refused(400, -32600)),
        ("id 2^53", id("9007199254740992"), Refused(400, -32600)),
        ("id 2^53-1", id("9007199254740991"), Arrives),
        ("id -(2^53-1)", id("-9007199254740991"), Arrives),
        ("id 1e400", id("1e400"), Refused(400, -32600)),
        ("id 1e2", id("1e2"), Refused(400, -32600)),
        ("id 1.0", id("1.0"), Refused(400, -32600)),
        ("id -0", id("-0"), Refused(400, -32600)),
        ("id a text", id("\"a\""), Arrives),
        (
            "id a text of 256",
            id(&format!("\"{}\"", "a".repeat(256))),
            Arrives,
        ),
        (
            "id a text of 257",
            id(&format!("\"{}\"", "a".repeat(257))),
            Refused(400, -32600),
        ),
        // The envelope.
        (
            "no jsonrpc",
            text(&allowed.replace(r#""jsonrpc":"2.0","#, "")),
            Refused(400, -32600),
        ),
        (
            "jsonrpc 1.0",
            text(&allowed.replace("2.0", "1.0")),
            Refused(400, -32600),
        ),
        (
            "jsonrpc a number",
            text(&allowed.replace("\"2.0\"", "2.0")),
            Refused(400, -32600),
        ),
        (
            "a call without id",
            with(&format!(r#""method":"tools/call",{PARAMS}"#)),
            Refused(400, -32600),
        ),
        (
            "a denied call without id",
            with(r#""method":"tools/call","params":{"name":"get-secret"}"#),
            Refused(400, -32600),
        ),
        (
            "method and result",
            with(&format!(
                r#""id":1,"method":"tools/call",{PARAMS},"result":{{}}"#
            )),
            Refused(400, -32600),
        ),
        (
            "method and error",
            with(&format!(
                r#""id":1,"method":"tools/call",{PARAMS},"error":{{}}"#
            )),
            Refused(400, -32600),
        ),
        (
            "result and error",
            with(r#""id":1,"result":{},"error":{"code":1,"message":"x"}"#),
            Refused(400, -32600),
        ),
        (
            "a member of its own",
            with(&format!(
                r#""id":1,"method":"tools/call",{PARAMS},"extra":1"#
            )),
            Refused(400, -32600),
        ),
        (
            "neither method nor answer",
            with(r#""id":1"#),
            Refused(400, -32600),
        ),
        (
            "params a list",
            with(r#""id":1,"method":"tools/call","params":["get-x"]"#),
            Refused(400, -32600),
        ),
        (
            "params a text",
            with(r#""id":1,"method":"tools/call","params":"get-x""#),
            Refused(400, -32600),
        ),
        (
            "no params",
            with(r#""id":1,"method":"tools/call""#),
            Refused(400, -32600),
        ),
        (
            "method a number",
            with(&format!(r#""id":1,"method":7,{PARAMS}"#)),
            Refused(400, -32600),
        ),
        (
            "__proto__ with a name",
            with(r#""id":1,"method":"tools/call","params":{"__proto__":{"name":"get-x"}}"#),
            Refused(400, -32600),
        ),
        (
            "__proto__ besides a name",
            with(
                r#""id":1,"method":"tools/call","params":{"name":"get-x","__proto__":{"name":"get-secret"}}"#,
            ),
            Refused(400, -32600),
        ),
        (
            "constructor",
            with(r#""id":1,"method":"tools/call","params":{"name":"get-x","constructor":{}}"#),
            Refused(400, -32600),
        ),
        (
            "__proto__ in the envelope",
            with(&format!(
                r#""id":1,"method":"tools/call",{PARAMS},"__proto__":{{}}"#
            )),
            Refused(400, -32600),
        ),
        (
            "name a number",
            with(r#""id":1,"method":"tools/call","params":{"name":7}"#),
            Refused(400, -32600),
        ),
        (
            "name a list",
            with(r#""id":1,"method":"tools/call","params":{"name":["get-x"]}"#),
            Refused(400, -32600),
        ),
        ("arguments a list", arguments("[1]"), Refused(400, -32600)),
        ("arguments a text", arguments("\"a\""), Refused(400, -32600)),
        ("arguments null", arguments("null"), Arrives),
        ("arguments empty", arguments("{}"), Arrives),
        // Names are compared by bytes.
        (
            "TOOLS/CALL",
            text(&allowed.replace("tools/call", "TOOLS/CALL")),
            Refused(200, -32601),
        ),
        (
            "tools/call with NUL",
            text(&allowed.replace("tools/call", r"tools/call\u0000")),
            Refused(200, -32601),
        ),
        (
            "tools/call with a space",
            text(&allowed.replace("tools/call", "tools/call ")),
            Refused(200, -32601),
        ),
        (
            "an unknown method",
            text(&allowed.replace("tools/call", "tools/destroy")),
            Refused(200, -32601),
        ),
        (
            "skills/list",
            text(&allowed.replace("tools/call", "skills/list")),
            Refused(200, -32601),
        ),
        ("Get-Secret", text(&call("Get-Secret")), Denied),
        ("GET-X", text(&call("GET-X")), Denied),
        ("an empty name", text(&call("")), Refused(400, -32600)),
        (
            "a name with NUL",
            text(&call("get-x\\u0000")),
            Refused(400, -32600),
        ),
        (
            "a name with a space behind it",
            text(&call("get-x ")),
            Refused(400, -32600),
        ),
        (
            "a name that begins with a space",
            text(&call(" get-x")),
            Refused(400, -32600),
        ),
        (
            "a wide name",
            text(&call("\u{ff45}\u{ff43}\u{ff48}\u{ff4f}")),
            Denied,
        ),
        (
            "a name in another script",
            text(&call("\u{435}cho")),
            Denied,
        ),
    ]
}

/// Nobody takes one for the other here, but a person who reads the record should know.
#[test]
fn a_name_that_looks_like_an_allowed_one_is_told() {
    let rig = Rig::start();
    for (name, like) in [
        ("\u{ff45}\u{ff43}\u{ff48}\u{ff4f}", Some("echo")),
        ("\u{435}cho", Some("echo")),
        ("ECHO", Some("echo")),
        ("delete", None),
    ] {
        let answer = rig.post(&[], call(name).as_bytes());
        assert!(answer.body.contains("Access denied"), "{name}: {answer:?}");
        let id = answer.header("x-correlation-id").unwrap();
        let record = rig.gateway.record(id);
        assert_eq!(record["looks_like"].as_str(), like, "{name}: {record}");
    }
}

#[test]
fn every_row_is_refused_or_arrives_as_it_was_judged() {
    let rig = Rig::start();
    let mut wrong = Vec::new();
    for (what, body, fate) in bodies() {
        let before = rig.reached();
        let answer = rig.post(&[], &body);
        let received = rig.server.received();
        let arrived = &received[before..];
        let value: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        let code = value["error"]["code"].as_i64();
        let right = match fate {
            Refused(status, wanted) => {
                (answer.status, code) == (status, Some(wanted)) && arrived.is_empty()
            }
            Denied => {
                answer.status == 200 && answer.body.contains("Access denied") && arrived.is_empty()
            }
            Arrives => {
                // The server's answer is to id 1; that a client would not take it for another is
                // no matter here.
                arrived.len() == 1 && arrived[0].body.as_bytes() == body
            }
        };
        if !right {
            wrong.push(format!(
                "{what}: {} {code:?}, {} arrived: {}",
                answer.status,
                arrived.len(),
                answer.body.chars().take(120).collect::<String>()
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    rig.still_judges("all of them");
}

#[test]
fn one_type_and_no_coding() {
    let rig = Rig::start();
    let body = call(ALLOWED);
    for (what, headers, status) in [
        ("plain", vec![("content-type", "application/json")], 200),
        (
            "in capitals",
            vec![("content-type", "Application/JSON")],
            200,
        ),
        (
            "with a charset",
            vec![("content-type", "application/json; charset=utf-8")],
            200,
        ),
        (
            "with a charset in quotes",
            vec![("content-type", "application/json;charset=\"UTF-8\"")],
            200,
        ),
        (
            "another charset",
            vec![("content-type", "application/json; charset=utf-16le")],
            415,
        ),
        (
            "latin-1",
            vec![("content-type", "application/json; charset=iso-8859-1")],
            415,
        ),
        (
            "json-rpc",
            vec![("content-type", "application/json-rpc")],
            415,
        ),
        (
            "json with a suffix",
            vec![("content-type", "application/vnd.api+json")],
            415,
        ),
        (
            "two in one",
            vec![("content-type", "text/plain, application/json")],
            415,
        ),
        (
            "twice",
            vec![
                ("content-type", "application/json"),
                ("content-type", "application/json"),
            ],
            415,
        ),
        (
            "twice and different",
            vec![
                ("content-type", "text/plain"),
                ("content-type", "application/json"),
            ],
            415,
        ),
        ("text", vec![("content-type", "text/plain")], 415),
        (
            "a form",
            vec![("content-type", "application/x-www-form-urlencoded")],
            415,
        ),
        ("none", vec![("content-type", "")], 415),
        ("gzip", vec![("content-encoding", "gzip")], 415),
        ("deflate", vec![("content-encoding", "deflate")], 415),
        ("br", vec![("content-encoding", "br")], 415),
        ("gzip in capitals", vec![("content-encoding", "GZIP")], 415),
        (
            "identity and gzip",
            vec![("content-encoding", "identity, gzip")],
            415,
        ),
        ("identity", vec![("content-encoding", "identity")], 200),
    ] {
        let before = rig.reached();
        let answer = rig.post(&headers, body.as_bytes());
        assert_eq!(answer.status, status, "{what}: {answer:?}");
        let arrived = rig.reached() - before;
        assert_eq!(arrived, usize::from(status == 200), "{what}");
        if status == 200 {
            let received = rig.server.received();
            let got = received.last().unwrap();
            assert_eq!(
                got.header("content-type"),
                Some("application/json"),
                "{what}"
            );
            assert_eq!(got.header("content-encoding"), None, "{what}");
        }
    }
    rig.still_judges("all types");
}

#[test]
fn what_arrives_is_what_was_judged_but_for_line_breaks_between_tokens() {
    let rig = Rig::start();
    let body = "{\r\n  \"jsonrpc\": \"2.0\",\n\t\"id\": 1,\r\"method\": \"tools/call\", \"params\": {\"name\": \"get-x\", \"arguments\": {\"n\": 1.50e+3, \"u\": \"\\u00e9\\/\", \"a\\nb\": \" \"}}}\n";
    let answer = rig.post(&[], body.as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    let received = rig.server.received();
    let got = &received.last().unwrap().body;
    assert_eq!(got.len(), body.len());
    assert_eq!(*got, body.replace(['\r', '\n'], " "));
}
