//! The shipped demo: its policy in front of its server, with clients of both eras.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Demo, Gateway, Session};
use serde_json::json;

#[test]
fn the_demo_policy_does_what_it_says() {
    let server = Demo::start();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../policies/demo.yaml");
    let policy = std::fs::read_to_string(file).unwrap();
    assert!(
        policy.contains("127.0.0.1:9100"),
        "the address that `make run` gives the server"
    );
    let policy = policy.replace("127.0.0.1:9100", &server.address().to_string());
    let gateway = Gateway::start(&policy);
    let token = gateway.token("alice", "developers");
    let url = gateway.url("demo");
    let sessions = [
        Session::python(&url, &token).with(&["--protocol", "legacy"]),
        Session::python(&url, &token).with(&["--protocol", "2026-07-28"]),
        Session::sdk2(&url, &token).with(&["--protocol", "2026-07-28"]),
        Session::sdk1(&url, &token),
    ];
    for session in sessions {
        let shown = format!("{session:?}");
        let answers = session
            .then(&json!({"op": "list"}))
            .then(&json!({"op": "call", "name": "lookup_customer", "arguments": {"id": 1}}))
            .then(&json!({"op": "call", "name": "echo", "arguments": {"text": "mail bob@example.com"}}))
            .then(&json!({"op": "call", "name": "delete_customer", "arguments": {"id": 1}}))
            .run();
        assert_eq!(answers.len(), 4, "{shown}: {answers:#?}");
        let list = answers[0].to_string();
        assert!(
            list.contains("lookup_customer") && !list.contains("\"delete_customer\""),
            "{list}"
        );
        let found = answers[1].to_string();
        assert!(
            found.contains("<EMAIL_ADDRESS>") && found.contains("<CREDIT_CARD>"),
            "{found}"
        );
        assert!(!found.contains("4111"), "{found}");
        assert!(
            answers[1]["result"]["structuredContent"].is_object(),
            "{found}"
        );
        assert!(
            answers[2].to_string().contains("<EMAIL_ADDRESS>")
                && !answers[2].to_string().contains("bob@"),
            "{}",
            answers[2]
        );
        assert!(
            answers[3].to_string().contains("Access denied"),
            "{}",
            answers[3]
        );
    }
}

#[test]
fn progress_is_masked_like_results() {
    let server = Demo::start();
    let policy = mcp_zero_tests::policy(&format!("http://{}/mcp", server.address()))
        .replace("tools: ['get*', 'echo', 'send']", "tools: ['slow_count']");
    let gateway = Gateway::start(&policy);
    let token = gateway.token("alice", "developers");
    let answers = Session::python(&gateway.url("s"), &token)
        .with(&["--protocol", "legacy"])
        .then(&json!({"op": "call", "name": "slow_count", "arguments": {"n": 2}, "progress": true}))
        .run();
    let progress = answers[0]["progress"].to_string();
    assert!(
        progress.contains("<EMAIL_ADDRESS>") && !progress.contains("@"),
        "{}",
        answers[0]
    );
}
