//! What reading and masking one message costs, stage by stage and without a proxy: natively,
//! or built for Wasm and run by Node, whose V8 is Envoy's. Prints MB/s of each stage.
//!
//! `mcp-zero-bench-engine [SECONDS [STAGE]]`
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement that cannot be made ends with a message"
)]

#[path = "../../../benches/gateway/prose.rs"]
mod prose;

use mcp_zero_mask::{Entity, Masker, Report};
use mcp_zero_wire::json::{Doc, Edits, Limits};
use mcp_zero_wire::rpc::Message;
use std::hint::black_box;
use std::time::{Duration, Instant};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().and_then(|s| s.parse().ok()).unwrap_or(0.5);
    let only = arguments.next().unwrap_or_default();
    let masker = Masker::new(&Entity::ALL, 400);
    for (name, kind) in [
        ("plain", prose::Kind::Plain),
        ("personal", prose::Kind::Personal),
    ] {
        for size in [1 << 10, 256 << 10] {
            let prose = prose::prose(size, kind);
            let content = serde_json::json!({"content": [{"type": "text", "text": prose.text}]});
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"result":{content}}}"#).into_bytes();
            check(&masker, &body, &prose);
            let stages: [(&str, &dyn Fn()); 4] = [
                ("copy", &|| drop(black_box(black_box(&body).clone()))),
                ("utf-8", &|| {
                    let _ = black_box(std::str::from_utf8(black_box(&body)));
                }),
                ("scan", &|| {
                    let _ = black_box(Doc::scan(black_box(&body), &Limits::default()));
                }),
                ("mask", &|| drop(black_box(mask(&masker, black_box(&body))))),
            ];
            for (stage, work) in stages {
                let label = format!("{name}-{}k {stage}", size >> 10);
                if label.contains(&only) {
                    let each = time(seconds, work);
                    let rate = body.len() as f64 / each.as_secs_f64() / 1e6;
                    println!(
                        "{label:<22} {:>10.2} us {rate:>8.0} MB/s",
                        each.as_secs_f64() * 1e6
                    );
                }
            }
        }
    }
}

/// What does not mask would be measured as fast.
fn check(masker: &Masker, body: &[u8], prose: &prose::Prose) {
    let masked = String::from_utf8(mask(masker, body)).expect("text");
    for prose::Planted { value, placeholder } in &prose.planted {
        assert!(!masked.contains(value), "{value} is still there");
        assert!(masked.contains(placeholder), "no {placeholder}");
    }
}

/// As the gate does it for an answer.
fn mask(masker: &Masker, body: &[u8]) -> Vec<u8> {
    let doc = Doc::scan(body, &Limits::default()).expect("a document");
    let message = Message::from_server(&doc).expect("a message");
    let (mut edits, mut report) = (Edits::default(), Report::default());
    masker
        .server(&message, None, &mut edits, &mut report)
        .expect("maskable");
    if edits.is_empty() {
        return Vec::new();
    }
    edits.apply(body).expect("edits that fit")
}

/// The least of many short times: other processes are rarely in all of them.
fn time(seconds: f64, work: &dyn Fn()) -> Duration {
    let (begin, mut best) = (Instant::now(), Duration::MAX);
    while begin.elapsed().as_secs_f64() < seconds {
        let start = Instant::now();
        let mut count = 0;
        while start.elapsed() < Duration::from_micros(500) {
            work();
            count += 1;
        }
        best = best.min(start.elapsed() / count);
    }
    best
}
