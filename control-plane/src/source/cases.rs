//! The cases of a policy file: `<policy>.test.yaml` beside it. A policy that does not pass them is
//! not taken.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use mcp_zero_compile::{Cases, Compiled, Outcome, Source};
use mcp_zero_policy::Snapshot;

use crate::app;
use crate::failure::Failure;

/// The most that a file of cases may hold.
const LARGEST: u64 = 4 << 20;

/// Where the cases of a policy are; a file of cases is its own.
pub fn beside(policy: &Path) -> PathBuf {
    if policy.to_string_lossy().ends_with(".test.yaml") {
        return policy.to_owned();
    }
    policy.with_extension("test.yaml")
}

/// What is in a file of cases; none where there is no such file.
///
/// # Errors
/// The file is there and cannot be read, or is larger than 4 MiB.
pub(super) fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(file) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    if file.take(LARGEST + 1).read_to_end(&mut bytes)? as u64 > LARGEST {
        return Err(io::Error::other("larger than 4 MiB"));
    }
    Ok(Some(bytes))
}

/// Runs the cases of a policy, or puts them to what is `served`; none where there is no file of
/// them.
///
/// # Errors
/// The file is there and cannot be read, or is wrong.
pub fn run(policy: &Path, judge: &Snapshot, served: bool) -> Result<Option<Vec<Outcome>>, Failure> {
    let file = beside(policy);
    let told = |e: &dyn std::fmt::Display| Failure::config(format!("{}: {e}", file.display()));
    let Some(bytes) = read(&file).map_err(|e| told(&e))? else {
        return Ok(None);
    };
    let name = file.to_string_lossy();
    let source = Source::from_bytes(&name, &bytes).map_err(app::refused)?;
    let cases = Cases::read(source).map_err(app::refused)?;
    Ok(Some(cases.run(judge, served)))
}

/// What keeps a policy from being taken: a line for each case that fails.
///
/// # Errors
/// As [`run`].
pub fn failures(policy: &Path, compiled: &Compiled) -> Result<Vec<String>, Failure> {
    let name = beside(policy);
    let judge = compiled
        .judge()
        .map_err(|e| Failure::runtime(e.to_string()))?;
    let outcomes = run(policy, &judge, false)?.unwrap_or_default();
    let failed = outcomes.into_iter().filter_map(|outcome| {
        let why = outcome.failure?;
        Some(format!(
            "{}:{}: case `{}`: {why}",
            name.display(),
            outcome.line,
            outcome.name
        ))
    });
    Ok(failed.collect())
}
