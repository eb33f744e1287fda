//! The guides hold together: what they link to is there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::repository;
use std::path::{Path, PathBuf};

/// Folders that hold no documents of ours.
const OTHERS: [&str; 3] = ["target", "node_modules", ".git"];

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && !OTHERS.iter().any(|other| name == *other) {
            documents(&path, found);
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
}

/// The targets of `[text](target)`, without those on other hosts.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target)
        .filter(|target| !target.contains("://"))
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
            _ => None,
        })
        .collect()
}

#[test]
fn every_link_between_documents_leads_somewhere() {
    let mut found = Vec::new();
    documents(&repository(), &mut found);
    let mut seen = 0;
    for document in &found {
        let text = std::fs::read_to_string(document).unwrap();
        for link in links(&text) {
            let (path, section) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => document.clone(),
                path => document.parent().unwrap().join(path),
            };
            assert!(target.exists(), "{}: {link}", document.display());
            if !section.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|line| line.starts_with('#'));
                assert!(
                    headings.any(|heading| anchor(heading) == section),
                    "{}: {link}",
                    document.display()
                );
            }
            seen += 1;
        }
    }
    assert!(seen > 30, "{seen} links in {} documents", found.len());
}

#[test]
fn the_guides_are_there() {
    for name in [
        "architecture",
        "benchmarks",
        "decisions",
        "for-leaders",
        "identity",
        "obo",
        "policy-reference",
        "quickstart",
        "requirements",
        "roadmap",
        "threat-model",
        "troubleshooting",
    ] {
        let text = std::fs::read_to_string(repository().join(format!("docs/{name}.md"))).unwrap();
        assert!(
            text.starts_with("# ") && text.lines().count() > 20,
            "{name}"
        );
    }
}

/// Each test that `docs/requirements.md` names is there.
#[test]
fn every_test_that_holds_a_requirement_exists() {
    let text = std::fs::read_to_string(repository().join("docs/requirements.md")).unwrap();
    // Every second piece stands between backticks.
    let named: Vec<(&str, &str)> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|name| name.split_once(".rs::"))
        .collect();
    assert!(named.len() > 40, "{} tests", named.len());
    for (file, name) in named {
        let folder = if file.contains("/src/") || file.contains("/tests/") {
            repository()
        } else {
            repository().join("tests/tests")
        };
        let path = folder.join(format!("{file}.rs"));
        let source = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{file}.rs: {e}"));
        let at = source.find(&format!("fn {name}("));
        let at = at.unwrap_or_else(|| panic!("no {name} in {file}.rs"));
        // A test, and none that is left out.
        let before: Vec<&str> = source[..at].lines().rev().take(4).collect();
        let before = before.join("\n");
        assert!(
            (before.contains("#[test]") || before.contains("#[tokio::test"))
                && !before.contains("#[ignore"),
            "{name} in {file}.rs is no test:\n{before}"
        );
    }
    // What threatens identity and policy has a row each.
    for id in [
        "S1", "S2", "S3", "S4", "S5", "S6", "S8", "S9", "T4", "T5", "T6", "I1", "I5", "I6", "I7",
        "E3", "E7",
    ] {
        assert!(text.contains(&format!("\n| {id} | ")), "no row for {id}");
    }
}
