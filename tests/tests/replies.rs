//! The reply table (product.md §6.5), row by row: status, code, id, text, header, record. Its rows
//! for scopes, foreign sessions, stale keys and rate limits come with what causes them.
//!
//! | row | test |
//! |---|---|
//! | no or bad token; host or origin; unknown path, server or session; type, encoding, size; HTTP method | `what_the_head_decides` |
//! | unreadable; header and body disagree; `_meta`, version; unknown method; denied call, request, notification | `what_the_body_decides` |
//! | answers that cannot be inspected, whole or in a stream; a server that is away, refuses or is silent | `what_the_server_causes` |
//! | Envoy's own 400, 408, 413, 431, 502 | `what_envoy_answers`, `edges::limits` |
//! | no snapshot | `without_a_snapshot_everything_is_503`, `no_snapshot`; a trapped filter: `trap` |
//! | no keys of an issuer | `identity::without_keys_tokens_are_503_and_nothing_passes` |
//! | unknown and forbidden are byte-equal | `unknown_and_forbidden_are_one_answer` |
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Gateway, Issuer, Plane, Response, Scripted, events, ok, policy, request, wait,
};
use serde_json::{Value, json};

/// Stands in every argument and answer, and may stand in no reply and no record.
const CANARY: &str = "c4n4ry";
const MODERN: &str = "2026-07-28";

fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
           "params": {"name": tool, "arguments": {"note": CANARY}}})
    .to_string()
}

fn modern(method: &str, name: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": {
        "name": name, "arguments": {"note": CANARY},
        "_meta": {"io.modelcontextprotocol/protocolVersion": MODERN,
                  "io.modelcontextprotocol/clientCapabilities": {}}}})
    .to_string()
}

/// A gateway in front of a server that misbehaves as a tool's name says, and one that is away.
struct Fixture {
    server: Scripted,
    gateway: Gateway,
    bearer: String,
}

impl Fixture {
    fn start() -> Self {
        let server = Scripted::start(|request| {
            let is = |tool: &str| request.body.contains(tool);
            let status = |line: &str| {
                let text = format!(
                    "HTTP/1.1 {line}\r\nlocation: /{CANARY}\r\nwww-authenticate: Basic {CANARY}\r\ncontent-type: text/plain\r\ncontent-length: 6\r\n\r\n{CANARY}"
                );
                vec![text.into_bytes()]
            };
            if is("get-401") {
                status("401 Unauthorized")
            } else if is("get-403") {
                status("403 Forbidden")
            } else if is("get-302") {
                status("302 Found")
            } else if is("get-500") {
                status("500 Internal Server Error")
            } else if is("get-text") {
                vec![ok("text/plain", CANARY)]
            } else if is("get-twice") {
                let body =
                    format!(r#"{{"jsonrpc":"2.0","id":7,"result":{{}},"result":"{CANARY}"}}"#);
                vec![ok("application/json", &body)]
            } else if is("get-stream") {
                events(&format!("data: {CANARY}\n\n"), 9)
            } else if is("get-garbage") {
                vec![format!("{CANARY}\r\n\r\n").into_bytes()]
            } else if is("get-silent") {
                std::thread::sleep(std::time::Duration::from_secs(6));
                Vec::new()
            } else {
                vec![ok(
                    "application/json",
                    r#"{"jsonrpc":"2.0","id":7,"result":{}}"#,
                )]
            }
        });
        let text = policy(&server.url())
            .replace("resources: ['*']", "resources: ['file:///*', 'secret://*']")
            .replace(
                "tools: ['get-secret']",
                "tools: ['get-secret']\n        resources: ['secret://*']",
            )
            .replace(
                "policies:\n",
                "  - name: away\n    transport: http\n    url: http://127.0.0.1:9/mcp\n    timeout_seconds: 2\npolicies:\n",
            )
            .replace(
                "        client_requests: ['roots/list']\n",
                "        client_requests: ['roots/list']\n      - name: away\n        tools: ['get*']\n",
            )
            .replace("max_request_bytes: 65536", "max_request_bytes: 33554432");
        let gateway = Gateway::start(&text);
        let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
        Self {
            server,
            gateway,
            bearer,
        }
    }

    /// Sends a request with the token, unless the headers say otherwise.
    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Response {
        let mut all = vec![("authorization", self.bearer.as_str())];
        all.retain(|(n, _)| !headers.iter().any(|(h, _)| h == n));
        all.extend(headers);
        self.gateway
            .send(request(method, path, &all, body).as_bytes())
    }

    fn post(&self, headers: &[(&str, &str)], body: &str) -> Response {
        self.send("POST", "/mcp/s", headers, body)
    }

    /// What every reply has in common; gives its correlation id and its record.
    fn common(&self, row: &str, answer: &Response, status: u16) -> (String, Value) {
        assert_eq!(answer.status, status, "{row}: {answer:?}");
        let id = answer.header("x-correlation-id");
        let id = id
            .unwrap_or_else(|| panic!("{row}: no id in {answer:?}"))
            .to_owned();
        let groups: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(groups, [8, 4, 4, 4, 12], "{row}: {id} is no UUID");
        assert!(!answer.head().contains(CANARY), "{row}: {answer:?}");
        assert!(!answer.body.contains(CANARY), "{row}: {answer:?}");
        let record = self.gateway.record(&id);
        assert_eq!(record["http_status"], status, "{row}: {record}");
        assert!(!record.to_string().contains(CANARY), "{row}: {record}");
        (id, record)
    }

    /// A reply that is a JSON-RPC error, to the byte.
    fn is_error(&self, row: &str, answer: &Response, wanted: &Row<'_>) -> Value {
        let (correlation, record) = self.common(row, answer, wanted.status);
        let Row { code, id, text, .. } = wanted;
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{row}"
        );
        assert_eq!(
            answer.body,
            format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":"{text} (correlation_id={correlation})"}}}}"#
            ),
            "{row}"
        );
        assert_eq!(record["cause"], wanted.cause, "{row}: {record}");
        record
    }
}

