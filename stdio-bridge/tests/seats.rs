//! Many sessions at a time and one after the other: limits hold, and nothing stays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use support::{ALICE, BOB, Bridge, Reply, eventually, fake, marker};

/// Sessions of a caller, and of all.
const OWN: usize = 8;
const ALL: usize = 64;

/// A server that starts in no time. It answers each request with its number, which is the id that the
/// bridge gives it, and ends by itself when a message says `fail`.
const SCRIPT: &str = r#"
n=0
while read -r line; do
    case $line in *fail*) exit 3 ;; esac
    case $line in *'"id":'*)
        n=$((n + 1))
        result='{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"t","version":"1"}'
        echo '{"jsonrpc":"2.0","id":'$n',"result":'$result',"content":[{"type":"text","text":"'$n'"}]}}'
    esac
done
"#;

fn small(directory: &Path) -> Vec<Value> {
    let args = ["-c", SCRIPT, &marker(directory)];
    vec![json!({"name": "small", "transport": "stdio", "command": "/bin/sh", "args": args})]
}

/// A bridge whose sessions do not make room for others.
fn bridge() -> Bridge {
    Bridge::with(small, &["--unused-ms", "600000"])
}

/// Any number of callers.
fn caller(number: usize) -> String {
    format!("{:032x}", number + 1)
}

/// What a bridge holds: open files, and processes that it has started, ended ones included until
/// they are collected.
fn held(bridge: &Bridge) -> (usize, usize) {
    let pid = bridge.child.id();
    let files = std::fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .count();
    let children = std::fs::read_dir("/proc").unwrap().flatten();
    let children = children.filter(|entry| {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let parent = stat.rsplit(')').next().unwrap().split_whitespace().nth(1);
        parent == Some(pid.to_string().as_str())
    });
    (files, children.count())
}

/// What a bridge holds when it has nothing to do, but has had.
fn held_at_rest(bridge: &Bridge) -> (usize, usize) {
    assert_eq!(bridge.session("small", BOB).delete(), 204);
    let mut last = held(bridge);
    eventually("rest", || {
        std::thread::sleep(Duration::from_millis(200));
        let before = std::mem::replace(&mut last, held(bridge));
        last == before && last.1 == 0
    });
    last
}

#[track_caller]
fn is_back_at(bridge: &Bridge, rest: (usize, usize)) {
    let mut last = held(bridge);
    eventually("what was held is given back", || {
        last = held(bridge);
        last == rest
    });
    assert!(bridge.processes().is_empty());
}

#[track_caller]
fn is_refused(reply: Reply, status: u16, code: i64) {
    assert_eq!(reply.status, status);
    assert_eq!(reply.header("content-type"), Some("application/json"));
    assert!(reply.header("retry-after").is_some());
    assert!(reply.header("mcp-session-id").is_none());
    let answer = reply.json();
    assert_eq!(
        (&answer["id"], &answer["error"]["code"]),
        (&json!("init"), &json!(code)),
        "{answer}"
    );
}

#[test]
fn there_are_so_many_sessions_in_all() {
    let bridge = bridge();
    let rest = held_at_rest(&bridge);
    let sessions: Vec<_> = (0..ALL)
        .map(|number| bridge.session("small", &caller(number / OWN)))
        .collect();
    is_refused(bridge.initialize("small", &caller(ALL)), 503, -31503);
    // Each goes on, with a process of its own.
    for session in &sessions {
        assert_eq!(session.text("any", &json!({})), "2");
    }
    assert_eq!(held(&bridge).1, ALL);
    sessions[0].delete();
    eventually("a seat is free", || {
        bridge.initialize("small", &caller(ALL)).status == 200
    });
    is_refused(bridge.initialize("small", &caller(ALL + 1)), 503, -31503);
    for session in &sessions[1..] {
        assert_eq!(session.delete(), 204);
    }
    // The one that came last is all there is.
    eventually("the others' end", || held(&bridge).1 == 1);
    drop(sessions);
    assert!(held(&bridge).0 > rest.0);
}

