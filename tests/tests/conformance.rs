//! The conformance suite of MCP against a server directly, through the gateway, and through the gateway
//! and its bridge where the server is a process: nothing that passes there is lost here, and what a
//! server does not check the gateway does.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows the comparison"
)]

use mcp_zero_tests::{Check, Everything, Forward, Gateway, Status, Suite, part};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What the suite asks in vain behind the bridge.
const NOT_OF_A_BRIDGE: [&str; 4] = [
    // Left to servers, and not made: it answers with JSON where nothing comes before the answer, and
    // ends no stream before its answer.
    "server-sse-streams-functional#1",
    "server-sse-disconnect-resume#1",
    // A call without `Mcp-Param-*` for an argument that the schema of its tool mirrors: the child knows
    // the schema but sees no headers, and nobody else decides by them.
    "sep-2243-server-validate-param-match#3",
    "sep-2243-server-reject-param-mismatch#3",
];

/// The column of what is behind the bridge.
const BRIDGE: &str = "bridge";

/// The width of a column.
const CELL: usize = 7;

type Scenarios = BTreeMap<String, Vec<Check>>;

/// The same server over HTTP (`s`) and as a process (`p`).
fn allow_all(url: &str) -> String {
    let npm = part("MCP_ZERO_TEST_NPM_CLIENTS");
    format!(
        "
version: 1
default: deny
servers:
  - {{name: s, transport: http, url: {url}}}
  - name: p
    transport: stdio
    command: {node}
    args: ['{script}', --stdio]
    env: {{MCP_ZERO_TEST_NPM_CLIENTS: '{npm}'}}
policies:
  - id: developers
    description: Developers may do everything
    effect: allow
    subjects: {{groups: [developers]}}
    mcp_servers:
      - {{name: '*', tools: ['*'], prompts: ['*'], resources: ['*'], client_requests: ['*']}}
",
        node = part("MCP_ZERO_TEST_NODE").display(),
        script = folder().join("dual.mjs").display(),
        npm = npm.display(),
    )
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("conformance")
}

/// Runs a suite against two instances of a server, one behind the gateway, and where `bridged` against
/// a third behind the bridge, and compares the outcome with what is written in
/// `tests/conformance/expected`. `BLESS=1` writes it.
fn compare(name: &str, suites: &[Suite], bridged: bool, server: impl Fn() -> Everything) {
    let (near, far) = (server(), server());
    let gateway = Gateway::start(&allow_all(&far.url()));
    let token = gateway.token("alice", "developers");
    let forward = Forward::with_token(gateway.address(), &token);
    let through = |server: &str| format!("http://{}/mcp/{server}", forward.address());
    let mut runs = vec![("direct", near.url()), ("gateway", through("s"))];
    runs.extend(bridged.then(|| (BRIDGE, through("p"))));
    let run = |url: &str| -> Scenarios { suites.iter().flat_map(|s| s.run(url)).collect() };
    let columns: Vec<(&str, Scenarios)> = std::thread::scope(|scope| {
        let started: Vec<_> = runs
            .iter()
            .map(|(column, url)| (*column, scope.spawn(|| run(url))))
            .collect();
        let done = started.into_iter();
        done.map(|(column, run)| (column, run.join().expect(column)))
            .collect()
    });
    let table = table(&columns);
    println!("{table}");
    let (_, direct) = &columns[0];
    for (column, scenarios) in &columns[1..] {
        let excused: &[&str] = if *column == BRIDGE {
            &NOT_OF_A_BRIDGE
        } else {
            &[]
        };
        let lost = lost(direct, scenarios, excused);
        assert!(
            lost.is_empty(),
            "lost by the {column}:\n{}\n{}",
            lost.join("\n"),
            exchanges(&gateway)
        );
    }
    let file = folder().join("expected").join(format!("{name}.txt"));
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

fn table(columns: &[(&str, Scenarios)]) -> String {
    let (_, direct) = &columns[0];
    let width = direct.keys().map(String::len).max().unwrap_or_default();
    let mut text = format!("{:width$}", "checks passed of all");
    for (column, _) in columns {
        write!(text, "  {column:>CELL$}").expect("a string grows");
    }
    text.push('\n');
    let mut row = |name: &str, cells: Vec<[usize; 2]>| {
        write!(text, "{name:width$}").expect("a string grows");
        for [passed, all] in cells {
            write!(text, "  {:>CELL$}", format!("{passed}/{all}")).expect("a string grows");
        }
        text.push('\n');
    };
    for name in direct.keys() {
        let of = |scenarios: &Scenarios| count(scenarios.get(name).into_iter().flatten());
        row(name, columns.iter().map(|(_, s)| of(s)).collect());
    }
    let all = |scenarios: &Scenarios| count(scenarios.values().flatten());
    row("all", columns.iter().map(|(_, s)| all(s)).collect());
    text
}

/// How many pass, and of how many; a warning is neither.
fn count<'a>(checks: impl Iterator<Item = &'a Check> + Clone) -> [usize; 2] {
    let of = |status| checks.clone().filter(|c| c.status == status).count();
    let passed = of(Status::Success);
    [passed, passed + of(Status::Failure)]
}

fn lost(direct: &Scenarios, through: &Scenarios, excused: &[&str]) -> Vec<String> {
    let mut lost = Vec::new();
    for (name, checks) in direct {
        let passed = checks.iter().filter(|c| c.status == Status::Success);
        for check in passed.filter(|c| !excused.contains(&c.id.as_str())) {
            let other = through
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
    compare("stable", &[Suite::Stable], true, || {
        Everything::ours("dual.mjs", &[])
    });
}

#[test]
fn requirements_of_2025_11_25() {
    compare(
        "2025-11-25",
        &[Suite::Requirements("2025-11-25")],
        true,
        || Everything::ours("dual.mjs", &[]),
    );
}

#[test]
fn requirements_of_2026_07_28() {
    compare(
        "2026-07-28",
        &[Suite::Requirements("2026-07-28")],
        true,
        || Everything::ours("dual.mjs", &[]),
    );
}

/// A server of the 1.x SDK does not look at host and origin: the gateway does.
#[test]
fn a_server_of_the_first_sdk_gains() {
    compare("sdk1", &[Suite::Requirements("2025-11-25")], false, || {
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
    compare("careless", &suites, false, || {
        Everything::ours("dual.mjs", &["--careless"])
    });
}
