//! The JSON Schema of policies says what the compiler says: of every shipped policy, and of files
//! that are wrong in one place.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{documents, mcp_zero, repository};
use serde_json::{Value, json};

fn schema() -> jsonschema::Validator {
    let shown = mcp_zero(&["schema"]);
    assert!(shown.status.success());
    let schema: Value = serde_json::from_slice(&shown.stdout).unwrap();
    jsonschema::meta::validate(&schema).expect("a JSON Schema");
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn every_shipped_policy_fits() {
    let schema = schema();
    let mut policies = 0;
    for entry in std::fs::read_dir(repository().join("policies")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.to_string_lossy().into_owned();
        if !name.ends_with(".yaml") || name.ends_with(".test.yaml") {
            continue;
        }
        policies += 1;
        let text = std::fs::read_to_string(&path).unwrap();
        let [policy] = &documents(&text)[..] else {
            panic!("{name}: one document");
        };
        let wrong: Vec<_> = schema
            .iter_errors(policy)
            .map(|e| format!("{}: {e}", e.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{name}: {wrong:?}");
    }
    assert_eq!(policies, 9);
}

#[test]
fn what_the_compiler_refuses_does_not_fit() {
    let schema = schema();
    let good = json!({
        "version": 1,
        "default": "deny",
        "identity": {"issuer": "https://id.example", "audience": "gw"},
        "servers": [
            {"name": "s", "transport": "http", "url": "https://s.example/mcp", "timeout_seconds": 5},
            {"name": "p", "transport": "stdio", "command": "x", "args": ["a"]},
        ],
        "policies": [{"id": "r", "description": "d", "effect": "allow",
            "subjects": {"groups": ["g"]},
            "mcp_servers": [{"name": "s", "tools": ["t*"]}],
            "when": [{"argument": "/a", "equals": 1}]}],
        "plugins": [{"name": "presidio-masking", "config": {"entities": ["PASSWORD"]}}],
        "logging": {"level": "INFO"}, "audit": {"include_email": false},
        "cors": {"allow_origins": ["https://app.example"]},
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.json");
    let compiles = |policy: &Value| {
        std::fs::write(&file, policy.to_string()).unwrap();
        let check = mcp_zero(&["check", &file.to_string_lossy()]);
        let told = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
        (check.status.success(), told)
    };
    assert!(schema.is_valid(&good));
    let (fits, told) = compiles(&good);
    assert!(fits, "{told}");
    for (place, value) in [
        ("/version", json!(2)),
        ("/version", json!("1")),
        ("/default", json!("maybe")),
        ("/defualt", json!("deny")),
        ("/identity/audience", json!([])),
        ("/identity/audience", json!(7)),
        ("/identity/leeway_seconds", json!(61)),
        ("/identity/algorithms", json!(["HS256"])),
        ("/identity/token_types", json!("JWT")),
        ("/servers", json!({})),
        ("/servers/0/name", json!("Bad Name")),
        ("/servers/0/transport", json!("ftp")),
        ("/servers/0/url", Value::Null),
        ("/servers/0/timeout_seconds", json!(0)),
        ("/servers/0/max_request_bytes", json!(true)),
        ("/servers/0/token_exchange", json!("yes")),
        ("/servers/0/token_exchange", json!(true)),
        ("/servers/0/tls", json!({"ca": "x"})),
        ("/servers/1/command", json!(["x"])),
        ("/servers/1/sessions", json!("per_user")),
        ("/policies/0/effect", json!("permit")),
        ("/policies/0/groups", json!(["g"])),
        ("/policies/0/subjects/users", json!("alice")),
        ("/policies/0/mcp_servers", json!([])),
        ("/policies/0/mcp_servers/0/tools", json!("read_*")),
        ("/policies/0/mcp_servers/0/tools", json!([])),
        ("/policies/0/when/0/glob", json!("a*")),
        ("/policies/0/when/0/argument", json!("a")),
        ("/policies/0/shadow", json!(1)),
        ("/plugins/0/config/entities", json!(["NAME"])),
        ("/plugins/0/config/score_threshold", json!(2)),
        ("/plugins/0/priority", json!(60)),
        ("/logging/level", json!("LOUD")),
        ("/masking", json!({"presidio": {"enabled": true}})),
        ("/audit/mode", json!("required")),
        ("/cors/allow_origins", json!([])),
        ("/cors/allow_methods", json!(["PUT"])),
        ("/cors/max_age", json!(-1)),
        ("/analytics", json!({})),
    ] {
        let mut wrong = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        wrong.pointer_mut(parent).unwrap()[key] = value.clone();
        let (fits, told) = compiles(&wrong);
        assert!(!fits, "the compiler takes {place} = {value}: {told}");
        assert!(
            !schema.is_valid(&wrong),
            "the schema takes {place} = {value}"
        );
    }
    for place in [
        "/version",
        "/identity/issuer",
        "/servers/0/url",
        "/servers/1/command",
        "/policies/0/id",
        "/policies/0/mcp_servers",
        "/plugins/0/config",
        "/cors/allow_origins",
    ] {
        let mut wrong = good.clone();
        let (parent, key) = place.rsplit_once('/').unwrap();
        let parent = wrong.pointer_mut(parent).unwrap();
        parent.as_object_mut().unwrap().remove(key);
        assert!(!compiles(&wrong).0, "{place}");
        assert!(!schema.is_valid(&wrong), "{place}");
    }
}
