//! Messages made to exhaust a worker: each is refused or blocked, and the worker lives on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Scripted, events, ok, policy, request};

const MIB: usize = 1 << 20;

fn call(kind: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"get-x","arguments":{{"kind":"{kind}"}}}}}}"#
    )
}

/// The policy of tests with the limits that a policy has by itself.
fn with_default_limits(url: &str) -> String {
    let limits = ["max_request_bytes", "max_response_bytes", "timeout_seconds"];
    policy(url)
        .lines()
        .filter(|line| !limits.iter().any(|key| line.contains(key)))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn no_message_takes_the_worker_down() {
    let server = Scripted::start(|request| {
        let answer = |result: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#);
        let text = |text: &str| {
            answer(&format!(
                r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#
            ))
        };
        let json = |body: &str| vec![ok("application/json", body)];
        if request.body.contains("breaks") {
            json(&text("a@example.com").replacen('{', &format!("{{{}", "\n".repeat(5 * MIB)), 1))
        } else if request.body.contains("findings") {
            json(&text(&"a@example.com ".repeat(MIB)))
        } else if request.body.contains("numbers") {
            json(&answer(&format!("[{}1]", "1,".repeat(7 * MIB))))
        } else if request.body.contains("frames") {
            events(&":\n\n".repeat(3 * MIB), 256 * 1024)
        } else {
            json(&text("fine"))
        }
    });
    let gateway = Gateway::start(&with_default_limits(&server.url()));
    let token = gateway.token("alice", "developers");
    for kind in ["breaks", "findings", "numbers"] {
        let blocked = gateway.post("s", &token, &call(kind));
        assert_eq!(
            (blocked.status, blocked.json()["error"]["code"].as_i64()),
            (200, Some(-31502)),
            "{kind}"
        );
        assert!(
            gateway
                .post("s", &token, &call("fine"))
                .body
                .contains("fine"),
            "{kind}"
        );
    }
    assert_eq!(
        gateway.post("s", &token, &call("frames")).body.len(),
        9 * MIB
    );
    let breaks = call("x").replacen('{', &format!("{{{}", "\n".repeat(3 * MIB)), 1);
    assert_eq!(gateway.post("s", &token, &breaks).status, 400);
    assert!(
        gateway
            .post("s", &token, &call("fine"))
            .body
            .contains("fine")
    );
    assert!(!gateway.log().contains("unreachable"), "{}", gateway.log());
    gateway.records(9);
}

#[test]
fn incomplete_events_of_all_streams_share_a_budget() {
    let server = Scripted::start(|request| {
        if request.head.starts_with("GET") {
            // Tiny lines and never a blank one; the connection stays open.
            let mut answer = events(&":\n".repeat(7 * MIB), 256 * 1024);
            answer.pop();
            return answer;
        }
        vec![ok(
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#,
        )]
    });
    let gateway = Gateway::start(&with_default_limits(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let get = request(
        "GET",
        "/mcp/s",
        &[("authorization", &bearer), ("connection", "keep-alive")],
        "",
    );
    let streams: Vec<_> = (0..6)
        .map(|_| {
            let mut stream = mcp_zero_tests::connect(gateway.address());
            std::io::Write::write_all(&mut stream, get.as_bytes()).unwrap();
            stream
        })
        .collect();
    server.wait(6);
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(gateway.post("s", &token, &call("fine")).status, 200);
    drop(streams);
    assert_eq!(gateway.post("s", &token, &call("fine")).status, 200);
    assert!(!gateway.log().contains("unreachable"), "{}", gateway.log());
}
