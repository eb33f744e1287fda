//! The main path through the real Envoy with the real module: what reaches the server, what
//! reaches the client, and one record of each exchange.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Scripted, events, ok, policy, request};
use serde_json::{Value, json};

fn call(id: u32, tool: &str, arguments: &Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call",
           "params": {"name": tool, "arguments": arguments}})
    .to_string()
}

fn text_result(text: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "result": {"content": [{"type": "text", "text": text}],
           "structuredContent": {"value": text}}})
    .to_string()
}

#[test]
fn allowed_denied_and_unknown() {
    let server = Scripted::json(text_result("fine"));
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let body = call(1, "get-sum", &json!({"a": 1.50}));
    let allowed = gateway.post("s", &token, &body);
    assert_eq!(allowed.status, 200);
    assert_eq!(allowed.body, text_result("fine"));
    let got = server.received();
    assert_eq!(got.len(), 1);
    assert_eq!(got[0].body, body, "the judged bytes go on as they were");
    assert_eq!(
        got[0].header("content-length"),
        Some(body.len().to_string().as_str())
    );
    assert_eq!(got[0].header("authorization"), None);
    assert_eq!(
        got[0].header("accept"),
        Some("application/json, text/event-stream")
    );
    assert!(
        got[0].head.starts_with("POST /mcp HTTP/1.1\r\n"),
        "{}",
        got[0].head
    );

    let denied = gateway.post("s", &token, &call(1, "get-secret", &json!({})));
    let unknown = gateway.post("s", &token, &call(1, "no-such-tool", &json!({})));
    let others = gateway.token("bob", "support");
    let foreign = gateway.post("s", &others, &body);
    assert_eq!(server.received().len(), 1, "the server is untouched");
    let id = |r: &mcp_zero_tests::Response| r.header("x-correlation-id").unwrap().to_owned();
    let same = |r: &mcp_zero_tests::Response| (r.status, r.body.replace(&id(r), "ID"));
    assert_eq!(same(&denied), same(&unknown));
    assert_eq!(same(&denied), same(&foreign));
    assert_eq!(denied.json()["result"]["isError"], true);

    let records = gateway.records(4);
    let by_id = |wanted: &str| {
        records
            .iter()
            .find(|r| r["correlation_id"] == wanted)
            .unwrap()
    };
    let record = by_id(&id(&allowed));
    assert_eq!(record["decision"], "allow");
    assert_eq!(record["rule_id"], "developers-get");
    assert_eq!(record["user"]["id"], "alice");
    assert_eq!(record["user"]["groups"], json!(["developers"]));
    assert_eq!(record["tool_name"], "get-sum");
    assert_eq!(record["upstream_status"], 200);
    assert_eq!(record["http_status"], 200);
    let record = by_id(&id(&denied));
    assert_eq!(
        (&record["decision"], &record["rule_id"]),
        (&json!("deny"), &json!("no-secrets"))
    );
    assert_eq!(record["reason"], "Secrets stay where they are");
    assert_eq!(by_id(&id(&unknown))["rule_id"], Value::Null);
}

#[test]
fn masked_in_both_directions() {
    let server = Scripted::json(text_result("ann@example.com pays with 4111 1111 1111 1111"));
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let body = r#"{"jsonrpc":"2.0", "id":1,"method":"tools/call","params":{"name":"send","arguments":{"to":"bob@example.com", "password":"hunter2","n":1.0}}}"#;
    let answer = gateway.post("s", &token, body);
    let wanted = body
        .replace("bob@example.com", "<EMAIL_ADDRESS>")
        .replace("hunter2", "<PASSWORD>");
    let got = server.received();
    assert_eq!(got[0].body, wanted);
    assert_eq!(
        got[0].header("content-length"),
        Some(wanted.len().to_string().as_str())
    );
    let masked = text_result("<EMAIL_ADDRESS> pays with <CREDIT_CARD>");
    assert_eq!(answer.body, masked);
    assert_eq!(
        answer.header("content-length"),
        Some(masked.len().to_string().as_str())
    );
    let record = &gateway.records(1)[0];
    assert_eq!(record["masking"].as_array().unwrap().len(), 4, "{record}");
    let text = record.to_string();
    assert!(!text.contains("bob@") && !text.contains("ann@") && !text.contains("hunter2"));
}

