//! What is asked for on the command line.

use crate::system::Name;
use clap::{Parser, ValueEnum};
use std::time::Duration;

/// Connections at once where throughput is measured.
pub(crate) const CONNECTIONS: usize = 16;

/// Benchmarks of the gateway.
#[derive(Debug, Parser)]
pub(crate) struct Arguments {
    /// What is measured.
    #[arg(long, value_enum, default_value = "all")]
    pub(crate) part: Part,
    /// Only these workloads; repeat it or divide by commas
    #[arg(long, value_delimiter = ',')]
    workload: Vec<String>,
    /// Only these systems; bare Envoy is always one of them
    #[arg(long, value_enum, value_delimiter = ',')]
    system: Vec<Name>,
    /// Rounds of all systems in turn
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Short rounds, to see that everything works; the figures are rough
    #[arg(long)]
    pub(crate) quick: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
}

/// The parts of the benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Every part.
    All,
    /// Gateways in front of an HTTP server.
    Gateway,
    /// Bridges in front of a stdio server.
    Bridge,
}

impl Part {
    /// Whether gateways are measured.
    pub(crate) fn gateway(self) -> bool {
        matches!(self, Self::All | Self::Gateway)
    }

    /// Whether bridges are measured.
    pub(crate) fn bridge(self) -> bool {
        matches!(self, Self::All | Self::Bridge)
    }
}

impl Arguments {
    /// Whether a workload is asked for.
    pub(crate) fn wants(&self, workload: &str) -> bool {
        self.workload.is_empty() || self.workload.iter().any(|w| w == workload)
    }

    /// The systems in the order of a round; the one all others are compared with comes first.
    pub(crate) fn systems(&self) -> Vec<Name> {
        let asked = |name: &&Name| match self.system.is_empty() {
            true => name.is_usual(),
            false => **name == Name::Bare || self.system.contains(name),
        };
        Name::ALL.iter().filter(asked).copied().collect()
    }

    /// The CPU time that one system's part of a round takes at least.
    pub(crate) fn span(&self) -> Duration {
        Duration::from_millis(if self.quick { 120 } else { 700 })
    }

    /// Calls at one connection in a round.
    pub(crate) fn single_calls(&self) -> usize {
        if self.quick { 40 } else { 250 }
    }
}
