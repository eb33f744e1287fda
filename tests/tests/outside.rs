//! Clients that are not of the official TypeScript and Python SDKs, through the gateway: what they are
//! shown, what their server is sent, and what the records say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Everything, Forward, Gateway, Session, part, policy};
use rmcp::ServiceExt as _;
use rmcp::model::{CallToolRequestParams, ProtocolVersion};
use rmcp::service::{ClientLifecycleMode, ClientServiceExt as _, RoleClient, RunningService};
use rmcp::transport::StreamableHttpClientTransport;
use rmcp::transport::streamable_http_client::{
    StreamableHttpClient, StreamableHttpClientTransportConfig,
};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

const SECRET: &str = "mail ann@example.com, card 4111 1111 1111 1111";

/// A server, what it is sent, and the gateway before it.
struct Path {
    _server: Everything,
    sent: Forward,
    gateway: Gateway,
    token: String,
}

impl Path {
    fn to(server: Everything, tools: &str) -> Self {
        let sent = Forward::listening(server.address());
        let url = format!("http://{}/mcp", sent.address());
        let policy = policy(&url)
            .replace("'get*', 'echo', 'send'", tools)
            // Some of these clients take seconds to start.
            .replace("timeout_seconds: 2", "timeout_seconds: 20");
        let gateway = Gateway::start(&policy);
        let token = gateway.token("alice", "developers");
        Self {
            _server: server,
            sent,
            gateway,
            token,
        }
    }

    fn new() -> Self {
        Self::to(Everything::start(), "'get*', 'echo'")
    }

    fn url(&self) -> String {
        self.gateway.url("s")
    }

    fn header(&self) -> String {
        format!("Authorization: Bearer {}", self.token)
    }

    /// After `echo` of the secret and `get-secret`: one went on masked, the other did not go on.
    fn check(&self, echo: &str, allowed: usize, denied: usize) {
        let sent = self.sent.seen();
        assert!(
            sent.contains("mail <EMAIL_ADDRESS>, card <CREDIT_CARD>"),
            "{sent}"
        );
        assert!(
            !sent.contains("ann@") && !sent.contains("4111 1111"),
            "{sent}"
        );
        assert!(!sent.contains("get-secret"), "{sent}");
        assert!(!sent.contains(&self.token), "the token went on");
        for record in &self.gateway.records_of(echo, allowed) {
            assert_eq!(record["decision"], "allow", "{record}");
            assert_eq!(record["rule_id"], "developers-get", "{record}");
            let masked = record["masking"].to_string();
            assert!(
                masked.contains("EMAIL_ADDRESS") && masked.contains("request"),
                "{record}"
            );
        }
        for record in &self.gateway.records_of("get-secret", denied) {
            assert_eq!(record["decision"], "deny", "{record}");
            assert_eq!(record["rule_id"], "no-secrets", "{record}");
        }
    }
}

/// What a client saw of `list`, `echo` of the secret, and `get-secret`.
fn saw(list: &Value, echoed: &Value, refused: &Value) {
    listed(list);
    masked(echoed);
    denied(refused);
}

fn listed(list: &Value) {
    let tools = list["tools"].as_array().unwrap_or_else(|| panic!("{list}"));
    let names: Vec<_> = tools.iter().map(|t| t["name"].as_str().unwrap()).collect();
    assert!(
        names.contains(&"echo") && names.contains(&"get-sum"),
        "{names:?}"
    );
    let allowed = |name: &&str| name.starts_with("get") || *name == "echo";
    assert!(names.iter().all(allowed), "{names:?}");
}

fn masked(echoed: &Value) {
    let text = echoed["content"][0]["text"].as_str().unwrap_or_default();
    assert!(
        text.ends_with("mail <EMAIL_ADDRESS>, card <CREDIT_CARD>"),
        "{echoed}"
    );
}

