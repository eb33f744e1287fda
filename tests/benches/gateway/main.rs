//! CPU seconds of process trees per 1,000 calls, systems interleaved in one run:
//! `cargo xtask bench`. How it is measured: docs/benchmarks.md.
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a measurement that cannot be made ends with a message"
)]

mod arguments;
mod bridge;
mod envoy;
mod figures;
mod footprint;
mod http;
mod load;
mod measure;
mod prose;
mod report;
mod stage;
mod system;
mod tree;
mod workload;

use arguments::Arguments;
use clap::Parser as _;

fn main() {
    if bridge::ran_as_part() {
        return;
    }
    // `cargo test --all-targets` and nextest start benches too, without `--bench`.
    if !std::env::args().any(|argument| argument == "--bench") {
        eprintln!("nothing is measured here; `cargo xtask bench` does");
        return;
    }
    let arguments = Arguments::parse();
    let mut report = report::Report::new(&arguments);
    if arguments.part.gateway() {
        footprint::print(&arguments, &mut report);
        measure::gateway(&arguments, &mut report);
    }
    if arguments.part.bridge() {
        bridge::measure(&arguments, &mut report);
    }
    report.write();
}
