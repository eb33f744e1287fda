use super::*;

const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"mail ann@example.com"}]}}"#;

fn ask() -> Run {
    Run::open_session()
}

impl Run {
    fn open_session() -> Self {
        let session = session("sess-1");
        let head = with(
            POST,
            &[
                ("mcp-session-id", &session),
                ("mcp-protocol-version", "2025-11-25"),
            ],
        );
        let mut run = Self::open(&head, false);
        run.on(Event::Request(call("get_x", json!({})).as_bytes()));
        assert_eq!(run.flow, Flow::Go);
        run
    }
}

#[test]
fn events_are_masked_however_they_are_cut() {
    let text = format!(": hi\n\nid: 1\ndata:\n\nevent: message\r\nid: 2\r\ndata: {ANSWER}\r\n\r\n");
    let wanted = text.replace("ann@example.com", "<EMAIL_ADDRESS>");
    let whole = ask().events(&text, text.len());
    for size in 1..text.len() {
        let sent = ask().events(&text, size);
        // The LF of a CRLF that was cut may stand alone: an empty line more says nothing.
        assert_eq!(sent.replace("\n\n\n", "\n\n"), whole, "pieces of {size}");
    }
    let data = |text: &str| {
        text.lines()
            .filter(|l| l.starts_with("data: {"))
            .collect::<Vec<_>>()
            .join("")
    };
    assert_eq!(data(&whole), data(&wanted));
    assert!(whole.contains("id: 2") && whole.contains(": hi"));
}

#[test]
fn untouched_events_keep_every_byte() {
    let text = "retry: 5\nevent:x\ndata:{\"jsonrpc\":\"2.0\",\ndata: \"id\":1,\"result\":{}}\n\n";
    assert_eq!(ask().events(text, 3), text);
}

#[test]
fn an_event_that_cannot_be_inspected_becomes_an_error_once() {
    let mut run = ask();
    let text = format!("id: 7\ndata: {{broken\n\ndata: {ANSWER}\n\n");
    let sent = run.events(&text, 10);
    assert!(
        sent.contains("-31502") && sent.contains("\"id\":1") && sent.contains("id: 7"),
        "{sent}"
    );
    assert!(!sent.contains("mail"), "{sent}");
    // Without a request there is nobody to tell.
    let head = with(POST, &[(":method", "GET"), ("content-type", "")]);
    let mut run = Run::open(&head, true);
    let sent = run.events("id: 7\ndata: {broken\n\n: still here\n\n", 10);
    assert!(
        sent.contains("still here") && !sent.contains("broken") && !sent.contains("-31502"),
        "{sent}"
    );
}

#[test]
fn an_event_over_the_limit_ends_the_stream() {
    let mut run = ask();
    run.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
    let long = format!("data: {}", "x".repeat(5000));
    run.on(Event::Chunk(long.as_bytes(), Last::More));
    assert_eq!(run.flow, Flow::Done);
    assert!(
        matches!(&run.out[..], [Action::Emit(e), Action::Reset] if String::from_utf8_lossy(e).contains("-31502"))
    );
}

#[test]
fn a_denied_server_request_is_taken_out_and_answered() {
    let request = |method: &str| {
        format!(
            "id: 3\ndata: {{\"jsonrpc\":\"2.0\",\"id\":\"q\",\"method\":\"{method}\",\"params\":{{}}}}\n\n"
        )
    };
    let mut run = ask();
    let text = request("sampling/createMessage");
    let sent = run.events(&text, text.len());
    assert!(
        sent.contains("id: 3") && !sent.contains("sampling"),
        "{sent}"
    );
    let calls: Vec<_> = run
        .out
        .iter()
        .filter_map(|a| match a {
            Action::Call(_, call) => Some(call),
            _ => None,
        })
        .collect();
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].cluster, "s-1");
    assert!(
        calls[0]
            .headers
            .contains(&("mcp-session-id".into(), "sess-1".into()))
    );
    let body: Value = serde_json::from_slice(&calls[0].body).unwrap();
    assert_eq!(
        (&body["id"], &body["error"]["code"]),
        (&json!("q"), &json!(-31403))
    );
    let record = run.record();
    assert_eq!(record["messages"][0]["decision"], "deny");
    assert_eq!(record["decision"], "allow");
    for (method, passes) in [
        ("roots/list", true),
        ("ping", true),
        ("tools/call", false),
        ("x/y", false),
    ] {
        let mut run = ask();
        let text = request(method);
        assert_eq!(
            run.events(&text, text.len()).contains("jsonrpc"),
            passes,
            "{method}"
        );
    }
    // A server without sessions waits as well.
    let mut run = Run::post(&call("get_x", json!({})));
    run.events(&text, text.len());
    let headers = run.out.iter().find_map(|a| match a {
        Action::Call(_, call) => Some(call.headers.clone()),
        _ => None,
    });
    let headers = headers.unwrap();
    assert!(!headers.iter().any(|(name, _)| name == "mcp-session-id"));
}

