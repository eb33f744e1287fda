//! The two locks around the filter (proved-designs.md §1): whatever becomes of the filter, nothing
//! that it has not judged, and nobody whom Envoy has not verified, reaches the server.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{
    Issuer, Plant, Process, Signer, attempt, free_address, part, request, validate, wait,
};
use serde_json::json;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One of everything that a client may come with, a good token first.
fn tokens(plant: &Plant) -> Vec<(&'static str, Option<String>)> {
    let token = |signer, change: fn(&mut serde_json::Value)| plant.issuer.token(signer, change);
    vec![
        ("RS256", Some(token(Signer::Rsa, |_| {}))),
        ("ES256", Some(token(Signer::Ec, |_| {}))),
        ("nothing", None),
        ("forged", Some(token(Signer::Foreign, |_| {}))),
        ("expired", Some(token(Signer::Rsa, |c| c["exp"] = json!(1)))),
        (
            "another audience",
            Some(token(Signer::Rsa, |c| c["aud"] = json!("other"))),
        ),
    ]
}

/// Nobody gets in, whatever the token; each hears the same 503 with an id.
fn nobody_gets_in(plant: &Plant, gateway: SocketAddr, how: &str) {
    let reached = plant.server.received().len();
    for (what, token) in tokens(plant) {
        for tool in ["get-x", "get-secret"] {
            let answer = plant.call(gateway, tool, token.as_deref());
            assert_eq!(answer.status, 503, "{how}, {what}, {tool}: {answer:?}");
            assert_eq!(answer.json()["error"]["code"], -31503, "{how}, {what}");
            assert!(answer.header("x-correlation-id").is_some(), "{how}, {what}");
        }
        let bearer = token.map(|t| format!("Bearer {t}")).unwrap_or_default();
        for verb in ["GET", "DELETE"] {
            let headers = [("authorization", bearer.as_str())];
            let text = request(verb, "/mcp/crm", &headers, "");
            let answer = mcp_zero_tests::exchange(gateway, text.as_bytes());
            assert_eq!(answer.status, 503, "{how}, {what}, {verb}: {answer:?}");
        }
    }
    assert_eq!(
        plant.server.received().len(),
        reached,
        "{how}: something has reached the server"
    );
}

fn start(plant: &Plant, name: &str, address: SocketAddr, configuration: &str) -> Process {
    let envoy = Process::envoy(plant.path(), name, configuration);
    wait("Envoy", || TcpStream::connect(address).is_ok());
    envoy
}

/// A configuration without one of its filters.
fn without(configuration: &str, filter: &str) -> String {
    let begin = configuration
        .find(&format!("                  - name: {filter}\n"))
        .unwrap();
    let rest = &configuration[begin + 1..];
    let next = rest.find("\n                  - name: ").unwrap();
    // The comment of the next filter stays where it was.
    format!("{}{}", &configuration[..begin], &rest[next + 1..])
}

#[test]
fn a_filter_that_is_gone_lets_nobody_in() {
    let plant = Plant::start();
    let address = free_address();
    let good = plant.static_gateway(address, &plant.snapshot());
    let gone = without(&good, "mcp_policy");
    validate(plant.path(), "validated", &gone).unwrap();
    assert!(!gone.contains("envoy.wasm.runtime") && gone.contains("mcp_identity"));
    let _envoy = start(&plant, "gone", address, &gone);
    nobody_gets_in(&plant, address, "no filter");
}

#[test]
fn a_filter_that_fails_open_with_a_dead_vm_lets_nobody_in() {
    let plant = Plant::start();
    let address = free_address();
    let trap = part("MCP_ZERO_TEST_FILTER_TRAP");
    let open = plant
        .static_gateway(address, &plant.snapshot())
        .replace("failure_policy: FAIL_RELOAD", "failure_policy: FAIL_OPEN")
        .replace(
            &*part("MCP_ZERO_TEST_FILTER").to_string_lossy(),
            &trap.to_string_lossy(),
        );
    // Envoy takes a back-off only where it reloads.
    let begin = open.find("                        reload_config:").unwrap();
    let end = open[begin..].find("base_interval: 1s\n").unwrap() + begin;
    let open = format!(
        "{}{}",
        &open[..begin],
        &open[end + "base_interval: 1s\n".len()..]
    );
    let _envoy = start(&plant, "open", address, &open);
    plant.wait_until_ready(address);
    plant.judge(address);
    let bearer = format!("Bearer {}", plant.token());
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-mcp-zero-trap", "before:request-headers"),
    ];
    let text = request("POST", "/mcp/crm", &headers, "{}");
    attempt(address, text.as_bytes(), Duration::from_secs(5));
    nobody_gets_in(&plant, address, "FAIL_OPEN");
}

#[test]
fn without_the_check_in_front_nobody_gets_in() {
    let plant = Plant::start();
    let address = free_address();
    let good = plant.static_gateway(address, &plant.snapshot());
    // Its resource is not there: the slot denies.
    let here = plant.identity();
    let kept = std::fs::read(&here).unwrap();
    std::fs::write(&here, b"").unwrap();
    let envoy = start(&plant, "empty", address, &good);
    nobody_gets_in(&plant, address, "no resource of the check");
    drop(envoy);
    std::fs::write(&here, kept).unwrap();

    // The filter itself is gone from the chain: our own refuses every token, forged or not.
    let none = without(&good, "mcp_identity");
    let _envoy = start(&plant, "none", address, &none);
    plant_is_ready(&plant, address);
    let reached = plant.server.received().len();
    for (what, token) in tokens(&plant) {
        let answer = plant.call(address, "get-x", token.as_deref());
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
    }
    assert_eq!(plant.server.received().len(), reached);
}

