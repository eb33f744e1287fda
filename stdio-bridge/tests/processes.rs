//! What children see, and that nothing of them stays.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use serde_json::{Map, Value, json};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{ALICE, BOB, Bridge, eventually, fake, write_policy};

#[test]
fn a_child_sees_the_listed_variables_and_no_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = fake(directory.path(), "fake", "legacy");
    server["env"] = json!({"GREETING": "hello", "LANG": "C.UTF-8", "TOLD": "${BRIDGE_TEST_TOLD}"});
    server["cwd"] = directory.path().to_str().unwrap().into();
    write_policy(directory.path(), &[server]);
    let socket = directory.path().join("s");
    let child = support::command(directory.path(), &format!("unix:{}", socket.display()))
        .env("MCP_BRIDGE_SECRET", "c4n4ry-c4n4ry-c4n4ry")
        .env("OKTA_CLIENT_SECRET", "c4n4ry")
        .env("SOMETHING", "c4n4ry")
        .env("BRIDGE_TEST_TOLD", "yes")
        .env("PIP_TEST", "1")
        .env("no_proxy", "x")
        .stderr(std::fs::File::create(directory.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let bridge = Bridge::of(directory, child);
    let session = bridge.session("fake", ALICE);
    let seen: Map<String, Value> = serde_json::from_str(&session.text("env", &json!({}))).unwrap();
    let mut names: Vec<&str> = seen.keys().map(String::as_str).collect();
    // Python's own, when it finds no UTF-8 locale.
    names.retain(|name| *name != "LC_CTYPE");
    for name in &names {
        let listed = [
            "PATH", "HOME", "LANG", "TMPDIR", "GREETING", "TOLD", "no_proxy",
        ]
        .contains(name)
            || name.to_lowercase().ends_with("_proxy")
            || ["npm_config_", "PIP_", "UV_"]
                .iter()
                .any(|start| name.starts_with(start));
        assert!(listed, "{name}");
    }
    for name in ["PATH", "GREETING", "PIP_TEST", "no_proxy"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    assert_eq!(
        (&seen["TOLD"], &seen["LANG"]),
        (&json!("yes"), &json!("C.UTF-8"))
    );
    assert!(!json!(seen).to_string().contains("c4n4ry"));
}

#[test]
fn a_child_runs_where_the_policy_says() {
    let bridge = Bridge::with(
        |d| {
            std::fs::create_dir_all(d.join("inner")).unwrap();
            std::fs::write(d.join("file"), "").unwrap();
            let at = |name: &str, cwd: &str| {
                let mut server = fake(d, name, "legacy");
                server["cwd"] = cwd.into();
                server
            };
            vec![
                fake(d, "default", "legacy"),
                at("inner", "inner"),
                at("root", "/"),
                at("file", "file"),
                at("nowhere", "elsewhere"),
            ]
        },
        &[],
    );
    let folder = bridge.directory.path().canonicalize().unwrap();
    let cwd = |name: &str| bridge.session(name, ALICE).text("cwd", &json!({}));
    assert_eq!(cwd("default"), folder.to_str().unwrap());
    assert_eq!(cwd("inner"), folder.join("inner").to_str().unwrap());
    assert_eq!(cwd("root"), "/");
    for (name, named) in [("file", "file"), ("nowhere", "elsewhere")] {
        let refused = bridge.initialize(name, ALICE).json();
        assert_eq!(refused["error"]["code"], -32603, "{refused}");
        let named = bridge.directory.path().join(named);
        assert!(
            bridge.log().contains(named.to_str().unwrap()),
            "{}",
            bridge.log()
        );
    }
}

#[test]
fn arguments_are_data() {
    let canary = tempfile::tempdir().unwrap();
    let touched = canary.path().join("touched");
    let text = format!(
        "$(touch {0}) `touch {0}` ; touch {0} & * ~ > \"'\"",
        touched.display()
    );
    let bridge = Bridge::with(
        |d| {
            let mut server = fake(d, "fake", "legacy");
            server["env"]["GREETING"] = text.as_str().into();
            server["args"]
                .as_array_mut()
                .unwrap()
                .push(text.as_str().into());
            vec![server]
        },
        &[],
    );
    let session = bridge.session("fake", ALICE);
    let seen: Value = serde_json::from_str(&session.text("env", &json!({}))).unwrap();
    assert_eq!(seen["GREETING"], text.as_str());
    let argv: Vec<String> = serde_json::from_str(&session.text("argv", &json!({}))).unwrap();
    assert_eq!(argv.last(), Some(&text));
    assert!(!touched.exists());
}

/// A session whose child has descendants, one of them in a session of its own.
fn grown(bridge: &Bridge) -> support::Session<'_> {
    let session = bridge.session("fake", ALICE);
    assert_eq!(session.text("tree", &json!({})), "grown");
    // Keeper, server and two below it.
    eventually("the tree stands", || bridge.processes().len() >= 4);
    session
}

#[test]
fn the_whole_tree_ends_with_its_session() {
    let bridge = Bridge::fake();
    let session = grown(&bridge);
    assert_eq!(session.delete(), 204);
    eventually("nothing is left", || bridge.processes().is_empty());
}

#[test]
fn the_whole_tree_ends_with_a_crash() {
    let bridge = Bridge::fake();
    let session = grown(&bridge);
    session.call("1", "crash", &json!({}));
    eventually("nothing is left", || bridge.processes().is_empty());
}

#[test]
fn the_whole_tree_ends_when_the_bridge_is_killed() {
    let mut bridge = Bridge::with(
        |d| vec![fake(d, "fake", "dual"), shared(fake(d, "shared", "dual"))],
        &[],
    );
    grown(&bridge);
    let stubborn = bridge.session("fake", BOB);
    stubborn.text("stubborn", &json!({}));
    bridge.session("shared", ALICE);
    assert_eq!(bridge.modern_tool("fake", ALICE, "tree").status, 200);
    bridge.signal("-KILL");
    bridge.wait();
    let begun = Instant::now();
    eventually("nothing is left", || bridge.processes().is_empty());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn the_whole_tree_ends_when_what_keeps_it_is_killed() {
    let bridge = Bridge::fake();
    let session = bridge.session("fake", ALICE);
    let server: i32 = session.text("pid", &json!({})).parse().unwrap();
    // It would not end at the end of its input.
    session.text("stubborn", &json!({}));
    let keeper = std::fs::read_to_string(format!("/proc/{server}/stat")).unwrap();
    let keeper = keeper
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .to_owned();
    assert_ne!(keeper, bridge.child.id().to_string());
    let killed = Command::new("kill").args(["-KILL", &keeper]).status();
    assert!(killed.unwrap().success());
    eventually("nothing is left", || bridge.processes().is_empty());
    eventually("the end of the session", || {
        session.call("1", "pid", &json!({})).status == 404
    });
}

fn shared(mut server: Value) -> Value {
    server["sessions"] = "shared".into();
    server
}

#[test]
fn the_bridge_ends_in_order() {
    for signal in ["-TERM", "-INT"] {
        let mut bridge = Bridge::with(
            |d| vec![fake(d, "fake", "dual"), shared(fake(d, "shared", "dual"))],
            &[],
        );
        grown(&bridge);
        let stubborn = bridge.session("fake", BOB);
        stubborn.text("stubborn", &json!({}));
        bridge.session("shared", ALICE);
        let mut listening = stubborn.listen(None);
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| stubborn.call("1", "hang", &json!({})).json());
            std::thread::sleep(Duration::from_millis(300));
            let begun = Instant::now();
            bridge.signal(signal);
            assert_eq!(waiting.join().unwrap()["error"]["code"], -32603);
            while listening.event().is_some() {}
            assert!(begun.elapsed() < Duration::from_secs(10));
        });
        assert_eq!(bridge.wait().code(), Some(0), "{signal}");
        assert_eq!(bridge.processes(), [0_u32; 0], "{signal}");
        assert!(!bridge.socket().exists());
    }
}

