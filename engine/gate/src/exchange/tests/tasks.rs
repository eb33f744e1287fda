//! Ids of tasks: sealed to the caller and the tool, wherever a message names one.

use super::*;

const RELATED: &str = "io.modelcontextprotocol/related-task";

fn sealed_to(owner: Owner<'_>, parts: &[&str]) -> String {
    let sealer = Sealer::new(&key(), &["00000001"]).unwrap();
    sealer.seal(Purpose::Task, owner, parts).unwrap()
}

/// A task of the tool `get_x` as the anonymous caller knows it.
fn task(id: &str) -> String {
    sealed_to(Owner::Anonymous, &["s", id, "get_x"])
}

fn request(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

fn about(method: &str, id: &str) -> Run {
    Run::post(&request(method, json!({"taskId": id})))
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The result that a client gets where the server answers with another.
fn result(run: &mut Run, result: Value) -> Value {
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": result});
    read(&run.json(&answer.to_string()))
}

fn modern(method: &str, params: Value, extra: &[(&str, &str)]) -> Run {
    let mut params = params;
    params["_meta"] = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                             "io.modelcontextprotocol/clientCapabilities": {}});
    let head = with(
        POST,
        &[
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ],
    );
    let mut run = Run::open(&with(&head, extra), false);
    run.on(Event::Request(request(method, params).as_bytes()));
    run
}

#[test]
fn the_client_gets_a_sealed_id_and_the_server_its_own() {
    let begin = request(
        "tools/call",
        json!({"name": "get_x", "task": {"ttl": 1000}}),
    );
    let mut run = Run::post(&begin);
    assert_eq!((run.flow, run.body()), (Flow::Go, None));
    let state = json!({"taskId": "up\n1", "status": "working", "ttl": 1000});
    let told = result(&mut run, json!({"task": state}))["result"]["task"].clone();
    assert_eq!(told["taskId"], task("up\n1"));
    assert_eq!(
        (&told["status"], &told["ttl"]),
        (&json!("working"), &json!(1000))
    );
    let record = run.record();
    assert_eq!(record["task"].as_str().unwrap().len(), 32);

    let shown = task("up\n1");
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let mut run = about(method, &shown);
        assert_eq!(run.flow, Flow::Go, "{method}");
        let sent = read(&run.body().unwrap());
        assert_eq!(sent["params"]["taskId"], "up\n1", "{method}");
        let next = run.record();
        assert_eq!(next["tool_name"], "get_x");
        assert_eq!(next["task"], record["task"]);
        assert_eq!(next["rule_id"], "some");
    }
}

#[test]
fn what_is_no_task_of_the_caller_is_denied_like_any_other() {
    let bob = Owner::Caller {
        issuer: "https://a",
        subject: "bob",
    };
    let sealer = Sealer::new(&key(), &["00000001"]).unwrap();
    let as_session = sealer.seal(Purpose::Session, Owner::Anonymous, &["s", "up-1", "get_x"]);
    let denied = about("tasks/get", "no-such").reply().clone();
    assert_eq!(
        about("tasks/get", "no-such").status_and_code(),
        (200, -31403)
    );
    for presented in [
        "up-1".to_owned(),
        task("up-1").get(1..).unwrap().to_owned(),
        sealed_to(bob, &["s", "up-1", "get_x"]),
        sealed_to(Owner::Anonymous, &["t", "up-1", "get_x"]),
        sealed_to(Owner::Anonymous, &["s", "up-1"]),
        sealed_to(Owner::Anonymous, &["s", "up-1", "get_secret"]),
        as_session.unwrap(),
    ] {
        for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
            assert_eq!(*about(method, &presented).reply(), denied, "{method}");
        }
        let listen = json!({"notifications": {"taskIds": [task("a"), presented]}});
        let run = modern("subscriptions/listen", listen, &[]);
        assert_eq!(run.status_and_code(), (200, -31403));
    }
    assert_eq!(about("tasks/list", &task("a")).reply(), &denied);
    assert_eq!(
        about("tasks/update", &task("a")).status_and_code().1,
        -32601
    );
}

#[test]
fn a_task_is_as_its_tool_is() {
    let shown = task("up-1");
    let mut policy = policy();
    policy.rules.truncate(1);
    let scope = policy.rules[0].servers[0].clone();
    policy.rules[0].servers[0].tools = patterns(&["send"]);
    let mut world = World::default();
    world.load(&sealed(policy), Some(&key())).unwrap();
    let mut run = Run::open_in(world, POST, false);
    run.on(Event::Request(
        request("tasks/result", json!({"taskId": shown})).as_bytes(),
    ));
    assert_eq!(run.status_and_code(), (200, -31403));
    assert_eq!(run.record()["tool_name"], "get_x");
    assert!(scope.tools.is_some());
}

