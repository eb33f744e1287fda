//! Tokens of an issuer with RSA and EC keys, found by discovery.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_tests::{Gateway, Issuer, Options, Scripted, Signer, policy, request};
use serde_json::{Value, json};

const CALL: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get-x"}}"#;
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

fn start(issuer: &str, server: &Scripted) -> Gateway {
    let identity = format!(
        "identity:
  issuer: {issuer}
  audience: gateway
  claim_mapping: {{user_id: ext.uid, groups: roles}}
audit:
  include_email: true
"
    );
    let options = Options {
        no_dev: true,
        variables: vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())],
        ..Options::default()
    };
    Gateway::start_with(&(policy(&server.url()) + &identity), &options)
}

#[test]
fn tokens_are_judged_by_signature_time_audience_and_claims() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let gateway = start(&issuer.url(), &server);
    for signer in [Signer::Rsa, Signer::Ec] {
        let token = issuer.token(signer, |c| c["email"] = "alice@example.com".into());
        let answer = gateway.post("s", &token, CALL);
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (200, ANSWER),
            "{signer:?}"
        );
    }
    let reached = server.received().len();
    assert_eq!(reached, 2);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let set = |name: &'static str, value: Value| move |c: &mut Value| c[name] = value;
    let without = |name: &'static str| {
        move |c: &mut Value| {
            c.as_object_mut().unwrap().remove(name);
        }
    };
    let bad: Vec<(&str, String)> = vec![
        (
            "expired",
            issuer.token(Signer::Rsa, set("exp", json!(now - 40))),
        ),
        ("no expiry", issuer.token(Signer::Ec, without("exp"))),
        (
            "for too long",
            issuer.token(Signer::Ec, set("exp", json!(now + 200_000))),
        ),
        (
            "not yet",
            issuer.token(Signer::Ec, set("nbf", json!(now + 90))),
        ),
        (
            "other audience",
            issuer.token(Signer::Ec, set("aud", json!("other"))),
        ),
        ("no audience", issuer.token(Signer::Ec, without("aud"))),
        (
            "other issuer",
            issuer.token(Signer::Ec, set("iss", json!("https://idp.example"))),
        ),
        (
            "issuer with a slash",
            issuer.token(Signer::Ec, set("iss", json!(format!("{}/", issuer.url())))),
        ),
        ("no subject", issuer.token(Signer::Ec, without("sub"))),
        (
            "no user id",
            issuer.token(Signer::Ec, set("ext", json!({}))),
        ),
        (
            "odd groups",
            issuer.token(Signer::Ec, set("roles", json!({"a": 1}))),
        ),
        (
            "groups elsewhere",
            issuer.token(Signer::Ec, set("hasgroups", json!(true))),
        ),
        ("foreign key", issuer.token(Signer::Foreign, |_| {})),
    ];
    for method in ["POST", "GET", "DELETE"] {
        for (what, token) in &bad {
            let bearer = format!("Bearer {token}");
            let body = if method == "POST" { CALL } else { "" };
            let answer = gateway
                .send(request(method, "/mcp/s", &[("authorization", &bearer)], body).as_bytes());
            assert_eq!(
                (answer.status, answer.json()["error"]["code"].as_i64()),
                (401, Some(-31401)),
                "{method} {what}"
            );
            assert!(
                answer
                    .header("www-authenticate")
                    .unwrap()
                    .contains("invalid_token"),
                "{what}"
            );
            assert!(
                !answer.body.contains("expired") && !answer.body.contains("audience"),
                "no reason for the client"
            );
        }
    }
    assert_eq!(server.received().len(), reached, "the server is untouched");
    // No group: authenticated, but nothing is allowed.
    let outsider = issuer.token(Signer::Ec, without("roles"));
    assert!(
        gateway
            .post("s", &outsider, CALL)
            .body
            .contains("Access denied")
    );
    let records = gateway.records(2 + 3 * bad.len() + 1);
    let allowed = &records[0];
    assert_eq!(
        (&allowed["user"]["id"], &allowed["user"]["email"]),
        (&json!("a-1"), &json!("alice@example.com"))
    );
    assert!(
        records[2..]
            .iter()
            .all(|r| r["decision"] == "deny" && r["reason"].is_string()),
        "{records:#?}"
    );
}

