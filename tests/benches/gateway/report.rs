//! Tables for people, and the same as JSON.

use crate::arguments::Arguments;
use crate::figures::Spread;
use crate::system::Name;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What one system took for one workload.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    system: Name,
    /// CPU seconds per 1,000 calls, by round.
    cpu: Vec<f64>,
    /// The part of it that Envoy has used.
    envoy: Vec<f64>,
    /// Milliseconds at one connection, by round.
    p50: Vec<f64>,
}

impl Row {
    pub(crate) fn new(system: Name) -> Self {
        Self {
            system,
            cpu: Vec::new(),
            envoy: Vec::new(),
            p50: Vec::new(),
        }
    }

    pub(crate) fn add_cpu(&mut self, used: &BTreeMap<String, Duration>, calls: usize) {
        let each = |time: Duration| time.as_secs_f64() * 1000.0 / calls as f64;
        self.cpu.push(each(used.values().sum()));
        let envoy = used.get("envoy").copied().unwrap_or_default();
        self.envoy.push(each(envoy));
    }

    pub(crate) fn add_p50(&mut self, milliseconds: f64) {
        self.p50.push(milliseconds);
    }
}

/// What one bridge took.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    label: &'static str,
    cpu: Vec<f64>,
    p50: Vec<f64>,
}

impl Line {
    pub(crate) fn new(label: &'static str) -> Self {
        Self {
            label,
            cpu: Vec::new(),
            p50: Vec::new(),
        }
    }

    /// CPU seconds per 1,000 calls.
    pub(crate) fn add_cpu(&mut self, seconds: f64) {
        self.cpu.push(seconds);
    }

    pub(crate) fn add_p50(&mut self, milliseconds: f64) {
        self.p50.push(milliseconds);
    }
}

/// The median of one's rounds over the other's.
fn paired(figures: &[f64], base: &[f64]) -> f64 {
    let ratios: Vec<f64> = figures.iter().zip(base).map(|(a, b)| a / b).collect();
    Spread::of(&ratios).median
}

/// Everything that was measured.
#[derive(Debug)]
pub(crate) struct Report {
    json: Value,
}

impl Report {
    pub(crate) fn new(arguments: &Arguments) -> Self {
        Self {
            json: json!({"rounds": arguments.rounds, "quick": arguments.quick,
                "gateway": {}, "bridge": {}, "footprint": {}, "memory": {}}),
        }
    }

    /// A workload of the gateway part; the first row is what all are compared with.
    pub(crate) fn table(&mut self, workload: &str, rows: Vec<Row>) {
        println!("\n{workload}");
        println!(
            "  {:<14} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "CPU s / 1,000", "min", "median", "max", "ratio", "Envoy's", "p50 ms"
        );
        let Some(base) = rows.first() else {
            return;
        };
        for row in &rows {
            let cpu = Spread::of(&row.cpu);
            let (envoy, p50) = (Spread::of(&row.envoy), Spread::of(&row.p50));
            let ratio = paired(&row.cpu, &base.cpu);
            println!(
                "  {:<14} {:>8.4} {:>8.4} {:>8.4} {:>7.2}x {:>8.4} {:>8.3}",
                row.system.label(),
                cpu.min,
                cpu.median,
                cpu.max,
                ratio,
                envoy.median,
                p50.median
            );
            self.json["gateway"][workload][row.system.label()] = json!({
                "cpu_seconds_per_1000": cpu, "ratio": ratio, "rounds": row.cpu,
                "envoy_cpu_seconds_per_1000": envoy, "p50_ms": p50});
        }
    }

    /// The bridges; the first is what all are compared with.
    pub(crate) fn bridges(&mut self, lines: &[Line]) {
        println!("\nbridges, a tools/call of 1 KB");
        println!(
            "  {:<16} {:>8} {:>8} {:>8} {:>8} {:>8}",
            "CPU s / 1,000", "min", "median", "max", "ratio", "p50 ms"
        );
        let Some(base) = lines.first() else {
            return;
        };
        for line in lines {
            let (cpu, p50) = (Spread::of(&line.cpu), Spread::of(&line.p50));
            let ratio = paired(&line.cpu, &base.cpu);
            println!(
                "  {:<16} {:>8.4} {:>8.4} {:>8.4} {ratio:>7.2}x {:>8.3}",
                line.label, cpu.min, cpu.median, cpu.max, p50.median
            );
            self.json["bridge"][line.label] =
                json!({"cpu_seconds_per_1000": cpu, "ratio": ratio, "p50_ms": p50});
        }
    }

    /// A figure of the footprint.
    pub(crate) fn footprint(&mut self, name: &str, value: Value) {
        println!("  {name:<34} {value}");
        self.json["footprint"][name] = value;
    }

    /// Resident memory once everything was measured.
    pub(crate) fn memory_after(&mut self, system: &str, memory: &BTreeMap<String, u64>) {
        let all: Vec<String> = memory
            .iter()
            .map(|(program, bytes)| format!("{program} {} MB", bytes >> 20))
            .collect();
        println!("  memory after load: {system:<14} {}", all.join(", "));
        self.json["memory"][system] = json!(memory);
    }

    /// Leaves the figures for programs.
    pub(crate) fn write(&self) {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
        std::fs::create_dir_all(&folder).expect("the target folder takes files");
        let file = folder.join("figures.json");
        std::fs::write(&file, format!("{:#}\n", self.json)).expect("the figures are written");
        println!("\nfigures: target/bench/figures.json");
    }
}