#[test]
fn an_answer_names_the_task_as_the_client_does() {
    let shown = task("up-1");
    let inner = json!({"content": [{"type": "text", "text": "to ann@example.com"}],
                       "taskId": "ann@example.com", "tools": [{"name": "ann@example.com"}],
                       "_meta": {RELATED: {"taskId": "up-1"}}});
    let mut run = about("tasks/result", &shown);
    let told = result(&mut run, inner.clone())["result"].clone();
    assert_eq!(told["content"][0]["text"], "to <EMAIL_ADDRESS>");
    assert_eq!(told["_meta"][RELATED]["taskId"], shown);
    // A call has no such members: they are data like any other.
    assert_eq!(told["taskId"], "<EMAIL_ADDRESS>");

    let mut run = about("tasks/get", &shown);
    let state = json!({"taskId": "up-1", "status": "completed", "result": inner});
    let told = result(&mut run, state)["result"].clone();
    assert_eq!(told["taskId"], shown);
    assert_eq!(told["result"]["content"][0]["text"], "to <EMAIL_ADDRESS>");
    assert_eq!(told["result"]["tools"][0]["name"], "<EMAIL_ADDRESS>");
    assert_eq!(told["result"]["_meta"][RELATED]["taskId"], shown);

    for other in [
        json!({"taskId": "up-2", "status": "working"}),
        json!({"taskId": 1, "status": "working"}),
        json!({"task": {"taskId": "up-2"}}),
        json!({"taskId": "up-1", "status": "input_required",
               "inputRequests": {"a": {"method": "sampling/createMessage", "params": {}}}}),
        json!({"taskId": "up-1", "status": "completed",
               "result": {"inputRequests": {"a": {"method": "sampling/createMessage"}}}}),
        json!({"taskId": "up-1", "status": "failed",
               "error": {"code": 1, "message": "", "data": {"elicitations": []}}}),
    ] {
        let told = result(&mut about("tasks/get", &shown), other.clone());
        assert_eq!(told["error"]["code"], -31502, "{other}");
    }
    let failed = json!({"jsonrpc": "2.0", "id": 1, "error": {"code": -32602, "message": "gone"}});
    let told = about("tasks/get", &shown).json(&failed.to_string());
    assert_eq!(read(&told), failed);
}

