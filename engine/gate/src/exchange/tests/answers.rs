use super::*;

#[test]
fn lists_show_what_may_be_called() {
    let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let sent = run.json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"drop"},{"name":"get_x", "z":1.0},{"name":"get_secret"},{"name":"send"}],"nextCursor":"c","cacheScope":"public"}}"#);
    assert_eq!(
        sent,
        r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"get_x", "z":1.0},{"name":"send"}],"nextCursor":"c","cacheScope":"private"}}"#
    );
    assert_eq!(run.record()["list_items_removed"], 2);
    let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    assert!(
        run.json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"title":"x"}]}}"#)
            .contains("-31502")
    );
}

#[test]
fn results_are_masked_in_text_and_structure() {
    let mut run = Run::post(&call("get_x", json!({})));
    let body = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"{\"mail\":\"ann@example.com\"}"}],"structuredContent":{"mail":"ann@example.com","card":"4111 1111 1111 1111"},"isError":false,"x":[1.0,2e3]}}"#;
    let sent = run.json(body);
    let wanted = body
        .replace("ann@example.com", "<EMAIL_ADDRESS>")
        .replace("4111 1111 1111 1111", "<CREDIT_CARD>");
    assert_eq!(sent, wanted);
    let record = run.record();
    assert_eq!(record["masking"][0]["direction"], "response");
    assert_eq!(record["upstream_status"], 200);
}

#[test]
fn what_cannot_be_inspected_is_blocked() {
    let ask = call("get_x", json!({}));
    for body in [
        "",
        "x",
        "[]",
        r#"{"jsonrpc":"2.0","id":2,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{},"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"roots/list"}"#,
    ] {
        let mut run = Run::post(&ask);
        let sent = run.json(body);
        assert_eq!(run.status_and_code(), (200, -31502), "{body} -> {sent}");
        assert!(sent.contains("\"id\":1"));
    }
    for extra in [
        ("content-type", "text/html"),
        ("content-type", ""),
        ("content-encoding", "gzip"),
    ] {
        let mut run = Run::post(&ask);
        run.respond(&with(
            &[(":status", "200"), ("content-type", "application/json")],
            &[extra],
        ));
        assert_eq!(run.status_and_code(), (200, -31502), "{extra:?}");
        let record = run.record();
        assert_eq!(
            (&record["decision"], &record["cause"]),
            (&json!("allow"), &json!("blocked"))
        );
    }
    let mut run = Run::post(&ask);
    run.respond(&[(":status", "200"), ("content-type", "application/json")]);
    run.on(Event::Overflow(Direction::Response));
    assert_eq!(run.status_and_code(), (200, -31502));
}

#[test]
fn statuses_of_the_server() {
    let ask = call("get_x", json!({}));
    for (status, wanted) in [
        ("401", 502),
        ("403", 502),
        ("302", 502),
        ("404", 404),
        ("500", 500),
    ] {
        let mut run = Run::post(&ask);
        run.respond(&[(":status", status), ("content-type", "text/plain")]);
        assert_eq!(run.status_and_code(), (wanted, -31504), "{status}");
    }
    let mut run = Run::post(&ask);
    let body =
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32001,"message":"ask ann@example.com"}}"#;
    run.respond(&[(":status", "404"), ("content-type", "application/json")]);
    run.on(Event::Whole(body.as_bytes()));
    assert_eq!(run.flow, Flow::Go);
    assert!(run.body().unwrap().contains("<EMAIL_ADDRESS>"));
    // An accepted notification has no body, and gets none.
    let mut run = Run::post(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    let headers = headers(&[(":status", "202"), ("set-cookie", "a=b")]);
    run.on(Event::Response(
        ResponseHead {
            headers: &headers,
            ends: true,
        },
        Origin::Server,
    ));
    assert_eq!(run.flow, Flow::Go);
    assert_eq!(run.header("set-cookie").unwrap(), "(removed)");
    assert_eq!(run.header("x-correlation-id").unwrap(), "rid");
}