/// What a row of the table says.
#[derive(Clone, Copy)]
struct Row<'a> {
    status: u16,
    code: i64,
    id: &'a str,
    text: &'a str,
    cause: &'a str,
}

const fn row<'a>(status: u16, code: i64, id: &'a str, text: &'a str, cause: &'a str) -> Row<'a> {
    Row {
        status,
        code,
        id,
        text,
        cause,
    }
}

#[test]
fn what_the_head_decides() {
    let on = Fixture::start();
    let good = call("get-x");
    let deny = |name: &str, answer: Response, wanted: Row<'_>| {
        let record = on.is_error(name, &answer, &wanted);
        assert_eq!(record["decision"], "deny", "{name}");
        answer
    };

    let wanted = row(401, -31401, "null", "Authentication required", "no_token");
    let answer = deny("no token", on.post(&[("authorization", "")], &good), wanted);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer resource_metadata=\"http://"),
        "{challenge}"
    );
    let wanted = row(401, -31401, "null", "Authentication required", "bad_token");
    let bad = [("authorization", "Bearer a.b.c")];
    let answer = deny("bad token", on.post(&bad, &good), wanted);
    let challenge = answer.header("www-authenticate").unwrap();
    assert!(
        challenge.starts_with("Bearer error=\"invalid_token\", resource_metadata="),
        "{challenge}"
    );

    let wanted = row(
        403,
        -31403,
        "null",
        "Host or origin not allowed",
        "foreign_host_or_origin",
    );
    deny("host", on.post(&[("host", "evil.example")], &good), wanted);
    deny(
        "two hosts",
        on.post(&[("host", "localhost,evil.example")], &good),
        wanted,
    );
    deny(
        "origin",
        on.post(&[("origin", "https://evil.example")], &good),
        wanted,
    );

    let wanted = row(404, -31404, "null", "Not found", "not_found");
    deny("path", on.send("POST", "/nowhere", &[], &good), wanted);
    deny("server", on.send("POST", "/mcp/nobody", &[], &good), wanted);
    let wanted = row(404, -31404, "null", "Not found", "no_session");
    deny(
        "session",
        on.post(&[("mcp-session-id", "a b")], &good),
        wanted,
    );

    let wanted = row(413, -31413, "null", "Message too large", "too_large");
    deny(
        "size",
        on.post(&[("content-length", "33554433")], ""),
        wanted,
    );
    let wanted = row(
        415,
        -31415,
        "null",
        "Content type or encoding not supported",
        "media_type",
    );
    deny(
        "type",
        on.post(&[("content-type", "text/plain")], &good),
        wanted,
    );
    deny(
        "encoding",
        on.post(&[("content-encoding", "gzip")], &good),
        wanted,
    );

    let wanted = row(405, -31405, "null", "Method not allowed", "http_method");
    let answer = deny(
        "PUT",
        on.send("PUT", "/mcp/s", &[("content-length", "0")], ""),
        wanted,
    );
    assert_eq!(answer.header("allow"), Some("GET, POST, DELETE"));
    let preflight = [
        ("origin", "http://localhost"),
        ("access-control-request-method", "POST"),
    ];
    let answer = deny(
        "preflight",
        on.send("OPTIONS", "/mcp/s", &preflight, ""),
        wanted,
    );
    assert_eq!(answer.header("allow"), Some("GET, POST, DELETE"));
    assert_eq!(on.server.received().len(), 0);
}

