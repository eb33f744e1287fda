//! T4: whatever goes on is read by other programs as it was judged.

use super::{ALLOWED, DENIED, Rig};
use jwt_simple::reexports::ct_codecs::{Base64, Encoder as _};
use mcp_zero_tests::part;
use proptest::prelude::{Rng as _, RngExt as _};
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::Value;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

const MESSAGES: usize = 4_000;

fn one_of<'a>(random: &mut TestRng, of: &[&'a str]) -> &'a str {
    of[random.random_range(0..of.len())]
}

/// Yes, once in so many times.
fn rarely(random: &mut TestRng, times: u32) -> bool {
    random.next_u32().is_multiple_of(times)
}

/// A key as it is, or as somebody writes it who wants two readings.
fn key(random: &mut TestRng, plain: &str) -> String {
    if !rarely(random, 12) {
        return plain.to_owned();
    }
    let mut escaped = String::new();
    let chosen = random.random_range(0..plain.len());
    for (at, letter) in plain.char_indices() {
        let written = format!("\\u{:04x}", u32::from(letter));
        escaped.push_str(if at == chosen {
            &written
        } else {
            &plain[at..=at]
        });
    }
    let mut first = plain[..1].to_uppercase();
    first.push_str(&plain[1..]);
    let others = [
        escaped.clone(),
        escaped.clone(),
        escaped,
        first,
        plain.to_uppercase(),
        plain.replace('s', "\u{17f}"),
        format!("{plain} "),
        format!("{plain}\\u0000"),
        format!("__proto__\":{{\"{plain}\":1}},\"{plain}"),
    ];
    others[random.random_range(0..others.len())].clone()
}

fn name(random: &mut TestRng) -> String {
    let plain = if rarely(random, 4) { DENIED } else { ALLOWED };
    match random.random_range(0..16) {
        0 => format!(
            "\"\\u{:04x}{}\"",
            u32::from(plain.as_bytes()[0]),
            &plain[1..]
        ),
        1 => format!("\"{plain}\\u0000\""),
        2 => format!("\"{plain} \""),
        3 => one_of(
            random,
            &["null", "1", "[\"get-x\"]", "{\"name\":\"get-x\"}"],
        )
        .to_owned(),
        4 => format!("\"\\ud800{plain}\""),
        _ => format!("\"{plain}\""),
    }
}

fn params(random: &mut TestRng) -> String {
    let mut members = vec![format!("\"{}\":{}", key(random, "name"), name(random))];
    if rarely(random, 5) {
        members.push(format!("\"{}\":{}", key(random, "name"), name(random)));
    }
    if rarely(random, 2) {
        let value = one_of(
            random,
            &[
                "{}",
                "{\"a\":1.50e+3,\"b\":[1,{\"name\":\"get-secret\"}]}",
                "{\"a\":\"\\u00e9\\/\",\"params\":{\"name\":\"get-secret\"}}",
                "{\"a\":9007199254740993}",
                "{\"a\":NaN}",
                "{\"a\":1,}",
                "{\"a\":01}",
                "{\"a\":1,\"a\":2}",
            ],
        );
        members.push(format!("\"arguments\":{value}"));
    }
    let turn = random.random_range(0..members.len());
    members.rotate_left(turn);
    format!("{{{}}}", members.join(","))
}

fn message(random: &mut TestRng) -> Vec<u8> {
    let method = one_of(
        random,
        &[
            "tools/call",
            "tools/call",
            "tools/call",
            "tools\\/call",
            "\\u0074ools/call",
            "tools/Call",
            "ping",
        ],
    );
    let mut members = vec![
        format!("\"{}\":\"2.0\"", key(random, "jsonrpc")),
        format!("\"{}\":1", key(random, "id")),
        format!("\"{}\":\"{method}\"", key(random, "method")),
        format!("\"{}\":{}", key(random, "params"), params(random)),
    ];
    if rarely(random, 10) {
        members.push(format!("\"{}\":{}", key(random, "params"), params(random)));
    }
    if rarely(random, 20) {
        members.push(format!("\"{}\":\"tools/call\"", key(random, "method")));
    }
    let turn = random.random_range(0..members.len());
    members.rotate_left(turn);
    let between = one_of(
        random,
        &[",", ",", ",", " ,\t", ",\n", ",\r\n", ",/**/", ",\u{a0}"],
    );
    let mut body = format!("{{{}}}", members.join(between)).into_bytes();
    match random.random_range(0..24) {
        0 => body.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        1 => body = [b"[".as_slice(), &body, b"]"].concat(),
        2 => body = [body.as_slice(), &body].concat(),
        3 => body = [body.as_slice(), b"\n", &body].concat(),
        4 => body.push(0),
        _ => {}
    }
    if rarely(random, 4) {
        let at = random.random_range(0..body.len());
        match random.random_range(0..3) {
            0 => drop(body.remove(at)),
            1 => body[at] = random.next_u32().to_le_bytes()[0],
            _ => body.insert(
                at,
                one_of(random, &["\"", "{", "}", ":", " ", "\\", "0"]).as_bytes()[0],
            ),
        }
    }
    body
}

/// Whether the policy lets a method and a tool pass.
fn permitted(call: &Value) -> bool {
    let tool = call[1].as_str().unwrap_or_default();
    match call[0].as_str() {
        Some("ping") => true,
        Some("tools/call") => tool.starts_with("get") && tool != DENIED,
        _ => false,
    }
}

/// What a program makes of messages.
fn readings(program: PathBuf, script: &str, bodies: &[Vec<u8>]) -> Vec<Value> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("readers")
        .join(script);
    let mut child = Command::new(program)
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines: String = bodies
        .iter()
        .map(|body| Base64::encode_to_string(body).unwrap() + "\n")
        .collect();
    let mut input = child.stdin.take().unwrap();
    // Beside it: the program answers while it still reads.
    let feeding = std::thread::spawn(move || input.write_all(lines.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let found: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(found.len(), bodies.len(), "{:?}", output.status);
    found
}

#[test]
fn no_other_reader_reads_what_was_not_judged() {
    let rig = Rig::start();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut arrived = Vec::new();
    for _ in 0..MESSAGES {
        let body = message(&mut random);
        let before = rig.reached();
        rig.post(&[], &body);
        let received = rig.server.received();
        for one in &received[before..] {
            arrived.push(one.body.clone().into_bytes());
        }
    }
    // Both must be many, or nothing was tried.
    assert!(arrived.len() > MESSAGES / 20, "{} arrived", arrived.len());
    assert!(arrived.len() < MESSAGES / 2, "{} arrived", arrived.len());

    let node = readings(part("MCP_ZERO_TEST_NODE"), "read.mjs", &arrived);
    let others = readings(part("MCP_ZERO_TEST_PYTHON"), "read.py", &arrived);
    for (body, (node, others)) in arrived.iter().zip(node.iter().zip(&others)) {
        let text = String::from_utf8_lossy(body);
        let call = &node["node"];
        let calls = call.as_array().unwrap();
        assert_eq!(calls.len(), 1, "{text}: {node}");
        assert!(permitted(&calls[0]), "{text}: {node}");
        for reader in ["python", "first", "folding"] {
            assert_eq!(&others[reader], call, "{reader}: {text}");
        }
    }
}
