//! Requests without sessions (2026-07-28).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::{Value, json};
use support::{ALICE, BOB, Bridge, eventually, fake};

fn server(eras: &'static str) -> Bridge {
    Bridge::with(
        move |d| vec![fake(d, "fake", eras)],
        &["--probe-ms", "5000"],
    )
}

fn text(answer: &Value) -> &str {
    let text = answer["result"]["content"][0]["text"].as_str();
    text.unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn each_caller_has_a_child_and_equal_ids_stay_apart() {
    let bridge = server("modern");
    let pid = |caller| text(&bridge.modern_tool("fake", caller, "pid").json()).to_owned();
    assert_eq!(pid(ALICE), pid(ALICE));
    assert_ne!(pid(ALICE), pid(BOB));
    std::thread::scope(|scope| {
        let call = |s: f64, who: &'static str| {
            let bridge = &bridge;
            scope.spawn(move || {
                let body = json!({"id":"same","method":"tools/call","params":{"name":"sleep","arguments":{"s":s,"who":who}}});
                bridge.modern("fake", ALICE, &body).json()
            })
        };
        let (slow, quick) = (call(1.0, "slow"), call(0.0, "quick"));
        for call in [slow, quick] {
            let answer = call.join().unwrap();
            assert_eq!((text(&answer), &answer["id"]), ("slept", &json!("same")));
        }
    });
}

#[test]
fn one_server_serves_both_eras() {
    let bridge = server("dual");
    assert_eq!(bridge.modern_tool("fake", ALICE, "pid").status, 200);
    let session = bridge.session("fake", ALICE);
    assert_eq!(session.text("echo", &json!({})), "{}");
    let discover = bridge.modern(
        "fake",
        ALICE,
        &json!({"id": 1, "method": "server/discover"}),
    );
    assert_eq!(discover.status, 200);
    assert_eq!(
        discover.json()["result"]["supportedVersions"],
        json!(["2026-07-28"])
    );
}

#[test]
fn an_older_server_lets_clients_fall_back() {
    for eras in ["legacy", "fragile"] {
        let bridge = server(eras);
        for _ in 0..2 {
            let reply = bridge.modern(
                "fake",
                ALICE,
                &json!({"id": 1, "method": "server/discover"}),
            );
            assert_eq!(reply.status, 400, "{eras}");
            let answer = reply.json();
            let code = answer["error"]["code"].as_i64().unwrap();
            assert!(
                !(-32099..=-32020).contains(&code) && answer["id"] == 1,
                "{answer}"
            );
        }
        assert_eq!(bridge.session("fake", ALICE).text("echo", &json!({})), "{}");
    }
}

#[test]
fn headers_and_body_agree() {
    let bridge = server("modern");
    let meta = r#""_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}"#;
    let call = |version: &str, body: &str| {
        let headers = [
            ("x-mcp-zero-caller", ALICE),
            ("mcp-protocol-version", version),
        ];
        let reply = bridge.post("/fake", &headers, body.as_bytes());
        (reply.status, reply.body())
    };
    let code = |reply: (u16, Vec<u8>)| {
        let answer: Value = serde_json::from_slice(&reply.1).unwrap();
        (reply.0, answer["error"]["code"].as_i64().unwrap_or(0))
    };
    let with =
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{{{meta}}}}}"#);
    assert_eq!(code(call("2026-07-28", &with)), (200, 0));
    assert_eq!(code(call("2025-11-25", &with)), (400, -32020));
    let without = r#"{"jsonrpc":"2.0","id":1,"method":"server/discover","params":{}}"#;
    assert_eq!(code(call("2026-07-28", without)), (400, -32602));
    let unknown = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"no/such","params":{{{meta}}}}}"#);
    assert_eq!(code(call("2026-07-28", &unknown)), (404, -32601));
    let told = format!(r#"{{"jsonrpc":"2.0","method":"notifications/x","params":{{{meta}}}}}"#);
    assert_eq!(call("2026-07-28", &told).0, 202);
}

