//! Bridges from HTTP to a stdio server: ours beside those of others and a bare one.

mod bare;
mod echo;
mod rival;

use crate::arguments::{Arguments, CONNECTIONS};
use crate::load::{self, Calls, Expected};
use crate::report::{Line, Report};
use crate::tree;
use rival::Rival;
use std::path::Path;
use std::time::Duration;

/// Calls until programs have compiled what they run often.
const WARM_UP: usize = 300;

/// Runs as one of the small programs of this part, where the name of the program says so.
pub(crate) fn ran_as_part() -> bool {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    match Path::new(&program).file_name().and_then(|n| n.to_str()) {
        Some(echo::NAME) => echo::run(),
        Some(bare::NAME) => bare::run(&arguments.collect::<Vec<_>>()),
        _ => return false,
    }
    true
}

/// Measures bridges; the bare one comes first.
pub(crate) fn measure(arguments: &Arguments, report: &mut Report) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let programs = rival::programs(folder.path());
    let rivals: Vec<Rival> = rival::Name::ALL
        .into_iter()
        .map(|name| Rival::start(name, &programs, folder.path()))
        .collect();
    let mut parts: Vec<(&Rival, Calls, Line)> = rivals
        .iter()
        .map(|rival| {
            let mut calls = Calls {
                address: rival.address,
                path: rival.path.clone(),
                headers: rival.headers.clone(),
                connections: CONNECTIONS,
                count: WARM_UP,
                body: echo::call(),
                tokens: Vec::new(),
                expected: Expected::Holds(echo::TEXT),
            };
            accept(rival, &load::run(calls.clone()));
            let used = measured(rival, calls.clone());
            let each = used.as_secs_f64().max(0.01) / calls.count as f64;
            // Truncation is fine: a count need not be exact.
            calls.count = (arguments.span().as_secs_f64() / each).clamp(100.0, 20_000.0) as usize;
            (rival, calls, Line::new(rival.name.label()))
        })
        .collect();
    for _ in 0..arguments.rounds {
        for (rival, calls, line) in &mut parts {
            let used = measured(rival, calls.clone());
            line.add_cpu(used.as_secs_f64() * 1000.0 / calls.count as f64);
            let single = Calls {
                connections: 1,
                count: arguments.single_calls(),
                ..calls.clone()
            };
            let outcome = load::run(single);
            accept(rival, &outcome);
            line.add_p50(crate::figures::p50(&outcome.times));
        }
    }
    let lines: Vec<Line> = parts.into_iter().map(|(_, _, line)| line).collect();
    report.bridges(&lines);
    for rival in &rivals {
        report.memory_after(rival.name.label(), &tree::memory(rival.pid));
    }
}

/// CPU of a bridge without the server behind it, which is the same for all.
fn measured(rival: &Rival, calls: Calls) -> Duration {
    let bridge = |pid| -> Duration {
        let used = tree::cpu(pid);
        used.iter()
            .filter(|(program, _)| *program != echo::NAME)
            .map(|(_, time)| *time)
            .sum()
    };
    let before = bridge(rival.pid);
    accept(rival, &load::run(calls));
    bridge(rival.pid).saturating_sub(before)
}

fn accept(rival: &Rival, outcome: &load::Outcome) {
    assert!(
        outcome.wrong == 0,
        "{}: {} wrong answers of {}, the first: {}",
        rival.name.label(),
        outcome.wrong,
        outcome.times.len(),
        outcome.first_wrong.as_deref().unwrap_or_default()
    );
}
