//! Children that misbehave, and limits.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{ALICE, BOB, Bridge, eventually, fake};

#[test]
fn lines_that_are_no_messages_reach_nobody() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let mut listening = session.listen(None);
    assert_eq!(listening.next().message()["params"]["data"], "starting");
    let reply = session.call("1", "garbage", &json!({}));
    assert!(!reply.is_stream(), "nothing came before the answer");
    assert_eq!(reply.json()["result"]["content"][0]["text"], "survived");
    session.text("later", &json!({"s": 0.1}));
    assert_eq!(listening.next().message()["params"]["data"], "later");
    // Their length is told, not their text.
    let log = bridge.log();
    assert!(
        log.contains("no message") && log.contains("bytes=5") && !log.contains("hello"),
        "{log}"
    );
}

#[test]
fn a_flood_of_such_lines_does_not_fill_the_log() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    assert_eq!(session.text("noise", &json!({"n": 20_000})), "survived");
    assert_eq!(session.delete(), 204);
    eventually("the rest is counted", || {
        bridge.log().contains("more was wrong than is logged")
    });
    let told = bridge.log().matches("no message").count();
    assert!((1..1000).contains(&told), "{told}");
}

#[test]
fn what_was_asked_is_not_kept_until_it_is_answered() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    // A megabyte that takes ten to be read.
    let many = Value::from(vec![1; 500_000]);
    std::thread::scope(|scope| {
        for id in 0..24 {
            let (session, arguments) = (&session, json!({"many": &many}));
            scope.spawn(move || session.call(&id.to_string(), "hang", &arguments).status);
        }
        eventually("the child has them all", || {
            session.text("count", &json!({})) == "24"
        });
        let status = format!("/proc/{}/status", bridge.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kilobytes = resident.and_then(|text| text.trim().strip_suffix(" kB"));
        let kilobytes: u64 = kilobytes.unwrap().trim().parse().unwrap();
        session.delete();
        assert!(kilobytes < 150 << 10, "{kilobytes} kB");
    });
}

#[test]
fn an_answer_that_cannot_be_read_is_an_error_at_once() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    for tool in ["truncated", "shapeless"] {
        let begun = Instant::now();
        let answer = session.call("\"x\"", tool, &json!({})).message();
        assert_eq!(
            (&answer["error"]["code"], &answer["id"]),
            (&json!(-32603), &json!("x"))
        );
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    assert_eq!(session.text("echo", &json!({})), "{}");
}

#[test]
fn large_answers_pass_and_larger_ones_are_errors() {
    let bridge = Bridge::fake();
    let (session, other) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    let five = session.call("1", "big", &json!({"n": 5 << 20})).body();
    assert!(five.len() > 5 << 20);
    let five: Value = serde_json::from_slice(&five).unwrap();
    assert_eq!(
        five["result"]["content"][0]["text"].as_str().unwrap().len(),
        5 << 20
    );
    std::thread::scope(|scope| {
        let forty = scope.spawn(|| {
            session
                .call("\"f\"", "big", &json!({"n": 40 << 20}))
                .message()
        });
        for _ in 0..20 {
            assert_eq!(other.text("echo", &json!({})), "{}");
        }
        let forty = forty.join().unwrap();
        assert_eq!(
            (&forty["error"]["code"], &forty["id"]),
            (&json!(-32603), &json!("f"))
        );
    });
    assert_eq!(session.text("echo", &json!({"a": 1})), r#"{"a": 1}"#);
}

#[test]
fn a_server_may_say_how_large_messages_are() {
    let bridge = Bridge::with(
        |d| {
            let mut small = fake(d, "fake", "legacy");
            small["max_request_bytes"] = 2000.into();
            let mut large = fake(d, "large", "legacy");
            large["max_request_bytes"] = (12 << 20).into();
            large["max_response_bytes"] = (24 << 20).into();
            vec![small, large]
        },
        &[],
    );
    let padding = "x".repeat(2000);
    let small = bridge.session("fake", ALICE);
    assert_eq!(small.call("1", "echo", &json!({"a": padding})).status, 413);
    assert_eq!(small.call("1", "echo", &json!({"a": "x"})).status, 200);
    let large = bridge.session("large", ALICE);
    let ten = "y".repeat(10 << 20);
    assert_eq!(large.text("echo", &json!({"a": ten})).len(), ten.len() + 9);
    assert_eq!(large.text("big", &json!({"n": 20 << 20})).len(), 20 << 20);
}

#[test]
fn standard_error_is_always_read() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    assert_eq!(session.text("stderr", &json!({"n": 1 << 20})), "said");
    assert_eq!(session.text("stderr", &json!({"n": 1 << 20})), "said");
    let log = bridge.log();
    assert!(log.contains("server says"), "{log}");
    assert!(log.len() < 100_000, "{}", log.len());
}

/// The lines of a log that say that a server has failed.
fn failures(bridge: &Bridge) -> Vec<String> {
    let log = bridge.log();
    let of = log.lines().filter(|l| l.contains("has ended by itself"));
    of.map(str::to_owned).collect()
}

