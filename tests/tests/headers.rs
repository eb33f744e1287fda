//! Static headers and variables: what reaches a server, and that no secret is anywhere else.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Gateway, Options, Received, Scripted, admin, events, ok, policy, session, wait,
};
use serde_json::Value;

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
/// Nobody but the server may see it.
const CANARY: &str = "c4n4ry-0f-th3-h34d3r";

/// The usual policy, with headers.
fn with(url: &str, headers: &str) -> String {
    let server = "    timeout_seconds: 2\n";
    policy(url).replace(server, &format!("{server}    headers: {{{headers}}}\n"))
}

fn start(policy: &str) -> Gateway {
    let variables = [("UP_TOKEN", CANARY), ("OTHER_TOKEN", "another")];
    let options = Options {
        variables: variables
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .to_vec(),
        ..Options::default()
    };
    Gateway::start_with(policy, &options)
}

fn bearer(received: &Received) -> &str {
    received.header("authorization").unwrap_or("(none)")
}

#[test]
fn the_servers_credential_arrives_and_the_callers_does_not() {
    let server = Scripted::json(ANSWER);
    let headers = r#"Authorization: "Bearer ${UP_TOKEN}", X-Tenant: "50% of %REQ(user-agent)%""#;
    let gateway = start(&with(&server.url(), headers));
    let token = gateway.token("alice", "developers");
    let caller = format!("Bearer {token}");
    let sent = [
        ("authorization", caller.as_str()),
        ("x-tenant", "forged"),
        ("x-mcp-zero-caller", "00000000000000000000000000000000"),
    ];
    let answer = gateway.post_with("s", &sent, CALL);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let received = server.wait(1);
    assert_eq!(bearer(&received[0]), format!("Bearer {CANARY}"));
    assert_eq!(
        received[0].header("x-tenant"),
        Some("50% of %REQ(user-agent)%")
    );
    let head = received[0].head.to_ascii_lowercase();
    assert_eq!(head.matches("authorization:").count(), 1, "{head}");
    assert!(!head.contains(&token.to_ascii_lowercase()), "{head}");
    assert!(
        !head.contains("x-mcp-zero") && !head.contains("forged"),
        "{head}"
    );
    // Envoy knows the name alone.
    let socket = gateway.state().join("envoy.sock");
    let dump = admin(&socket, "/config_dump?include_eds");
    assert!(dump.contains("Bearer %ENVIRONMENT(UP_TOKEN)%"), "{dump}");
    for page in [
        "/config_dump?include_eds",
        "/clusters",
        "/stats",
        "/server_info",
    ] {
        assert!(!admin(&socket, page).contains(CANARY), "{page}");
    }
    let records = serde_json::to_string(&gateway.records(1)).unwrap();
    assert!(!records.contains(CANARY) && !gateway.log().contains(CANARY));
}

#[test]
fn an_answer_of_the_gateway_itself_has_the_credential_too() {
    let server = Scripted::start(|request| {
        if !request.body.contains("tools/call") {
            return vec![ok("application/json", "")];
        }
        let ask = r#"{"jsonrpc":"2.0","id":"q","method":"sampling/createMessage","params":{}}"#;
        events(&format!("data: {ask}\n\ndata: {ANSWER}\n\n"), 1000)
    });
    let gateway = start(&with(
        &server.url(),
        r#"Authorization: "Bearer ${UP_TOKEN}""#,
    ));
    let token = gateway.token("alice", "developers");
    let caller = format!("Bearer {token}");
    let session = session(&token, "s", "one");
    let sent = [
        ("authorization", caller.as_str()),
        ("mcp-session-id", session.as_str()),
    ];
    let answer = gateway.post_with("s", &sent, CALL);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let received = server.wait(2);
    let own = received.iter().find(|r| r.body.contains("-31403")).unwrap();
    let body: Value = serde_json::from_str(&own.body).unwrap();
    assert_eq!(body["id"], "q");
    assert_eq!(bearer(own), format!("Bearer {CANARY}"));
}

#[test]
fn a_new_version_takes_another_variable_and_none_that_is_unset() {
    let server = Scripted::json(ANSWER);
    let gateway = start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    // Another header is another cluster: what was judged for the one does not go to the other,
    // so while Envoy changes over a request may be 503.
    let seen = || match gateway.post("s", &token, CALL).status {
        200 => bearer(server.received().last().unwrap()).to_owned(),
        status => format!("{status}"),
    };
    assert_eq!(seen(), "(none)");
    gateway.set_policy(&with(
        &server.url(),
        r#"Authorization: "Bearer ${OTHER_TOKEN}""#,
    ));
    wait("the first header", || seen() == "Bearer another");
    gateway.set_policy(&with(
        &server.url(),
        r#"Authorization: "Bearer ${NOBODY_SETS_THIS}""#,
    ));
    gateway.wait_for_log("policy refused", 1);
    assert!(gateway.log().contains("MZ0502"), "{}", gateway.log());
    assert_eq!(seen(), "Bearer another");
    gateway.set_policy(&with(
        &server.url(),
        r#"Authorization: "Bearer ${UP_TOKEN}""#,
    ));
    let canary = format!("Bearer {CANARY}");
    wait("the second header", || seen() == canary);
    gateway.set_policy(&policy(&server.url()));
    wait("no header", || seen() == "(none)");
}

#[test]
fn a_url_takes_variables() {
    let server = Scripted::json(ANSWER);
    let options = Options {
        variables: vec![("UP_URL".to_owned(), server.url())],
        ..Options::default()
    };
    let gateway = Gateway::start_with(&policy("'${UP_URL:-http://127.0.0.1:1/x}'"), &options);
    let token = gateway.token("alice", "developers");
    assert_eq!(gateway.post("s", &token, CALL).status, 200);
    assert!(server.received()[0].head.starts_with("POST /mcp "));
}
