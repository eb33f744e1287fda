//! The conformance suite of MCP against a server directly and through the gateway: nothing that passes
//! there is lost here, and what a server does not check the gateway does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows the comparison"
)]

use mcp_zero_tests::{Check, Everything, Forward, Gateway, Status, Suite};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Unknown to the gateway until ids of tasks are sealed.
const NOT_YET: &str = "tasks-";

type Scenarios = BTreeMap<String, Vec<Check>>;

fn allow_all(url: &str) -> String {
    format!(
        "
version: 1
default: deny
servers:
  - {{name: s, transport: http, url: {url}}}
policies:
  - id: developers
    description: Developers may do everything
    effect: allow
    subjects: {{groups: [developers]}}
    mcp_servers:
      - {{name: s, tools: ['*'], prompts: ['*'], resources: ['*'], client_requests: ['*']}}
"
    )
}

/// Runs a suite against two instances of a server, one behind the gateway, and compares the outcome
/// with what is written in `tests/conformance/expected`. `BLESS=1` writes it.
fn compare(name: &str, suites: &[Suite], server: impl Fn() -> Everything) {
    let (near, far) = (server(), server());
    let gateway = Gateway::start(&allow_all(&far.url()));
    let token = gateway.token("alice", "developers");
    let forward = Forward::with_token(gateway.address(), &token);
    let through = format!("http://{}/mcp/s", forward.address());
    let run = |url: &str| -> Scenarios { suites.iter().flat_map(|s| s.run(url)).collect() };
    let (direct, gatewayed) = std::thread::scope(|scope| {
        let direct = scope.spawn(|| run(&near.url()));
        let gatewayed = run(&through);
        (direct.join().expect("the direct run"), gatewayed)
    });
    let table = table(&direct, &gatewayed);
    println!("{table}");
    let lost = lost(&direct, &gatewayed);
    assert!(
        lost.is_empty(),
        "lost by the gateway:\n{}\n{}",
        lost.join("\n"),
        exchanges(&gateway)
    );
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("conformance/expected")
        .join(format!("{name}.txt"));
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &table).expect("the list is written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        table == expected,
        "not as in {}; if that is right: BLESS=1\n{table}",
        file.display()
    );
}

/// A line for each exchange, to find out why a check was lost.
fn exchanges(gateway: &Gateway) -> String {
    const FIELDS: [&str; 9] = [
        "timestamp",
        "http_method",
        "method",
        "jsonrpc_id",
        "http_status",
        "cause",
        "duration_ms",
        "response_bytes",
        "session",
    ];
    let mut lines = String::new();
    for record in gateway.records_now() {
        let fields = FIELDS.map(|f| record[f].to_string());
        writeln!(lines, "{}", fields.join(" ")).expect("a string grows");
    }
    lines
}

fn table(direct: &Scenarios, gatewayed: &Scenarios) -> String {
    let width = direct.keys().map(String::len).max().unwrap_or_default();
    let mut text = format!("{:width$}  direct  gateway\n", "checks passed of all");
    let mut row = |name: &str, direct: [usize; 2], gatewayed: [usize; 2]| {
        let cell = |[passed, all]: [usize; 2]| format!("{passed}/{all}");
        let (direct, gatewayed) = (cell(direct), cell(gatewayed));
        writeln!(text, "{name:width$}  {direct:>6}  {gatewayed:>7}").expect("a string grows");
    };
    let none = Vec::new();
    for (name, checks) in direct {
        let other = gatewayed.get(name).unwrap_or(&none);
        row(name, count(checks.iter()), count(other.iter()));
    }
    let all = |scenarios: &Scenarios| count(scenarios.values().flatten());
    row("all", all(direct), all(gatewayed));
    text
}

/// How many pass, and of how many; a warning is neither.
fn count<'a>(checks: impl Iterator<Item = &'a Check> + Clone) -> [usize; 2] {
    let of = |status| checks.clone().filter(|c| c.status == status).count();
    let passed = of(Status::Success);
    [passed, passed + of(Status::Failure)]
}

fn lost(direct: &Scenarios, gatewayed: &Scenarios) -> Vec<String> {
    let mut lost = Vec::new();
    for (name, checks) in direct.iter().filter(|(n, _)| !n.starts_with(NOT_YET)) {
        let passed = checks.iter().filter(|c| c.status == Status::Success);
        for check in passed {
            let other = gatewayed
                .get(name)
                .and_then(|checks| checks.iter().find(|c| c.id == check.id));
            match other {
                Some(other) if other.status == Status::Success => {}
                Some(other) => lost.push(format!("{name}: {}: {}", check.id, other.message)),
                None => lost.push(format!("{name}: {}: was not made", check.id)),
            }
        }
    }
    lost
}

#[test]
fn stable_release() {
    compare("stable", &[Suite::Stable], || {
        Everything::ours("dual.mjs", &[])
    });
}

#[test]
fn requirements_of_2025_11_25() {
    compare("2025-11-25", &[Suite::Requirements("2025-11-25")], || {
        Everything::ours("dual.mjs", &[])
    });
}

#[test]
fn requirements_of_2026_07_28() {
    compare("2026-07-28", &[Suite::Requirements("2026-07-28")], || {
        Everything::ours("dual.mjs", &[])
    });
}

/// A server of the 1.x SDK does not look at host and origin: the gateway does.
#[test]
fn a_server_of_the_first_sdk_gains() {
    compare("sdk1", &[Suite::Requirements("2025-11-25")], || {
        Everything::ours("legacy.mjs", &[])
    });
}

/// A server of 2026-07-28 that believes the body alone: the gateway compares it with the headers.
#[test]
fn a_careless_server_gains() {
    let suites = [
        Suite::Scenario("http-header-validation"),
        Suite::Scenario("dns-rebinding-protection"),
    ];
    compare("careless", &suites, || {
        Everything::ours("dual.mjs", &["--careless"])
    });
}
