//! Tasks belong to their callers and to the tools that began them, through the whole gateway.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Demo, Gateway, Response, Scripted, ok, policy, request, two_servers};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What the server calls its task.
const UPSTREAM: &str = "upstream-task-4711";
const RELATED: &str = "io.modelcontextprotocol/related-task";

/// A server that begins a task for each call, and knows one.
fn server() -> Scripted {
    Scripted::start(|received| {
        let asked: Value = serde_json::from_str(&received.body).unwrap_or_default();
        let modern = received.header("mcp-protocol-version") == Some("2026-07-28");
        let result = match asked["method"].as_str().unwrap_or_default() {
            "tools/call" if modern => {
                json!({"resultType": "task", "taskId": UPSTREAM, "status": "working"})
            }
            "tools/call" => json!({"task": {"taskId": UPSTREAM, "status": "working"}}),
            "tasks/result" => json!({"content": [{"type": "text", "text": "to ann@example.com"}],
                "_meta": {RELATED: {"taskId": asked["params"]["taskId"]}}}),
            _ => json!({"taskId": asked["params"]["taskId"], "status": "working",
                        "resultType": "complete"}),
        };
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        vec![ok("application/json", &answer.to_string())]
    })
}

fn ask(gateway: &Gateway, server: &str, token: &str, method: &str, params: Value) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    gateway.post(server, token, &body.to_string())
}

fn read(answer: &Response) -> Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|e| panic!("{e}: {}", answer.body))
}

/// What the answer says beside its correlation id.
fn same(answer: &Response) -> (u16, String) {
    let id = answer.header("x-correlation-id").unwrap();
    (answer.status, answer.body.replace(id, "ID"))
}

#[test]
fn a_task_is_its_callers_alone() {
    let server = server();
    let gateway = Gateway::start(&two_servers(&server.url()));
    let alice = gateway.token("alice", "developers");
    let bob = gateway.token("bob", "developers");
    let begin = json!({"name": "get-x", "task": {"ttl": 60_000}});
    let begun = read(&ask(&gateway, "s", &alice, "tools/call", begin));
    let task = begun["result"]["task"]["taskId"].as_str().unwrap();
    assert_ne!(task, UPSTREAM);
    let before = server.received().len();
    let about = |id: &str| json!({ "taskId": id });
    let unknown = same(&ask(&gateway, "s", &alice, "tasks/get", about("no-such")));
    assert_eq!(unknown.0, 200);
    assert!(unknown.1.contains("-31403"), "{}", unknown.1);
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        for (what, server, token, id) in [
            ("another caller", "s", &bob, task),
            ("another server", "t", &alice, task),
            ("what the server calls it", "s", &alice, UPSTREAM),
            ("a part", "s", &alice, task.get(4..).unwrap()),
        ] {
            let answer = ask(&gateway, server, token, method, about(id));
            assert_eq!(same(&answer), unknown, "{method}, {what}");
            let record = gateway.record(answer.header("x-correlation-id").unwrap());
            assert_eq!(record["reason"], "no task of this caller at this server");
        }
    }
    let listed = ask(&gateway, "s", &alice, "tasks/list", json!({}));
    assert_eq!(same(&listed), unknown);
    assert_eq!(
        server.received().len(),
        before,
        "nothing reached the server"
    );

    // Its own caller may, with any token of theirs.
    let renewed = gateway.token("alice", "developers,more");
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let answer = ask(&gateway, "s", &renewed, method, about(task));
        let told = read(&answer)["result"].clone();
        let last: Value = serde_json::from_str(&server.received().pop().unwrap().body).unwrap();
        assert_eq!(last["params"]["taskId"], UPSTREAM, "{method}");
        if method == "tasks/result" {
            assert_eq!(told["_meta"][RELATED]["taskId"], task);
            assert_eq!(told["content"][0]["text"], "to <EMAIL_ADDRESS>");
        } else {
            assert_eq!(told["taskId"], task, "{method}");
        }
        let record = gateway.record(answer.header("x-correlation-id").unwrap());
        assert_eq!(record["tool_name"], "get-x", "{method}");
    }
}

/// A server that does not keep its callers apart tells of alice's task in what bob calls.
#[test]
fn what_a_server_tells_of_another_callers_task_is_no_use() {
    let status = json!({"jsonrpc": "2.0", "method": "notifications/tasks/status",
        "params": {"taskId": UPSTREAM, "status": "working"}});
    let server = Scripted::start(move |received| {
        let asked: Value = serde_json::from_str(&received.body).unwrap_or_default();
        let result = match asked["params"].get("task") {
            Some(_) => json!({"task": {"taskId": "upstream-of-bob", "status": "working"}}),
            None => json!({"content": []}),
        };
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
        let events = format!("data: {status}\n\ndata: {answer}\n\ndata: {status}\n\n");
        vec![ok("text/event-stream", &events)]
    });
    let gateway = Gateway::start(&two_servers(&server.url()));
    let bob = gateway.token("bob", "developers");
    for (call, ids) in [
        (json!({"name": "get-x"}), 0),
        (json!({"name": "get-x", "task": {"ttl": 60_000}}), 1),
    ] {
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call});
        let bearer = format!("Bearer {bob}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("accept", "application/json, text/event-stream"),
        ];
        let text = request("POST", "/mcp/s", &headers, &body.to_string());
        let answer = gateway.send(text.as_bytes());
        assert!(answer.body.contains("\"result\""), "{answer:?}");
        assert!(!answer.body.contains("tasks/status"), "{answer:?}");
        assert_eq!(answer.body.matches("taskId").count(), ids, "{answer:?}");
        assert!(!answer.body.contains(UPSTREAM), "{answer:?}");
    }
}