#[test]
fn what_the_body_decides() {
    let on = Fixture::start();
    let deny = |name: &str, answer: Response, wanted: Row<'_>| {
        let record = on.is_error(name, &answer, &wanted);
        assert_eq!(record["decision"], "deny", "{name}");
    };
    let wanted = row(400, -32700, "null", "Unreadable message", "unreadable");
    deny("no JSON", on.post(&[], CANARY), wanted);
    deny("no body", on.post(&[], ""), wanted);
    deny(
        "two documents",
        on.post(&[], &call("get-x").repeat(2)),
        wanted,
    );
    let wanted = row(400, -32600, "null", "Unreadable message", "unreadable");
    deny(
        "a batch",
        on.post(&[], &format!("[{}]", call("get-x"))),
        wanted,
    );
    deny(
        "no envelope",
        on.post(&[], &format!("{{\"a\":\"{CANARY}\"}}")),
        wanted,
    );

    let headers = |name: &'static str, version: &'static str| {
        [
            ("mcp-protocol-version", version),
            ("mcp-method", "tools/call"),
            ("mcp-name", name),
        ]
    };
    let body = modern("tools/call", "get-x");
    let wanted = row(
        400,
        -32020,
        "7",
        "Headers and body disagree",
        "header_mismatch",
    );
    deny("name", on.post(&headers("get-y", MODERN), &body), wanted);
    deny(
        "version",
        on.post(&headers("get-x", "2025-11-25"), &body),
        wanted,
    );
    let wanted = row(
        400,
        -32602,
        "7",
        "Required _meta is missing",
        "meta_missing",
    );
    deny(
        "_meta",
        on.post(&headers("get-x", MODERN), &call("get-x")),
        wanted,
    );
    let answer = on.post(&headers("get-x", "2031-01-01"), &body);
    let (_, record) = on.common("unknown version", &answer, 400);
    let error = &answer.json()["error"];
    assert_eq!(
        (&error["code"], &answer.json()["id"]),
        (&json!(-32022), &json!(7))
    );
    assert!(
        error["data"]["supported"]
            .as_array()
            .unwrap()
            .contains(&json!(MODERN))
    );
    assert_eq!(
        (&record["cause"], &record["decision"]),
        (&json!("protocol_version"), &json!("deny"))
    );

    let wanted = row(200, -32601, "7", "Method not found", "unknown_method");
    let unknown = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/destroy", "params": {}});
    deny("unknown method", on.post(&[], &unknown.to_string()), wanted);
    let wanted = Row {
        status: 404,
        ..wanted
    };
    let named = [
        ("mcp-protocol-version", MODERN),
        ("mcp-method", "tools/destroy"),
    ];
    let mut unknown: Value = serde_json::from_str(&modern("tools/destroy", "x")).unwrap();
    unknown["params"].as_object_mut().unwrap().remove("name");
    deny(
        "unknown method of 2026-07-28",
        on.post(&named, &unknown.to_string()),
        wanted,
    );

    for (name, answer, kind) in [
        ("denied call", on.post(&[], &call("get-secret")), ""),
        (
            "denied call of 2026-07-28",
            on.post(
                &headers("get-secret", MODERN),
                &modern("tools/call", "get-secret"),
            ),
            r#","resultType":"complete""#,
        ),
    ] {
        let (id, record) = on.common(name, &answer, 200);
        assert_eq!(
            answer.body,
            format!(
                r#"{{"jsonrpc":"2.0","id":7,"result":{{"content":[{{"type":"text","text":"Access denied (correlation_id={id})"}}],"isError":true{kind}}}}}"#
            )
        );
        assert_eq!(
            (&record["decision"], &record["cause"], &record["rule_id"]),
            (&json!("deny"), &json!("policy"), &json!("no-secrets")),
            "{name}: {record}"
        );
    }
    let wanted = row(200, -31403, "\"q\"", "Access denied", "policy");
    let prompt = json!({"jsonrpc": "2.0", "id": "q", "method": "prompts/get",
                        "params": {"name": "secret", "arguments": {"a": CANARY}}});
    deny("denied request", on.post(&[], &prompt.to_string()), wanted);
    let notification = json!({"jsonrpc": "2.0", "method": "notifications/unheard-of",
                              "params": {"a": CANARY}});
    let answer = on.post(&[], &notification.to_string());
    let (_, record) = on.common("denied notification", &answer, 202);
    assert_eq!(answer.body, "");
    assert_eq!(
        (&record["decision"], &record["cause"]),
        (&json!("deny"), &json!("dropped"))
    );
    assert_eq!(
        on.server.received().len(),
        0,
        "none of these reached the server"
    );
}

