//! What records say of rules on trial, of what is not an answer, and of what was blocked.

use super::*;

/// The policy, with every kind of thing also on trial.
fn on_trial() -> World {
    let mut policy = policy();
    policy.rules.push(proto::Rule {
        shadow: true,
        ..rule(
            "trial",
            proto::Effect::Deny,
            proto::ServerScope {
                server: "*".to_owned(),
                ..Default::default()
            },
        )
    });
    policy.rules.push(proto::Rule {
        shadow: true,
        ..rule(
            "files",
            proto::Effect::Deny,
            proto::ServerScope {
                server: "s".to_owned(),
                resources: patterns(&["file:///ok/b"]),
                ..Default::default()
            },
        )
    });
    let mut world = World::default();
    world.load(&sealed(policy), Some(&key())).unwrap();
    world
}

fn request(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string()
}

fn trials(record: &Value) -> Vec<String> {
    let trials = record["shadow"].as_array().cloned().unwrap_or_default();
    let name = |trial: &Value| trial["rule_id"].as_str().unwrap().to_owned();
    trials.iter().map(name).collect()
}

fn listen(uris: &[&str]) -> Run {
    let params = json!({"notifications": {"resourceSubscriptions": uris},
        "_meta": {"io.modelcontextprotocol/protocolVersion": "2026-07-28",
                  "io.modelcontextprotocol/clientCapabilities": {}}});
    let head = [
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let mut run = Run::open_in(on_trial(), &with(POST, &head), false);
    run.on(Event::Request(
        request("subscriptions/listen", params).as_bytes(),
    ));
    run
}

#[test]
fn of_several_resources_the_denied_one_is_named() {
    let record = listen(&["file:///ok/a", "file:///no", "file:///ok/b"]).record();
    assert_eq!(record["decision"], "deny");
    assert_eq!(record["resource_name"], "file:///no");
    assert!(
        record.get("rule_id").is_none(),
        "the default denies: {record}"
    );
    let record = listen(&["file:///ok/a", "file:///ok/b"]).record();
    assert_eq!(record["decision"], "allow");
    assert_eq!(record["resource_name"], "file:///ok/a");
    assert_eq!(record["rule_id"], "some");
    assert_eq!(trials(&record), ["trial", "files"], "of all of them");
}

#[test]
fn rules_on_trial_are_told_of_whatever_is_judged() {
    let task = {
        let sealer = Sealer::new(&key(), &["00000001"]).unwrap();
        let sealed = sealer.seal(Purpose::Task, Owner::Anonymous, &["s", "up-1", "get_x"]);
        sealed.unwrap()
    };
    for (method, params) in [
        (
            "completion/complete",
            json!({"ref": {"type": "ref/prompt", "name": "hello"},
                                       "argument": {"name": "a", "value": "b"}}),
        ),
        ("tasks/get", json!({"taskId": task})),
        ("resources/subscribe", json!({"uri": "file:///ok/a"})),
    ] {
        let mut run = Run::open_in(on_trial(), POST, false);
        run.on(Event::Request(request(method, params).as_bytes()));
        assert_eq!(run.flow, Flow::Go, "{method}");
        assert_eq!(trials(&run.record()), ["trial"], "{method}");
    }
    // Of a list each item would be one.
    let mut run = Run::open_in(on_trial(), POST, false);
    run.on(Event::Request(request("tools/list", json!({})).as_bytes()));
    run.json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"get_x"}]}}"#);
    assert!(trials(&run.record()).is_empty());
}

fn updated(uri: &str) -> String {
    let message = json!({"jsonrpc": "2.0", "method": "notifications/resources/updated",
                         "params": {"uri": uri}});
    format!("data: {message}\n\n")
}

fn told(record: &Value) -> Vec<(&str, &str)> {
    let messages = record["messages"].as_array().unwrap();
    messages
        .iter()
        .map(|m| {
            (
                m["method"].as_str().unwrap(),
                m["decision"].as_str().unwrap(),
            )
        })
        .collect()
}

#[test]
fn governed_messages_are_told_whatever_was_decided() {
    let head = with(POST, &[(":method", "GET"), ("content-type", "")]);
    let mut run = Run::open_in(on_trial(), &head, true);
    let progress = r#"data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":1,"progress":1}}"#;
    let strange = r#"data: {"jsonrpc":"2.0","method":"ann@example.com","params":{}}"#;
    let text = [
        updated("file:///ok/a"),
        updated("file:///no"),
        format!("{progress}\n\n{strange}\n\n"),
    ];
    run.events(&text.concat(), 17);
    let record = run.record();
    assert_eq!(
        told(&record),
        [
            ("notifications/resources/updated", "allow"),
            ("notifications/resources/updated", "deny"),
            ("<EMAIL_ADDRESS>", "deny"),
        ]
    );
    assert_eq!(record["messages"][0]["rule_id"], "some");
    assert_eq!(trials(&record), ["trial"]);
}

#[test]
fn of_too_many_messages_the_denied_stay() {
    let head = with(POST, &[(":method", "GET"), ("content-type", "")]);
    let mut run = Run::open(&head, true);
    let text = updated("file:///ok/a").repeat(40) + &updated("file:///no").repeat(3);
    run.events(&text, 4000);
    let record = run.record();
    let told = told(&record);
    assert_eq!(told.len(), 32);
    assert_eq!(told.iter().filter(|(_, d)| *d == "deny").count(), 3);
    assert_eq!(record["messages_left_out"], 11);
}

