//! `docker-compose.yml`: what can be known of it without a container engine, and its command
//! lines run natively.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::compose::{Stage, Variables, compose, interpolate, stages, used, variables};
use mcp_zero_tests::{
    ANSWER, Plant, Process, Signer, exchange, free_address, part, policy, repository, request,
    shipped, validate, wait,
};
use serde_json::{Value, json};
use std::process::Command;

fn environment() -> Variables {
    variables(&shipped(".env.example"))
}

fn filled() -> Value {
    interpolate(&compose(), &environment()).unwrap()
}

fn services(compose: &Value) -> impl Iterator<Item = (&String, &Value)> {
    compose["services"].as_object().unwrap().iter()
}

fn texts(value: &Value) -> Vec<&str> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|v| v.as_str().unwrap()).collect()
}

/// The value of `--name=value` in a command.
fn option<'a>(service: &'a Value, name: &str) -> &'a str {
    let found = texts(&service["command"])
        .into_iter()
        .find_map(|argument| argument.strip_prefix(name)?.strip_prefix('='));
    found.unwrap_or_else(|| panic!("no {name}"))
}

fn image(name: &str) -> Stage {
    let found = stages(&shipped("docker/Dockerfile"))
        .into_iter()
        .find(|s| s.name == name);
    found.unwrap_or_else(|| panic!("no stage {name}"))
}

