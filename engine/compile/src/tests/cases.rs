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
        .run(&compiled.judge().unwrap(), false)
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
  - {name: g, server: demo, tool: read_x, expect: allow}
");
    let told: Vec<String> = outcomes
        .into_iter()
        .map(|o| {
            format!(
                "{}, line {}: {}",
                o.name,
                o.line,
                o.failure.unwrap_or_default()
            )
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"));
}

/// What is misspelt would be denied: a case that wants so must not pass for it.
#[test]
fn a_question_that_cannot_be_asked_passes_no_case() {
    let one = "identity:
  - {name: staff, issuer: https://a.example, audience: a}
";
    let two = "identity:
  - {name: staff, issuer: https://a.example, audience: a}
  - {name: partners, issuer: https://b.example, audience: a}
";
    let cases = [
        "server: dmeo, tool: t",
        "server: elsewhere, tool: t",
        "server: demo, client_request: sampling/createMesage",
        "server: demo, tool: t, groups: [dev]",
        "server: demo, tool: t, user: u",
        "server: demo, tool: t, user: u, issuer: staff",
        "server: demo, tool: t, user: u, issuer: stuff",
        "server: demo, tool: t, issuer: staff",
    ];
    let mut told = Vec::new();
    for identity in ["", one, two] {
        let policy = POLICY.replacen("servers:", &format!("{identity}servers:"), 1);
        let policy = match identity == two {
            true => policy.replace("{groups: [dev]}", "{groups: [dev], issuers: [staff]}"),
            false => policy,
        };
        let source = Source::from_bytes("p.yaml", policy.as_bytes()).unwrap();
        let judge = compile(source, &anonymous()).unwrap().judge().unwrap();
        for served in [false, true] {
            told.push(format!(
                "{} issuers{}",
                judge.issuers().len(),
                if served { ", served" } else { "" }
            ));
            for case in cases {
                let text = format!("version: 1\ncases:\n  - {{name: c, {case}, expect: deny}}");
                let outcomes = read(&text).unwrap().run(&judge, served);
                let failure = outcomes[0].failure.as_deref().unwrap_or("ok");
                told.push(format!("  {case}: {failure}"));
            }
        }
    }
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