fn denied(refused: &Value) {
    assert_eq!(refused["isError"], true, "{refused}");
    let text = refused["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.starts_with("Access denied"), "{refused}");
}

fn conversation(session: Session) {
    let answers = session
        .then(&json!({"op": "list"}))
        .then(&json!({"op": "call", "name": "echo", "arguments": {"message": SECRET}}))
        .then(&json!({"op": "call", "name": "get-secret", "arguments": {}}))
        .run();
    assert_eq!(answers.len(), 3, "{answers:#?}");
    saw(
        &answers[0]["result"],
        &answers[1]["result"],
        &answers[2]["result"],
    );
}

fn npm(script: &str) -> String {
    let path = part("MCP_ZERO_TEST_NPM_CLIENTS").join("node_modules/.bin");
    path.join(script).display().to_string()
}

/// Its command line looks into the list first: what is denied is not even asked for.
#[test]
fn inspector() {
    let path = Path::new();
    let ask = |arguments: &[&str]| -> Value {
        let done = Command::new(part("MCP_ZERO_TEST_NODE"))
            .arg(npm("mcp-inspector"))
            .args(["--cli", &path.url(), "--transport", "http"])
            .args(["--header", &path.header()])
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = match done.status.success() {
            true => String::from_utf8_lossy(&done.stdout),
            false => String::from_utf8_lossy(&done.stderr),
        };
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
    };
    let call = ["--method", "tools/call", "--tool-name"];
    let message = format!("message={SECRET}");
    listed(&ask(&["--method", "tools/list"]));
    masked(&ask(
        &[&call[..], &["echo", "--tool-arg", &message]].concat()
    ));
    // The server has this one, and shows it to those who may have it.
    let denied = ask(&[&call[..], &["toggle-simulated-logging"]].concat());
    assert_eq!(denied["error"]["code"], "tool_not_found", "{denied}");
    path.check("echo", 1, 0);
}

#[test]
fn mcp_remote() {
    let path = Path::new();
    let node = part("MCP_ZERO_TEST_NODE").display().to_string();
    conversation(Session::stdio(&json!([
        node,
        npm("mcp-remote"),
        path.url(),
        "--allow-http",
        "--transport",
        "http-only",
        "--header",
        path.header().replacen(": ", ":", 1),
    ])));
    path.check("echo", 1, 1);
}

#[test]
fn fastmcp() {
    let path = Path::new();
    conversation(Session::fastmcp(&path.url(), &path.token));
    conversation(Session::fastmcp(&path.url(), &path.token).with(&["--protocol", "legacy"]));
    path.check("echo", 2, 2);
}

type Running = RunningService<RoleClient, ()>;

fn transport(path: &Path) -> StreamableHttpClientTransport<impl StreamableHttpClient + use<>> {
    let config = StreamableHttpClientTransportConfig::with_uri(path.url());
    StreamableHttpClientTransport::from_config(config.auth_header(path.token.clone()))
}

async fn call(client: &Running, tool: &'static str, arguments: Value) -> Value {
    let arguments = arguments.as_object().unwrap().clone();
    let params = CallToolRequestParams::new(tool).with_arguments(arguments);
    serde_json::to_value(client.call_tool(params).await.unwrap()).unwrap()
}

#[tokio::test]
async fn rmcp_legacy() {
    let path = Path::new();
    let client = ().serve(transport(&path)).await.unwrap();
    saw(
        &json!({"tools": client.list_all_tools().await.unwrap()}),
        &call(&client, "echo", json!({"message": SECRET})).await,
        &call(&client, "get-secret", json!({})).await,
    );
    client.cancel().await.unwrap();
    path.check("echo", 1, 1);
}

/// Both lifecycles of 2026-07-28, with an argument that a header repeats.
#[tokio::test]
async fn rmcp_2026_07_28() {
    const TOOL: &str = "test_mirrored_arguments";
    let path = Path::to(
        Everything::ours("dual.mjs", &[]),
        &format!("'{TOOL}', 'test_simple_text'"),
    );
    let preferred_versions = vec![ProtocolVersion::V_2026_07_28];
    let discover = ClientLifecycleMode::Discover {
        preferred_versions: preferred_versions.clone(),
    };
    let auto = ClientLifecycleMode::Auto {
        preferred_versions,
        legacy_version: None,
    };
    for lifecycle in [discover, auto] {
        let client = ().serve_with_lifecycle(transport(&path), lifecycle).await.unwrap();
        let tools = client.list_all_tools().await.unwrap();
        let names: Vec<_> = tools.iter().map(|t| t.name.as_ref()).collect();
        assert_eq!(names, ["test_simple_text", TOOL]);
        let echoed = call(&client, TOOL, json!({"region": SECRET})).await;
        masked(&echoed);
        denied(&call(&client, "get-secret", json!({})).await);
        client.cancel().await.unwrap();
    }
    let sent = path.sent.seen().to_ascii_lowercase();
    assert!(
        sent.contains("mcp-param-region: mail <email_address>, card <credit_card>"),
        "{sent}"
    );
    assert!(!sent.contains("\"method\":\"initialize\""), "{sent}");
    path.check(TOOL, 2, 2);
}
