//! Policies that change, control planes that come and go.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Plane, Scripted, connect, policy, request, signal, wait};
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

fn denying(url: &str) -> String {
    policy(url).replace("tools: ['get*', 'echo', 'send']", "tools: ['echo']")
}

fn is_denied(body: &str) -> bool {
    body.contains("Access denied")
}

#[test]
fn a_change_applies_and_open_streams_live_on() {
    let go = Arc::new(AtomicBool::new(false));
    let waits = Arc::clone(&go);
    let server = Scripted::start(move |request| {
        if request.head.starts_with("GET") {
            // Never returns before it is told to: the stream stays open.
            while !waits.load(Ordering::SeqCst) {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            let mut answer = mcp_zero_tests::events(
                "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\"}\n\n",
                5,
            );
            answer.pop();
            return answer;
        }
        vec![mcp_zero_tests::ok("application/json", ANSWER)]
    });
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let mut stream = connect(gateway.address());
    let get = request(
        "GET",
        "/mcp/s",
        &[("authorization", &bearer), ("connection", "keep-alive")],
        "",
    );
    stream.write_all(get.as_bytes()).unwrap();
    server.wait(1);
    assert!(!is_denied(&gateway.post("s", &token, CALL).body));
    gateway.set_policy(&denying(&server.url()));
    wait("the new policy", || {
        is_denied(&gateway.post("s", &token, CALL).body)
    });
    // An invalid change is refused with its errors; the last good policy stays.
    gateway.set_policy("version: 1\ndefualt: deny\n");
    gateway.wait_for_log("policy refused", 1);
    assert!(gateway.log().contains("MZ0"), "{}", gateway.log());
    assert!(is_denied(&gateway.post("s", &token, CALL).body));
    gateway.set_policy(&policy(&server.url()));
    wait("the first policy again", || {
        !is_denied(&gateway.post("s", &token, CALL).body)
    });
    go.store(true, Ordering::SeqCst);
    let mut seen = Vec::new();
    let mut piece = [0; 1024];
    while !String::from_utf8_lossy(&seen).contains("list_changed") {
        let n = stream.read(&mut piece).expect("the stream lives on");
        assert!(
            n > 0,
            "the stream was closed: {:?}",
            String::from_utf8_lossy(&seen)
        );
        seen.extend_from_slice(&piece[..n]);
    }
}

#[test]
fn the_listener_is_the_same_whatever_changes() {
    let server = Scripted::json(ANSWER);
    let issuer = Gateway::start(&policy(&server.url()));
    let token = issuer.token("alice", "developers");
    let mut plane = Plane::new(&policy(&server.url()), &issuer_of(&issuer));

    // Envoy first: nobody listens, and nothing passes.
    plane.start_envoy();
    wait("Envoy", || {
        std::path::Path::new(&plane.admin_socket()).exists()
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(!plane.listens());
    plane.start_control();
    plane.wait_until_ready();
    let post = |plane: &Plane| {
        let bearer = format!("Bearer {token}");
        plane.send(request("POST", "/mcp/s", &[("authorization", &bearer)], CALL).as_bytes())
    };
    wait("keys", || post(&plane).status == 200);
    let listeners = |plane: &Plane| {
        let page = plane.admin("/config_dump?resource=dynamic_listeners");
        page.split("\r\n\r\n").nth(1).unwrap().to_owned()
    };
    let before = listeners(&plane);
    assert!(before.contains("mcp_policy"), "{before}");
    plane.set_policy(&denying(&server.url()));
    wait("the new policy", || is_denied(&post(&plane).body));
    let moved = Scripted::json(ANSWER);
    plane.set_policy(&policy(&moved.url()));
    wait("the moved server", || {
        !is_denied(&post(&plane).body) && !moved.received().is_empty()
    });
    assert_eq!(listeners(&plane), before);

    // Killed: the last policy goes on. Restarted: changes apply again.
    plane.kill_control();
    assert_eq!(post(&plane).body, ANSWER);
    plane.set_policy(&denying(&moved.url()));
    plane.start_control();
    wait("the policy of the restarted control plane", || {
        is_denied(&post(&plane).body)
    });
    assert_eq!(listeners(&plane), before);
    plane.wait_for_log("accepted", 1);
}

#[test]
fn keys_survive_a_restart_while_the_issuer_is_away() {
    let server = Scripted::json(ANSWER);
    let mut issuer = Gateway::start(&policy(&server.url()));
    let bearer = format!("Bearer {}", issuer.token("alice", "developers"));
    let name = issuer_of(&issuer);
    let mut plane = Plane::new(&policy(&server.url()), &name);
    let post = |plane: &Plane| {
        plane.send(request("POST", "/mcp/s", &[("authorization", &bearer)], CALL).as_bytes())
    };
    plane.start_control();
    plane.start_envoy();
    plane.wait_until_ready();
    wait("keys", || post(&plane).status == 200);
    let state = plane.state();
    let kept = || {
        let folder = std::fs::read_dir(state.join("jwks")).unwrap();
        let files: Vec<_> = folder.map(|file| file.unwrap().path()).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        let text = std::fs::read_to_string(&files[0]).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()
    };
    let first = kept();
    assert_eq!(first["issuer"], name);

    // The issuer is gone, then the control plane. The next one goes on with the same keys.
    assert_eq!(issuer.end(), 0);
    plane.kill_control();
    plane.set_policy(&denying(&server.url()));
    plane.start_control();
    wait("the policy of the restarted control plane", || {
        let answer = post(&plane);
        assert_eq!(answer.status, 200, "{answer:?}");
        is_denied(&answer.body)
    });
    plane.wait_for_log("keys of the last run are used", 1);
    assert_eq!(kept()["fetched_at"], first["fetched_at"]);

    // Too old for the next policy: they are not used, and tokens cannot be judged.
    plane.kill_control();
    let identity = format!(
        "version: 1\nidentity: {{issuer: \"{name}\", audience: mcp-zero-dev, jwks_cache_seconds: 30, jwks_stale_seconds: 30}}\n"
    );
    plane.set_policy(&policy(&server.url()).replace("version: 1\n", &identity));
    let fetched = first["fetched_at"].as_u64().unwrap();
    wait("a set that is too old", || {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        now.unwrap().as_secs() > fetched + 30
    });
    let reached = server.received().len();
    plane.start_control();
    wait("503", || post(&plane).status == 503);
    assert_eq!(post(&plane).status, 503);
    assert_eq!(server.received().len(), reached);
    plane.wait_for_log("keys of the last run are not used", 1);
}

fn issuer_of(gateway: &Gateway) -> String {
    let text = std::fs::read_to_string(gateway.state().join("dev-issuer.json")).unwrap();
    let location: serde_json::Value = serde_json::from_str(&text).unwrap();
    location["issuer"].as_str().unwrap().to_owned()
}

#[test]
fn an_envoy_that_dies_is_started_again_and_the_end_is_clean() {
    let server = Scripted::json(ANSWER);
    let mut gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    assert_eq!(gateway.post("s", &token, CALL).status, 200);
    let children = || -> Vec<u32> {
        let listed = std::process::Command::new("ps")
            .args(["-o", "pid=", "--ppid", &gateway.pid().to_string()])
            .output()
            .unwrap();
        String::from_utf8_lossy(&listed.stdout)
            .split_whitespace()
            .filter_map(|p| p.parse().ok())
            .collect()
    };
    let first = children();
    assert_eq!(first.len(), 1);
    signal(first[0], "KILL");
    wait("another Envoy", || {
        children().first().is_some_and(|c| *c != first[0])
    });
    wait("its answer", || {
        std::net::TcpStream::connect(gateway.address()).is_ok()
            && gateway.post("s", &token, CALL).status == 200
    });
    let last = children();
    assert_eq!(gateway.end(), 0);
    let alive = std::process::Command::new("kill")
        .args(["-0", &last[0].to_string()])
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(!alive.success(), "Envoy was left behind");
}

#[test]
fn an_envoy_that_keeps_dying_ends_the_gateway_in_order() {
    let server = Scripted::json(ANSWER);
    let mut gateway = Gateway::start(&policy(&server.url()));
    let begin = std::time::Instant::now();
    let code = loop {
        if let Some(code) = gateway.exit_code() {
            break code;
        }
        assert!(
            begin.elapsed() < std::time::Duration::from_secs(60),
            "{}",
            gateway.log()
        );
        let listed = std::process::Command::new("ps")
            .args(["-o", "pid=", "--ppid", &gateway.pid().to_string()])
            .output()
            .unwrap();
        for pid in String::from_utf8_lossy(&listed.stdout).split_whitespace() {
            signal(pid.parse().unwrap(), "KILL");
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    };
    assert_eq!(code, 1);
    assert!(
        gateway.log().contains("five times within a minute"),
        "{}",
        gateway.log()
    );
}

#[test]
fn no_push_lets_a_call_to_a_server_that_denies_it() {
    let first = Scripted::json(ANSWER);
    // Another server, or the same under another path: both are others.
    let second = Scripted::json(ANSWER);
    let other_path = format!("{}-other", first.url());
    let gateway = Gateway::start(&policy(&first.url()));
    let token = gateway.token("alice", "developers");
    let over = Arc::new(AtomicBool::new(false));
    let bearer = format!("Bearer {token}");
    let address = gateway.address();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let (over, bearer) = (Arc::clone(&over), bearer.clone());
            std::thread::spawn(move || {
                let mut answers = 0_u32;
                while !over.load(Ordering::SeqCst) {
                    let text = request("POST", "/mcp/s", &[("authorization", &bearer)], CALL);
                    let answer = mcp_zero_tests::exchange(address, text.as_bytes());
                    assert!([200, 503].contains(&answer.status), "{answer:?}");
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    for round in 1..=6 {
        let moved = if round % 2 == 0 {
            second.url()
        } else {
            other_path.clone()
        };
        gateway.set_policy(&denying(&moved));
        gateway.wait_for_log("live: ", 2 * round);
        std::thread::sleep(std::time::Duration::from_millis(150));
        gateway.set_policy(&policy(&first.url()));
        gateway.wait_for_log("live: ", 2 * round + 1);
        std::thread::sleep(std::time::Duration::from_millis(150));
    }
    over.store(true, Ordering::SeqCst);
    let answers: u32 = clients.into_iter().map(|c| c.join().unwrap()).sum();
    assert!(answers > 100, "{answers}");
    assert!(!first.received().is_empty());
    assert_eq!(second.received().len(), 0, "no policy ever allowed this");
    let strayed = first
        .received()
        .iter()
        .filter(|r| r.head.contains("/mcp-other"))
        .count();
    assert_eq!(strayed, 0, "no policy ever allowed this either");
}