/// The filter answers by itself, if only with a refusal.
fn plant_is_ready(plant: &Plant, address: SocketAddr) {
    wait("the filter", || {
        plant.call(address, "x", None).status == 401
    });
}

#[test]
fn a_filter_that_asks_nobody_for_a_token_lets_nobody_in_without_one() {
    let plant = Plant::start();
    let address = free_address();
    let with_identity = plant.snapshot();
    let identity = std::fs::read(plant.identity()).unwrap();
    // A snapshot in which everybody is anonymous and may call, before routes that ask for more.
    let policy = std::fs::read_to_string(plant.policy()).unwrap();
    let (rules, _) = policy.split_once("identity:").unwrap();
    let rules = rules.replace("groups: [developers]", "users: ['*']");
    std::fs::write(plant.policy(), &rules).unwrap();
    let lax = plant.snapshot_relaxed();
    assert_ne!(lax, with_identity);
    std::fs::write(plant.identity(), identity).unwrap();
    let _envoy = start(&plant, "lax", address, &plant.static_gateway(address, &lax));
    wait("the filter", || {
        plant.call(address, "get-secret", None).status == 200
    });
    let reached = plant.server.received().len();
    let answer = plant.call(address, "get-x", None);
    assert_eq!(answer.status, 503, "{answer:?}");
    let forged = plant.issuer.token(Signer::Foreign, |_| {});
    assert_eq!(plant.call(address, "get-x", Some(&forged)).status, 503);
    assert_eq!(plant.server.received().len(), reached);
    // Whom Envoy has verified passes both: the routes ask for nothing else.
    assert_eq!(
        plant.call(address, "get-x", Some(&plant.token())).status,
        200
    );
}

/// Each lock has keys of its own: what the one in front takes is nothing to the filter where the
/// filter's keys say otherwise, whatever algorithm Envoy checks for it.
#[test]
fn a_signature_that_only_the_check_in_front_takes_is_none() {
    let plant = Plant::start();
    let address = free_address();
    let good = plant.snapshot();
    let in_front = std::fs::read(plant.identity()).unwrap();
    let other = Issuer::start();
    let filter = plant.snapshot_with_keys_of(&other);
    assert_ne!(filter, good);
    std::fs::write(plant.identity(), in_front).unwrap();
    let configuration = plant.static_gateway(address, &filter);
    let envoy = start(&plant, "other-keys", address, &configuration);
    plant_is_ready(&plant, address);
    for signer in [Signer::Rsa, Signer::Ec] {
        for issuer in [&plant.issuer, &other] {
            let claimed = plant.issuer.url();
            let token = issuer.token(signer, |claims| claims["iss"] = json!(claimed));
            let answer = plant.call(address, "get-x", Some(&token));
            assert_eq!(answer.status, 401, "{signer:?}: {answer:?}");
        }
    }
    assert_eq!(plant.server.received().len(), 0);
    drop(envoy);
    // With the same keys on both sides the same tokens pass.
    let again = free_address();
    let _envoy = start(
        &plant,
        "same-keys",
        again,
        &plant.static_gateway(again, &good),
    );
    plant.wait_until_ready(again);
    for signer in [Signer::Rsa, Signer::Ec] {
        let token = plant.issuer.token(signer, |_| {});
        assert_eq!(plant.call(again, "get-x", Some(&token)).status, 200);
    }
}

/// What the check in front refuses our filter never verifies; what the filter would accept the
/// check in front does too.
#[test]
fn the_check_in_front_is_never_the_stricter_one() {
    let plant = Plant::start();
    let address = free_address();
    let good = plant.static_gateway(address, &plant.snapshot());
    let _envoy = start(&plant, "good", address, &good);
    plant.wait_until_ready(address);
    let rsa = |change: fn(&mut serde_json::Value)| plant.issuer.token(Signer::Rsa, change);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let claims = |name: &'static str, value: serde_json::Value| {
        plant.issuer.token(Signer::Rsa, move |c| c[name] = value)
    };
    for (what, token) in [
        ("plain", rsa(|_| {})),
        (
            "a list of audiences",
            claims("aud", json!(["other", "gateway"])),
        ),
        ("expired within the leeway", claims("exp", json!(now - 20))),
        (
            "not before, within the leeway",
            claims("nbf", json!(now + 20)),
        ),
        (
            "a fraction of a second",
            claims("exp", json!(now as f64 + 600.5)),
        ),
        ("many claims", claims("more", json!("x".repeat(5000)))),
        ("deep claims", {
            let deep = (0..30).fold(json!(1), |inner, _| json!({ "a": inner }));
            claims("deep", deep)
        }),
        (
            "a subject in another script",
            claims("sub", json!("Žofie 😀")),
        ),
    ] {
        let answer = plant.call(address, "get-x", Some(&token));
        assert_eq!(answer.status, 200, "{what}: {answer:?}");
    }
    let token = rsa(|_| {});
    for scheme in ["Bearer", "bearer", "BEARER", "bEaReR"] {
        let headers = [("authorization", format!("{scheme} {token}"))];
        let headers: Vec<_> = headers.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
        let text = request("POST", "/mcp/crm", &headers, body);
        let answer = mcp_zero_tests::exchange(address, text.as_bytes());
        assert_eq!(answer.status, 200, "{scheme}: {answer:?}");
    }
}