#[test]
fn what_the_server_causes() {
    let on = Fixture::start();
    let fail = |name: &str, answer: Response, wanted: Row<'_>| {
        let record = on.is_error(name, &answer, &wanted);
        // The request was allowed; its answer was replaced.
        assert_eq!(record["decision"], "allow", "{name}: {record}");
        assert_eq!(record["is_error"], true, "{name}: {record}");
    };
    let wanted = row(200, -31502, "7", "Response blocked", "blocked");
    fail("text", on.post(&[], &call("get-text")), wanted);
    fail(
        "duplicate members",
        on.post(&[], &call("get-twice")),
        wanted,
    );
    let answer = on.post(&[], &call("get-stream"));
    let (id, record) = on.common("an event", &answer, 200);
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    let data = answer.body.trim_end().rsplit_once("data: ").unwrap().1;
    assert_eq!(
        data,
        format!(
            r#"{{"jsonrpc":"2.0","id":7,"error":{{"code":-31502,"message":"Response blocked (correlation_id={id})"}}}}"#
        )
    );
    assert_eq!(record["cause"], "blocked");

    let away = on.send("POST", "/mcp/away", &[], &call("get-x"));
    let wanted = row(
        502,
        -31504,
        "null",
        "Server unreachable",
        "server_unreachable",
    );
    fail("away", away, wanted);
    fail("no HTTP", on.post(&[], &call("get-garbage")), wanted);
    let wanted = row(
        504,
        -31504,
        "null",
        "Server did not answer in time",
        "server_unreachable",
    );
    fail("silent", on.post(&[], &call("get-silent")), wanted);
    let wanted = row(502, -31504, "7", "Server error", "server_refused");
    for tool in ["get-401", "get-403", "get-302"] {
        fail(tool, on.post(&[], &call(tool)), wanted);
    }
    fail(
        "get-500",
        on.post(&[], &call("get-500")),
        Row {
            status: 500,
            ..wanted
        },
    );
}

#[test]
fn what_envoy_answers() {
    let on = Fixture::start();
    let good = call("get-x");
    // Before it has an id, and before our filter: Envoy's half is the record.
    for (name, status, answer) in [
        (
            "an escaped slash",
            400,
            on.send("POST", "/mcp%2fs", &[], &good),
        ),
        ("an underscore", 400, on.post(&[("x_y", "1")], &good)),
        (
            "two lengths",
            400,
            on.post(&[("content-length", "5"), ("Content-Length", "6")], &good),
        ),
        (
            "length and chunks",
            400,
            on.post(
                &[("content-length", "5"), ("transfer-encoding", "chunked")],
                "0\r\n\r\n",
            ),
        ),
        (
            "an unknown coding",
            400,
            on.post(&[("transfer-encoding", "rot13")], &good),
        ),
        (
            "no HTTP",
            400,
            on.gateway.send(format!("{CANARY}\r\n\r\n").as_bytes()),
        ),
    ] {
        let (id, record) = on.common(name, &answer, status);
        assert_eq!(
            answer.header("content-type"),
            Some("application/json"),
            "{name}"
        );
        assert_eq!(
            answer.body,
            format!(
                r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":-32600,"message":"Invalid request (correlation_id={id})"}}}}"#
            ),
            "{name}"
        );
        assert_eq!(record["filter_record"], "missing", "{name}: {record}");
        assert!(record["details"].is_string(), "{name}: {record}");
    }
    // A body that is too long for the gateway as a whole, of no stated length.
    let mut long = request(
        "POST",
        "/mcp/s",
        &[
            ("authorization", &on.bearer),
            ("transfer-encoding", "chunked"),
        ],
        "",
    );
    let chunk = format!("{:x}\r\n{}\r\n", 1 << 20, "x".repeat(1 << 20));
    long.push_str(&chunk.repeat(34));
    long.push_str("0\r\n\r\n");
    let bytes = mcp_zero_tests::attempt(
        on.gateway.address(),
        long.as_bytes(),
        std::time::Duration::from_secs(10),
    );
    let answer = mcp_zero_tests::response(&bytes).expect("an answer");
    let wanted = row(413, -31413, "null", "Message too large", "too_large");
    let record = on.is_error("34 MiB", &answer, &wanted);
    assert_eq!(record["decision"], "deny", "{record}");
    assert_eq!(on.server.received().len(), 0);
}

