//! Files of cases: how they are read, and what a failure says.

use super::*;
use crate::{Cases, Outcome};

const POLICY: &str = "version: 1
servers:
  - {name: demo, transport: http, url: https://demo.example/mcp}
policies:
  - {id: read, description: d, effect: allow, subjects: {groups: [dev]}, mcp_servers: [{name: demo, tools: [\"read_*\"]}]}
  - {id: not-etc, description: d, effect: deny, mcp_servers: [{name: demo, tools: [read_file]}], when: [{argument: /path, glob: \"/etc/*\"}]}
";

fn read(text: &str) -> Result<Cases, Diagnostics> {
    Cases::read(Source::from_bytes("p.test.yaml", text.as_bytes()).unwrap())
}

fn run(cases: &str) -> Vec<Outcome> {
    let source = Source::from_bytes("p.yaml", POLICY.as_bytes()).unwrap();
    let compiled = compile(source, &environment()).unwrap();
    read(&format!("version: 1\ncases:\n{cases}"))
        .unwrap()
        .run(&compiled.judge().unwrap())
}

#[test]
fn cases_pass_and_fail() {
    let outcomes = run("
  - {name: a, user: u, groups: [dev], server: demo, tool: read_x, expect: allow}
  - {name: b, user: u, groups: [dev], server: demo, tool: read_x, expect: {allow: read}}
  - {name: c, user: u, groups: [dev], server: demo, tool: read_file, arguments: {path: /etc/x}, expect: {deny: not-etc}}
  - {name: d, user: u, server: demo, tool: read_x, expect: allow}
  - {name: e, user: u, groups: [dev], server: demo, tool: read_x, expect: {allow: other}}
  - {name: f, user: u, groups: [dev], server: demo, tool: read_file, expect: {allow: read}}
  - {name: g, server: nowhere, tool: read_x, expect: allow}
");
    let told: Vec<String> = outcomes
        .into_iter()
        .map(|o| format!("{}: {}", o.name, o.failure.unwrap_or_default()))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn what_is_no_case_is_refused() {
    let cases = [
        "",
        "cases: []",
        "version: 2\ncases: x",
        "version: 1\ncases: []",
        "version: 1\ncases: [{}]",
        "version: 1\ncases: [{name: a, server: s, expect: allow}]",
        "version: 1\ncases: [{name: a, server: s, tool: t, prompt: p, expect: allow}]",
        "version: 1\ncases: [{name: a, server: s, tool: t, expect: alow}]",
        "version: 1\ncases: [{name: a, server: s, tool: t, expect: {}}]",
        "version: 1\ncases: [{name: a, server: s, tool: t, expect: {allow: x, deny: y}}]",
        "version: 1\ncases: [{name: a, server: s, resource: r, arguments: {}, expect: deny}]",
        "version: 1\ncases: [{name: a, server: s, tool: t, arguments: [1], expect: deny, rule: x, groups: g}]",
    ];
    let told = cases.iter().map(|case| {
        let found = read(case).unwrap_err();
        let lines: Vec<String> = found.lines().collect();
        format!("{case}\n{}", lines.join("\n"))
    });
    insta::assert_snapshot!(told.collect::<Vec<_>>().join("\n\n"));
}