#[test]
fn answers_of_envoy_pass_as_they_are() {
    let mut run = Run::post(&call("get_x", json!({})));
    let headers = headers(&[(":status", "504")]);
    run.on(Event::Response(
        ResponseHead {
            headers: &headers,
            ends: false,
        },
        Origin::Envoy,
    ));
    assert_eq!((run.flow, run.out.len()), (Flow::Go, 0));
    let record = run.record();
    assert_eq!(record["decision"], "allow");
    assert_eq!(record["cause"], "server_unreachable");
    assert!(record.get("upstream_status").is_none());
}

#[test]
fn a_client_that_takes_no_stream_gets_json() {
    let answer = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ann@example.com"}]}}"#;
    let post = |events: &str| {
        let mut run = Run::open(&with(POST, &[("accept", "application/json")]), false);
        run.on(Event::Request(call("get_x", json!({})).as_bytes()));
        run.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
        assert_eq!(run.flow, Flow::Hold);
        assert_eq!(run.header("content-type").unwrap(), "application/json");
        run.on(Event::Whole(events.as_bytes()));
        run
    };
    let run = post(&format!(
        "id: 1\ndata:\n\ndata: {{\"jsonrpc\":\"2.0\",\"method\":\"notifications/message\",\"params\":{{\"level\":\"info\",\"data\":1}}}}\n\ndata: {answer}\n\n"
    ));
    assert_eq!(
        run.body().unwrap(),
        answer.replace("ann@example.com", "<EMAIL_ADDRESS>")
    );
    let ask = r#"{"jsonrpc":"2.0","id":"q","method":"roots/list"}"#;
    let run = post(&format!("data: {ask}\n\ndata: {answer}\n\n"));
    assert_eq!(run.reply().status, 406);
    assert_eq!(post("data: x\n\n").status_and_code(), (200, -31502));
    assert_eq!(post("").status_and_code(), (200, -31502));
}

#[test]
fn a_list_over_several_lines_is_relaxed_and_masked() {
    let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let body = serde_json::to_string_pretty(&json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": [
        {"name": "get_x", "description": "ask ann@example.com",
         "outputSchema": {"type": "object", "properties": {"mail": {"type": "string", "format": "email", "minLength": 3}}}},
        {"name": "drop"}]}}))
    .unwrap();
    let sent = run.json(&body);
    let sent: Value = serde_json::from_str(&sent).unwrap();
    let tool = &sent["result"]["tools"][0];
    assert_eq!(sent["result"]["tools"].as_array().unwrap().len(), 1);
    assert_eq!(tool["description"], "ask <EMAIL_ADDRESS>");
    assert_eq!(
        tool["outputSchema"]["properties"]["mail"],
        json!({"type": "string"})
    );
}

#[test]
fn lists_and_requests_hide_nowhere() {
    let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    let sent = run.json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"prompts":[{"name":"bye"},{"name":"hello"}]}}"#);
    assert!(sent.contains("hello") && !sent.contains("bye"), "{sent}");
    let mut run = Run::post(r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#);
    let sent = run.json(r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[{"name":"drop"}]}}"#);
    assert!(!sent.contains("drop"), "{sent}");
    let mut run = Run::post(&call("get_x", json!({})));
    let sent = run.json(r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32042,"message":"m","data":{"elicitations":[{"mode":"url","url":"https://evil.example"}]}}}"#);
    assert!(sent.contains("-31502") && !sent.contains("evil"), "{sent}");
}

#[test]
fn the_type_that_was_read_is_the_type_that_is_told() {
    for charset in [
        "charset*=utf-7",
        "charset*=''utf-7",
        "charset*0=iso-8859-1",
        "charset=utf-7",
    ] {
        let mut run = Run::post(&call("get_x", json!({})));
        let media = format!("text/event-stream; {charset}");
        run.respond(&[(":status", "200"), ("content-type", &media)]);
        assert_eq!(run.status_and_code(), (200, -31502), "{charset}");
    }
    for media in [
        "text/event-stream;charset=UTF-8",
        "text/event-stream; x=\"y\"",
    ] {
        let mut run = Run::post(&call("get_x", json!({})));
        run.respond(&[(":status", "200"), ("content-type", media)]);
        assert_eq!(
            run.header("content-type").as_deref(),
            Some("text/event-stream")
        );
    }
    let run = Run::open(
        &with(POST, &[("content-type", "application/json; x=y")]),
        false,
    );
    assert_eq!(
        run.header("content-type").as_deref(),
        Some("application/json")
    );
}