#[test]
fn streams_are_masked_however_they_are_cut() {
    let message = text_result("ann@example.com");
    let text = format!(": open\r\n\r\nid: 1\ndata: {message}\n\n");
    let wanted = format!(
        "id: 1\ndata: {}\n\n",
        message.replace("ann@example.com", "<EMAIL_ADDRESS>")
    );
    for size in [1, 7, text.len()] {
        let stream = text.clone();
        let server = Scripted::start(move |_| events(&stream, size));
        let gateway = Gateway::start(&policy(&server.url()));
        let token = gateway.token("alice", "developers");
        let answer = gateway.post("s", &token, &call(1, "get-x", &json!({})));
        assert_eq!(answer.header("content-type"), Some("text/event-stream"));
        assert!(answer.body.contains(": open"), "{}", answer.body);
        assert!(
            answer.body.ends_with(&wanted),
            "pieces of {size}: {}",
            answer.body
        );
        // The same as JSON, for a client that takes nothing else.
        let json = gateway.post_with(
            "s",
            &[
                ("authorization", &format!("Bearer {token}")),
                ("accept", "application/json"),
            ],
            &call(1, "get-x", &json!({})),
        );
        assert_eq!(json.header("content-type"), Some("application/json"));
        assert_eq!(
            json.body,
            message.replace("ann@example.com", "<EMAIL_ADDRESS>")
        );
        gateway.records(2);
    }
}

