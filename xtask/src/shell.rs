//! Running other programs.

use crate::failure::{Failure, Result};
use std::process::{Command, Stdio};

/// Runs a program with its output shown.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|e| unstartable(command, &e))?;
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("{} failed ({status})", line(command))))
}

/// Runs a program and returns what it prints; its standard error is shown only when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| unstartable(command, &e))?;
    if done.status.success() {
        return Ok(String::from_utf8_lossy(&done.stdout).trim().to_owned());
    }
    let text = String::from_utf8_lossy(&done.stderr);
    let mut last: Vec<&str> = text.lines().rev().take(8).collect();
    last.reverse();
    Err(Failure::new(format!(
        "{} failed ({})\n    {}",
        line(command),
        done.status,
        last.join("\n    ")
    )))
}

fn unstartable(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("{} cannot be started: {error}", line(command)))
}

fn line(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(
        command
            .get_args()
            .take(6)
            .map(|a| a.to_string_lossy().into_owned()),
    );
    format!("`{}`", words.join(" "))
}
