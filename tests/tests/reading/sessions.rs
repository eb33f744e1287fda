//! §6.4: what is true of every stream and every list, not of answers to one's own POST alone.

use super::Rig;
use mcp_zero_tests::{Answer, Connection, Received, Scripted, events, ok, request, session};
use serde_json::json;
use std::time::Duration;

const SECRET: &str = "ann@example.com";

/// On a GET the server says what it should not: an answer to somebody's call, requests of its own,
/// and what a resumed stream would repeat.
fn server() -> Scripted {
    Scripted::start(|request: &Received| -> Answer {
        if request.head.starts_with("GET") {
            let last = request.header("last-event-id").unwrap_or("none").to_owned();
            let answer = json!({"jsonrpc": "2.0", "id": 5, "result": {
                "content": [{"type": "text", "text": format!("after {last}: {SECRET}")}]}});
            let ask = |method: &str| {
                json!({"jsonrpc": "2.0", "id": "q", "method": method, "params": {"messages": [{"role": "user",
                    "content": {"type": "text", "text": SECRET}}], "maxTokens": 1}})
            };
            let note = json!({"jsonrpc": "2.0", "method": "notifications/message",
                "params": {"level": "info", "data": SECRET}});
            let list = json!({"jsonrpc": "2.0", "id": 6, "result": {"tools": [
                {"name": "get-x", "inputSchema": {}}, {"name": "get-secret", "inputSchema": {}}]}});
            let all = [
                answer,
                ask("sampling/createMessage"),
                ask("roots/list"),
                note,
                list,
            ];
            let text: String = all
                .iter()
                .map(|m| format!("id: 9\ndata: {m}\n\n"))
                .collect();
            return events(&text, 31);
        }
        let body = &request.body;
        let result = if body.contains("tools/list") {
            let page = if body.contains("cursor") {
                "two"
            } else {
                "one"
            };
            json!({"tools": [{"name": format!("get-{page}"), "inputSchema": {}}, {"name": "drop", "inputSchema": {}},
                {"name": "get-secret", "inputSchema": {}}], "nextCursor": "c-2"})
        } else {
            json!({"content": [{"type": "resource_link", "uri": "file:///a", "name": "a"}], "completion": {"values": ["x"]}})
        };
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": result});
        vec![ok("application/json", &message.to_string())]
    })
}

#[test]
fn a_stream_of_its_own_is_judged_and_masked_like_an_answer() {
    let rig = Rig::before(server());
    let bearer = format!("Bearer {}", rig.token);
    for last in ["", "8"] {
        let mut headers = vec![
            ("authorization", bearer.as_str()),
            ("accept", "text/event-stream"),
        ];
        let own = session(&rig.token, "s", "session-7");
        if !last.is_empty() {
            headers.push(("last-event-id", last));
            // The stream could be another caller's.
            let refused = request("GET", "/mcp/s", &headers, "");
            let refused = rig.gateway.send(refused.as_bytes());
            assert_eq!(refused.status, 404, "{refused:?}");
            let reached = rig.server.received();
            let resumed = reached.iter().any(|r| r.header("last-event-id").is_some());
            assert!(!resumed, "it reached the server");
            headers.push(("mcp-session-id", &own));
        }
        let mut client = Connection::open(rig.gateway.address());
        client.send(request("GET", "/mcp/s", &headers, "").as_bytes());
        let text = client.rest(Duration::from_secs(2));
        assert!(text.starts_with("HTTP/1.1 200"), "{text}");
        assert!(!text.contains(SECRET), "{text}");
        assert!(text.contains("<EMAIL_ADDRESS>"), "{text}");
        let after = if last.is_empty() {
            "after none"
        } else {
            "after 8"
        };
        assert!(text.contains(after), "{text}");
        assert!(!text.contains("sampling/createMessage"), "denied: {text}");
        assert!(text.contains("roots/list"), "allowed: {text}");
        assert!(
            text.contains("get-x") && !text.contains("get-secret"),
            "{text}"
        );
        let ids = text.lines().filter(|line| *line == "id: 9").count();
        assert_eq!(ids, 5, "ids stay: {text}");
    }
}

#[test]
fn lists_show_what_could_be_allowed_on_every_page_and_completions_are_judged() {
    let rig = Rig::before(server());
    for (params, page) in [("{}", "get-one"), (r#"{"cursor":"c-2"}"#, "get-two")] {
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{params}}}"#);
        let answer = rig.post(&[], body.as_bytes());
        let names: Vec<_> = answer.json()["result"]["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(names, [page]);
        assert_eq!(answer.json()["result"]["nextCursor"], "c-2");
        assert!(!answer.body.contains("public"), "{}", answer.body);
    }
    let complete = |reference: &str| {
        format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"completion/complete","params":{{"ref":{reference},"argument":{{"name":"a","value":"v"}}}}}}"#
        )
    };
    for (reference, allowed) in [
        (r#"{"type":"ref/prompt","name":"simple-one"}"#, true),
        (r#"{"type":"ref/prompt","name":"other"}"#, false),
        (r#"{"type":"ref/resource","uri":"file:///{a}"}"#, true),
    ] {
        let before = rig.reached();
        let answer = rig.post(&[], complete(reference).as_bytes());
        assert_eq!(answer.status, 200);
        assert_eq!(
            answer.body.contains("Access denied"),
            !allowed,
            "{reference}: {}",
            answer.body
        );
        assert_eq!(rig.reached() - before, usize::from(allowed), "{reference}");
    }
}

#[test]
fn heads_over_their_limits_open_nothing() {
    let rig = Rig::start();
    let before = rig.reached();
    let bearer = format!("Bearer {}", rig.token);
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
    let long = "a".repeat(70_000);
    let text = request(
        "POST",
        "/mcp/s",
        &[("authorization", &bearer), ("x-long", &long)],
        body,
    );
    let answer = rig.gateway.send(text.as_bytes());
    assert_eq!(answer.status, 431, "{answer:?}");
    let many: Vec<(String, String)> = (0..70)
        .map(|n| (format!("x-{n}"), "v".to_owned()))
        .collect();
    let mut headers = vec![("authorization", bearer.as_str())];
    headers.extend(many.iter().map(|(n, v)| (n.as_str(), v.as_str())));
    let answer = rig
        .gateway
        .send(request("POST", "/mcp/s", &headers, body).as_bytes());
    assert_eq!(answer.status, 431, "{answer:?}");
    // A body over the server's limit is never read in part.
    let body = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get-x","arguments":{{"a":"{}"}}}}}}"#,
        "a".repeat(66_000)
    );
    let answer = rig.post(&[], body.as_bytes());
    assert_eq!(answer.status, 413, "{answer:?}");
    assert_eq!(rig.reached(), before);
    rig.still_judges("long heads");
}
