//! Real clients of the official SDKs, a real server, and the gateway between them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Everything, Gateway, Session, policy};
use serde_json::{Value, json};

fn names(answer: &Value) -> Vec<String> {
    let tools = answer["result"]["tools"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    tools
        .iter()
        .map(|t| t["name"].as_str().unwrap().to_owned())
        .collect()
}

/// List, allowed, denied, masked: what every client sees.
fn conversation(session: Session) {
    let answers = session
        .then(&json!({"op": "list"}))
        .then(&json!({"op": "call", "name": "echo", "arguments": {"message": "mail ann@example.com, card 4111 1111 1111 1111"}}))
        .then(&json!({"op": "call", "name": "get-sum", "arguments": {"a": 2, "b": 3}}))
        .then(&json!({"op": "call", "name": "get-secret", "arguments": {}}))
        .then(&json!({"op": "prompts"}))
        .run();
    assert_eq!(answers.len(), 5, "{answers:#?}");
    let tools = names(&answers[0]);
    assert!(
        tools.contains(&"echo".to_owned()) && tools.contains(&"get-sum".to_owned()),
        "{tools:?}"
    );
    assert!(
        tools.iter().all(|t| t.starts_with("get") || t == "echo"),
        "{tools:?}"
    );
    let echoed = answers[1]["result"]["content"][0]["text"]
        .as_str()
        .unwrap_or_else(|| panic!("{}", answers[1]));
    assert!(
        echoed.contains("<EMAIL_ADDRESS>") && echoed.contains("<CREDIT_CARD>"),
        "{echoed}"
    );
    assert!(
        !echoed.contains("ann@") && !echoed.contains("4111"),
        "{echoed}"
    );
    assert!(
        answers[2]["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .contains('5'),
        "{}",
        answers[2]
    );
    let denied = &answers[3];
    assert_eq!(denied["result"]["isError"], true, "{denied}");
    assert!(
        denied["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .starts_with("Access denied")
    );
    let prompts = answers[4]["result"]["prompts"].as_array().unwrap();
    assert!(
        !prompts.is_empty()
            && prompts
                .iter()
                .all(|p| p["name"].as_str().unwrap().starts_with("simple")),
        "{prompts:?}"
    );
}

#[test]
fn npm_sdk_1() {
    let server = Everything::start();
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    conversation(Session::sdk1(&gateway.url("s"), &token));
}

#[test]
fn npm_client_2() {
    let server = Everything::start();
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    conversation(Session::sdk2(&gateway.url("s"), &token));
}

#[test]
fn pypi_mcp() {
    let server = Everything::start();
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    conversation(Session::python(&gateway.url("s"), &token).with(&["--protocol", "legacy"]));
    conversation(Session::python(&gateway.url("s"), &token));
    let refused = Session::python(&gateway.url("s"), "")
        .then(&json!({"op": "list"}))
        .run();
    assert_eq!(refused[0]["ok"], false, "{refused:?}");
    let session = Session::python(&gateway.url("s"), &token)
        .then(&json!({"op": "resources"}))
        .then(&json!({"op": "get_prompt", "name": "simple-prompt"}))
        .then(&json!({"op": "get_prompt", "name": "args-prompt", "arguments": {"city": "Bern"}}))
        .then(&json!({"op": "call", "name": "trigger-long-running-operation", "arguments": {"duration": 1, "steps": 2}}))
        .run();
    assert!(
        !session[0]["result"]["resources"]
            .as_array()
            .unwrap()
            .is_empty(),
        "{session:#?}"
    );
    assert_eq!(session[1]["ok"], true, "{session:#?}");
    assert_eq!(
        (&session[2]["ok"], &session[2]["code"]),
        (&json!(false), &json!(-31403)),
        "{session:#?}"
    );
    assert_eq!(session[3]["result"]["isError"], true, "{session:#?}");
}

/// The server asks the client for a sample: allowed, the answer comes back through the gateway;
/// denied, the server hears an error in the client's place and the client hears nothing.
#[test]
fn requests_of_the_server() {
    let server = Everything::start();
    let wanted = |requests: &str| {
        policy(&server.url())
            .replace(
                "tools: ['get*', 'echo', 'send']",
                "tools: ['get*', 'trigger-*']",
            )
            .replace(
                "client_requests: ['roots/list']",
                &format!("client_requests: [{requests}]"),
            )
    };
    let ask = |gateway: &Gateway| {
        let token = gateway.token("alice", "developers");
        Session::python(&gateway.url("s"), &token)
            .with(&["--protocol", "legacy", "--answer-server"])
            .then(&json!({"op": "call", "name": "trigger-sampling-request", "arguments": {"prompt": "hello", "maxTokens": 5}}))
            .then(&json!({"op": "call", "name": "trigger-long-running-operation", "arguments": {"duration": 1, "steps": 2}, "progress": true}))
            .run()
    };
    let open = Gateway::start(&wanted("'sampling/createMessage', 'roots/list'"));
    let answers = ask(&open);
    assert!(
        answers[0]
            .to_string()
            .contains("sampled by the test client"),
        "{}",
        answers[0]
    );
    assert_eq!(
        answers[1]["progress"].as_array().map(Vec::len),
        Some(2),
        "{}",
        answers[1]
    );

    let closed = Gateway::start(&wanted("'roots/list'"));
    let answers = ask(&closed);
    let text = answers[0].to_string();
    assert!(!text.contains("sampled by the test client"), "{text}");
    assert!(
        text.contains("Access denied"),
        "the server has heard no: {text}"
    );
    assert_eq!(
        answers[1]["ok"], true,
        "the session goes on: {}",
        answers[1]
    );
}