#[test]
fn no_server_reads_the_environment_of_the_bridge() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let (program, found) = (at.join("bridge"), at.join("found"));
    std::fs::copy(env!("CARGO_BIN_EXE_mcp-stdio-bridge"), &program).unwrap();
    let script = format!(
        "read -r _ _ _ bridge _ < /proc/$PPID/stat; cat /proc/$bridge/environ > {0}; echo end >> {0}",
        found.display()
    );
    let server =
        json!({"name": "fake", "transport": "stdio", "command": "/bin/sh", "args": ["-c", script]});
    write_policy(at, &[server]);
    // Root reads everything, so it is somebody else who runs it.
    let mut command = if rustix::process::geteuid().is_root() {
        std::fs::set_permissions(at, std::fs::Permissions::from_mode(0o777)).unwrap();
        let mut command = Command::new("setpriv");
        command
            .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
            .arg(program);
        command
    } else {
        Command::new(program)
    };
    let child = command
        .arg("--policy")
        .arg(at.join("policy.json"))
        .arg("--listen")
        .arg(format!("unix:{}", at.join("s").display()))
        .env("OF_ANOTHER_SERVER", "c4n4ry")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("setpriv is needed: apt-get install util-linux");
    let bridge = Bridge::of(directory, child);
    bridge.initialize("fake", ALICE);
    let found = std::fs::read_to_string(found).unwrap();
    // Not shown where it fails: it is the environment of whoever runs the tests.
    assert!(found == "end\n", "{} bytes were read", found.len());
}