#[test]
fn a_task_of_no_known_call_is_not_told() {
    for task in [
        json!({"task": {"taskId": "up-1", "status": "working"}}),
        json!({"resultType": "task", "taskId": "up-1"}),
    ] {
        let mut ping = Run::post(&request("ping", json!({})));
        assert_eq!(result(&mut ping, task)["error"]["code"], -31502);
    }
    let mut stream = Run::open(&with(POST, &[(":method", "GET")]), true);
    let text = [
        json!({"jsonrpc": "2.0", "id": 8, "result": {"task": {"taskId": "up-1"}}}),
        json!({"jsonrpc": "2.0", "id": 8, "result": {"taskId": "up-1", "status": "working"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/tasks/status",
               "params": {"taskId": "up-1", "status": "working"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": {"taskId": "up-1"}}),
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
            "progressToken": 1, "progress": 1,
            "_meta": {"a": 1, RELATED: {"taskId": "up-1"}, "b": 2}}}),
    ];
    let text = text.map(|message| format!("data: {message}\n\n")).concat();
    let sent = stream.events(&text, text.len());
    assert!(!sent.contains("up-1"), "{sent}");
    let left: Vec<Value> = sent
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(read)
        .collect();
    assert_eq!(left.len(), 1, "{sent}");
    assert_eq!(left[0]["params"]["_meta"], json!({"a": 1, "b": 2}));
}

#[test]
fn streams_of_the_call_and_of_the_task_name_it() {
    let shown = task("up-1");
    let told = |run: &mut Run, answer: Option<Value>| {
        let messages = [
            json!({"jsonrpc": "2.0", "method": "notifications/tasks/status",
                   "params": {"taskId": "up-1", "status": "working",
                              "statusMessage": "for ann@example.com"}}),
            json!({"jsonrpc": "2.0", "id": "q", "method": "roots/list",
                   "params": {"_meta": {RELATED: {"taskId": "up-1"}}}}),
            json!({"jsonrpc": "2.0", "id": "r", "method": "roots/list", "params": {"task": {}}}),
        ];
        let messages = answer.into_iter().chain(messages);
        let text: String = messages
            .map(|message| format!("data: {message}\n\n"))
            .collect();
        let sent = run.events(&text, 7);
        sent.lines()
            .filter_map(|line| line.strip_prefix("data: "))
            .map(read)
            .collect::<Vec<_>>()
    };
    let begin = request("tools/call", json!({"name": "get_x", "task": {}}));
    let begun = json!({"jsonrpc": "2.0", "id": 1, "result": {"task": {"taskId": "up-1"}}});
    for (mut run, answer) in [
        (Run::post(&begin), Some(begun)),
        (about("tasks/result", &shown), None),
    ] {
        let answers = usize::from(answer.is_some());
        let mut left = told(&mut run, answer);
        assert_eq!(left.len(), 2 + answers, "{left:?}");
        left.drain(..answers);
        assert_eq!(left[0]["params"]["taskId"], shown);
        assert_eq!(left[0]["params"]["statusMessage"], "for <EMAIL_ADDRESS>");
        assert_eq!(left[1]["params"]["_meta"][RELATED]["taskId"], shown);
    }
}

/// A server that tells of one caller's task on the stream of another's call gives it to nobody.
#[test]
fn a_call_begins_one_task_and_only_by_its_answer() {
    let status = |id: &str| {
        json!({"jsonrpc": "2.0", "method": "notifications/tasks/status",
               "params": {"taskId": id, "status": "working"}})
    };
    let related = |id: &str| {
        json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": {
            "progressToken": 1, "progress": 1, "_meta": {RELATED: {"taskId": id}}}})
    };
    let answer = |result: Value| json!({"jsonrpc": "2.0", "id": 1, "result": result});
    let legacy = |id: &str| answer(json!({"task": {"taskId": id, "status": "working"}}));
    let modern_answer = |id: &str| answer(json!({"resultType": "task", "taskId": id}));
    let sent = |run: &mut Run, messages: &[Value]| {
        let text: String = messages.iter().map(|m| format!("data: {m}\n\n")).collect();
        run.events(&text, 11)
    };
    let plain = || Run::post(&request("tools/call", json!({"name": "get_x"})));
    let asks = || Run::post(&request("tools/call", json!({"name": "get_x", "task": {}})));
    let new = || {
        let name = [("mcp-name", "get_x")];
        modern("tools/call", json!({"name": "get_x"}), &name)
    };
    let (mine, other) = (task("up-1"), task("up-2"));

    // Before the answer nothing says whose a task is.
    for mut run in [plain(), asks(), new()] {
        let told = sent(&mut run, &[status("up-2"), related("up-2")]);
        assert!(!told.contains(&other) && !told.contains("up-2"), "{told}");
        assert!(told.contains("notifications/progress"), "{told}");
    }
    // Nor does the answer of a call that has asked for none, or that of the other era.
    for (mut run, answer) in [
        (plain(), legacy("up-1")),
        (plain(), modern_answer("up-1")),
        (asks(), modern_answer("up-1")),
        (new(), legacy("up-1")),
        (asks(), answer(json!({"task": {"taskId": 1}}))),
    ] {
        let told = sent(&mut run, &[answer.clone(), status("up-1")]);
        assert!(!told.contains(&mine) && !told.contains("up-1"), "{told}");
        assert!(told.contains("-31502"), "{told}");
    }
    // After it there is that one.
    for (mut run, answer) in [(asks(), legacy("up-1")), (new(), modern_answer("up-1"))] {
        let told = sent(
            &mut run,
            &[answer, status("up-2"), related("up-2"), status("up-1")],
        );
        assert!(!told.contains(&other) && !told.contains("up-2"), "{told}");
        assert_eq!(told.matches(&mine).count(), 2, "{told}");
    }
}