#[test]
fn without_keys_tokens_are_503_and_nothing_passes() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let away = "http://127.0.0.1:9";
    let gateway = start(away, &server);
    let token = issuer.token(Signer::Ec, |c| c["iss"] = away.into());
    let answer = gateway.post("s", &token, CALL);
    assert_eq!(
        (answer.status, answer.json()["error"]["code"].as_i64()),
        (503, Some(-31503)),
        "{answer:?}"
    );
    assert_eq!(server.received().len(), 0);
    gateway.wait_for_log("keys not fetched", 1);
}

/// A token that lacks a scope is asked to come back with all that are needed (RFC 6750 §3.1).
#[test]
fn a_missing_scope_is_a_step_up() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let identity = format!(
        "identity:
  issuer: {}
  audience: gateway
  claim_mapping: {{groups: roles}}
  required_scopes: [mcp.use, mcp.call]
",
        issuer.url()
    );
    let options = Options {
        no_dev: true,
        variables: vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())],
        ..Options::default()
    };
    let gateway = Gateway::start_with(&(policy(&server.url()) + &identity), &options);
    let send = |claim: &'static str, value: Value| {
        let token = issuer.token(Signer::Ec, |c| c[claim] = value);
        gateway.post("s", &token, CALL)
    };
    let challenge = |answer: &mcp_zero_tests::Response| {
        answer
            .header("www-authenticate")
            .unwrap_or_default()
            .to_owned()
    };
    let metadata = format!(
        "resource_metadata=\"http://localhost:{}/.well-known/oauth-protected-resource/mcp/s\"",
        gateway.address().port()
    );
    for (claim, value) in [
        ("scope", json!("mcp.use")),
        ("scp", json!(["mcp.call"])),
        ("scp", json!([])),
        ("other", json!("mcp.use mcp.call")),
    ] {
        let answer = send(claim, value.clone());
        assert_eq!(answer.status, 403, "{value}: {}", answer.body);
        assert_eq!(
            challenge(&answer),
            format!("Bearer error=\"insufficient_scope\", scope=\"mcp.use mcp.call\", {metadata}")
        );
        assert_eq!(answer.json()["error"]["code"], -31403);
        let id = answer.header("x-correlation-id").unwrap();
        assert_eq!(gateway.record(id)["cause"], "insufficient_scope");
    }
    let malformed = send("scp", json!([5]));
    assert_eq!(malformed.status, 401);
    assert!(challenge(&malformed).starts_with("Bearer error=\"invalid_token\", scope="));
    let missing = gateway.send(request("POST", "/mcp/s", &[], CALL).as_bytes());
    assert_eq!(
        (missing.status, challenge(&missing)),
        (
            401,
            format!("Bearer scope=\"mcp.use mcp.call\", {metadata}")
        )
    );
    assert_eq!(server.received().len(), 0);
    for (claim, value) in [
        ("scope", json!("a mcp.call mcp.use")),
        ("scp", json!(["mcp.use", "mcp.call"])),
    ] {
        assert_eq!(send(claim, value).status, 200);
    }
    let document = "/.well-known/oauth-protected-resource/mcp/s";
    let document = gateway.send(request("GET", document, &[], "").as_bytes());
    assert_eq!(
        document.json()["scopes_supported"],
        json!(["mcp.use", "mcp.call"])
    );
}

/// Every algorithm in the module itself, and none that the issuer's entry does not name.
#[test]
fn algorithms_are_those_that_the_policy_names() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let identity = format!(
        "identity:
  issuer: {}
  audience: gateway
  claim_mapping: {{groups: roles}}
  algorithms: [RS384, RS512, ES384, EdDSA]
",
        issuer.url()
    );
    let options = Options {
        no_dev: true,
        variables: vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())],
        ..Options::default()
    };
    let gateway = Gateway::start_with(&(policy(&server.url()) + &identity), &options);
    for (signer, status) in [
        (Signer::Rsa384, 200),
        (Signer::Rsa512, 200),
        (Signer::Ec384, 200),
        (Signer::Ed, 200),
        (Signer::Rsa, 401),
        (Signer::Ec, 401),
        (Signer::Foreign, 401),
    ] {
        let token = issuer.token(signer, |_| {});
        let before = server.received().len();
        assert_eq!(gateway.post("s", &token, CALL).status, status, "{signer:?}");
        let reached = server.received().len() - before;
        assert_eq!(reached, usize::from(status == 200), "{signer:?}");
    }
}
