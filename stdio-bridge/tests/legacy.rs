//! Sessions of revisions up to 2025-11-25.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::json;
use std::time::{Duration, Instant};
use support::{ALICE, BOB, Bridge, eventually, fake};

#[test]
fn a_session_has_one_child_from_initialize_to_delete() {
    let bridge = Bridge::fake();
    let (one, two) = (bridge.session("fake", ALICE), bridge.session("fake", ALICE));
    let (first, second) = (one.text("pid", &json!({})), two.text("pid", &json!({})));
    assert_ne!(first, second);
    assert_eq!(one.text("pid", &json!({})), first);
    assert_eq!(one.delete(), 204);
    assert_eq!(one.call("1", "pid", &json!({})).status, 404);
    assert_eq!(one.delete(), 404);
    eventually("the child is gone", || {
        !std::path::Path::new(&format!("/proc/{first}")).exists()
    });
    assert_eq!(two.text("pid", &json!({})), second);
}

#[test]
fn ids_come_back_as_they_were_spelled_and_the_rest_as_it_was_sent() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    for id in [
        "7",
        "\"7\"",
        "-3",
        "9007199254740991",
        "\"\\u0041\\/\u{e9}\"",
        "\"init\"",
    ] {
        let body = session.call(id, "spelled", &json!({})).body();
        let expected = format!(
            "{{ \"result\" :{{\"n\":1.50e1, \"u\":\"\\u00e9/\\/\", \"s\":\"a\"}},\t\"jsonrpc\":\"2.0\" , \"id\":  {id} }}"
        );
        assert_eq!(String::from_utf8(body).unwrap(), expected);
    }
    let sent = r#"{"jsonrpc":"2.0", "method":"tools/call","id":"x","params":{"arguments":{"n":1.50e1,"u":"\u00e9"},"name":"seen"}}"#;
    session.post(sent);
    let seen = session.text("seen", &json!({}));
    let seen: Vec<String> = serde_json::from_str(&seen).unwrap();
    let line = seen.iter().find(|line| line.contains("1.50e1")).unwrap();
    let (before, after) = sent.split_once("\"x\"").unwrap();
    let id = line
        .strip_prefix(before)
        .and_then(|l| l.strip_suffix(after));
    assert!(id.is_some_and(|id| id.parse::<u64>().is_ok()), "{line}");
}

#[test]
fn what_does_not_belong_here_is_refused() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let ping = br#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    let mine = session.headers();
    let status =
        |path: &str, headers: &[(&str, &str)], body: &[u8]| bridge.post(path, headers, body).status;
    assert_eq!(status("/fake", &mine, ping), 200);
    let caller = ("x-mcp-zero-caller", ALICE);
    let id = ("mcp-session-id", session.id.as_str());
    // Who asks.
    assert_eq!(status("/fake", &[id], ping), 400, "no caller");
    assert_eq!(
        status("/fake", &[caller, caller, id], ping),
        400,
        "two callers"
    );
    assert_eq!(
        status("/fake", &[("x-mcp-zero-caller", "alice"), id], ping),
        400
    );
    assert_eq!(
        status("/fake", &[("x-mcp-zero-caller", BOB), id], ping),
        404,
        "bob's"
    );
    assert_eq!(status("/fake", &[caller], ping), 400, "no session");
    assert_eq!(
        status("/fake", &[caller, ("mcp-session-id", "x")], ping),
        404
    );
    assert_eq!(
        status("/fake", &[caller, id, ("origin", "http://localhost")], ping),
        403
    );
    assert_eq!(bridge.get("/healthz", &[("origin", "null")]).status, 403);
    // Where.
    for path in [
        "/", "/other", "/fake/", "/fake/x", "/FAKE", "/%66ake", "//fake",
    ] {
        assert_eq!(status(path, &mine, ping), 404, "{path}");
    }
    assert_eq!(bridge.send("PUT", "/fake", &mine, b"").status, 405);
    assert_eq!(
        bridge
            .get("/fake", &[caller, id, ("accept", "application/json")])
            .status,
        406
    );
    // What.
    let plain = |kind: &str| {
        bridge
            .send("POST", "/fake", &[caller, id, ("content-type", kind)], ping)
            .status
    };
    assert_eq!(plain("application/json; charset=utf-8"), 200);
    for kind in [
        "text/plain",
        "application/json; charset=utf-16",
        "application/json-rpc",
    ] {
        assert_eq!(plain(kind), 415, "{kind}");
    }
    assert_eq!(
        status("/fake", &[caller, id, ("content-encoding", "gzip")], ping),
        415
    );
    assert_eq!(
        status(
            "/fake",
            &[caller, id, ("mcp-protocol-version", "2031-01-01")],
            ping
        ),
        400
    );
    assert_eq!(
        status(
            "/fake",
            &[caller, id, ("mcp-protocol-version", "2025-06-18")],
            ping
        ),
        200
    );
    for body in [
        "",
        "x",
        "[]",
        "[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ping\"}]",
        "{}",
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"pid"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
    ] {
        assert_eq!(status("/fake", &mine, body.as_bytes()), 400, "{body}");
    }
    let twelve = vec![b' '; 12 << 20];
    assert_eq!(status("/fake", &mine, &twelve), 413);
    assert_eq!(status("/fake", &mine, ping), 200, "nothing of it did harm");
}

