//! How the program ends when it does not succeed.

use std::fmt;

/// The exit code of a configuration error (EX_CONFIG).
pub(crate) const EX_CONFIG: u8 = 78;

/// A failure with its exit code: a line for the operator, never a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    code: u8,
    line: String,
}

impl Failure {
    /// The configuration is wrong; ends with exit code 78.
    pub fn config(line: impl Into<String>) -> Self {
        Self {
            code: EX_CONFIG,
            line: line.into(),
        }
    }

    /// Something failed while running; ends with exit code 1.
    pub fn runtime(line: impl Into<String>) -> Self {
        Self {
            code: 1,
            line: line.into(),
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.line)
    }
}

impl std::error::Error for Failure {}