#[test]
fn the_log_says_why_a_server_has_failed() {
    let bridge = Bridge::with(
        |d| {
            let mut shared = fake(d, "shared", "dual");
            shared["sessions"] = "shared".into();
            vec![
                fake(d, "fake", "dual"),
                shared,
                fake(d, "fragile", "fragile"),
            ]
        },
        &[],
    );
    // What ends as it should is no failure, nor is the end at the question for the era.
    let ended = bridge.session("fake", BOB);
    assert_eq!(ended.delete(), 204);
    assert_eq!(bridge.modern_tool("fragile", ALICE, "pid").status, 400);
    eventually("their end", || {
        bridge.log().matches("process of the server has").count() == 2
    });
    let mut expected = Vec::new();
    for (server, status, sessions) in [("fake", 7, true), ("shared", 0, true), ("fake", 9, false)] {
        let arguments = json!({"n": 4000, "status": status});
        let answer = if sessions {
            let session = bridge.session(server, ALICE);
            session.call("1", "fail", &arguments).message()
        } else {
            let params = json!({"name": "fail", "arguments": arguments});
            let call = json!({"id": 1, "method": "tools/call", "params": params});
            bridge.modern(server, ALICE, &call).message()
        };
        assert_eq!(answer["error"]["code"], -32603, "{answer}");
        expected.push((server, format!("status: {status}")));
        eventually("the reason", || failures(&bridge).len() == expected.len());
    }
    for (line, (server, status)) in failures(&bridge).iter().zip(&expected) {
        assert!(line.contains("WARN"), "{line}");
        assert!(line.contains(&format!("server={server}")), "{line}");
        assert!(line.contains(status), "{line}");
        assert!(line.contains(r"token [redacted]\nreason"), "{line}");
        assert!(line.contains("frame 3999") && !line.contains("frame 0 "));
        assert!(line.len() < 80_000, "{}", line.len());
    }
    let log = bridge.log();
    assert!(!log.contains("c4n4ry") && !log.contains("\u{1b}[1m"));
}

#[test]
fn a_reader_that_does_not_read_stops_nobody_else() {
    let bridge = Bridge::with(|d| vec![fake(d, "fake", "legacy")], &["--stall-ms", "1000"]);
    let (slow, other) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    // Far more than sockets and queues hold.
    let flood = slow.call("1", "progress", &json!({"n": 400, "size": 50_000}));
    assert!(flood.is_stream());
    for _ in 0..20 {
        assert_eq!(other.text("echo", &json!({})), "{}");
    }
    // The stream is cut after a while, so that the session goes on.
    assert_eq!(slow.text("echo", &json!({"a": 1})), r#"{"a": 1}"#);
    // A server that is slow itself fills the queues late.
    std::thread::sleep(Duration::from_secs(4));
    let mut flood = flood;
    let mut events = 0;
    while flood.event().is_some() {
        events += 1;
    }
    assert!(events < 400, "{events}");
}

#[test]
fn a_slow_reader_gets_everything() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let mut reply = session.call("1", "progress", &json!({"n": 300, "size": 50_000}));
    let mut steps = 0;
    loop {
        let message = reply.next().message();
        if message["id"] == 1 {
            break;
        }
        assert_eq!(message["params"]["progress"], steps);
        steps += 1;
        if steps % 60 == 0 {
            std::thread::sleep(Duration::from_millis(300));
        }
    }
    assert_eq!(steps, 300);
}

#[test]
fn callers_have_their_number_of_sessions() {
    let bridge = Bridge::with(
        |d| vec![fake(d, "fake", "legacy")],
        &["--unused-ms", "600000"],
    );
    let sessions: Vec<_> = (0..8).map(|_| bridge.session("fake", ALICE)).collect();
    let ninth = bridge.initialize("fake", ALICE);
    assert_eq!(ninth.status, 429);
    assert!(ninth.header("retry-after").is_some());
    assert_eq!(ninth.json()["id"], "init");
    let bob = bridge.session("fake", BOB);
    assert_eq!(bob.text("echo", &json!({})), "{}");
    sessions[0].delete();
    eventually("a seat is free", || {
        bridge.initialize("fake", ALICE).status == 200
    });
}

#[test]
fn unused_sessions_end_and_used_ones_stay() {
    let bridge = Bridge::with(
        |d| vec![fake(d, "fake", "legacy")],
        &["--idle-ms", "1500", "--keepalive-ms", "300"],
    );
    let (unused, used, listened) = (
        bridge.session("fake", ALICE),
        bridge.session("fake", ALICE),
        bridge.session("fake", ALICE),
    );
    let waiting = bridge.session("fake", ALICE);
    let mut stream = listened.listen(None);
    std::thread::scope(|scope| {
        let reader = scope.spawn(move || while stream.event().is_some() {});
        let waited = scope.spawn(|| waiting.text("sleep", &json!({"s": 6})));
        for _ in 0..12 {
            assert_eq!(used.text("echo", &json!({})), "{}");
            std::thread::sleep(Duration::from_millis(500));
        }
        assert_eq!(unused.call("1", "pid", &json!({})).status, 404);
        assert_eq!(listened.call("1", "pid", &json!({})).status, 200);
        assert_eq!(waited.join().unwrap(), "slept");
        listened.delete();
        reader.join().unwrap();
    });
}

#[test]
fn no_session_lives_for_ever() {
    let bridge = Bridge::with(
        |d| vec![fake(d, "fake", "dual")],
        &["--life-ms", "2500", "--idle-ms", "600000"],
    );
    let session = bridge.session("fake", ALICE);
    assert_eq!(bridge.modern_tool("fake", ALICE, "pid").status, 200);
    eventually("its end", || {
        session.call("1", "pid", &json!({})).status == 404
    });
    eventually("no process is left", || bridge.processes().is_empty());
}