#[test]
fn what_comes_before_the_answer_makes_a_stream() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let mut reply = session.call("\"\\u0070\"", "progress", &json!({"n": 3}));
    assert!(reply.is_stream());
    let priming = reply.event().unwrap();
    assert!(priming.retry && priming.data.is_empty() && priming.id.is_some());
    let mut ids = vec![priming.id.unwrap()];
    for step in 0..3 {
        let event = reply.next();
        assert!(
            event.data.contains(r#""progressToken": "\u0070""#),
            "{}",
            event.data
        );
        assert_eq!(event.message()["params"]["progress"], step);
        ids.extend(event.id);
    }
    let last = reply.next();
    assert!(last.data.contains(r#""id": "\u0070""#), "{}", last.data);
    ids.extend(last.id);
    assert!(reply.event().is_none());
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), count), (5, 5));
    // A log line goes to the request that is open.
    let mut reply = session.call("2", "log", &json!({}));
    assert_eq!(reply.next().message()["params"]["data"], "said");
    assert_eq!(
        reply.next().message()["result"]["content"][0]["text"],
        "logged"
    );
    // Nothing before the answer: no stream.
    assert!(!session.call("3", "pid", &json!({})).is_stream());
}

#[test]
fn the_server_asks_its_client() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let mut reply = session.call("1", "ask", &json!({"id": "q\u{e9}"}));
    let asked = reply.next().message();
    assert_eq!(asked["method"], "roots/list");
    assert_eq!(asked["id"], "q\u{e9}");
    // Somebody else cannot answer, and an answer to nothing goes nowhere.
    let answer = r#"{"jsonrpc":"2.0","id":"q\u00e9","result":{"roots":[]}}"#;
    let foreign = [
        ("x-mcp-zero-caller", BOB),
        ("mcp-session-id", session.id.as_str()),
    ];
    assert_eq!(
        bridge.post("/fake", &foreign, answer.as_bytes()).status,
        404
    );
    assert_eq!(
        session
            .post(r#"{"jsonrpc":"2.0","id":"other","result":{}}"#)
            .status,
        202
    );
    assert_eq!(session.post(answer).status, 202);
    let result = reply.next().message();
    assert_eq!(result["result"]["content"][0]["text"], r#"{"roots": []}"#);
    assert_eq!(session.post(answer).status, 202, "a second time");
    let seen = session.text("seen", &json!({}));
    assert_eq!(seen.matches("roots").count(), 1, "{seen}");
    assert!(!seen.contains("other"), "{seen}");
}

#[test]
fn what_belongs_to_no_request_is_for_who_listens() {
    let bridge = Bridge::with(
        |d| vec![fake(d, "fake", "legacy")],
        &["--keepalive-ms", "200"],
    );
    let session = bridge.session("fake", ALICE);
    let mut stream = session.listen(None);
    assert!(stream.is_stream());
    // Kept from before anybody listened.
    assert_eq!(stream.next().message()["params"]["data"], "starting");
    session.text("later", &json!({"s": 0.1}));
    assert_eq!(stream.next().message()["params"]["data"], "later");
    while !stream.event().expect("a comment").comment {}
    // A second reader takes over.
    let mut second = session.listen(None);
    while let Some(event) = stream.event() {
        assert!(event.comment, "{event:?}");
    }
    session.text("later", &json!({"s": 0.1}));
    assert_eq!(second.next().message()["params"]["data"], "later");
    // A call that waits gets no comments, so that silence is seen as such.
    let mut reply = session.call("1", "progress", &json!({"n": 1, "s": 1}));
    while let Some(event) = reply.event() {
        assert!(!event.comment);
    }
}

#[test]
fn a_stream_is_resumed_where_it_broke() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let mut reply = session.call("5", "progress", &json!({"n": 2, "s": 1}));
    let first = reply.next();
    drop(reply);
    let mut resumed = session.listen(first.id.as_deref());
    assert_eq!(resumed.next().message()["params"]["progress"], 1);
    let answer = resumed.next();
    assert_eq!(answer.message()["id"], 5);
    assert!(resumed.event().is_none());
    // Again after its end, and the end of it.
    let mut again = session.listen(first.id.as_deref());
    assert_eq!(again.next().message()["params"]["progress"], 1);
    assert_eq!(again.next(), answer);
    assert!(again.event().is_none());
    assert!(session.listen(answer.id.as_deref()).event().is_none());
    for unknown in ["1-18446744073709551615", "x", "9-1", "1-", "-1", ""] {
        assert_eq!(session.listen(Some(unknown)).status, 400, "{unknown}");
    }
    // To another session they say nothing.
    let other = bridge.session("fake", ALICE);
    assert_eq!(other.listen(first.id.as_deref()).status, 400);
}