#[test]
fn what_a_later_policy_has_judged_names_it() {
    let head = with(POST, &[(":method", "GET"), ("content-type", "")]);
    let mut run = Run::open(&head, true);
    run.now += 61_000;
    let mut later = policy();
    later.rules[0].servers[0].resources = patterns(&["*"]);
    run.world.load(&sealed(later), Some(&key())).unwrap();
    run.events(&updated("file:///no"), 999);
    let record = run.record();
    let version = &record["messages"][0]["policy_version"];
    assert!(version.is_string());
    assert_ne!(version, &record["policy_version"]);
    assert_eq!(version, &record["later_policy_version"]);
}

#[test]
fn what_was_blocked_says_why() {
    for (answer, why) in [
        ("{", "no JSON"),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#,
            "no message",
        ),
        (
            r#"{"jsonrpc":"2.0","id":2,"result":{}}"#,
            "answers the request",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"Tools":[]}}"#,
            "another spelling",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"input_requests":{}}}"#,
            "another spelling",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{}]}}"#,
            "a list",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"inputRequests":{"a":{"method":"sampling/createMessage"}}}}"#,
            "denied",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"result":{"task":{"taskId":"t"}}}"#,
            "a task",
        ),
    ] {
        let mut run = Run::post(&call("get_x", json!({})));
        let got = run.json(answer);
        assert!(got.contains("-31502"), "{answer}: {got}");
        let record = run.record();
        assert_eq!(record["cause"], "blocked", "{answer}");
        let blocked = record["blocked"].as_str().unwrap();
        assert!(blocked.contains(why), "{answer}: {blocked}");
        assert_eq!(record["reason"], "about some", "the request's reason stays");
    }
}

/// It answers nothing, so it does not take the answer's place.
#[test]
fn a_notification_that_cannot_be_inspected_leaves_the_answer_alone() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;
    for odd in [
        r#"{"jsonrpc":"2.0","method":7}"#,
        r#"{"jsonrpc":"1.0","method":"notifications/message","params":{}}"#,
        r#"{"jsonrpc":"2.0","Method":"x","method":"notifications/message"}"#,
        r#"{"jsonrpc":"2.0","id":{},"method":"roots/list"}"#,
    ] {
        let mut run = Run::post(&call("get_x", json!({})));
        let sent = run.events(&format!("data: {odd}\n\ndata: {answer}\n\n"), 13);
        assert_eq!(sent, format!("data: {answer}\n\n"), "{odd}");
        assert_eq!(told(&run.record()), [("unreadable", "deny")], "{odd}");
    }
    // What may be the answer is blocked.
    let both = r#"{"jsonrpc":"2.0","id":1,"method":"x","result":{}}"#;
    let mut run = Run::post(&call("get_x", json!({})));
    let sent = run.events(&format!("data: {both}\n\ndata: {answer}\n\n"), 13);
    assert!(
        sent.contains("-31502") && !sent.contains("content"),
        "{sent}"
    );
}

#[test]
fn a_method_that_nobody_knows_is_named() {
    let record = Run::post(&request("tools/frob", json!({}))).record();
    assert_eq!(record["reason"], "no method tools/frob");
    let long = format!("x/{}", "y".repeat(900));
    let record = Run::post(&request(&long, json!({}))).record();
    assert!(record["reason"].as_str().unwrap().len() < 300);
}

#[test]
fn a_stream_without_a_session_is_not_resumed() {
    let get = [
        (":method", "GET"),
        ("content-type", ""),
        ("last-event-id", "7"),
    ];
    let mut run = Run::open(&with(POST, &get), true);
    assert_eq!(run.status_and_code(), (404, -31404));
    assert_eq!(run.record()["reason"], "a stream without a session");
    let sealed = session("up-1");
    let head = with(POST, &get);
    let run = Run::open(&with(&head, &[("mcp-session-id", &sealed)]), true);
    assert_eq!((run.flow, run.header("last-event-id")), (Flow::Go, None));
    // Elsewhere it means nothing and does not reach the server.
    let modern = [("mcp-protocol-version", "2026-07-28")];
    let run = Run::open(&with(&head, &modern), true);
    assert_eq!(run.header("last-event-id").as_deref(), Some("(removed)"));
    let run = Run::open(&with(POST, &[("last-event-id", "7")]), false);
    assert_eq!(run.header("last-event-id").as_deref(), Some("(removed)"));
}

/// There is nothing to wait for: the stream may never end.
#[test]
fn a_stream_that_answers_nothing_is_refused_at_once_where_none_is_accepted() {
    let get = [
        (":method", "GET"),
        ("content-type", ""),
        ("accept", "application/json"),
    ];
    let mut run = Run::open(&with(POST, &get), true);
    run.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
    assert_eq!(run.status_and_code(), (406, -31406));
}

#[test]
fn links_to_what_may_not_be_read_are_counted() {
    let link = |uri: &str| json!({"type": "resource_link", "uri": uri, "name": "n"});
    let content = json!([
        {"type": "text", "text": "file:///no"},
        link("file:///ok/a"),
        link("file:///no"),
        {"type": "resource_link"},
    ]);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"content": content}}).to_string();
    let mut run = Run::post(&call("get_x", json!({})));
    assert_eq!(run.json(&answer), answer, "they pass");
    assert_eq!(run.record()["links_denied"], 2);
}