#[test]
fn what_the_server_asks_in_its_result_passes_untouched() {
    let bridge = server("modern");
    let answer = bridge.modern_tool("fake", ALICE, "input").body();
    let answer = String::from_utf8(answer).unwrap();
    assert_eq!(
        answer,
        r#"{"jsonrpc": "2.0", "id": 1, "result": {"resultType": "input_required", "requestState": "st\u00e4te", "inputRequests": {"a": {"method": "roots/list", "params": {}}}}}"#
    );
    let body = json!({"id":2,"method":"tools/call","params":{"name":"echo","arguments":{"x":1},
        "inputResponses":{"a":{"roots":[]}},"requestState":"st\u{e4}te"}});
    assert_eq!(bridge.modern("fake", ALICE, &body).status, 200);
    let seen = bridge.modern_tool("fake", ALICE, "seen").json();
    let seen: Vec<String> = serde_json::from_str(text(&seen)).unwrap();
    let state = "\"requestState\":\"st\u{e4}te\"";
    assert!(seen.iter().any(|line| line.contains(state)), "{seen:?}");
    // A server of this revision asks nobody by itself.
    let body = json!({"id":3,"method":"tools/call","params":{"name":"ask","arguments":{}}});
    let asked = bridge.modern("fake", ALICE, &body).json();
    assert!(text(&asked).contains("-32601"), "{asked}");
}

#[test]
fn progress_and_log_come_before_the_answer_without_ids() {
    let bridge = server("modern");
    let body = json!({"id":"p","method":"tools/call","params":{"name":"progress","arguments":{"n":2},"_meta":{"progressToken":7}}});
    let mut reply = bridge.modern("fake", ALICE, &body);
    assert!(reply.is_stream());
    for step in 0..2 {
        let event = reply.event().unwrap();
        let message = event.message();
        assert_eq!(
            (&message["params"]["progressToken"], event.id),
            (&json!(7), None)
        );
        assert_eq!(message["params"]["progress"], step);
    }
    assert_eq!(reply.event().unwrap().message()["id"], "p");
    assert!(reply.event().is_none());
    let mut reply = bridge.modern_tool("fake", ALICE, "log");
    assert_eq!(reply.next().message()["params"]["data"], "said");
}

#[test]
fn a_client_that_goes_takes_its_request_back() {
    let bridge = server("modern");
    let body = json!({"id":"gone","method":"tools/call","params":{"name":"progress","arguments":{"n":1,"s":3},"_meta":{"progressToken":"t"}}});
    let mut reply = bridge.modern("fake", ALICE, &body);
    reply.next();
    drop(reply);
    let seen = || bridge.modern_tool("fake", ALICE, "seen").json().to_string();
    eventually("the server is told", || {
        seen().contains("notifications/cancelled")
    });
    // The late answer is nobody's.
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert_eq!(bridge.modern_tool("fake", ALICE, "pid").status, 200);
    assert_eq!(seen().matches("notifications/cancelled").count(), 1);
}

#[test]
fn a_subscription_gets_what_is_tagged_with_it() {
    let bridge = Bridge::with(
        |d| vec![fake(d, "fake", "modern")],
        &["--keepalive-ms", "200"],
    );
    let listen = json!({"id":"sub","method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}});
    let mut stream = bridge.modern("fake", ALICE, &listen);
    let mut second = bridge.modern(
        "fake",
        ALICE,
        &json!({"id":2,"method":"subscriptions/listen","params":{"notifications":{}}}),
    );
    let tag = |message: &Value| {
        message["params"]["_meta"]["io.modelcontextprotocol/subscriptionId"].clone()
    };
    for (stream, id) in [(&mut stream, json!("sub")), (&mut second, json!(2))] {
        let first = stream.next().message();
        assert_eq!(first["method"], "notifications/subscriptions/acknowledged");
        assert_eq!(tag(&first), id);
    }
    // A call in between brings only its own answer.
    let told = bridge.modern_tool("fake", ALICE, "tell");
    assert!(!told.is_stream());
    for (stream, id) in [(&mut stream, json!("sub")), (&mut second, json!(2))] {
        let changed = stream.next().message();
        assert_eq!(changed["method"], "notifications/tools/list_changed");
        assert_eq!(tag(&changed), id);
        while !stream.event().unwrap().comment {}
    }
}

#[test]
fn a_child_that_crashed_is_started_again() {
    let bridge = server("modern");
    for _ in 0..3 {
        let answer = bridge.modern_tool("fake", ALICE, "crash").json();
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(-32603), &json!(1))
        );
        assert_eq!(bridge.modern_tool("fake", ALICE, "pid").status, 200);
    }
}