#[test]
fn what_a_client_says_of_its_task_reaches_the_server() {
    let shown = task("up-1");
    let meta = |id: &str| json!({RELATED: {"taskId": id}});
    let answer = |id: &str| {
        json!({"jsonrpc": "2.0", "id": "q", "result": {"roots": [], "_meta": meta(id)}}).to_string()
    };
    let run = posted(&answer(&shown));
    assert_eq!(run.flow, Flow::Go);
    assert_eq!(read(&run.body().unwrap())["result"]["_meta"], meta("up-1"));
    assert_eq!(posted(&answer("up-1")).status_and_code(), (400, -32600));
    let call = |id: Value| {
        let params = json!({"name": "get_x", "_meta": {RELATED: id}});
        Run::post(&request("tools/call", params))
    };
    let run = call(json!({"taskId": shown}));
    assert_eq!(read(&run.body().unwrap())["params"]["_meta"], meta("up-1"));
    for bad in [json!({"taskId": "up-1"}), json!({}), json!("up-1")] {
        assert!(call(bad).body().unwrap().contains("Access denied"));
    }
    let cancelled = json!({"jsonrpc": "2.0", "method": "notifications/cancelled",
                           "params": {"requestId": 1, "_meta": meta("up-1")}});
    assert_eq!(Run::post(&cancelled.to_string()).reply().status, 202);
}

#[test]
fn the_extension_of_2026_07_28() {
    let shown = task("up-1");
    let name = [("mcp-name", "get_x")];
    let mut run = modern("tools/call", json!({"name": "get_x"}), &name);
    let state = json!({"resultType": "task", "taskId": "up-1", "status": "working", "ttlMs": 5});
    let told = result(&mut run, state)["result"].clone();
    assert_eq!(
        (&told["taskId"], &told["ttlMs"]),
        (&json!(shown), &json!(5))
    );
    let run = modern("tools/call", json!({"name": "get_x", "task": {}}), &name);
    assert!(run.body().unwrap().contains("Access denied"));

    for method in ["tasks/get", "tasks/update", "tasks/cancel"] {
        let params = json!({"taskId": shown, "inputResponses": {"a": {"action": "decline"}}});
        let run = modern(method, params.clone(), &[("mcp-name", &shown)]);
        assert_eq!(run.flow, Flow::Go, "{method}");
        assert_eq!(run.header("mcp-name").as_deref(), Some("up-1"), "{method}");
        assert_eq!(read(&run.body().unwrap())["params"]["taskId"], "up-1");
        for wrong in ["up-1", "", &task("up-2")] {
            let run = modern(method, params.clone(), &[("mcp-name", wrong)]);
            assert_eq!(run.status_and_code(), (400, -32020), "{method} {wrong}");
        }
    }
    let unknown = modern("tasks/result", json!({"taskId": shown}), &[]);
    assert_eq!(unknown.status_and_code(), (404, -32601));

    let listen = json!({"notifications": {"taskIds": [shown]}});
    let mut run = modern("subscriptions/listen", listen, &[]);
    let sent = read(&run.body().unwrap());
    assert_eq!(sent["params"]["notifications"]["taskIds"], json!(["up-1"]));
    let of = |method: &str, params: Value| {
        let message = json!({"jsonrpc": "2.0", "method": method, "params": params});
        format!("data: {message}\n\n")
    };
    let acknowledged = "notifications/subscriptions/acknowledged";
    let state = |id: &str| {
        json!({"taskId": id, "status": "completed",
               "result": {"content": [{"type": "text", "text": "ann@example.com"}]}})
    };
    let asks = json!({"taskId": "up-1", "status": "input_required", "inputRequests": {
        "a": {"method": "elicitation/create", "params": {}}}});
    let text = [
        of(
            acknowledged,
            json!({"notifications": {"taskIds": ["up-1"]}}),
        ),
        of(
            acknowledged,
            json!({"notifications": {"taskIds": ["up-2"]}}),
        ),
        of("notifications/tasks", state("up-1")),
        of("notifications/tasks", state("up-2")),
        of("notifications/tasks", asks),
    ];
    let sent = run.events(&text.concat(), 11);
    let left: Vec<Value> = sent
        .lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| read(data)["params"].clone())
        .collect();
    assert_eq!(left.len(), 2, "{sent}");
    assert_eq!(left[0]["notifications"]["taskIds"], json!([shown]));
    assert_eq!(left[1]["taskId"], shown);
    assert_eq!(left[1]["result"]["content"][0]["text"], "<EMAIL_ADDRESS>");
    let told: Vec<(String, bool)> = run.record()["messages"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| {
            (
                m["method"].as_str().unwrap().to_owned(),
                m["decision"] == "allow",
            )
        })
        .collect();
    let task = "notifications/tasks".to_owned();
    let expected = [
        // The ids of the client's own filter are no question to the policy.
        (acknowledged.to_owned(), false),
        (task.clone(), true),
        (task.clone(), false),
        ("elicitation/create".to_owned(), false),
        (task, false),
    ];
    assert_eq!(told, expected);
}
