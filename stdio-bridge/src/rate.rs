//! How many lines of the log one child may cause.

use std::time::{Duration, Instant};

/// Lines that are logged in a second.
const LINES: u32 = 20;

/// Lets a few lines a second through and counts the others.
#[derive(Debug)]
pub(crate) struct Rate {
    second: Instant,
    logged: u32,
    /// Lines that were not logged.
    pub(crate) passed_over: u64,
}

impl Rate {
    pub(crate) fn new() -> Self {
        Self {
            second: Instant::now(),
            logged: 0,
            passed_over: 0,
        }
    }

    /// Whether a line may be logged now; one that may not is counted.
    pub(crate) fn allows(&mut self) -> bool {
        if self.second.elapsed() >= Duration::from_secs(1) {
            self.second = Instant::now();
            self.logged = 0;
        }
        if self.logged < LINES {
            self.logged += 1;
            return true;
        }
        self.passed_over += 1;
        false
    }
}
