//! The shipped policies with local servers, as they stand in the repository: `npx` and `uvx` start
//! the servers, real clients call them through the real Envoy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Options, Session, part, repository, shipped};
use serde_json::{Value, json};
use std::path::Path;
use tempfile::TempDir;

/// A shipped policy, started as a newcomer does, with the packages that set-up has fetched.
struct Shipped {
    gateway: Gateway,
    /// What its servers take for their home.
    _home: TempDir,
}

impl Shipped {
    fn start(policy: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let options = Options {
            variables: packages(home.path()),
            beside: Some(files),
            ..Options::default()
        };
        let text = shipped(&format!("policies/{policy}.yaml"));
        Self {
            gateway: Gateway::start_with(&text, &options),
            _home: home,
        }
    }

    fn developer(&self) -> String {
        self.gateway.token("alice", "developers")
    }
}

fn files(folder: &Path) {
    let files = folder.join("files");
    std::fs::create_dir(&files).unwrap();
    for name in ["README.txt", "customers.txt"] {
        let original = repository().join("policies/files").join(name);
        std::fs::copy(original, files.join(name)).unwrap();
    }
    // `npx` takes a package from the nearest folder that has it.
    let modules = part("MCP_ZERO_TEST_NPM_CLIENTS").join("node_modules");
    std::os::unix::fs::symlink(modules, folder.join("node_modules")).unwrap();
}

/// `npx` and `uvx` that find everything without a network.
fn packages(home: &Path) -> Vec<(String, String)> {
    let path = std::env::var("PATH").unwrap();
    let tools = part("MCP_ZERO_TEST_TOOLS");
    let text = |path: &Path| path.display().to_string();
    let variables = [
        ("PATH", format!("{}:{path}", tools.display())),
        ("HOME", text(home)),
        ("npm_config_offline", "true".to_owned()),
        ("npm_config_cache", text(&home.join("npm"))),
        ("UV_OFFLINE", "1".to_owned()),
        ("UV_NO_INDEX", "1".to_owned()),
        ("UV_FIND_LINKS", text(&part("MCP_ZERO_TEST_WHEELS"))),
        ("UV_CACHE_DIR", text(&home.join("uv"))),
        ("UV_PYTHON", text(&part("MCP_ZERO_TEST_PYTHON"))),
        ("UV_PYTHON_DOWNLOADS", "never".to_owned()),
    ];
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
}

fn call(name: &str, arguments: &Value) -> Value {
    json!({"op": "call", "name": name, "arguments": arguments})
}

fn names(list: &Value) -> Vec<&str> {
    let tools = list["result"]["tools"].as_array().unwrap();
    tools.iter().map(|t| t["name"].as_str().unwrap()).collect()
}

#[test]
fn everything() {
    let here = Shipped::start("everything");
    let gateway = &here.gateway;
    let url = gateway.url("everything");
    let developer = here.developer();
    let answers = Session::sdk1(&url, &developer)
        .then(&json!({"op": "list"}))
        .then(&call("echo", &json!({"message": "hello"})))
        .then(&call("get-env", &json!({})))
        .run();
    let listed = names(&answers[0]);
    assert!(
        listed.contains(&"echo") && !listed.contains(&"get-env"),
        "{listed:?}"
    );
    assert!(answers[1].to_string().contains("hello"), "{}", answers[1]);
    assert!(
        answers[2].to_string().contains("Access denied"),
        "{}",
        answers[2]
    );

    // Nobody else sees anything.
    let stranger = gateway.token("eve", "others");
    let answers = Session::python(&url, &stranger)
        .then(&json!({"op": "list"}))
        .then(&call("echo", &json!({"message": "hello"})))
        .run();
    assert_eq!(names(&answers[0]), [""; 0]);
    assert!(
        answers[1].to_string().contains("Access denied"),
        "{}",
        answers[1]
    );
}

#[test]
fn filesystem() {
    let here = Shipped::start("filesystem");
    let gateway = &here.gateway;
    let url = gateway.url("filesystem");
    let answers = Session::sdk1(&url, &here.developer())
        .then(&json!({"op": "list"}))
        .then(&call("read_text_file", &json!({"path": "customers.txt"})))
        .then(&call(
            "write_file",
            &json!({"path": "new.txt", "content": "x"}),
        ))
        .then(&call("read_text_file", &json!({"path": "../policy.yaml"})))
        .run();
    let listed = names(&answers[0]);
    assert!(
        listed.contains(&"list_directory") && !listed.contains(&"write_file"),
        "{listed:?}"
    );
    assert!(
        answers[1].to_string().contains("ada@example.com"),
        "{}",
        answers[1]
    );
    assert!(
        answers[2].to_string().contains("Access denied"),
        "{}",
        answers[2]
    );
    // The server's own fence, around the folder that the policy names.
    assert_eq!(answers[3]["result"]["isError"], true, "{}", answers[3]);
}

#[test]
fn filesystem_redacted() {
    let here = Shipped::start("filesystem-redacted");
    let gateway = &here.gateway;
    let url = gateway.url("filesystem");
    let answers = Session::python(&url, &here.developer())
        .then(&call("read_text_file", &json!({"path": "customers.txt"})))
        .run();
    let read = answers[0].to_string();
    assert!(
        read.contains("Ada Example <<EMAIL_ADDRESS>>, card <CREDIT_CARD>"),
        "{read}"
    );
    assert!(!read.contains("ada@") && !read.contains("4111"), "{read}");
}

#[test]
fn time() {
    let here = Shipped::start("time");
    let gateway = &here.gateway;
    let url = gateway.url("time");
    let developer = here.developer();
    let asked = call("get_current_time", &json!({"timezone": "Europe/Madrid"}));
    for session in [
        Session::sdk1(&url, &developer),
        Session::python(&url, &developer).with(&["--protocol", "2026-07-28"]),
    ] {
        let shown = format!("{session:?}");
        let answers = session.then(&json!({"op": "list"})).then(&asked).run();
        assert_eq!(
            names(&answers[0]),
            ["get_current_time", "convert_time"],
            "{shown}"
        );
        assert!(
            answers[1].to_string().contains("Europe/Madrid"),
            "{shown}: {}",
            answers[1]
        );
    }
}

#[test]
fn all() {
    let here = Shipped::start("all");
    let gateway = &here.gateway;
    let developer = here.developer();
    let first = |server: &str, call: &Value| {
        let url = gateway.url(server);
        Session::sdk1(&url, &developer)
            .then(call)
            .run()
            .remove(0)
            .to_string()
    };
    let entities = json!([{"name": "Ada", "entityType": "person", "observations": ["counts"]}]);
    for (server, call, wanted) in [
        (
            "everything",
            call("echo", &json!({"message": "hello"})),
            "hello",
        ),
        (
            "filesystem",
            call("list_directory", &json!({"path": "."})),
            "customers.txt",
        ),
        (
            "time",
            call("get_current_time", &json!({"timezone": "UTC"})),
            "UTC",
        ),
        (
            "memory",
            call("create_entities", &json!({"entities": entities})),
            "Ada",
        ),
        // Another session reads what the one before wrote.
        (
            "memory",
            call("search_nodes", &json!({"query": "counts"})),
            "Ada",
        ),
        (
            "memory",
            call("delete_entities", &json!({"entityNames": ["Ada"]})),
            "Access denied",
        ),
    ] {
        let answer = first(server, &call);
        assert!(answer.contains(wanted), "{server} {call}: {answer}");
    }
}
