//! The published conformance suite of MCP, against any URL.

use crate::part;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// What is run, by the names of the suite's command line.
#[derive(Debug, Clone, Copy)]
pub enum Suite {
    /// All scenarios of the newest stable release.
    Stable,
    /// What a revision of the specification requires, by the newest release of all.
    Requirements(&'static str),
    /// One scenario of the newest release of all, as of 2026-07-28.
    Scenario(&'static str),
}

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Passed.
    Success,
    /// Something recommended is missing.
    Warning,
    /// Something required is missing.
    Failure,
}

/// One check of a scenario.
#[derive(Debug, Clone)]
pub struct Check {
    /// Its id, with a number where the id occurs again.
    pub id: String,
    /// How it ended.
    pub status: Status,
    /// Why, where it did not pass.
    pub message: String,
}

impl Suite {
    /// Runs against a URL; the checks by scenario.
    ///
    /// # Panics
    /// When the suite cannot be started or leaves nothing readable.
    pub fn run(self, url: &str) -> BTreeMap<String, Vec<Check>> {
        let results = tempfile::tempdir().expect("a temporary folder");
        let (release, arguments) = match self {
            Self::Stable => ("conformance-0.1", vec!["--suite", "all"]),
            Self::Requirements(revision) => ("conformance-0.2", vec!["--requirements", revision]),
            Self::Scenario(name) => (
                "conformance-0.2",
                vec!["--scenario", name, "--spec-version", "2026-07-28"],
            ),
        };
        let script = part("MCP_ZERO_TEST_NPM_CLIENTS")
            .join("node_modules")
            .join(release)
            .join("dist/index.js");
        // Its exit code says that checks failed; they are in the files.
        let done = Command::new(part("MCP_ZERO_TEST_NODE"))
            .arg(script)
            .args(["server", "--url", url, "--output-dir"])
            .arg(results.path())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .expect("the suite starts");
        let scenarios = read(results.path());
        assert!(
            !scenarios.is_empty(),
            "no results:\n{}\n{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
        scenarios
    }
}

/// Reads `server-<scenario>-<time>/checks.json` of every scenario.
fn read(folder: &Path) -> BTreeMap<String, Vec<Check>> {
    const TIME: usize = "-2026-11-25T22-33-12-406Z".len();
    let entries = std::fs::read_dir(folder).expect("the folder of results");
    let mut scenarios = BTreeMap::new();
    for entry in entries.map(|e| e.expect("a result")) {
        let folder = entry.file_name().to_string_lossy().into_owned();
        let name = folder
            .strip_prefix("server-")
            .and_then(|n| n.get(..n.len().checked_sub(TIME)?))
            .unwrap_or_else(|| panic!("a result called {folder}"));
        let text = std::fs::read_to_string(entry.path().join("checks.json")).expect("checks");
        let checks: Vec<Value> = serde_json::from_str(&text).expect("checks are JSON");
        scenarios.insert(name.to_owned(), judged(&checks));
    }
    scenarios
}

fn judged(checks: &[Value]) -> Vec<Check> {
    let mut seen = BTreeMap::new();
    let mut judged = Vec::new();
    for check in checks {
        let status = match check["status"].as_str() {
            Some("SUCCESS") => Status::Success,
            Some("WARNING") => Status::Warning,
            Some("FAILURE") => Status::Failure,
            Some("INFO" | "SKIPPED") => continue,
            other => panic!("a check ends with {other:?}"),
        };
        let id = check["id"].as_str().expect("a check has an id");
        let count = seen.entry(id).or_insert(0);
        *count += 1;
        judged.push(Check {
            id: format!("{id}#{count}"),
            status,
            message: check["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        });
    }
    judged
}
