//! How a command ends when it does not succeed.

use std::fmt;

/// The exit code of a configuration error (EX_CONFIG).
pub const EX_CONFIG: u8 = 78;

/// A failure with its exit code: lines for the operator, never a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    lines: Vec<String>,
}

impl Failure {
    /// The configuration is wrong; ends with exit code 78.
    pub fn config(line: impl Into<String>) -> Self {
        Self {
            code: EX_CONFIG,
            lines: vec![line.into()],
        }
    }

    /// Several things are wrong with the configuration.
    pub fn configs(lines: Vec<String>) -> Self {
        Self {
            code: EX_CONFIG,
            lines,
        }
    }

    /// Something failed while running; ends with exit code 1.
    pub fn runtime(line: impl Into<String>) -> Self {
        Self {
            code: 1,
            lines: vec![line.into()],
        }
    }

    /// Nothing failed: the exit code is the answer, and all has been said.
    pub fn outcome(code: u8) -> Self {
        Self {
            code,
            lines: Vec::new(),
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.lines.join("\n"))
    }
}

impl std::error::Error for Failure {}