#[test]
fn an_id_in_use_is_refused_and_the_first_is_answered() {
    let bridge = Bridge::fake();
    let (session, other) = (bridge.session("fake", ALICE), bridge.session("fake", ALICE));
    std::thread::scope(|scope| {
        let first = scope.spawn(|| session.call("\"a\"", "sleep", &json!({"s": 1.5})).json());
        std::thread::sleep(Duration::from_millis(500));
        let second = session.call("\"\\u0061\"", "pid", &json!({}));
        assert_eq!(second.status, 400);
        let refused = second.json();
        assert_eq!(refused["error"]["code"], -32600);
        assert_eq!(refused["id"], "a");
        assert_eq!(
            other.call("\"a\"", "pid", &json!({})).status,
            200,
            "another session"
        );
        assert_eq!(
            first.join().unwrap()["result"]["content"][0]["text"],
            "slept"
        );
    });
    assert_eq!(
        session.call("\"a\"", "pid", &json!({})).status,
        200,
        "free again"
    );
}

#[test]
fn a_request_is_cancelled_by_the_id_that_the_server_knows() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    std::thread::scope(|scope| {
        let hung = scope.spawn(|| session.call("\"h\"", "hang", &json!({})).json());
        std::thread::sleep(Duration::from_millis(500));
        let cancel = |id: &str| {
            session.post(&format!(
                r#"{{"jsonrpc":"2.0","method":"notifications/cancelled","params":{{"requestId":{id},"reason":"late"}}}}"#
            ))
        };
        assert_eq!(cancel("\"other\"").status, 202);
        assert_eq!(cancel("\"h\"").status, 202);
        assert_eq!(hung.join().unwrap()["id"], "h");
    });
    let seen: Vec<String> = serde_json::from_str(&session.text("seen", &json!({}))).unwrap();
    let find = |what: &str| -> Vec<serde_json::Value> {
        let lines = seen.iter().filter(|line| line.contains(what));
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let cancels = find("notifications/cancelled");
    assert_eq!(cancels.len(), 1);
    assert_eq!(cancels[0]["params"]["requestId"], find("\"hang\"")[0]["id"]);
    assert_eq!(cancels[0]["params"]["reason"], "late");
}

#[test]
fn a_crash_is_told_at_once_and_touches_nobody_else() {
    let bridge = Bridge::fake();
    let (session, other) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    std::thread::scope(|scope| {
        let begun = Instant::now();
        let waiting = scope.spawn(|| session.call("\"w\"", "hang", &json!({})).json());
        let streaming = scope.spawn(|| {
            session
                .call("3", "progress", &json!({"n": 1, "s": 600}))
                .message()
        });
        let living = scope.spawn(|| other.call("1", "sleep", &json!({"s": 2})).json());
        let mut listening = session.listen(None);
        std::thread::sleep(Duration::from_millis(500));
        let crash = session.call("9", "crash", &json!({})).message();
        assert_eq!(crash["id"], 9);
        for (answer, id) in [
            (crash, json!(9)),
            (waiting.join().unwrap(), json!("w")),
            (streaming.join().unwrap(), json!(3)),
        ] {
            assert_eq!(answer["error"]["code"], -32603, "{answer}");
            assert_eq!(answer["id"], id);
        }
        while listening.event().is_some() {}
        assert!(begun.elapsed() < Duration::from_secs(20));
        assert_eq!(
            living.join().unwrap()["result"]["content"][0]["text"],
            "slept"
        );
    });
    assert_eq!(session.call("1", "pid", &json!({})).status, 404);
    assert_eq!(
        bridge.session("fake", ALICE).text("echo", &json!({"a": 1})),
        r#"{"a": 1}"#
    );
}

#[test]
fn a_server_that_cannot_be_started_says_so() {
    let bridge = Bridge::with(
        |d| {
            let mut missing = fake(d, "missing", "legacy");
            missing["command"] = "/nonexistent/program".into();
            let mut nowhere = fake(d, "nowhere", "legacy");
            nowhere["cwd"] = "/nonexistent".into();
            vec![missing, nowhere, fake(d, "modern", "modern")]
        },
        &[],
    );
    for name in ["missing", "nowhere"] {
        let reply = bridge.initialize(name, ALICE);
        assert_eq!(
            (reply.status, reply.header("mcp-session-id")),
            (200, None),
            "{name}"
        );
        let answer = reply.json();
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(-32603), &json!("init"))
        );
    }
    // A server that knows no sessions refuses by itself, and its words are passed on.
    let reply = bridge.initialize("modern", ALICE);
    assert_eq!(reply.header("mcp-session-id"), None);
    let answer = reply.json();
    assert_eq!(answer["error"]["data"]["supported"], json!(["2026-07-28"]));
    assert_eq!(answer["id"], "init");
    eventually("nothing is left of them", || bridge.processes().is_empty());
}
