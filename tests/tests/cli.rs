//! The command line: exit codes, gates, and what a person reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{part, policy};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// None of these commands takes long.
const LIMIT: Duration = Duration::from_secs(60);

fn mcp_zero(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let state = tempfile::tempdir().unwrap();
    let mut child = Command::new(part("MCP_ZERO_TEST_GATEWAY"))
        .args(arguments)
        .env_clear()
        .env("MCP_GATEWAY_KEY", "5e".repeat(32))
        .envs(variables.iter().copied())
        .env("MCP_STATE_DIR", state.path())
        .env("MCP_ENVOY", part("MCP_ZERO_TEST_ENVOY"))
        .env("MCP_FILTER_MODULE", part("MCP_ZERO_TEST_FILTER"))
        .env("MCP_HOST", "127.0.0.1")
        .env("MCP_PORT", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begin = Instant::now();
    while child.try_wait().unwrap().is_none() {
        // What is to be refused would otherwise run for ever once it is not.
        if begin.elapsed() > LIMIT {
            child.kill().unwrap();
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let done = child.wait_with_output().unwrap();
    let text =
        String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap_or(-1), text)
}

fn file(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn check_tells_everything_at_once() {
    let (_keep, good) = file(&policy("http://127.0.0.1:1/mcp"));
    let (code, text) = mcp_zero(&["check", &good], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("good"), "{text}");
    let (_keep, bad) =
        file("version: 2\ndefualt: deny\nservers: {}\nanalytics: {redis: {url: x}}\n");
    let (code, text) = mcp_zero(&["check", &bad], &[]);
    assert_eq!(code, 78, "{text}");
    for wanted in [
        "did you mean `default`",
        "MZ0900",
        "policy.yaml:1:",
        "policy.yaml:3:",
    ] {
        assert!(text.contains(wanted), "no {wanted:?} in {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

#[test]
fn gates_end_with_78_and_one_clear_line() {
    let url = "http://127.0.0.1:1/mcp";
    let open = policy(url).replace("default: deny", "default: allow");
    let (_open, open) = file(&open);
    let (_closed, closed) = file(&policy(url));
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], &'a str);
    let cases: &[Case<'_>] = &[
        (&["run"], &[], "MZ0801"),
        (&["run"], &[("MCP_UPSTREAM_URL", url)], "MZ0801"),
        (
            &["run", "--policy", &closed],
            &[("OKTA_ISSUER", "https://idp.example")],
            "MZ0802",
        ),
        (
            &["run", "--policy", &closed],
            &[("MCP_STRICT_SECURITY", "true")],
            "MZ0803",
        ),
        (
            &["run", "--policy", &closed],
            &[
                ("MCP_STRICT_SECURITY", "on"),
                ("MCP_RELAX_STARTUP_CHECKS", "1"),
            ],
            "MZ0803",
        ),
        (&["run", "--policy", &open], &[], "MZ0804"),
        (&["run", "--policy", "/nowhere.yaml"], &[], "/nowhere.yaml"),
        (
            &["run", "--policy", &closed],
            &[("MCP_STRICT_SECURITY", "enabled")],
            "MCP_STRICT_SECURITY",
        ),
        (
            &["run", "--policy", &closed],
            &[("OKTA_CLIENT_SECRET", "x")],
            "OKTA_CLIENT_SECRET",
        ),
        (&["serve", "--policy", &closed], &[], "MCP_PORT"),
        (&["token", "--user", "a"], &[], "run --dev"),
    ];
    for (arguments, variables, wanted) in cases {
        let (code, text) = mcp_zero(arguments, variables);
        assert_eq!(code, 78, "{arguments:?} {variables:?}: {text}");
        assert!(
            text.contains(wanted),
            "{arguments:?} {variables:?}: no {wanted} in {text}"
        );
    }
}

#[test]
fn an_unset_variable_is_a_warning_for_check_and_the_end_for_run() {
    let header = "timeout_seconds: 2\n    headers: {Authorization: \"Bearer ${UP_TOKEN}\"}";
    let text = policy("http://127.0.0.1:1/mcp").replace("timeout_seconds: 2", header);
    let (_keep, file) = file(&text);
    let (code, text) = mcp_zero(&["check", &file], &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("MZ0502") && text.contains("good"), "{text}");
    for command in ["run", "serve"] {
        let mut arguments = vec![command, "--policy", &file, "--admin", "off"];
        if command == "serve" {
            arguments.extend(["--port", "1"]);
        }
        let variables = [("MCP_RELAX_STARTUP_CHECKS", "true")];
        let (code, text) = mcp_zero(&arguments, &variables);
        assert_eq!(code, 78, "{command}: {text}");
        assert!(
            text.contains("MZ0502") && text.contains("`UP_TOKEN`"),
            "{text}"
        );
    }
}

#[test]
fn a_missing_program_is_told_before_anything_starts() {
    let server = "  - {name: files, transport: stdio, command: npx, args: [-y, x]}\n";
    let text =
        policy("http://127.0.0.1:1/mcp").replace("\nservers:\n", &format!("\nservers:\n{server}"));
    let (_keep, file) = file(&text);
    let wanted = "server `files`: no `npx` on the PATH; it comes with Node.js";
    let path = ("PATH", "/nowhere");
    let (code, text) = mcp_zero(&["check", &file], &[path]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains(wanted), "{text}");
    let (code, text) = mcp_zero(&["run", "--policy", &file, "--admin", "off"], &[path]);
    assert_eq!(code, 78, "{text}");
    assert!(text.contains(wanted), "{text}");
}
