//! A real browser without a window.

use crate::{Process, part};
use std::process::Command;
use tempfile::TempDir;

/// A running Chromium with a profile of its own; ended when dropped.
#[derive(Debug)]
pub struct Browser {
    _process: Process,
    _profile: TempDir,
}

impl Browser {
    /// Opens a page. The names lead to this machine, whatever the port; no other name leads anywhere.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn open(url: &str, names: &[&str]) -> Self {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let rules: Vec<String> = names
            .iter()
            .map(|name| format!("MAP {name} 127.0.0.1"))
            .chain(["MAP * ~NOTFOUND".to_owned(), "EXCLUDE localhost".to_owned()])
            .collect();
        let process = Process::start(
            Command::new(part("MCP_ZERO_TEST_CHROMIUM"))
                // Its sandbox needs rights that a build machine does not give; the pages are ours.
                .args(["--headless", "--no-sandbox", "--disable-gpu"])
                .args(["--disable-dev-shm-usage", "--no-first-run"])
                // Stays until it is ended.
                .arg("--remote-debugging-port=0")
                .arg(format!("--host-resolver-rules={}", rules.join(", ")))
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .arg(url),
            &profile.path().join("browser.log"),
        );
        Self {
            _process: process,
            _profile: profile,
        }
    }
}
