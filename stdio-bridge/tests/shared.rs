//! One child for all sessions.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{ALICE, BOB, Bridge, eventually, fake};

fn shared() -> Bridge {
    Bridge::with(
        |d| {
            let mut server = fake(d, "fake", "dual");
            server["sessions"] = "shared".into();
            vec![server]
        },
        &[],
    )
}

#[test]
fn all_sessions_have_one_child_and_equal_ids_stay_apart() {
    let bridge = shared();
    let (alice, bob) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    assert_eq!(alice.text("pid", &json!({})), bob.text("pid", &json!({})));
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| alice.call("1", "sleep", &json!({"s": 1})).json());
        std::thread::sleep(Duration::from_millis(300));
        let quick = bob.call("1", "echo", &json!({"who": "bob"})).json();
        assert_eq!(quick["result"]["content"][0]["text"], r#"{"who": "bob"}"#);
        assert_eq!(alice.call("1", "pid", &json!({})).status, 400, "in use");
        assert_eq!(
            slow.join().unwrap()["result"]["content"][0]["text"],
            "slept"
        );
    });
    // The child met the bridge, not its clients.
    let seen: Vec<String> = serde_json::from_str(&bob.text("seen", &json!({}))).unwrap();
    let hello: Vec<&String> = seen
        .iter()
        .filter(|line| line.contains("initialize"))
        .collect();
    assert_eq!(
        hello.len(),
        2,
        "one request and one notification: {hello:?}"
    );
    assert!(hello[0].contains("mcp-zero") && !hello[0].contains("\"t\""));
    // Nobody ends it for the others.
    assert_eq!(alice.delete(), 204);
    assert_eq!(alice.call("1", "pid", &json!({})).status, 404);
    assert_eq!(bob.text("echo", &json!({})), "{}");
}

#[test]
fn a_caller_who_waits_for_much_leaves_room_for_others() {
    let bridge = shared();
    let (alice, bob) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    std::thread::scope(|scope| {
        let waits: Vec<_> = (0..140)
            .map(|id| {
                let alice = &alice;
                scope.spawn(move || alice.call(&id.to_string(), "hang", &json!({})).status)
            })
            .collect();
        // A call of hers in between would take the place of one that hangs.
        eventually("alice has as much open as she may", || {
            bob.text("count", &json!({})) == "128"
        });
        assert_eq!(alice.call("999", "echo", &json!({})).status, 429);
        assert_eq!(bob.text("echo", &json!({})), "{}");
        assert_eq!(alice.delete(), 204);
        let refused = waits
            .into_iter()
            .map(|wait| wait.join().unwrap())
            .filter(|status| *status == 429)
            .count();
        assert_eq!(refused, 140 - 128);
    });
}

#[test]
fn the_older_revision_is_agreed_on() {
    let bridge = shared();
    for (asked, agreed) in [
        ("2025-03-26", "2025-03-26"),
        ("2025-11-25", "2025-11-25"),
        ("2026-07-28", "2025-11-25"),
        ("2031-01-01", "2025-11-25"),
    ] {
        let body = json!({"jsonrpc":"2.0","id":1,"method":"initialize","params":{
            "protocolVersion":asked,"capabilities":{},"clientInfo":{"name":"t","version":"1"}}});
        let headers = [("x-mcp-zero-caller", ALICE)];
        let answer = bridge
            .post("/fake", &headers, body.to_string().as_bytes())
            .json();
        assert_eq!(answer["result"]["protocolVersion"], agreed, "{asked}");
    }
}

#[test]
fn only_what_belongs_to_a_request_reaches_a_client() {
    let bridge = shared();
    let (alice, bob) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    let mut listening = bob.listen(None);
    // A request of the server is refused for everybody; `ping` asks for no client.
    let refused = alice.text(
        "ask",
        &json!({"id": "q1", "method": "sampling/createMessage"}),
    );
    assert_eq!(
        serde_json::from_str::<Value>(&refused).unwrap()["code"],
        -32601
    );
    assert_eq!(
        alice.text("ask", &json!({"id": "q2", "method": "ping"})),
        "{}"
    );
    // Progress has a token; a log line says nobody's name.
    let mut reply = alice.call("\"p\"", "progress", &json!({"n": 2}));
    assert_eq!(reply.next().message()["params"]["progressToken"], "p");
    assert_eq!(reply.next().message()["params"]["progress"], 1);
    assert_eq!(reply.next().message()["id"], "p");
    assert!(
        !alice
            .call("1", "log", &json!({"data": "alice's"}))
            .is_stream()
    );
    // What a client tells or answers stays here, but for what it takes back.
    alice.post(r#"{"jsonrpc":"2.0","method":"notifications/roots/list_changed"}"#);
    alice.post(r#"{"jsonrpc":"2.0","id":"q1","result":{"forged":1}}"#);
    let seen = alice.text("seen", &json!({}));
    assert!(
        !seen.contains("roots/list_changed") && !seen.contains("forged"),
        "{seen}"
    );
    assert_eq!(bob.delete(), 204);
    while let Some(event) = listening.event() {
        assert!(event.data.is_empty(), "{event:?}");
    }
}

#[test]
fn a_session_that_ends_takes_its_requests_back() {
    let bridge = shared();
    let (alice, bob) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
    std::thread::scope(|scope| {
        let hung = scope.spawn(|| alice.call("\"h\"", "hang", &json!({})).json());
        std::thread::sleep(Duration::from_millis(500));
        alice.delete();
        assert_eq!(hung.join().unwrap()["error"]["code"], -32603);
    });
    assert!(
        bob.text("seen", &json!({}))
            .contains("notifications/cancelled")
    );
}

#[test]
fn a_child_that_crashed_is_started_again_for_new_sessions() {
    let bridge = shared();
    for _ in 0..3 {
        let (alice, bob) = (bridge.session("fake", ALICE), bridge.session("fake", BOB));
        std::thread::scope(|scope| {
            let hung = scope.spawn(|| bob.call("\"b\"", "hang", &json!({})).json());
            std::thread::sleep(Duration::from_millis(300));
            let crash = alice.call("7", "crash", &json!({})).json();
            assert_eq!(
                (&crash["id"], &crash["error"]["code"]),
                (&json!(7), &json!(-32603))
            );
            assert_eq!(hung.join().unwrap()["error"]["code"], -32603);
        });
        assert_eq!(alice.call("1", "pid", &json!({})).status, 404);
        assert_eq!(bob.call("1", "pid", &json!({})).status, 404);
    }
    assert_eq!(bridge.session("fake", ALICE).text("echo", &json!({})), "{}");
}

#[test]
fn without_sessions_there_is_one_child_too() {
    let bridge = shared();
    let text = |caller| {
        let answer = bridge.modern_tool("fake", caller, "pid").json();
        answer["result"]["content"][0]["text"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(text(ALICE), text(BOB));
    assert!(
        !bridge.modern_tool("fake", ALICE, "log").is_stream(),
        "nobody's log line"
    );
}