#[test]
fn it_is_what_the_specification_says() {
    let schema: Value = serde_json::from_str(&shipped("tests/data/compose-spec.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let told = |compose: &Value| -> Vec<String> {
        validator
            .iter_errors(compose)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect()
    };
    assert_eq!(told(&filled()), Vec::<String>::new());
    // The check is not blind.
    let mut wrong = filled();
    wrong["services"]["gateway"]["read_onyl"] = json!(true);
    assert_eq!(told(&wrong).len(), 1);
    let mut wrong = filled();
    wrong["services"]["gateway"]["ports"] = json!("8080:8080");
    assert!(!told(&wrong).is_empty());
}

#[test]
fn what_is_required_is_asked_for_by_name() {
    let compose = compose();
    for name in [
        "OKTA_ISSUER",
        "OKTA_AUDIENCE",
        "POLICY_FILE",
        "MCP_GATEWAY_KEY",
    ] {
        let mut without = environment();
        without.remove(name).unwrap();
        let error = interpolate(&compose, &without).unwrap_err();
        assert!(error.contains(name) && error.contains(".env"), "{error}");
        without.insert(name.to_owned(), String::new());
        assert!(
            interpolate(&compose, &without).is_err(),
            "{name} may not be empty"
        );
    }
    // Nothing else is, and all that can be said stands in the example.
    let four = "OKTA_ISSUER=a\nOKTA_AUDIENCE=b\nPOLICY_FILE=c\nMCP_GATEWAY_KEY=d";
    interpolate(&compose, &variables(four)).unwrap();
    let example = shipped(".env.example");
    for name in used(&compose) {
        assert!(
            example.contains(&format!("{name}=")),
            "{name} is not in .env.example"
        );
    }
    for name in environment().keys() {
        assert!(
            used(&compose).contains(name),
            "{name} means nothing to compose"
        );
    }
    // An issuer's or a server's secret is no default.
    let of_secrets = example
        .lines()
        .filter(|l| l.to_lowercase().contains("secret="));
    for line in of_secrets {
        assert!(line.starts_with('#') && line.ends_with('='), "{line}");
    }
    let key = &environment()["MCP_GATEWAY_KEY"];
    assert!(
        key.bytes().any(|b| !b.is_ascii_hexdigit()),
        "no example starts anything"
    );
}

#[test]
fn every_stage_program_and_file_is_there() {
    let root = repository();
    let metadata = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .current_dir(&root)
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&metadata.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let package = |name: &str| packages.iter().any(|p| p["name"] == name);
    let program = |name: &str| {
        packages
            .iter()
            .flat_map(|p| p["targets"].as_array().unwrap())
            .any(|t| t["name"] == name && texts(&t["kind"]).contains(&"bin"))
    };
    let all = stages(&shipped("docker/Dockerfile"));
    let made: Vec<&str> = all[0]
        .all("RUN")
        .flat_map(str::split_whitespace)
        .filter_map(|word| word.strip_prefix("target/release/"))
        .collect();
    assert_eq!(made.len(), 3);
    for name in &made {
        assert!(program(name), "no program {name}");
    }
    let built: Vec<&str> = all[0]
        .all("RUN")
        .find(|r| r.starts_with("cargo build"))
        .unwrap()
        .split(" -p ")
        .skip(1)
        .collect();
    for name in built.iter().map(|b| b.split_whitespace().next().unwrap()) {
        assert!(package(name), "no package {name}");
    }
    let mut known: Vec<&str> = Vec::new();
    for stage in &all {
        for copy in stage.all("COPY") {
            let words: Vec<&str> = copy.split_whitespace().collect();
            match words[0].strip_prefix("--from=") {
                Some(from) => {
                    assert!(known.contains(&from), "{copy}: {from} comes later");
                    if let Some(file) = words[1].strip_prefix("/out/") {
                        let there = made.contains(&file)
                            || ["mcp_zero_filter.wasm", "envoy.yaml"].contains(&file);
                        assert!(there, "{copy}: nothing makes it");
                    }
                }
                None => assert!(
                    words[..words.len() - 1]
                        .iter()
                        .all(|w| root.join(w).exists()),
                    "{copy}"
                ),
            }
        }
        known.push(&stage.name);
    }
    for (name, service) in services(&filled()) {
        let build = &service["build"];
        assert!(
            root.join(build["context"].as_str().unwrap())
                .join(build["dockerfile"].as_str().unwrap())
                .is_file()
        );
        assert!(known.contains(&build["target"].as_str().unwrap()), "{name}");
    }
    assert!(
        shipped(".dockerignore").lines().any(|l| l == ".env"),
        "secrets stay out of images"
    );
}

#[test]
fn images_are_pinned_to_what_the_tests_run() {
    let toolchain = shipped("rust-toolchain.toml");
    for stage in stages(&shipped("docker/Dockerfile")) {
        let (name, tag) = stage
            .image
            .split_once(':')
            .unwrap_or_else(|| panic!("{} has no tag", stage.image));
        assert!(
            tag.chars().any(|c| c.is_ascii_digit()) || tag.starts_with("bookworm"),
            "{tag}"
        );
        match name {
            "envoyproxy/envoy" => {
                let envoy = part("MCP_ZERO_TEST_ENVOY");
                let told = Command::new(envoy).arg("--version").output().unwrap();
                let told = String::from_utf8_lossy(&told.stdout).into_owned();
                assert!(
                    told.contains(&format!("/{}/", tag.trim_start_matches('v'))),
                    "{told}"
                );
            }
            "rust" => {
                let version = tag.split('-').next().unwrap();
                assert!(toolchain.contains(&format!("\"{version}.")), "{toolchain}");
            }
            _ => {}
        }
    }
    for (name, service) in services(&compose()) {
        let tag = service["image"]
            .as_str()
            .unwrap()
            .split_once(':')
            .unwrap()
            .1;
        assert_eq!(tag, env!("CARGO_PKG_VERSION"), "{name}");
    }
}

#[test]
fn no_container_can_do_more_than_it_has_to() {
    let root = repository();
    for (name, service) in services(&filled()) {
        assert_eq!(service["user"], "10001:10001", "{name}");
        assert_eq!(service["read_only"], true, "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(
            service["security_opt"],
            json!(["no-new-privileges:true"]),
            "{name}"
        );
        for key in [
            "privileged",
            "cap_add",
            "pid",
            "ipc",
            "devices",
            "userns_mode",
        ] {
            assert!(service.get(key).is_none(), "{name}: {key}");
        }
        for key in ["mem_limit", "pids_limit", "restart"] {
            assert!(service.get(key).is_some(), "{name}: no {key}");
        }
        assert_eq!(service["healthcheck"]["test"][0], "CMD", "{name}");
        for mount in service["volumes"].as_array().into_iter().flatten() {
            if mount["type"] == "bind" {
                assert_eq!(mount["read_only"], true, "{name}");
                assert_eq!(mount["bind"]["create_host_path"], false, "{name}");
                assert!(
                    root.join(mount["source"].as_str().unwrap()).is_file(),
                    "{mount}"
                );
            }
        }
        let user = image(service["build"]["target"].as_str().unwrap());
        assert_eq!(
            user.all("USER").collect::<Vec<_>>(),
            ["10001:10001"],
            "{name}"
        );
        // Only what is meant for this machine is published, unless told otherwise.
        for port in texts(&service["ports"]) {
            assert!(
                port.starts_with("127.0.0.1:") && name == "gateway",
                "{name}: {port}"
            );
        }
    }
    // Code of others shares neither the control plane's folder nor a network with anybody.
    let compose = filled();
    let volumes = |name: &str| -> Vec<&str> {
        let mounts = compose["services"][name]["volumes"].as_array().unwrap();
        mounts
            .iter()
            .filter(|m| m["type"] == "volume")
            .map(|m| m["source"].as_str().unwrap())
            .collect()
    };
    assert!(!volumes("bridge").contains(&"state"));
    let network = |name: &str| compose["services"][name]["networks"][0].as_str().unwrap();
    assert_ne!(network("bridge"), network("gateway"));
    assert_ne!(network("bridge"), network("control-plane"));
}

#[test]
fn paths_and_ports_are_the_same_on_both_sides() {
    let compose = filled();
    let service = |name: &str| &compose["services"][name];
    let (control, gateway, bridge) = (
        service("control-plane"),
        service("gateway"),
        service("bridge"),
    );
    let mounted = |service: &Value, path: &str| -> String {
        let mounts = service["volumes"].as_array().unwrap();
        let found = mounts.iter().find(|m| {
            path.starts_with(&format!("{}/", m["target"].as_str().unwrap())) || path == m["target"]
        });
        found.unwrap_or_else(|| panic!("nothing holds {path}"))["source"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    // xDS: where one listens, in what the other begins with.
    let xds = option(control, "--xds");
    let made = image("build");
    let bootstrap = made
        .all("RUN")
        .find(|r| r.contains("mcp-zero bootstrap"))
        .unwrap();
    assert!(bootstrap.contains(&format!("--xds {xds} ")), "{bootstrap}");
    let socket = xds.strip_prefix("unix:").unwrap();
    assert_eq!(mounted(control, socket), mounted(gateway, socket));
    let state = option(control, "--state-dir");
    assert!(socket.starts_with(state));
    // The access log is written by one and read by the other.
    assert_eq!(
        mounted(gateway, &format!("{state}/access.log")),
        mounted(control, state)
    );
    // The module and the bootstrap are where they are said to be.
    let copied = |stage: &str, path: &str| {
        image(stage)
            .all("COPY")
            .any(|c| c.ends_with(&format!(" {path}")))
    };
    for stage in ["control-plane", "gateway"] {
        assert!(copied(stage, option(control, "--filter")), "{stage}");
    }
    let command = texts(&gateway["command"]);
    let begins = command.iter().position(|c| *c == "-c").unwrap();
    assert!(copied("gateway", command[begins + 1]));
    // Ports: the listener, what is published, what the health checks ask.
    let port = option(control, "--port");
    assert_eq!(texts(&gateway["ports"])[0].rsplit(':').next(), Some(port));
    assert!(
        gateway["healthcheck"]["test"]
            .to_string()
            .contains(&format!("/127.0.0.1/{port} "))
    );
    let admin = option(control, "--admin");
    assert!(texts(&control["healthcheck"]["test"]).contains(&format!("--admin={admin}").as_str()));
    // The policy, and the bridge's socket.
    let rules = option(control, "--policy");
    assert_eq!(rules, option(bridge, "--policy"));
    assert_eq!(mounted(control, rules), mounted(bridge, rules));
    let socket = option(bridge, "--listen").strip_prefix("unix:").unwrap();
    assert_eq!(mounted(bridge, socket), mounted(gateway, socket));
    assert!(bridge["healthcheck"]["test"].to_string().contains(socket));
    // What is accepted is written by the control plane alone.
    let accepted = option(bridge, "--accepted");
    let mount = |service: &Value| -> Value {
        let mounts = service["volumes"].as_array().unwrap();
        let found = mounts
            .iter()
            .find(|m| accepted.starts_with(&format!("{}/", m["target"].as_str().unwrap())));
        found.unwrap().clone()
    };
    assert_eq!(mount(control)["source"], mount(bridge)["source"]);
    assert_eq!(mount(bridge)["read_only"], true);
    assert!(mount(control).get("read_only").is_none());
    // Folders of volumes exist in the images, owned by the user.
    for (stage, path) in [
        ("control-plane", state),
        ("gateway", state),
        ("bridge", "/run/mcp-zero"),
        ("gateway", "/run/mcp-zero"),
        ("control-plane", "/run/mcp-zero-accepted"),
    ] {
        let made = image(stage);
        let folders = made
            .all("RUN")
            .find(|r| r.starts_with("install -d -o 10001 -g 10001 -m 0700"));
        assert!(
            folders.is_some_and(|f| f.split_whitespace().any(|w| w == path)),
            "{stage}: {path}"
        );
    }
    // The demo's server is where its policy says.
    let demo = service("demo");
    assert_eq!(demo["network_mode"], "service:gateway");
    assert!(
        shipped("policies/demo.yaml").contains(&format!("http://{}/", option(demo, "--listen")))
    );
    // Whatever is declared is used, and the other way round.
    for (kind, key) in [("volumes", "volumes"), ("networks", "networks")] {
        let declared: Vec<&String> = compose[kind].as_object().unwrap().keys().collect();
        let mut named: Vec<String> = services(&compose)
            .flat_map(|(_, s)| s[key].as_array().cloned().unwrap_or_default())
            .filter(|m| m["type"] != "bind")
            .map(|m| m["source"].as_str().or(m.as_str()).unwrap().to_owned())
            .collect();
        named.sort();
        named.dedup();
        assert_eq!(declared.into_iter().cloned().collect::<Vec<_>>(), named);
    }
    for (name, service) in services(&compose) {
        for (other, _) in service["depends_on"].as_object().into_iter().flatten() {
            assert!(compose["services"].get(other).is_some(), "{name}");
        }
    }
}

#[test]
fn every_variable_is_one_that_the_program_reads() {
    let compose = compose();
    let help = mcp_zero_tests::mcp_zero(&["serve", "--help"]);
    let help = String::from_utf8(help.stdout).unwrap();
    for (name, _) in compose["services"]["control-plane"]["environment"]
        .as_object()
        .unwrap()
    {
        assert!(help.contains(&format!("[{name}")), "{name}: {help}");
    }
    let bridge = shipped("stdio-bridge/src/cli.rs");
    for (name, _) in compose["services"]["bridge"]["environment"]
        .as_object()
        .unwrap()
    {
        assert!(bridge.contains(&format!("env = \"{name}\"")), "{name}");
    }
    for argument in texts(&compose["services"]["bridge"]["command"]) {
        let option = argument.trim_start_matches("--").split('=').next().unwrap();
        assert!(bridge.contains(&format!("    {option}: ")), "{argument}");
    }
}

/// A server that the bridge starts.
fn local_server() -> String {
    let script = part("MCP_ZERO_TEST_NPM_CLIENTS")
        .join("node_modules/@modelcontextprotocol/server-everything/dist/index.js");
    format!(
        "  - name: local\n    transport: stdio\n    command: '{}'\n    args: ['{}', stdio]\n",
        part("MCP_ZERO_TEST_NODE").display(),
        script.display()
    )
}

/// What the containers would run, with the paths and ports of a test.
#[test]
fn its_command_lines_make_a_gateway() {
    let plant = Plant::start();
    std::fs::write(
        plant.policy(),
        policy(&plant.server.url())
            .replace("name: s\n", "name: crm\n")
            .replace("policies:\n", &format!("{}policies:\n", local_server())),
    )
    .unwrap();
    let mut variables = environment();
    variables.insert("OKTA_ISSUER".to_owned(), plant.issuer.url());
    variables.insert("OKTA_AUDIENCE".to_owned(), "gateway".to_owned());
    // The one that the gateway's Envoy of this test has, too.
    let key = std::env::var("MCP_GATEWAY_KEY").unwrap();
    variables.insert("MCP_GATEWAY_KEY".to_owned(), key);
    let compose = interpolate(&compose(), &variables).unwrap();
    let (address, admin) = (free_address(), free_address());
    let path = |name: &str| plant.path().join(name).to_string_lossy().into_owned();
    let filter = part("MCP_ZERO_TEST_FILTER").to_string_lossy().into_owned();
    let here = |text: &str| {
        text.replace("/etc/mcp-zero/policy/policy.yaml", &path("policy.yaml"))
            .replace("/usr/lib/mcp-zero/mcp_zero_filter.wasm", &filter)
            .replace("/var/lib/mcp-zero", &path("state"))
            .replace("/run/mcp-zero-accepted", &path("accepted"))
            .replace("/run/mcp-zero", &path("bridge"))
            .replace("/etc/mcp-zero/envoy.yaml", &path("envoy.yaml"))
            .replace("127.0.0.1:8081", &admin.to_string())
            .replace("/127.0.0.1/8080", &format!("/127.0.0.1/{}", address.port()))
            .replace("--port=8080", &format!("--port={}", address.port()))
            .replace("--host=0.0.0.0", "--host=127.0.0.1")
    };
    for volume in ["accepted", "bridge"] {
        std::fs::create_dir(path(volume)).unwrap();
    }
    let control = &compose["services"]["control-plane"];
    let gateway = &compose["services"]["gateway"];
    let program = part("MCP_ZERO_TEST_GATEWAY");
    let healthy = |service: &Value| {
        let test = texts(&service["healthcheck"]["test"]);
        let name = match test[1] {
            "mcp-zero" => program.clone(),
            other => other.into(),
        };
        let done = Command::new(name)
            .args(test[2..].iter().map(|a| here(a)))
            .output()
            .unwrap();
        done.status.success()
    };

    let mut command = Command::new(&program);
    command
        .env_clear()
        .args(texts(&control["command"]).into_iter().map(here));
    for (name, value) in control["environment"].as_object().unwrap() {
        command.env(name, value.as_str().unwrap());
    }
    // The issuer of the test has no certificate.
    command.env("MCP_SKIP_TLS_VALIDATION", "true");
    assert!(!healthy(control) && !healthy(gateway));
    let plane = Process::start(&mut command, &plant.path().join("control.log"));
    wait("a healthy control plane", || healthy(control));

    // What the image is built with.
    let made = image("build");
    let made = made
        .all("RUN")
        .find(|r| r.contains("mcp-zero bootstrap"))
        .unwrap();
    let line = made
        .replace("/out/mcp_zero_filter.wasm", &filter)
        .replace("/tmp/envoy-admin.sock", &path("admin.sock"));
    let words: Vec<String> = line
        .split_whitespace()
        .skip(1)
        .take_while(|w| *w != ">")
        .map(here)
        .collect();
    let done = Command::new(&program).args(words).output().unwrap();
    assert!(done.status.success(), "{done:?}");
    let bootstrap = String::from_utf8(done.stdout).unwrap();
    validate(plant.path(), "validated", &bootstrap).unwrap();
    std::fs::write(path("envoy.yaml"), bootstrap).unwrap();

    let mut command = Command::new(part("MCP_ZERO_TEST_ENVOY"));
    command
        .args(texts(&gateway["command"]).into_iter().map(here))
        .args(["--concurrency", "1"]);
    let envoy = Process::start(&mut command, &plant.path().join("envoy.log"));
    wait("a healthy gateway", || healthy(gateway));
    wait("everything acknowledged", || healthy(control));

    let token = plant.issuer.token(Signer::Ec, |claims| {
        claims["groups"] = json!(["developers"])
    });
    let call = |token: &str, tool: &str| {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}"}}}}"#
        );
        let bearer = format!("Bearer {token}");
        exchange(
            address,
            request("POST", "/mcp/crm", &[("authorization", &bearer)], &body).as_bytes(),
        )
    };
    wait("the keys", || call(&token, "nobody").status == 200);
    assert_eq!(call(&token, "get-x").body, ANSWER);
    assert!(call(&token, "get-secret").body.contains("Access denied"));
    assert_eq!(call("none", "get-x").status, 401);
    let bridge = &compose["services"]["bridge"];
    let mut command = Command::new(part("MCP_ZERO_TEST_BRIDGE"));
    command.args(texts(&bridge["command"]).into_iter().map(here));
    let bridge = Process::start(&mut command, &plant.path().join("bridge.log"));
    let bearer = format!("Bearer {token}");
    let hello = json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {},
        "clientInfo": {"name": "compose", "version": "1"}}});
    let hello = request(
        "POST",
        "/mcp/local",
        &[("authorization", &bearer)],
        &hello.to_string(),
    );
    wait("the local server", || {
        let answer = exchange(address, hello.as_bytes());
        answer.status == 200 && answer.body.contains("serverInfo")
    });
    drop(bridge);
    // Audit records come out of the control plane.
    wait("the records", || {
        let log = plane.log();
        log.contains(r#""tool_name":"get-x""#) && log.contains(r#""rule_id":"no-secrets""#)
    });
    assert!(
        plane.log().contains(r#""gateway":"compose""#),
        "{}",
        plane.log()
    );
    drop(envoy);
    assert!(!healthy(gateway));
}
