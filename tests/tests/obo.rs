//! Token exchange (RFC 8693) through the whole gateway: the server gets a token of its own, and
//! whatever goes wrong on the way ends in no request.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Decoder as _};
use mcp_zero_tests::{
    Answer, CLIENT_SECRET, Connection, Exchange, Exchanger, Gateway, Options, Received, Scripted,
    TokenEndpoint, events, mcp_zero, ok, part, policy, request,
};
use serde_json::{Value, json};
use std::time::Duration;

const AUDIENCE: &str = "api://crm";

/// `s` wants tokens of its own; `plain` gets none.
fn exchanging(url: &str) -> String {
    let on = format!(
        "    timeout_seconds: 2\n    token_exchange: true\n    target_audience: {AUDIENCE}\n    required_scopes: [crm.read]\n  - {{name: plain, transport: http, url: \"{url}\"}}\n"
    );
    policy(url)
        .replace("    timeout_seconds: 2\n", &on)
        .replace(
            "      - name: s\n        tools: ['get*'",
            "      - name: '*'\n        tools: ['get*'",
        )
}

fn start(url: &str, endpoint: &TokenEndpoint) -> Gateway {
    let options = Options {
        variables: endpoint.variables(),
        ..Options::default()
    };
    Gateway::start_with(&exchanging(url), &options)
}

fn call(tool: &str) -> String {
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool}}).to_string()
}

fn send(
    gateway: &Gateway,
    verb: &str,
    path: &str,
    token: &str,
    body: &str,
) -> mcp_zero_tests::Response {
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        // Whoever writes such headers gets nothing by it.
        ("wasm.mcpz.upauth", "Bearer mine"),
        ("mcpz.upauth", "Bearer mine"),
    ];
    gateway.send(request(verb, path, &headers, body).as_bytes())
}

fn authorization(received: &Received) -> Vec<String> {
    let lines = received.head.lines();
    lines
        .filter_map(|line| line.split_once(':'))
        .filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        .map(|(_, value)| value.trim().to_owned())
        .collect()
}

