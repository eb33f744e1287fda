//! The program's own log, on standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::{Registry, fmt};

use crate::settings::{LogFormat, LogLevel};

/// Changes the level while the program runs.
#[derive(Debug, Clone)]
pub struct LogControl(Handle<Targets, Registry>);

impl LogControl {
    /// Sets the level.
    pub fn set(&self, level: LogLevel) {
        // The handle outlives the program; a failure here could only be told to itself.
        let _ = self.0.modify(|filter| *filter = filter_of(level));
    }
}

/// Text on a terminal, JSON elsewhere, where nothing was given.
pub fn default_format() -> LogFormat {
    if std::io::stdout().is_terminal() {
        LogFormat::Text
    } else {
        LogFormat::Json
    }
}

/// Starts logging.
pub fn start(level: LogLevel, format: LogFormat) -> LogControl {
    let (filter, handle) = reload::Layer::new(filter_of(level));
    let writer = std::io::stderr;
    let registry = tracing_subscriber::registry().with(filter);
    let started = match format {
        LogFormat::Json => registry
            .with(fmt::layer().json().flatten_event(true).with_writer(writer))
            .try_init(),
        LogFormat::Text => registry
            .with(
                fmt::layer()
                    .with_ansi(std::io::stderr().is_terminal())
                    .with_target(false)
                    .with_writer(writer),
            )
            .try_init(),
    };
    // A second start in one process keeps the first log.
    let _ = started;
    LogControl(handle)
}

/// Libraries speak only of trouble.
fn filter_of(level: LogLevel) -> Targets {
    let ours = match level {
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Warning => LevelFilter::WARN,
        LogLevel::Error | LogLevel::Critical => LevelFilter::ERROR,
    };
    Targets::new()
        .with_default(LevelFilter::WARN.min(ours))
        .with_target("mcp_zero", ours)
        .with_target("envoy", ours)
}
