//! A decision under 10 rules and under 10,000 rules about 1,000 tools: nanoseconds and ratios, and
//! what it takes to load such a policy. `cargo bench -p mcp-zero-policy`; with `--bench decide -- --count` the
//! instructions of a decision, counted by valgrind, which no neighbour on the machine changes.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark prints, and fails by panicking"
)]

use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Object, Snapshot, Standing, Subject};
use mcp_zero_proto as wire;
use std::hint::black_box;
use std::time::Instant;
use wire::Message as _;

/// Every fifth pattern has a star at its end, every fifth one at its beginning.
fn mixed(rule: usize, tool: usize) -> String {
    match rule % 5 {
        0 => format!("tool_{tool}_*"),
        1 => format!("*_{tool}"),
        _ => format!("tool_{tool}"),
    }
}

/// All patterns have a star inside and the same longer end.
fn alike(_rule: usize, tool: usize) -> String {
    format!("tool_{tool}_*_from_the_one_and_only_store")
}

/// Rules of groups about tools by name, every tenth a deny.
fn policy(rules: usize, tools: usize, pattern: fn(usize, usize) -> String) -> Vec<u8> {
    let rule = |i: usize| {
        let pattern = pattern(i, i % tools);
        let effect = match i % 10 {
            9 => wire::Effect::Deny,
            _ => wire::Effect::Allow,
        };
        wire::Rule {
            id: format!("rule-{i}"),
            description: "d".to_owned(),
            effect: effect.into(),
            subjects: Some(wire::Subjects {
                groups: vec![format!("group-{}", i % 50)],
                ..Default::default()
            }),
            servers: vec![wire::ServerScope {
                server: if i.is_multiple_of(3) { "*" } else { "s" }.to_owned(),
                tools: Some(wire::Patterns {
                    globs: vec![pattern],
                }),
                ..Default::default()
            }],
            ..Default::default()
        }
    };
    let policy = wire::Policy {
        default_effect: wire::Effect::Deny.into(),
        governance: true,
        servers: vec![wire::Server {
            name: "s".to_owned(),
            cluster: "s".to_owned(),
            authority: "h".to_owned(),
            path: "/".to_owned(),
            max_request_bytes: 1,
            max_response_bytes: 1,
            callout_timeout_ms: 1,
            bridged: false,
            exchange: None,
        }],
        rules: (0..rules).map(rule).collect(),
        surface: Some(wire::Surface {
            public_url: "http://x".to_owned(),
            ..Default::default()
        }),
        audit: Some(wire::Audit::default()),
        ..Default::default()
    };
    wire::Snapshot::seal(policy, wire::Keys::default()).encode_to_vec()
}

/// The best of several runs, in nanoseconds for each step: noise only adds.
fn best(steps: usize, mut run: impl FnMut()) -> f64 {
    let once = |run: &mut dyn FnMut()| {
        let begin = Instant::now();
        run();
        begin.elapsed().as_nanos() as f64 / steps as f64
    };
    (0..15).map(|_| once(&mut run)).fold(f64::MAX, f64::min)
}

fn decisions(bytes: &[u8], tools: usize, groups: usize, suffix: &str) -> f64 {
    let snapshot = Snapshot::decode(bytes).unwrap();
    let groups: Vec<Box<str>> = (0..groups).map(|i| format!("group-{i}").into()).collect();
    let standing = snapshot.standing(&Subject {
        issuer: Some("i"),
        user: Some("u"),
        groups: &groups,
    });
    let names: Vec<String> = (0..1000)
        .map(|i| format!("tool_{}{suffix}", i % tools))
        .collect();
    best(names.len(), || counted(&snapshot, &standing, &names))
}

/// One decision about each name. Valgrind knows it by its name.
#[inline(never)]
fn counted(snapshot: &Snapshot, standing: &Standing, names: &[String]) {
    for name in names {
        let none = Arguments::<&Literal>::Of(None);
        let object = Object::Tool(black_box(name));
        black_box(snapshot.decide(standing, "s", object, none));
    }
}

/// Instructions of a decision: this program under valgrind, once for each policy.
fn count() {
    let of = |policy: &str| -> f64 {
        let told = std::process::Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg("--toggle-collect=*counted*")
            .arg(std::env::current_exe().unwrap())
            .args(["--bench", policy])
            .output()
            .unwrap_or_else(|e| panic!("valgrind: {e}; `apt-get install valgrind`"));
        let told = String::from_utf8_lossy(&told.stderr).into_owned();
        let collected = told
            .split("Collected :")
            .nth(1)
            .unwrap_or_else(|| panic!("{told}"));
        let total: f64 = collected
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap();
        // Fifteen runs over 1,000 names for each number of groups.
        total / 45_000.0
    };
    let (small, large) = (of("--small"), of("--large"));
    println!(
        "instructions  {small:8.0}    {large:8.0}    {:6.2}",
        large / small
    );
}

fn main() {
    // Whoever runs every target as a test asks for a list: there is none.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let asked = |what: &str| std::env::args().any(|argument| argument == what);
    if asked("--count") {
        count();
        return;
    }
    let (small, large) = (policy(10, 10, mixed), policy(10_000, 1_000, mixed));
    for (name, bytes, tools) in [("--small", &small, 10), ("--large", &large, 1_000)] {
        if asked(name) {
            for groups in [1, 5, 50] {
                decisions(bytes, tools, groups, "");
            }
            return;
        }
    }
    println!("rules               10     10,000    ratio");
    for groups in [1, 5, 50] {
        let (a, b) = (
            decisions(&small, 10, groups, ""),
            decisions(&large, 1_000, groups, ""),
        );
        println!("{groups:2} groups     {a:8.0} ns {b:8.0} ns  {:6.2}", b / a);
    }
    let suffix = "_x_from_the_one_and_only_store";
    let (few, many) = (policy(10, 10, alike), policy(10_000, 1_000, alike));
    let (a, b) = (
        decisions(&few, 10, 5, suffix),
        decisions(&many, 1_000, 5, suffix),
    );
    println!("alike ends    {a:8.0} ns {b:8.0} ns  {:6.2}", b / a);
    let load = |bytes: &[u8]| {
        best(1, || {
            black_box(Snapshot::decode(bytes).unwrap());
        }) / 1e6
    };
    let (a, b) = (load(&small), load(&large));
    println!("load          {a:8.3} ms {b:8.3} ms");
    println!("size          {:8} B  {:8} B", small.len(), large.len());
}
