//! Start-up to the first good answer, sizes of the module, memory before load.

use crate::arguments::Arguments;
use crate::figures::Spread;
use crate::report::Report;
use crate::stage::Stage;
use crate::system::{Name, System, Tokens};
use crate::{tree, workload};
use mcp_zero_tests::part;
use serde_json::json;

/// Measures starts of bare Envoy and ours, one after the other.
pub(crate) fn print(arguments: &Arguments, report: &mut Report) {
    println!("\nfootprint");
    let module = std::fs::read(part("MCP_ZERO_TEST_FILTER")).expect("the module is built");
    for (name, size) in sections(&module) {
        report.footprint(&format!("module: bytes of {name}"), json!(size));
    }
    let stage = Stage::start();
    stage.play(&workload::all()[0]);
    let tokens = Tokens::new();
    let rounds = if arguments.quick {
        1
    } else {
        arguments.rounds.min(5)
    };
    let names = [Name::Bare, Name::Reader, Name::Ours];
    let mut wall = names.map(|_| Vec::new());
    let mut cpu = names.map(|_| Vec::new());
    let mut memory = names.map(|_| Vec::new());
    for _ in 0..rounds {
        for (at, name) in names.into_iter().enumerate() {
            let system = System::start(name, stage.address(), &tokens);
            wall[at].push(system.start_up.as_secs_f64());
            let used: f64 = tree::cpu(system.pid)
                .values()
                .map(|t| t.as_secs_f64())
                .sum();
            cpu[at].push(used);
            let resident: u64 = tree::memory(system.pid).values().sum();
            memory[at].push((resident >> 20) as f64);
        }
    }
    for (at, name) in names.into_iter().enumerate() {
        let label = name.label();
        report.footprint(&format!("{label}: start, s"), json!(Spread::of(&wall[at])));
        report.footprint(
            &format!("{label}: start, CPU s"),
            json!(Spread::of(&cpu[at])),
        );
        report.footprint(
            &format!("{label}: idle memory, MB"),
            json!(Spread::of(&memory[at])),
        );
    }
}

/// Sizes of the code and data sections of a WebAssembly module (core specification, 5.5.2).
fn sections(module: &[u8]) -> Vec<(&'static str, usize)> {
    let mut sizes = vec![("file", module.len())];
    let mut rest = module.get(8..).unwrap_or_default();
    while let Some((id, after)) = rest.split_first() {
        let Some((size, body)) = number(after) else {
            break;
        };
        match id {
            10 => sizes.push(("code", size)),
            11 => sizes.push(("data", size)),
            _ => {}
        }
        rest = body.get(size..).unwrap_or_default();
    }
    sizes
}

/// An unsigned LEB128 number and what follows it.
fn number(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let mut value = 0;
    for (at, byte) in bytes.iter().take(5).enumerate() {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(at + 1..)?));
        }
    }
    None
}