#[test]
fn without_a_snapshot_everything_is_503() {
    let (server, issuer) = (Scripted::json("{}"), Issuer::start());
    // A gateway that reads another format of snapshots gets none.
    let mut plane =
        Plane::new(&policy(&server.url()), &issuer.url()).with("format: 4", "format: 99");
    plane.start_control();
    plane.start_envoy();
    wait("the listener", || plane.listens());
    for (method, path) in [
        ("POST", "/mcp/s"),
        ("GET", "/mcp/s"),
        ("GET", "/"),
        ("POST", "/mcp/x"),
    ] {
        let answer = plane.send(request(method, path, &[], &call("get-x")).as_bytes());
        let id = answer.header("x-correlation-id").expect("an id").to_owned();
        assert_eq!(
            (answer.status, answer.body),
            (
                503,
                format!(
                    r#"{{"jsonrpc":"2.0","id":null,"error":{{"code":-31503,"message":"Service unavailable (correlation_id={id})"}}}}"#
                )
            ),
            "{method} {path}"
        );
    }
    assert_eq!(server.received().len(), 0);
}

#[test]
fn unknown_and_forbidden_are_one_answer() {
    let on = Fixture::start();
    // Status line, headers and body, but for what every answer has of its own.
    let bytes = |answer: Response| {
        let id = answer.header("x-correlation-id").unwrap().to_owned();
        let date = answer.header("date").unwrap_or("-").to_owned();
        let text = format!("{}\r\n\r\n{}", answer.head(), answer.body);
        text.replace(&id, "ID").replace(&date, "DATE")
    };
    let ask = |method: &str, params: Value| {
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        bytes(on.post(&[], &body.to_string()))
    };
    // Forbidden by a rule, by the default, or nowhere in the world.
    let tool = |name: &str| ask("tools/call", json!({"name": name, "arguments": {}}));
    assert_eq!(tool("get-secret"), tool("delete"));
    assert_eq!(tool("get-secret"), tool("no-such-tool"));
    let prompt = |name: &str| ask("prompts/get", json!({"name": name}));
    assert_eq!(prompt("complex"), prompt("no-such-prompt"));
    let complete = |name: &str| {
        let params = json!({"ref": {"type": "ref/prompt", "name": name},
                            "argument": {"name": "a", "value": "b"}});
        ask("completion/complete", params)
    };
    assert_eq!(complete("complex"), complete("no-such-prompt"));
    for method in [
        "resources/read",
        "resources/subscribe",
        "resources/unsubscribe",
    ] {
        let resource = |uri: &str| ask(method, json!({"uri": uri}));
        let nowhere = resource("nowhere://in/the/world");
        assert!(nowhere.contains("-31403"), "{method}: {nowhere}");
        assert_eq!(resource("secret://a"), nowhere, "{method}");
    }
    let complete = |uri: &str| {
        let params = json!({"ref": {"type": "ref/resource", "uri": uri},
                            "argument": {"name": "a", "value": "b"}});
        ask("completion/complete", params)
    };
    let nowhere = complete("nowhere://{a}");
    assert!(nowhere.contains("-31403"), "{nowhere}");
    assert_eq!(complete("secret://{a}"), nowhere);
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let task = |id: &str| ask(method, json!({"taskId": id}));
        assert_eq!(
            task("no-such-task"),
            task("another-that-is-none"),
            "{method}"
        );
        assert_eq!(task("no-such-task"), nowhere, "{method}");
    }
    let at = |path: &str, body: &str| bytes(on.send("POST", path, &[], body));
    let good = call("get-x");
    assert_eq!(at("/mcp/nobody", &good), at("/nowhere", &good));
    assert_eq!(at("/mcp/nobody", &good), at("/mcp/nobody", CANARY));
    // Whoever calls: a group without rights learns no more.
    let others = format!("Bearer {}", on.gateway.token("bob", "support"));
    let other = |name: &str| bytes(on.post(&[("authorization", &others)], &call(name)));
    assert_eq!(other("get-x"), other("no-such-tool"));
    assert_eq!(on.server.received().len(), 0);
}
