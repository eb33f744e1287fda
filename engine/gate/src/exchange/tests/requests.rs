use super::*;

#[test]
fn an_allowed_call_passes_untouched() {
    let body = call("get_x", json!({"n": 1}));
    let mut run = Run::post(&body);
    assert_eq!(run.flow, Flow::Go);
    assert_eq!(run.body(), None);
    let record = run.record();
    assert_eq!(record["decision"], "allow");
    assert_eq!(record["rule_id"], "some");
    assert_eq!(record["tool_name"], "get_x");
    assert_eq!(record["jsonrpc_id"], "1");
    assert_eq!(record["worker"], "w");
    assert_eq!(record["sequence"], 7);
    assert_eq!(record["open_exchanges"], 0);
}

#[test]
fn unknown_and_forbidden_calls_are_answered_alike() {
    let denied = Run::post(&call("get_secret", json!({}))).reply().clone();
    let unknown = Run::post(&call("no_such_tool", json!({}))).reply().clone();
    assert_eq!(denied, unknown);
    assert_eq!(denied.status, 200);
    let body: Value = serde_json::from_slice(&denied.body).unwrap();
    assert_eq!(body["result"]["isError"], true);
    assert_eq!(
        body["result"]["content"][0]["text"],
        "Access denied (correlation_id=rid)"
    );
    assert_eq!(body["id"], 1);
    let mut run = Run::post(&call("get_secret", json!({})));
    let record = run.record();
    assert_eq!(
        (&record["decision"], &record["rule_id"]),
        (&json!("deny"), &json!("secret"))
    );
    assert_eq!(record["reason"], "about secret");
}

#[test]
fn every_object_is_judged() {
    let request = |method: &str, params: Value| {
        json!({"jsonrpc": "2.0", "id": "a", "method": method, "params": params}).to_string()
    };
    for (method, params, allowed) in [
        ("resources/read", json!({"uri": "file:///ok/a"}), true),
        ("resources/read", json!({"uri": "file:///no"}), false),
        ("resources/subscribe", json!({"uri": "file:///no"}), false),
        ("prompts/get", json!({"name": "hello"}), true),
        ("prompts/get", json!({"name": "bye"}), false),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "hello"}, "argument": {"name": "a", "value": ""}}),
            true,
        ),
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "bye"}, "argument": {"name": "a", "value": ""}}),
            false,
        ),
        ("ping", json!({}), true),
        ("tools/list", json!({}), true),
    ] {
        let run = Run::post(&request(method, params.clone()));
        if allowed {
            assert_eq!(run.flow, Flow::Go, "{method} {params}");
        } else {
            assert_eq!(run.status_and_code(), (200, -31403), "{method} {params}");
        }
    }
    for unknown in ["skills/list", "tasks/update"] {
        let run = Run::post(&request(unknown, json!({"taskId": "t"})));
        assert_eq!(run.status_and_code(), (200, -32601), "{unknown}");
    }
    assert_eq!(
        Run::post(&request(
            "tools/call",
            json!({"name": "get_x", "arguments": []})
        ))
        .reply()
        .status,
        400
    );
}

#[test]
fn bodies_that_are_not_one_message_are_refused() {
    for (body, code) in [
        ("", -32700),
        ("{", -32700),
        ("\u{feff}{}", -32700),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
            -32700,
        ),
        ("[]", -32600),
        (r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, -32600),
        (r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#, -32600),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"x"}"#,
            -32600,
        ),
        (
            r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"get_x"}}"#,
            -32600,
        ),
    ] {
        let run = Run::post(body);
        assert_eq!(run.status_and_code(), (400, code), "{body}");
        assert!(run.body().unwrap().contains("\"id\":null"), "{body}");
    }
    let long = call("get_x", json!({"t": "x".repeat(2000)}));
    assert_eq!(Run::post(&long).status_and_code(), (413, -31413));
    let mut run = Run::open(POST, false);
    run.on(Event::Overflow(Direction::Request));
    assert_eq!(run.status_and_code(), (413, -31413));
}

#[test]
fn arguments_are_masked_and_nothing_else_changes() {
    let body = r#"{ "jsonrpc":"2.0","id":1.0e0, "method":"x"}"#;
    assert_eq!(Run::post(body).reply().status, 400);
    let body = "{ \"jsonrpc\":\"2.0\",\n\"id\":1, \"method\":\"tools/call\",\"params\":{\"name\":\"send\",\"arguments\":{\"to\":\"ann@example.com\", \"n\": 1.50,\"password\":\"hunter2\"}}}";
    let mut run = Run::post(body);
    let wanted = body
        .replace('\n', " ")
        .replace("ann@example.com", "<EMAIL_ADDRESS>")
        .replace("hunter2", "<PASSWORD>");
    assert_eq!(run.body().unwrap(), wanted);
    let record = run.record();
    assert_eq!(record["masking"].as_array().unwrap().len(), 2);
    assert!(!record.to_string().contains("ann@"));
}

#[test]
fn notifications_and_posted_answers() {
    let run = Run::post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    assert_eq!(run.flow, Flow::Go);
    let mut run = Run::post(r#"{"jsonrpc":"2.0","method":"notifications/skills"}"#);
    assert_eq!(run.reply().status, 202);
    assert!(run.reply().body.is_empty());
    assert_eq!(run.record()["cause"], "dropped");
    assert_eq!(
        Run::post(r#"{"jsonrpc":"2.0","method":"notifications/skills"}"#).record()["reason"],
        "no method notifications/skills"
    );
    let answer = r#"{"jsonrpc":"2.0","id":5,"result":{"action":"accept","content":{"mail":"ann@example.com"}}}"#;
    let run = posted(answer);
    assert_eq!(run.flow, Flow::Go);
    assert!(run.body().unwrap().contains("<EMAIL_ADDRESS>"));
    // Without a session it could answer what another caller was asked.
    for answer in [
        answer,
        r#"{"jsonrpc":"2.0","id":5,"error":{"code":-1,"message":"no"}}"#,
    ] {
        let mut run = Run::post(answer);
        assert_eq!(run.status_and_code(), (404, -31404));
        assert_eq!(run.record()["reason"], "an answer without a session");
    }
}

#[test]
fn a_host_that_fails_is_a_refusal() {
    let mut run = Run::open(POST, false);
    run.on(Event::HostFailed);
    assert_eq!(run.status_and_code(), (503, -31503));
    run.on(Event::Request(b"{}"));
    assert_eq!((run.flow, run.out.len()), (Flow::Done, 0));
    // Events that nobody expects are doubt.
    let mut run = Run::open(POST, false);
    run.on(Event::Whole(b"{}"));
    assert_eq!(run.status_and_code(), (503, -31503));
}

#[test]
fn a_body_that_is_long_in_coming_is_judged_by_the_live_policy() {
    let mut run = Run::open(POST, false);
    let mut stricter = policy();
    stricter.rules[0].servers[0].tools = patterns(&["send"]);
    stricter.servers[0].cluster = "s-2".to_owned();
    run.world
        .load(&sealed(stricter.clone()), Some(&key()))
        .unwrap();
    run.on(Event::Request(call("get_x", json!({})).as_bytes()));
    assert!(run.body().unwrap().contains("Access denied"));
    // What passes goes where the live policy says.
    let mut run = Run::open(POST, false);
    run.world.load(&sealed(stricter), Some(&key())).unwrap();
    run.on(Event::Request(call("send", json!({})).as_bytes()));
    assert!(
        run.out.contains(&Action::Admit("s-2".to_owned())),
        "{:?}",
        run.out
    );
}
