//! Which crate may depend on which: architecture.md's arrows, checked against Cargo's own view.

use crate::failure::{Failure, Result};
use crate::{root, shell};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Allowed arrows between our crates.
const ARROWS: &[(&str, &[&str])] = &[
    ("mcp-zero-proto", &[]),
    ("mcp-zero-wire", &[]),
    ("mcp-zero-policy", &["mcp-zero-proto"]),
    ("mcp-zero-identity", &["mcp-zero-wire"]),
    ("mcp-zero-mask", &["mcp-zero-wire"]),
    (
        "mcp-zero-compile",
        &["mcp-zero-policy", "mcp-zero-mask", "mcp-zero-proto"],
    ),
    (
        "mcp-zero-gate",
        &[
            "mcp-zero-wire",
            "mcp-zero-policy",
            "mcp-zero-identity",
            "mcp-zero-mask",
            "mcp-zero-proto",
        ],
    ),
    ("mcp-zero-filter", &["mcp-zero-gate", "mcp-zero-proto"]),
    // The filter's own source with a switch for tests.
    ("mcp-zero-filter-trap", &["mcp-zero-gate", "mcp-zero-proto"]),
    (
        "mcp-zero-control-plane",
        &[
            "mcp-zero-compile",
            "mcp-zero-gate",
            "mcp-zero-identity",
            "mcp-zero-policy",
            "mcp-zero-proto",
        ],
    ),
    (
        "mcp-zero-stdio-bridge",
        &["mcp-zero-compile", "mcp-zero-wire"],
    ),
    ("mcp-zero-demo-server", &[]),
    // Measured beside ours; nothing of it is shipped.
    ("mcp-zero-bench-reader", &[]),
    ("mcp-zero-bench-engine", &["mcp-zero-mask", "mcp-zero-wire"]),
    ("xtask", &[]),
];

/// Outside crates that only some of ours may name.
const RESERVED: &[(&str, &[&str])] = &[
    (
        "proxy-wasm",
        &[
            "mcp-zero-filter",
            "mcp-zero-filter-trap",
            "mcp-zero-bench-reader",
        ],
    ),
    (
        "tokio",
        &[
            "mcp-zero-control-plane",
            "mcp-zero-demo-server",
            "mcp-zero-stdio-bridge",
            "mcp-zero-tests",
        ],
    ),
    ("tonic", &["mcp-zero-control-plane", "mcp-zero-tests"]),
    (
        "axum",
        &[
            "mcp-zero-control-plane",
            "mcp-zero-demo-server",
            "mcp-zero-stdio-bridge",
            "mcp-zero-tests",
        ],
    ),
    ("reqwest", &["mcp-zero-control-plane", "mcp-zero-tests"]),
    ("serde-saphyr", &["mcp-zero-compile", "mcp-zero-tests"]),
];

/// Crates that may not reach the module, however indirectly.
const NEVER_IN_MODULE: &[&str] = &[
    "mcp-zero-compile",
    "tokio",
    "regex-syntax",
    "serde-saphyr",
    "wasm-bindgen",
];

/// Our crates' direct dependencies by name, tests' own left out.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Checks the workspace.
pub(crate) fn check() -> Result<()> {
    let text = shell::output(
        Command::new("cargo")
            .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
            .current_dir(root()?),
    )?;
    let metadata: Value = serde_json::from_str(&text)
        .map_err(|e| Failure::new(format!("cargo metadata is not JSON: {e}")))?;
    let mut faults = faults(&direct(&metadata));
    faults.extend(in_module()?);
    if faults.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!("forbidden dependencies:\n    {}", faults.join("\n    ")))
        .help("move the code to the crate that owns it, or change the table in xtask/src/layer.rs with a reason"))
}

fn direct(metadata: &Value) -> Graph {
    let list = |v: &Value| v.as_array().cloned().unwrap_or_default();
    let name = |v: &Value| v["name"].as_str().unwrap_or_default().to_owned();
    list(&metadata["packages"])
        .iter()
        .map(|package| {
            let dependencies = list(&package["dependencies"])
                .iter()
                .filter(|d| d["kind"].is_null())
                .map(&name)
                .collect();
            (name(package), dependencies)
        })
        .collect()
}

fn faults(graph: &Graph) -> Vec<String> {
    let ours = |name: &str| graph.contains_key(name);
    let mut found = Vec::new();
    for (from, dependencies) in graph {
        let allowed = ARROWS
            .iter()
            .find(|(name, _)| name == from)
            .map(|(_, to)| *to);
        for to in dependencies {
            let reserved = RESERVED.iter().find(|(name, _)| name == to);
            if reserved.is_some_and(|(_, who)| !who.contains(&from.as_str())) {
                found.push(format!("{from} names {to}"));
            }
            match allowed {
                Some(allowed) if ours(to) && !allowed.contains(&to.as_str()) => {
                    found.push(format!("{from} depends on {to}"));
                }
                None if from != "mcp-zero-tests" => {
                    found.push(format!("{from} is not in the table"))
                }
                Some(_) | None => {}
            }
        }
    }
    found
}

fn in_module() -> Result<Vec<String>> {
    let tree = shell::output(
        Command::new("cargo")
            .args([
                "tree",
                "--locked",
                "--package",
                "mcp-zero-filter",
                "--edges",
                "normal",
            ])
            .args([
                "--target",
                "wasm32-wasip1",
                "--prefix",
                "none",
                "--format",
                "{p}",
            ])
            .current_dir(root()?),
    )?;
    let present: BTreeSet<&str> = tree.lines().filter_map(|l| l.split(' ').next()).collect();
    Ok(NEVER_IN_MODULE
        .iter()
        .filter(|name| present.contains(**name))
        .map(|name| format!("{name} reaches the Wasm module"))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(arrows: &[(&str, &[&str])]) -> Graph {
        arrows
            .iter()
            .map(|(from, to)| {
                (
                    (*from).to_owned(),
                    to.iter().map(|t| (*t).to_owned()).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn an_arrow_against_the_table_is_named() {
        let bad = graph(&[
            ("mcp-zero-wire", &["mcp-zero-policy"]),
            ("mcp-zero-policy", &[]),
        ]);
        assert_eq!(faults(&bad), ["mcp-zero-wire depends on mcp-zero-policy"]);
        let good = graph(&[
            ("mcp-zero-mask", &["mcp-zero-wire"]),
            ("mcp-zero-wire", &["memchr"]),
        ]);
        assert!(faults(&good).is_empty());
    }

    #[test]
    fn a_reserved_crate_is_named() {
        let bad = graph(&[("mcp-zero-gate", &["tokio"])]);
        assert_eq!(faults(&bad), ["mcp-zero-gate names tokio"]);
    }

    #[test]
    fn a_crate_without_a_row_is_named() {
        let bad = graph(&[("mcp-zero-new", &["memchr"])]);
        assert_eq!(faults(&bad), ["mcp-zero-new is not in the table"]);
    }
}