#[test]
fn the_server_gets_a_token_of_its_own_and_never_the_callers() {
    let server = Scripted::start(|request| -> Answer {
        if request.head.starts_with("GET") {
            return events(": nothing\n\n", 100);
        }
        vec![ok(
            "application/json",
            r#"{"jsonrpc":"2.0","id":1,"result":{"tools":[],"content":[]}}"#,
        )]
    });
    let endpoint = TokenEndpoint::start();
    let gateway = start(&server.url(), &endpoint);
    let alice = gateway.token("alice", "developers");
    let wanted = format!("Bearer {}", TokenEndpoint::granted("alice", AUDIENCE));
    let list = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
    let note = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    for (verb, body) in [
        ("POST", call("get-x").as_str()),
        ("POST", list),
        ("POST", note),
        ("GET", ""),
        ("DELETE", ""),
    ] {
        let before = server.received().len();
        send(&gateway, verb, "/mcp/s", &alice, body);
        let received = server.wait(before + 1);
        let got = authorization(received.last().unwrap());
        assert_eq!(got, std::slice::from_ref(&wanted), "{verb} {body}");
    }
    // Who is asked: once, with what the policy says.
    let asked = endpoint.asked();
    assert_eq!(asked.len(), 1, "one token serves them all");
    assert_eq!(asked[0]["subject_token"], alice);
    assert_eq!(asked[0]["audience"], AUDIENCE);
    assert_eq!(asked[0]["scope"], "crm.read");

    // A server that wants none gets none, and who may not call is not asked for.
    assert_eq!(
        send(&gateway, "POST", "/mcp/plain", &alice, &call("get-x")).status,
        200
    );
    assert_eq!(authorization(server.received().last().unwrap()), [""; 0]);
    let bob = gateway.token("bob", "guests");
    let denied = send(&gateway, "POST", "/mcp/s", &bob, &call("get-x"));
    assert!(denied.body.contains("Access denied"));
    assert_eq!(endpoint.asked().len(), 1);

    // Neither token, nor the secret that was spent for them, is anywhere else.
    let shown = [
        gateway.envoy_admin("/config_dump?include_eds"),
        gateway.envoy_admin("/stats"),
        gateway.log(),
        format!("{:?}", gateway.all_records()),
        std::fs::read_to_string(gateway.state().join("access.log")).unwrap_or_default(),
    ];
    let granted = TokenEndpoint::granted("alice", AUDIENCE);
    for text in shown {
        for secret in [CLIENT_SECRET, &granted, alice.rsplit('.').next().unwrap()] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn whatever_goes_wrong_nothing_reaches_the_server() {
    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let endpoint = TokenEndpoint::start();
    let gateway = start(&server.url(), &endpoint);
    let token = gateway.token("alice", "developers");
    let error = |code: &str| json!({"error": code, "error_description": "c4n4ry-text"}).to_string();
    let granted = |change: fn(&mut Value)| {
        let mut body = json!({"access_token": "t", "token_type": "Bearer", "expires_in": 300,
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"});
        change(&mut body);
        Exchange::Say(200, body.to_string())
    };
    for (what, mode, reason) in [
        (
            "revoked",
            Exchange::Say(400, error("invalid_grant")),
            "refused by the issuer",
        ),
        (
            "not for this user",
            Exchange::Say(403, error("access_denied")),
            "refused by the issuer",
        ),
        (
            "client unknown",
            Exchange::Say(401, error("invalid_client")),
            "not available",
        ),
        (
            "overloaded",
            Exchange::Say(429, String::new()),
            "not available",
        ),
        (
            "broken",
            Exchange::Say(500, "c4n4ry-text".to_owned()),
            "not available",
        ),
        ("elsewhere", Exchange::Say(302, String::new()), "malformed"),
        (
            "no JSON",
            Exchange::Say(200, "c4n4ry-text".to_owned()),
            "malformed",
        ),
        (
            "no token",
            granted(|b| b["access_token"] = json!(null)),
            "malformed",
        ),
        (
            "a token with a line",
            granted(|b| b["access_token"] = json!("a\r\nx: y")),
            "malformed",
        ),
        (
            "another type",
            granted(|b| b["token_type"] = json!("mac")),
            "malformed",
        ),
        (
            "expired",
            granted(|b| b["expires_in"] = json!(0)),
            "malformed",
        ),
        ("silent", Exchange::Silence, "in time"),
    ] {
        endpoint.set(mode);
        for body in [
            call("get-x").as_str(),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#,
        ] {
            let answer = send(&gateway, "POST", "/mcp/s", &token, body);
            assert_eq!(answer.status, 503, "{what}: {answer:?}");
            assert_eq!(answer.json()["error"]["code"], -31503, "{what}");
            assert!(!answer.body.contains("c4n4ry"), "{what}");
            let record = gateway.record(answer.header("x-correlation-id").unwrap());
            assert_eq!(record["cause"], "token_exchange", "{what}");
            assert_eq!(record["decision"], "deny", "{what}");
            assert!(
                record["reason"].as_str().unwrap().contains(reason),
                "{what}: {record}"
            );
            if what == "silent" {
                break;
            }
        }
    }
    assert_eq!(server.received().len(), 0, "no token, no request");
    assert!(!gateway.log().contains("c4n4ry"));
    endpoint.set(Exchange::Grant);
    assert_eq!(
        send(&gateway, "POST", "/mcp/s", &token, &call("get-x")).status,
        200
    );
    assert_eq!(server.received().len(), 1);

    // The caller's own token is at its end before anybody is asked.
    let asked = endpoint.asked().len();
    let short = mcp_zero(&[
        "token",
        "--user",
        "alice",
        "--groups",
        "developers",
        "--ttl",
        "1",
        "--state-dir",
        &gateway.state().to_string_lossy(),
    ]);
    let short = String::from_utf8_lossy(&short.stdout).trim().to_owned();
    assert!(!short.is_empty());
    std::thread::sleep(Duration::from_millis(2100));
    // Within the leeway it is still a token, but none that could be exchanged.
    let answer = send(&gateway, "POST", "/mcp/s", &short, &call("get-x"));
    assert_eq!(answer.status, 503, "{answer:?}");
    assert_eq!(endpoint.asked().len(), asked);
}

/// E7: in 10,000 calls of two users at once no server request has the other's token.
#[test]
fn no_call_has_anothers_token() {
    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let endpoint = TokenEndpoint::start();
    let gateway = start(&server.url(), &endpoint);
    let address = gateway.address();
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let tokens = ["alice", "bob"].map(|user| (user, gateway.token(user, "developers")));
            std::thread::spawn(move || {
                let mut connection = Connection::open(address);
                for turn in 0..2500 {
                    let (user, token) = &tokens[(client + turn) % 2];
                    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
                        "params": {"name": "get-x", "arguments": {"who": user}}});
                    let bearer = format!("Bearer {token}");
                    let headers = [("authorization", bearer.as_str())];
                    let text = request("POST", "/mcp/s", &headers, &body.to_string());
                    connection.send(text.replace("connection: close\r\n", "").as_bytes());
                    assert_eq!(connection.response().status, 200);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    let received = server.received();
    assert_eq!(received.len(), 10_000);
    for request in &received {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        let user = body["params"]["arguments"]["who"].as_str().unwrap();
        let wanted = format!("Bearer {}", TokenEndpoint::granted(user, AUDIENCE));
        assert_eq!(authorization(request), [wanted], "{}", request.body);
    }
    assert_eq!(
        endpoint.asked().len(),
        8,
        "one for each token, of which each client has two"
    );
}

#[test]
fn an_answer_to_the_server_has_the_token_too() {
    let server = Scripted::start(|request| -> Answer {
        if request.body.contains("get-x") {
            let ask = json!({"jsonrpc": "2.0", "id": "q", "method": "sampling/createMessage",
                "params": {"messages": [], "maxTokens": 1}});
            let text = format!(
                "data: {ask}\n\ndata: {{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{{\"content\":[]}}}}\n\n"
            );
            let mut answer = events(&text, 10_000);
            let at = answer[0].windows(2).position(|w| w == b"\r\n").unwrap() + 2;
            answer[0].splice(at..at, *b"mcp-session-id: up-1\r\n");
            return answer;
        }
        if request.body.contains("initialize") {
            let mut answer = ok(
                "application/json",
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            );
            let at = answer.windows(2).position(|w| w == b"\r\n").unwrap() + 2;
            answer.splice(at..at, *b"mcp-session-id: up-1\r\n");
            return vec![answer];
        }
        vec![b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n".to_vec()]
    });
    let endpoint = TokenEndpoint::start();
    let gateway = start(&server.url(), &endpoint);
    let token = gateway.token("alice", "developers");
    let initialize = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
    let opened = send(&gateway, "POST", "/mcp/s", &token, initialize);
    let session = opened.header("mcp-session-id").unwrap().to_owned();
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("mcp-session-id", &session),
    ];
    let answer = gateway.send(request("POST", "/mcp/s", &headers, &call("get-x")).as_bytes());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(!answer.body.contains("sampling"));
    // The session, the call, and the gateway's own answer to what it has taken out.
    let received = server.wait(3);
    assert!(received[2].body.contains("-31403"), "{:?}", received[2]);
    let wanted = format!("Bearer {}", TokenEndpoint::granted("alice", AUDIENCE));
    assert_eq!(authorization(&received[2]), [wanted]);
}

#[test]
fn without_its_settings_it_does_not_start_and_no_push_brings_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, exchanging("http://127.0.0.1:1/mcp")).unwrap();
    let file = file.to_string_lossy().into_owned();
    let run = mcp_zero(&[
        "run",
        "--dev",
        "--policy",
        &file,
        "--skip-tls-validation=true",
        "--envoy",
        &part("MCP_ZERO_TEST_ENVOY").to_string_lossy(),
        "--filter",
        &part("MCP_ZERO_TEST_FILTER").to_string_lossy(),
        "--state-dir",
        &folder.path().join("state").to_string_lossy(),
    ]);
    let told = String::from_utf8_lossy(&run.stderr).into_owned();
    assert_eq!(run.status.code(), Some(78), "{told}");
    assert!(
        told.contains("MZ0805") && told.contains("OKTA_CLIENT_SECRET"),
        "{told}"
    );
    // A look at it needs no secret.
    let check = mcp_zero(&[
        "check",
        &file,
        "--skip-tls-validation=true",
        "--okta-issuer",
        "https://i.example",
        "--okta-audience",
        "a",
    ]);
    let told = String::from_utf8_lossy(&[check.stdout, check.stderr].concat()).into_owned();
    assert_eq!(check.status.code(), Some(0), "{told}");
    assert!(told.contains("MZ0805"), "{told}");

    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let gateway = Gateway::start(&policy(&server.url()));
    gateway.set_policy(&exchanging(&server.url()));
    gateway.wait_for_log("MZ0805", 1);
    let token = gateway.token("alice", "developers");
    assert_eq!(
        send(&gateway, "POST", "/mcp/s", &token, &call("get-x")).status,
        200
    );
    assert_eq!(authorization(server.received().last().unwrap()), [""; 0]);
}

/// The claims of a token, unverified.
fn claims(token: &str) -> Value {
    let part = token.split('.').nth(1).unwrap();
    let bytes = Base64UrlSafeNoPadding::decode_to_vec(part, None).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[test]
fn an_identity_provider_of_others_exchanges_tokens() {
    let server = Scripted::json(r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#);
    let provider = Exchanger::start(AUDIENCE, &["crm.read", "crm.write"]);
    let identity = format!(
        "identity:\n  issuer: {}\n  audience: {}\n  algorithms: [RS256]\n",
        provider.issuer(),
        Exchanger::AUDIENCE,
    );
    // Over TLS, by an authority of its own, as any company's: nothing is relaxed.
    let options = Options {
        no_dev: true,
        variables: provider.variables(),
        ..Options::default()
    };
    let gateway = Gateway::start_with(&(exchanging(&server.url()) + &identity), &options);
    let [alice, bob] = ["alice", "bob"].map(|name| provider.sign_in(name));
    let subject = |token: &str| claims(token)["sub"].clone();
    assert_ne!(subject(&alice), subject(&bob));

    for own in [&alice, &bob, &alice, &bob] {
        let before = server.received().len();
        let answer = send(&gateway, "POST", "/mcp/s", own, &call("get-x"));
        assert_eq!(answer.status, 200, "{}\n{}", answer.body, gateway.log());
        let got = authorization(&server.wait(before + 1)[before]);
        let [line] = got.as_slice() else {
            panic!("one credential: {got:?}");
        };
        let granted = line.strip_prefix("Bearer ").unwrap();
        assert_ne!(granted, own, "never the caller's own");
        let granted = claims(granted);
        assert_eq!(granted["sub"], subject(own), "the same person");
        assert_eq!(granted["scope"], "crm.read", "no more than was asked for");
        assert_eq!(granted["client_id"], "mcp-gateway");
    }
    let asked = provider.asked();
    assert_eq!(asked.len(), 2, "one exchange a person: {asked:?}");
    for one in asked {
        assert_eq!(one["audience"], AUDIENCE);
        assert_eq!(one["scope"], "crm.read");
        assert_eq!(one["status"], 200);
    }

    // A token that its issuer has taken back is not exchanged any more.
    let late = provider.sign_in("alice");
    provider.sign_out(&late);
    let before = server.received().len();
    let refused = send(&gateway, "POST", "/mcp/s", &late, &call("get-x"));
    assert_eq!(refused.status, 503, "{}", refused.body);
    assert_eq!(server.received().len(), before);
    let last = provider.asked().pop().unwrap();
    assert_eq!(last["error"], "invalid_request", "RFC 8693 section 2.2.2");
}