#[test]
fn a_task_ends_with_the_right_to_its_tool() {
    let server = server();
    let gateway = Gateway::start(&two_servers(&server.url()));
    let alice = gateway.token("alice", "developers");
    let begin = json!({"name": "get-x", "task": {}});
    let begun = read(&ask(&gateway, "s", &alice, "tools/call", begin));
    let task = begun["result"]["task"]["taskId"].clone();
    gateway.set_policy(&two_servers(&server.url()).replace("'get*'", "'put*'"));
    let begin = Instant::now();
    let asked = loop {
        let before = server.received().len();
        let answer = ask(
            &gateway,
            "s",
            &alice,
            "tasks/result",
            json!({"taskId": task}),
        );
        if answer.body.contains("-31403") {
            break server.received().len() - before;
        }
        assert!(begin.elapsed() < Duration::from_secs(10), "{}", answer.body);
    };
    assert_eq!(asked, 0, "the denied question reached the server");
}

#[test]
fn the_header_of_2026_07_28_names_the_task_as_the_server_does() {
    let server = server();
    let gateway = Gateway::start(&two_servers(&server.url()));
    let bearer = format!("Bearer {}", gateway.token("alice", "developers"));
    let send = |method: &str, name: &str, mut params: Value| {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {
                "extensions": {"io.modelcontextprotocol/tasks": {}}}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let headers = [
            ("authorization", bearer.as_str()),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
            ("mcp-name", name),
        ];
        gateway.send(request("POST", "/mcp/s", &headers, &body.to_string()).as_bytes())
    };
    let begun = read(&send("tools/call", "get-x", json!({"name": "get-x"})));
    let task = begun["result"]["taskId"].as_str().unwrap();
    assert_ne!(task, UPSTREAM);
    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": task, "inputResponses": {}});
        let told = read(&send(method, task, params.clone()));
        assert_eq!(told["result"]["taskId"], task, "{method}");
        let last = server.received().pop().unwrap();
        assert_eq!(last.header("mcp-name"), Some(UPSTREAM), "{method}");
        let before = server.received().len();
        for name in [UPSTREAM, "get-x"] {
            let answer = send(method, name, params.clone());
            assert_eq!(
                (answer.status, read(&answer)["error"]["code"].as_i64()),
                (400, Some(-32020))
            );
        }
        assert_eq!(server.received().len(), before);
    }
}

/// The whole way of a task of 2026-07-28 at a server that the Rust SDK keeps.
#[test]
fn a_server_of_an_sdk_keeps_tasks() {
    let server = Demo::start();
    let url = format!("http://{}/mcp", server.address());
    let gateway = Gateway::start(&policy(&url).replace("'get*'", "'slow_count'"));
    let alice = gateway.token("alice", "developers");
    let send = |token: &str, method: &str, name: &str, mut params: Value| {
        params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {
                "extensions": {"io.modelcontextprotocol/tasks": {}}}});
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let bearer = format!("Bearer {token}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
            ("mcp-name", name),
        ];
        let text = request("POST", "/mcp/s", &headers, &body.to_string());
        let answer = gateway.send(text.as_bytes());
        let event = answer
            .body
            .lines()
            .find_map(|line| line.strip_prefix("data: {"));
        let text = event.map_or(answer.body.clone(), |rest| format!("{{{rest}"));
        serde_json::from_str::<Value>(&text).unwrap_or_else(|e| panic!("{e}: {answer:?}"))
    };
    let begin = |n: u32| {
        let params = json!({"name": "slow_count", "arguments": {"n": n}});
        let begun = send(&alice, "tools/call", "slow_count", params)["result"].clone();
        assert_eq!(begun["resultType"], "task", "{begun}");
        begun["taskId"].as_str().unwrap().to_owned()
    };
    let about = |token: &str, method: &str, id: &str| {
        let params = json!({"taskId": id});
        send(token, method, id, params)
    };
    let task = begin(4);
    let (mut told, since) = (Vec::new(), Instant::now());
    let last = loop {
        let state = about(&alice, "tasks/get", &task)["result"].clone();
        assert_eq!(state["taskId"], task, "{state}");
        told.push(
            state["statusMessage"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        );
        if state["status"] != "working" {
            break state;
        }
        assert!(since.elapsed() < Duration::from_secs(20), "{state}");
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(last["status"], "completed", "{last}");
    assert_eq!(
        last["result"]["content"][0]["text"],
        "Counted to 4 for <EMAIL_ADDRESS>."
    );
    assert!(
        told.iter()
            .any(|text| text == "counted to 3 for <EMAIL_ADDRESS>"),
        "{told:?}"
    );
    assert!(!told.concat().contains('@'), "{told:?}");

    let bob = gateway.token("bob", "developers");
    let long = begin(100);
    for method in ["tasks/get", "tasks/cancel"] {
        assert_eq!(
            about(&bob, method, &long)["error"]["code"],
            -31403,
            "{method}"
        );
    }
    let state = || about(&alice, "tasks/get", &long)["result"]["status"].clone();
    assert_eq!(state(), "working");
    assert!(about(&alice, "tasks/cancel", &long).get("error").is_none());
    let since = Instant::now();
    while state() != "cancelled" {
        assert!(since.elapsed() < Duration::from_secs(10), "{}", state());
        std::thread::sleep(Duration::from_millis(50));
    }
}