#[test]
fn notifications_of_the_server() {
    let event = |method: &str, params: Value| {
        let text = json!({"jsonrpc": "2.0", "method": method, "params": params});
        format!("data: {text}\n\n")
    };
    for (method, params, passes) in [
        ("notifications/tools/list_changed", json!({}), true),
        (
            "notifications/resources/updated",
            json!({"uri": "file:///ok/1"}),
            true,
        ),
        (
            "notifications/resources/updated",
            json!({"uri": "file:///no"}),
            false,
        ),
        ("notifications/resources/updated", json!({}), false),
        ("notifications/strange", json!({}), false),
    ] {
        let text = event(method, params.clone());
        assert_eq!(
            ask().events(&text, 9).contains(method),
            passes,
            "{method} {params}"
        );
    }
    let text = event(
        "notifications/message",
        json!({"level": "info", "data": "ann@example.com"}),
    );
    assert!(ask().events(&text, 9).contains("<EMAIL_ADDRESS>"));
}

#[test]
fn lists_on_a_stream_of_nobody_are_filtered_by_shape() {
    let head = with(POST, &[(":method", "GET"), ("content-type", "")]);
    let mut run = Run::open(&head, true);
    let text = "data: {\"jsonrpc\":\"2.0\",\"id\":44,\"result\":{\"tools\":[{\"name\":\"get_secret\"},{\"name\":\"send\"}]}}\n\n";
    let sent = run.events(text, 7);
    assert!(
        sent.contains("send") && !sent.contains("get_secret"),
        "{sent}"
    );
}

#[test]
fn an_old_stream_follows_the_live_policy() {
    let head = with(POST, &[(":method", "GET"), ("content-type", "")]);
    let mut run = Run::open(&head, true);
    run.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
    let mut stricter = policy();
    stricter.rules[0].servers[0].client_requests = None;
    run.world.load(&sealed(stricter), Some(&key())).unwrap();
    let event = b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"roots/list\"}\n\n";
    let passed = |run: &Run| {
        run.out
            .iter()
            .any(|a| matches!(a, Action::Emit(e) if e.starts_with(b"data")))
    };
    run.on(Event::Chunk(event, Last::More));
    assert!(passed(&run));
    run.now += 60_000;
    run.on(Event::Chunk(event, Last::More));
    assert!(!passed(&run));
    // A caller who may do nothing there any more has no stream there.
    let mut right = policy();
    right.rules.remove(0);
    let mut fallen = Run::open(&head, true);
    fallen.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
    fallen.world.load(&sealed(right), Some(&key())).unwrap();
    fallen.now += 59_999;
    fallen.on(Event::Chunk(event, Last::More));
    assert!(passed(&fallen));
    fallen.now += 1;
    fallen.on(Event::Chunk(event, Last::More));
    assert_eq!(fallen.out, [Action::Reset]);
    assert_eq!(fallen.record()["cause"], "stream_ended");
    // A server that is gone ends the stream.
    let mut gone = policy();
    gone.servers[0].name = "other".into();
    gone.rules
        .iter_mut()
        .for_each(|r| r.servers[0].server = "other".into());
    run.world.load(&sealed(gone), Some(&key())).unwrap();
    run.on(Event::Chunk(event, Last::More));
    assert_eq!(run.out, [Action::Reset]);
}

#[test]
fn a_host_that_fails_in_a_stream_cuts_it() {
    let mut run = ask();
    run.respond(&[(":status", "200"), ("content-type", "text/event-stream")]);
    run.on(Event::HostFailed);
    assert_eq!((run.flow, &run.out[..]), (Flow::Done, &[Action::Reset][..]));
}

#[test]
fn nothing_passes_that_some_reader_takes_for_data() {
    let hidden = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[{"type":"text","text":"ann@example.com"}]}}"#;
    for text in [
        format!("\u{feff}\u{feff}data: {hidden}\n\n"),
        format!("ï»¿data: {hidden}\n\n"),
        format!(": x\u{2028}data: {hidden}\u{2028}\u{2028}\n\n"),
        format!("event: x\u{85}data: {hidden}\n\n"),
        format!("Data: {hidden}\n\n"),
        format!("data : {hidden}\n\n"),
        format!("id: 1\u{b}data: {hidden}\n\n"),
    ] {
        for size in [1, 5, 4096] {
            let sent = ask().events(&text, size);
            assert!(!sent.contains("ann@"), "{text:?} -> {sent:?}");
        }
    }
    let split = "data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"t\":\"a\u{2028}data: b\"}}\n\n";
    let sent = ask().events(split, 9);
    assert!(sent.contains("a\\u2028data: b"), "{sent}");
}

#[test]
fn no_proxy_on_the_way_back_is_to_hold_events() {
    for (server, ours) in [
        (None, Some("no")),
        (Some("yes"), Some("no")),
        (Some("no"), None),
    ] {
        let mut run = ask();
        let mut head = vec![(":status", "200"), ("content-type", "text/event-stream")];
        head.extend(server.map(|value| ("x-accel-buffering", value)));
        run.respond(&head);
        assert_eq!(
            run.header("x-accel-buffering").as_deref(),
            ours,
            "{server:?}"
        );
    }
}
