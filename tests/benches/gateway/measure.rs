//! Rounds: all systems in turn, again and again.

use crate::arguments::{Arguments, CONNECTIONS};
use crate::figures::p50;
use crate::load::{self, Calls, Expected, Outcome};
use crate::report::{Report, Row};
use crate::stage::Stage;
use crate::system::{System, Tokens};
use crate::tree;
use crate::workload::{self, Token, Workload};
use std::collections::BTreeMap;
use std::time::Duration;

/// Calls until a fresh VM has compiled what it runs often.
const WARM_UP: usize = 400;
/// Time for what is written behind: the access log's flush and its follower.
const SETTLE: Duration = Duration::from_millis(250);

/// Measures gateways in front of the stage.
pub(crate) fn gateway(arguments: &Arguments, report: &mut Report) {
    let stage = Stage::start();
    let tokens = Tokens::new();
    let workloads: Vec<Workload> = workload::all()
        .into_iter()
        .filter(|w| arguments.wants(&w.name))
        .collect();
    assert!(!workloads.is_empty(), "no workload of that name");
    stage.play(&workload::all()[0]);
    let systems: Vec<System> = arguments
        .systems()
        .into_iter()
        .map(|name| System::start(name, stage.address(), &tokens))
        .collect();
    for workload in &workloads {
        let rows = compare(workload, &systems, &stage, &tokens, arguments);
        report.table(&workload.name, rows);
    }
    for system in &systems {
        report.memory_after(system.name.label(), &tree::memory(system.pid));
    }
}

/// What a system is asked in each round.
struct Part<'s> {
    system: &'s System,
    calls: Calls,
    row: Row,
}

fn compare(
    workload: &Workload,
    systems: &[System],
    stage: &Stage,
    tokens: &Tokens,
    arguments: &Arguments,
) -> Vec<Row> {
    stage.play(workload);
    let mut parts: Vec<Part<'_>> = systems
        .iter()
        .map(|system| prepare(workload, system, stage, tokens, arguments))
        .collect();
    let most = parts.iter().map(|part| part.calls.count).max();
    let single = arguments.single_calls();
    for _ in 0..arguments.rounds {
        // Signing takes longer than checking, and what one system has seen is new to the others.
        let many = tokens.supply(workload.token, most.unwrap_or_default());
        let alone = tokens.supply(workload.token, single);
        for part in &mut parts {
            let mut calls = part.calls.clone();
            calls.tokens = many.iter().take(calls.count).cloned().collect();
            let (cpu, outcome) = measured(part.system, calls.clone());
            part.row.add_cpu(&cpu, calls.count);
            accept(workload, part.system, &outcome);
            calls.connections = 1;
            calls.count = single;
            calls.tokens.clone_from(&alone);
            let outcome = load::run(calls);
            accept(workload, part.system, &outcome);
            part.row.add_p50(p50(&outcome.times));
        }
    }
    parts.into_iter().map(|part| part.row).collect()
}

/// Looks at one answer in depth, warms up, and finds how many calls make a round.
fn prepare<'s>(
    workload: &Workload,
    system: &'s System,
    stage: &Stage,
    tokens: &Tokens,
    arguments: &Arguments,
) -> Part<'s> {
    let mut calls = Calls {
        address: system.address,
        path: "/mcp/s".to_owned(),
        headers: "mcp-protocol-version: 2025-06-18\r\n".to_owned(),
        connections: 1,
        count: 1,
        body: workload.request(),
        tokens: tokens.supply(workload.token, 1),
        expected: Expected::Any,
    };
    if matches!(workload.token, Token::Forged) && system.name.checks_tokens() {
        calls.expected = Expected::Refused;
    }
    let one = load::run(calls.clone());
    accept(workload, system, &one);
    if matches!(calls.expected, Expected::Any) {
        judge(workload, system, stage, &one);
        calls.expected = Expected::Long(one.last.len());
    }
    calls.connections = CONNECTIONS;
    calls.count = if arguments.quick {
        WARM_UP / 4
    } else {
        WARM_UP
    };
    accept(workload, system, &load::run(calls.clone()));
    let few = !matches!(workload.token, Token::One);
    if few {
        calls.count = 60;
        calls.tokens = tokens.supply(workload.token, calls.count);
    }
    let (cpu, outcome) = measured(system, calls.clone());
    accept(workload, system, &outcome);
    let each = total(&cpu).as_secs_f64().max(0.01) / calls.count as f64;
    // Each token has to be signed.
    let most = if few { 6_000.0 } else { 20_000.0 };
    // Truncation is fine: a count need not be exact.
    calls.count = (arguments.span().as_secs_f64() / each).clamp(40.0, most) as usize;
    Part {
        system,
        calls,
        row: Row::new(system.name),
    }
}

/// Looks at one answer, and at the request that led to it, in depth.
fn judge(workload: &Workload, system: &System, stage: &Stage, one: &Outcome) {
    let (masks, filters) = (system.name.masks(), system.name.filters());
    workload
        .judge(&one.last, masks, filters)
        .and_then(|()| workload.judge_request(&stage.last(), masks))
        .unwrap_or_else(|fault| {
            panic!("{} of {}: {fault}", workload.name, system.name.label());
        });
}

/// Makes calls and says what CPU they took, by program.
fn measured(system: &System, calls: Calls) -> (BTreeMap<String, Duration>, Outcome) {
    let before = tree::cpu(system.pid);
    let outcome = load::run(calls);
    std::thread::sleep(SETTLE);
    let mut used = tree::cpu(system.pid);
    for (program, time) in &mut used {
        *time = time.saturating_sub(before.get(program).copied().unwrap_or_default());
    }
    (used, outcome)
}

fn total(cpu: &BTreeMap<String, Duration>) -> Duration {
    cpu.values().sum()
}

/// A refusal is never measured as speed.
fn accept(workload: &Workload, system: &System, outcome: &Outcome) {
    assert!(
        outcome.wrong == 0,
        "{} of {}: {} wrong answers of {}, the first: {}",
        workload.name,
        system.name.label(),
        outcome.wrong,
        outcome.times.len(),
        outcome.first_wrong.as_deref().unwrap_or_default()
    );
}