#[test]
fn lists_are_filtered_on_every_page() {
    let server = Scripted::start(|request| {
        let page = if request.body.contains("cursor") {
            r#"{"tools":[{"name":"get-secret"},{"name":"send"}]}"#
        } else {
            r#"{"tools":[{"name":"get-a","description":"ask ann@example.com"},{"name":"delete"}],"nextCursor":"2"}"#
        };
        vec![ok(
            "application/json",
            &format!(r#"{{"jsonrpc":"2.0","id":1,"result":{page}}}"#),
        )]
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let list = |params: &str| {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}"#);
        gateway.post("s", &token, &body).json()["result"].clone()
    };
    assert_eq!(
        list("{}"),
        json!({"tools": [{"name": "get-a", "description": "ask <EMAIL_ADDRESS>"}], "nextCursor": "2"})
    );
    assert_eq!(
        list(r#"{"cursor":"2"}"#),
        json!({"tools": [{"name": "send"}]})
    );
    let others = gateway.token("bob", "support");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    assert_eq!(
        gateway.post("s", &others, body).json()["result"]["tools"],
        json!([])
    );
}

#[test]
fn refused_before_the_server_hears_of_it() {
    let server = Scripted::json(text_result("x"));
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let auth = ("authorization", bearer.as_str());
    let good = call(1, "get-x", &json!({}));
    let head = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        gateway.send(request(method, path, headers, body).as_bytes())
    };
    let code = |r: &mcp_zero_tests::Response| r.json()["error"]["code"].as_i64().unwrap();
    let mut count = 0;
    let mut check = |wanted: (u16, i64), response: mcp_zero_tests::Response, what: &str| {
        assert_eq!(
            (response.status, code(&response)),
            wanted,
            "{what}: {response:?}"
        );
        assert!(response.header("x-correlation-id").is_some(), "{what}");
        count += 1;
    };
    for (name, value) in [
        ("host", "evil.example"),
        ("host", "localhost.evil.example"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        check(
            (403, -31403),
            head("POST", "/mcp/s", &[auth, (name, value)], &good),
            value,
        );
    }
    for path in ["/", "/mcp", "/mcp/other", "/mcp/s/x", "/healthz"] {
        check((404, -31404), head("POST", path, &[auth], &good), path);
    }
    check(
        (405, -31405),
        head("OPTIONS", "/mcp/s", &[auth], ""),
        "OPTIONS",
    );
    check(
        (405, -31405),
        head("PUT", "/mcp/s", &[auth, ("content-length", "2")], "{}"),
        "PUT",
    );
    check(
        (415, -31415),
        head(
            "POST",
            "/mcp/s",
            &[auth, ("content-type", "text/plain")],
            &good,
        ),
        "type",
    );
    check(
        (415, -31415),
        head(
            "POST",
            "/mcp/s",
            &[auth, ("content-encoding", "gzip")],
            &good,
        ),
        "coding",
    );
    check(
        (400, -32700),
        head("POST", "/mcp/s", &[auth], ""),
        "no body",
    );
    check(
        (400, -32600),
        head("POST", "/mcp/s", &[auth], &format!("[{good}]")),
        "batch",
    );
    let twice = good.replacen(
        "\"params\"",
        "\"params\":{\"name\":\"get-x\"},\"params\"",
        1,
    );
    check(
        (400, -32700),
        head("POST", "/mcp/s", &[auth], &twice),
        "duplicate keys",
    );
    let long = call(1, "get-x", &json!({"t": "x".repeat(70_000)}));
    check(
        (413, -31413),
        head("POST", "/mcp/s", &[auth], &long),
        "too long",
    );
    let mut chunked = request(
        "POST",
        "/mcp/s",
        &[auth, ("transfer-encoding", "chunked")],
        "",
    );
    for piece in long.as_bytes().chunks(9000) {
        chunked.push_str(&format!(
            "{:x}\r\n{}\r\n",
            piece.len(),
            std::str::from_utf8(piece).unwrap()
        ));
    }
    chunked.push_str("0\r\n\r\n");
    check(
        (413, -31413),
        gateway.send(chunked.as_bytes()),
        "too long in chunks",
    );
    for method in ["POST", "GET", "DELETE"] {
        let body = if method == "POST" { good.as_str() } else { "" };
        check((401, -31401), head(method, "/mcp/s", &[], body), "no token");
        check(
            (401, -31401),
            head(method, "/mcp/s", &[("authorization", "Bearer a.b.c")], body),
            "no JWT",
        );
        let (unsigned, _) = bearer.rsplit_once('.').unwrap();
        check(
            (401, -31401),
            head(
                method,
                "/mcp/s",
                &[("authorization", &format!("{unsigned}."))],
                body,
            ),
            "unsigned",
        );
        let doubled = format!("{bearer}, {bearer}");
        check(
            (401, -31401),
            head(method, "/mcp/s", &[("authorization", &doubled)], body),
            "two tokens",
        );
        check(
            (401, -31401),
            head(method, "/mcp/s", &[auth, auth], body),
            "two headers",
        );
    }
    let query = format!("/mcp/s?access_token={token}");
    check(
        (401, -31401),
        head("POST", &query, &[], &good),
        "token in the query",
    );
    assert_eq!(server.received().len(), 0);
    // All have their record; those of unknown paths look like the ready probe's.
    let records = gateway.records(count - 5);
    assert!(
        records.iter().all(|r| r["decision"] == "deny"),
        "{records:#?}"
    );
    assert!(!serde_json::to_string(&records).unwrap().contains(&token));
}

#[test]
fn challenges_and_metadata() {
    let server = Scripted::json(text_result("x"));
    let gateway = Gateway::start(&policy(&server.url()));
    let base = gateway.url("s").replace("/mcp/s", "");
    let refused = gateway.post_with("s", &[], "{}");
    let document = format!("{base}/.well-known/oauth-protected-resource/mcp/s");
    assert_eq!(
        refused.header("www-authenticate"),
        Some(format!("Bearer resource_metadata=\"{document}\"").as_str())
    );
    let metadata = gateway.send(
        request(
            "GET",
            "/.well-known/oauth-protected-resource/mcp/s",
            &[],
            "",
        )
        .as_bytes(),
    );
    assert_eq!(metadata.status, 200);
    assert_eq!(metadata.json()["resource"], gateway.url("s"));
    let issuer = metadata.json()["authorization_servers"][0]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(issuer.starts_with("http://127.0.0.1:"), "{issuer}");
    let expired = {
        // A token of another development issuer: the same claims, a foreign key.
        let other = Gateway::start(&policy(&server.url()));
        other.token("alice", "developers")
    };
    let foreign = gateway.post("s", &expired, "{}");
    assert_eq!(foreign.status, 401);
    assert!(
        foreign
            .header("www-authenticate")
            .unwrap()
            .contains("error=\"invalid_token\"")
    );
}

#[test]
fn odd_requests_that_are_good() {
    let server = Scripted::json(text_result("x"));
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let good = call(1, "get-x", &json!({"mail": "ann@example.com"}));
    let wanted = good.replace("ann@example.com", "<EMAIL_ADDRESS>");
    // In chunks, with headers that are no text, a trailing slash, and HTTP/1.1 trailers.
    let mut raw = request(
        "POST",
        "/mcp/s/",
        &[("authorization", &bearer), ("transfer-encoding", "chunked")],
        "",
    );
    let half = good.len() / 2;
    raw.push_str(&format!(
        "{:x}\r\n{}\r\n{:x}\r\n{}\r\n0\r\nx-trailer: 1\r\n\r\n",
        half,
        &good[..half],
        good.len() - half,
        &good[half..]
    ));
    let mut bytes = raw.into_bytes();
    let at = bytes.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
    bytes.splice(
        at..at,
        b"x-odd: \xff\xfe\r\nx-odd: b\r\nx-odd: c\r\ncookie: a=b\r\n"
            .iter()
            .copied(),
    );
    let answer = gateway.send(&bytes);
    assert_eq!(answer.status, 200, "{answer:?}");
    let got = server.received();
    assert_eq!(got[0].body, wanted);
    assert_eq!(
        got[0].header("content-length"),
        Some(wanted.len().to_string().as_str()),
        "{}",
        got[0].head
    );
    assert_eq!(got[0].header("cookie"), None);
    assert_eq!(got[0].header("x-odd"), None);
}

#[test]
fn what_cannot_be_inspected_does_not_pass() {
    let big = text_result(&"x".repeat(140_000));
    let answers: Vec<(&str, Vec<u8>)> = vec![
        ("too long", ok("application/json", &big)),
        ("no JSON", ok("application/json", "ann@example.com")),
        (
            "twice",
            ok(
                "application/json",
                r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{"a":"ann@example.com"}}"#,
            ),
        ),
        ("HTML", ok("text/html", "ann@example.com")),
        ("gzip", {
            let text = String::from_utf8(ok("application/json", &text_result("x"))).unwrap();
            text.replacen("\r\n", "\r\ncontent-encoding: gzip\r\n", 1)
                .into_bytes()
        }),
    ];
    for (what, answer) in answers {
        let server = Scripted::start(move |_| vec![answer.clone()]);
        let gateway = Gateway::start(&policy(&server.url()));
        let token = gateway.token("alice", "developers");
        let response = gateway.post("s", &token, &call(1, "get-x", &json!({})));
        assert_eq!(
            (response.status, response.json()["error"]["code"].as_i64()),
            (200, Some(-31502)),
            "{what}: {response:?}"
        );
        assert_eq!(response.json()["id"], 1, "{what}");
        let record = &gateway.records(1)[0];
        assert_eq!(
            (&record["decision"], &record["cause"]),
            (&json!("allow"), &json!("blocked")),
            "{what}"
        );
    }
}

#[test]
fn servers_that_are_away_or_refuse() {
    let away = Gateway::start(&policy("http://127.0.0.1:9/mcp"));
    let token = away.token("alice", "developers");
    let body = call(1, "get-x", &json!({}));
    let response = away.post("s", &token, &body);
    assert_eq!(
        (response.status, response.json()["error"]["code"].as_i64()),
        (502, Some(-31504)),
        "{response:?}"
    );
    assert!(response.header("x-correlation-id").is_some());
    assert_eq!(away.records(1).len(), 1);
    for (status, wanted) in [
        ("401 Unauthorized", 502),
        ("302 Found", 502),
        ("500 Oops", 500),
    ] {
        let server = Scripted::start(move |_| {
            vec![format!("HTTP/1.1 {status}\r\nlocation: /x\r\nwww-authenticate: Basic\r\ncontent-length: 3\r\n\r\nabc").into_bytes()]
        });
        let gateway = Gateway::start(&policy(&server.url()));
        let token = gateway.token("alice", "developers");
        let response = gateway.post("s", &token, &body);
        assert_eq!(
            (response.status, response.json()["error"]["code"].as_i64()),
            (wanted, Some(-31504)),
            "{status}: {response:?}"
        );
        assert_eq!(response.header("www-authenticate"), None);
    }
    // Silent: the time limit of the server is two seconds.
    let silent = Scripted::start(|_| {
        std::thread::sleep(std::time::Duration::from_secs(8));
        Vec::new()
    });
    let gateway = Gateway::start(&policy(&silent.url()));
    let token = gateway.token("alice", "developers");
    let response = gateway.post("s", &token, &body);
    assert_eq!(
        (response.status, response.json()["error"]["code"].as_i64()),
        (504, Some(-31504)),
        "{response:?}"
    );
}