#[test]
fn a_caller_in_a_hurry_has_no_more_than_its_own() {
    const HURRY: usize = 100;
    let bridge = bridge();
    let rest = held_at_rest(&bridge);
    let bob = bridge.session("small", BOB);
    let replies: Vec<Reply> = std::thread::scope(|scope| {
        let asked: Vec<_> = (0..HURRY)
            .map(|_| scope.spawn(|| bridge.initialize("small", ALICE)))
            .collect();
        // Nobody else waits for that, not even with a new session.
        for number in 2..12 {
            assert_eq!(bob.text("any", &json!({})), number.to_string());
        }
        let other = bridge.session("small", &caller(0));
        assert_eq!(other.text("any", &json!({})), "2");
        assert_eq!(other.delete(), 204);
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });
    let (opened, refused): (Vec<_>, Vec<_>) = replies.into_iter().partition(|r| r.status == 200);
    assert_eq!((opened.len(), refused.len()), (OWN, HURRY - OWN));
    for reply in refused {
        is_refused(reply, 429, -31429);
    }
    eventually("no process but theirs", || held(&bridge).1 == OWN + 1);
    for reply in opened {
        let id = reply.header("mcp-session-id").unwrap();
        let headers = [("x-mcp-zero-caller", ALICE), ("mcp-session-id", id)];
        assert_eq!(bridge.send("DELETE", "/small", &headers, b"").status, 204);
    }
    assert_eq!(bob.delete(), 204);
    is_back_at(&bridge, rest);
}

#[test]
fn what_a_client_has_left_behind_makes_room() {
    for sessions in ["per_client", "shared"] {
        let bridge = Bridge::with(
            |d| {
                let mut servers = vec![fake(d, "fake", "legacy")];
                servers[0]["sessions"] = sessions.into();
                servers
            },
            &["--unused-ms", "600"],
        );
        let bob = bridge.session("fake", BOB);
        let busy = bridge.session("fake", ALICE);
        let listened = bridge.session("fake", ALICE);
        let listening = listened.listen(None);
        let mut left: Vec<_> = (2..OWN)
            .map(|_| {
                // Which of them is the oldest is told by milliseconds.
                std::thread::sleep(Duration::from_millis(20));
                bridge.session("fake", ALICE)
            })
            .collect();
        std::thread::scope(|scope| {
            let slept = scope.spawn(|| busy.text("sleep", &json!({"s": 4})));
            std::thread::sleep(Duration::from_millis(700));
            // The one that is used was not left behind.
            let used = left.remove(0);
            assert_eq!(used.text("echo", &json!({})), "{}");
            let ninth = bridge.session("fake", ALICE);
            assert_eq!(ninth.text("echo", &json!({})), "{}");
            assert_eq!(left[0].call("1", "pid", &json!({})).status, 404);
            for session in [&used, &listened, &bob].into_iter().chain(&left[1..]) {
                assert_eq!(session.text("echo", &json!({})), "{}");
            }
            assert_eq!(slept.join().unwrap(), "slept");
        });
        drop(listening);
    }
}

#[test]
fn nothing_stays_of_sessions_however_they_end() {
    // A session whose client has gone without its id ends unused.
    let bridge = Bridge::with(small, &["--idle-ms", "8000"]);
    let rest = held_at_rest(&bridge);
    let round = |me: &str, number: usize| {
        // The process of the last one may be on its way out.
        let mut reply = None;
        eventually("a seat", || {
            let asked = bridge.initialize("small", me);
            let open = asked.status == 200;
            reply = open.then_some(asked);
            open
        });
        let session = bridge.session_of("small", me, reply.unwrap());
        match number % 4 {
            0 => assert_eq!(session.delete(), 204),
            1 => {
                let listening = session.listen(None);
                assert_eq!(session.text("any", &json!({})), "2");
                drop(listening);
                assert_eq!(session.delete(), 204);
            }
            2 => {
                let answer = session.call("1", "fail", &json!({})).message();
                assert_eq!(answer["error"]["code"], -32603, "{answer}");
            }
            _ => {
                // Another one, whose client goes before it is answered.
                let mut gone = UnixStream::connect(bridge.socket()).unwrap();
                let body = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{}}"#;
                write!(
                    gone,
                    "POST /small HTTP/1.1\r\nhost: x\r\nx-mcp-zero-caller: {me}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                drop(gone);
                assert_eq!(session.delete(), 204);
            }
        }
    };
    std::thread::scope(|scope| {
        for number in 0..4 {
            let (round, me) = (&round, caller(number));
            scope.spawn(move || (0..50).for_each(|number| round(&me, number)));
        }
    });
    is_back_at(&bridge, rest);
}
