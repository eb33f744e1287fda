use super::*;

const VERSION: &str = "2026-07-28";

fn body(method: &str, name: &str, meta: Value) -> String {
    json!({"jsonrpc": "2.0", "id": 9, "method": method,
           "params": {"name": name, "arguments": {"to": "ann@example.com"}, "_meta": meta}})
    .to_string()
}

fn meta() -> Value {
    json!({"io.modelcontextprotocol/protocolVersion": VERSION,
           "io.modelcontextprotocol/clientCapabilities": {}})
}

fn run(extra: &[(&str, &str)], body: &str) -> Run {
    let head = with(
        POST,
        &[
            ("mcp-protocol-version", VERSION),
            ("mcp-method", "tools/call"),
            ("mcp-name", "get_x"),
        ],
    );
    let mut run = Run::open(&with(&head, extra), false);
    assert_eq!(run.flow, Flow::Hold, "{extra:?}");
    run.on(Event::Request(body.as_bytes()));
    run
}

#[test]
fn headers_and_body_agree() {
    let good = body("tools/call", "get_x", meta());
    assert_eq!(run(&[], &good).flow, Flow::Go);
    assert_eq!(
        run(&[("mcp-name", "=?base64?Z2V0X3g=?=")], &good).flow,
        Flow::Go
    );
    for (extra, code) in [
        (("mcp-name", "get_y"), -32020),
        (("mcp-name", ""), -32020),
        (("mcp-method", "tools/list"), -32020),
        (("mcp-method", ""), -32020),
        (("mcp-protocol-version", ""), -32020),
        (("mcp-protocol-version", "2025-11-25"), -32020),
        (("mcp-protocol-version", "1999-01-01"), -32022),
        (("mcp-param-a", "=?base64?!?="), -32020),
    ] {
        let run = run(&[extra], &good);
        assert_eq!(run.status_and_code(), (400, code), "{extra:?}");
        assert!(run.body().unwrap().contains("\"id\":9"), "{extra:?}");
    }
    let mut twice = with(
        POST,
        &[
            ("mcp-protocol-version", VERSION),
            ("mcp-method", "tools/call"),
            ("mcp-name", "get_x"),
        ],
    );
    twice.push(("mcp-name", "get_x"));
    let mut doubled = Run::open(&twice, false);
    doubled.on(Event::Request(good.as_bytes()));
    assert_eq!(doubled.status_and_code(), (400, -32020));
}

#[test]
fn meta_is_required() {
    for broken in [
        json!({}),
        json!({"io.modelcontextprotocol/protocolVersion": VERSION}),
        json!({"io.modelcontextprotocol/clientCapabilities": {}}),
        json!({"io.modelcontextprotocol/protocolVersion": 1, "io.modelcontextprotocol/clientCapabilities": {}}),
    ] {
        let run = run(&[], &body("tools/call", "get_x", broken.clone()));
        assert_eq!(run.status_and_code(), (400, -32602), "{broken}");
    }
    let mut unknown = meta();
    unknown["io.modelcontextprotocol/protocolVersion"] = "2027-01-01".into();
    let body = body("tools/call", "get_x", unknown);
    for (header, code) in [("2027-01-01", -32022), (VERSION, -32020), ("", -32020)] {
        let run = run(&[("mcp-protocol-version", header)], &body);
        assert_eq!(run.status_and_code(), (400, code), "{header:?}");
        // Only what can be named in a request is offered.
        let offered = run
            .body()
            .unwrap()
            .contains(r#""supported":["2026-07-28"]"#);
        assert_eq!(offered, code == -32022, "{header:?}");
    }
}

#[test]
fn methods_of_the_other_era_are_unknown() {
    let run = run(
        &[("mcp-method", "initialize"), ("mcp-name", "")],
        &body("initialize", "x", meta()),
    );
    assert_eq!(run.status_and_code(), (404, -32601));
}

#[test]
fn denials_are_complete_results() {
    let run = run(&[("mcp-name", "nope")], &body("tools/call", "nope", meta()));
    let reply: Value = serde_json::from_str(&run.body().unwrap()).unwrap();
    assert_eq!(reply["result"]["resultType"], "complete");
}

#[test]
fn mirrors_of_arguments_are_masked_like_them() {
    let run = run(
        &[("mcp-param-to", "ann@example.com"), ("mcp-param-n", "7")],
        &body("tools/call", "get_x", meta()),
    );
    assert_eq!(run.flow, Flow::Go);
    assert!(run.body().unwrap().contains("<EMAIL_ADDRESS>"));
    let sent = run.header("mcp-param-to").unwrap();
    assert_eq!(
        mcp_zero_wire::header::decode(&sent).unwrap(),
        "<EMAIL_ADDRESS>"
    );
    assert_eq!(run.header("mcp-param-n"), None);
}

#[test]
fn requests_inside_results_are_judged() {
    let good = body("tools/call", "get_x", meta());
    for (method, passes) in [
        ("roots/list", true),
        ("sampling/createMessage", false),
        ("x", false),
    ] {
        let answer = json!({"jsonrpc": "2.0", "id": 9, "result": {"resultType": "input_required",
            "inputRequests": {"k": {"method": method, "params": {}}}, "requestState": "s"}})
        .to_string();
        let sent = run(&[], &good).json(&answer);
        assert_eq!(sent == answer, passes, "{method}");
        assert_eq!(sent.contains("-31502"), !passes, "{sent}");
    }
}

#[test]
fn a_mirror_follows_the_body_by_value() {
    let good = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": {
        "name": "get_x", "arguments": {"password": "hunter2xyz", "n": 1}, "_meta": meta()}})
    .to_string();
    let sent = run(
        &[("mcp-param-auth", "hunter2xyz"), ("mcp-param-n", "1")],
        &good,
    );
    assert_eq!(sent.flow, Flow::Go);
    let header = sent.header("mcp-param-auth").unwrap();
    assert_eq!(
        mcp_zero_wire::header::decode(&header).unwrap(),
        "<PASSWORD>"
    );
    assert_eq!(sent.header("mcp-param-n"), None);
    // Nothing is mirrored where there is no body, and no name where the body has none.
    let head = with(
        POST,
        &[
            (":method", "GET"),
            ("content-type", ""),
            ("mcp-protocol-version", VERSION),
            ("mcp-param-x", "ann@example.com"),
            ("mcp-method", "tools/call"),
        ],
    );
    let get = Run::open(&head, true);
    assert_eq!(get.header("mcp-param-x").as_deref(), Some("(removed)"));
    assert_eq!(get.header("mcp-method").as_deref(), Some("(removed)"));
    let list =
        json!({"jsonrpc": "2.0", "id": 9, "method": "tools/list", "params": {"_meta": meta()}})
            .to_string();
    let named = run(&[("mcp-method", "tools/list")], &list);
    assert_eq!(named.status_and_code(), (400, -32020));
}
