//! Forged tokens, tokens for others, tokens that bring their keys, and names of users beside the token.

use super::{ANSWER, CALL, identified, issued_by};
use jwt_simple::prelude::{HS256Key, MACLike as _};
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
use mcp_zero_tests::{Gateway, Issuer, Scripted, Signer, policy, request, session};
use serde_json::{Value, json};
use std::net::TcpListener;

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"c","version":"1"}}}"#;
const LISTEN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"subscriptions/listen","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{}}}}"#;

/// Method, path, further headers and body.
type Request = (
    &'static str,
    &'static str,
    Vec<(&'static str, &'static str)>,
    String,
);

/// Everything that a client may send.
fn requests() -> Vec<Request> {
    let none = Vec::new;
    let modern = vec![
        ("mcp-protocol-version", "2026-07-28"),
        ("mcp-method", "subscriptions/listen"),
    ];
    let session = vec![("mcp-session-id", "some-session")];
    let resumed = vec![("mcp-session-id", "some-session"), ("last-event-id", "7")];
    let notification = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    vec![
        ("POST", "/mcp/s", none(), CALL.to_owned()),
        ("POST", "/mcp/s/", none(), CALL.to_owned()),
        ("POST", "/mcp/s?a=b", none(), CALL.to_owned()),
        ("POST", "/mcp/s", none(), INITIALIZE.to_owned()),
        ("POST", "/mcp/s", none(), notification.to_owned()),
        ("POST", "/mcp/s", modern, LISTEN.to_owned()),
        ("POST", "/mcp/s", none(), format!("[{CALL},{CALL}]")),
        ("POST", "/mcp/s", session.clone(), CALL.to_owned()),
        ("GET", "/mcp/s", none(), String::new()),
        ("GET", "/mcp/s", resumed, String::new()),
        ("DELETE", "/mcp/s", session, String::new()),
        ("PUT", "/mcp/s", none(), CALL.to_owned()),
    ]
}

fn encode(value: &Value) -> String {
    Base64UrlSafeNoPadding::encode_to_string(value.to_string()).unwrap()
}

/// What an attacker has for `Authorization`, by name.
fn forged(issuer: &Issuer) -> Vec<(&'static str, String)> {
    let changed = |name: &'static str, value: Value| issuer.token(Signer::Ec, |c| c[name] = value);
    let good = issuer.token(Signer::Ec, |_| {});
    let parts: Vec<&str> = good.split('.').collect();
    let mut admin = issuer.claims();
    admin["ext"] = json!({"uid": "root"});
    let unsigned = json!({"alg": "none", "typ": "JWT"});
    // The public key as the secret of a MAC: the oldest confusion of algorithms.
    let claims = encode(&issuer.claims());
    let mac = HS256Key::from_bytes(issuer.url().as_bytes())
        .authenticate(jwt_simple::prelude::Claims::with_custom_claims(
            issuer.claims(),
            jwt_simple::prelude::Duration::from_secs(600),
        ))
        .unwrap();
    let now = issuer.claims()["exp"].as_u64().unwrap() - 3600;
    let bearer = |token: String| format!("Bearer {token}");
    vec![
        ("another key", bearer(issuer.token(Signer::Foreign, |_| {}))),
        ("expired", bearer(changed("exp", json!(now - 40)))),
        ("not yet", bearer(changed("nbf", json!(now + 90)))),
        (
            "of another issuer",
            bearer(changed("iss", json!("https://idp.example"))),
        ),
        (
            "for another audience",
            bearer(changed("aud", json!("another"))),
        ),
        (
            "unsigned",
            bearer(format!("{}.{claims}.", encode(&unsigned))),
        ),
        (
            "unsigned, with a signature",
            bearer(format!("{}.{claims}.{}", encode(&unsigned), parts[2])),
        ),
        ("a MAC", bearer(mac)),
        (
            "other claims",
            bearer(format!("{}.{}.{}", parts[0], encode(&admin), parts[2])),
        ),
        ("a cut signature", bearer(good[..good.len() - 4].to_owned())),
        ("no signature", bearer(format!("{}.{}", parts[0], parts[1]))),
        ("two in one", bearer(format!("{good}.{good}"))),
        ("nothing", "Bearer ".to_owned()),
        ("another scheme", format!("Basic {good}")),
        ("no scheme", good),
    ]
}

/// S1.
#[test]
fn no_bad_token_reaches_a_server_by_any_route_or_method() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let gateway = identified(&server.url(), &issued_by(&issuer.url()));
    let tokens = forged(&issuer);
    for (method, path, headers, body) in &requests() {
        for (what, credential) in &tokens {
            let mut headers = headers.clone();
            headers.push(("authorization", credential));
            let answer = gateway.send(request(method, path, &headers, body).as_bytes());
            let case = format!("{method} {path} {body:.40} with {what}");
            let code = answer.json()["error"]["code"].as_i64();
            assert_eq!((answer.status, code), (401, Some(-31401)), "{case}");
            assert!(answer.header("www-authenticate").is_some(), "{case}");
        }
    }
    assert_eq!(server.received().len(), 0);
    // The same requests are answered with a good token: it was the tokens.
    let good = issuer.token(Signer::Ec, |_| {});
    assert_eq!(gateway.post("s", &good, CALL).status, 200);
}

/// S2: of two issuers each has audiences of its own.
#[test]
fn audiences_belong_to_their_issuer() {
    let server = Scripted::json(ANSWER);
    let issuers = [Issuer::start(), Issuer::start()];
    let entry = |name: &str, issuer: &Issuer, audiences: &str| {
        format!(
            "  - {{name: {name}, issuer: '{}', audience: {audiences}, claim_mapping: {{groups: roles}}}}\n",
            issuer.url()
        )
    };
    let identity = format!(
        "identity:\n{}{}",
        entry("one", &issuers[0], "[a-1, a-2]"),
        entry("two", &issuers[1], "b")
    );
    let options = mcp_zero_tests::Options {
        no_dev: true,
        variables: vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())],
        ..Default::default()
    };
    let policy = policy(&server.url()).replace(
        "groups: [developers]\n",
        "groups: [developers]\n      issuers: [one, two]\n",
    );
    let gateway = Gateway::start_with(&(policy + &identity), &options);
    let mut served = 0;
    for (audience, good) in [
        (json!("a-1"), [true, false]),
        (json!("a-2"), [true, false]),
        (json!("b"), [false, true]),
        (json!(["x", "a-2", "y"]), [true, false]),
        (json!(["a-1", "b"]), [true, true]),
        (json!(["c", "d"]), [false, false]),
        (json!([]), [false, false]),
        (json!("A-1"), [false, false]),
        (json!("a-1 "), [false, false]),
        (json!("a"), [false, false]),
        (json!("a-1 b"), [false, false]),
        (json!({"a-1": true}), [false, false]),
    ] {
        for (issuer, good) in issuers.iter().zip(good) {
            let token = issuer.token(Signer::Rsa, |c| c["aud"] = audience.clone());
            let status = gateway.post("s", &token, CALL).status;
            assert_eq!(status, if good { 200 } else { 401 }, "{audience}");
            served += usize::from(good);
        }
    }
    assert_eq!(server.received().len(), served);
}

/// S3: 200 tokens that bring their own key, or say where it lies.
#[test]
fn keys_that_a_token_brings_are_never_used_or_fetched() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let gateway = identified(&server.url(), &issued_by(&issuer.url()));
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let at = trap.local_addr().unwrap();
    let fetched = issuer.fetched();
    let places: Vec<String> = ["http", "https"]
        .iter()
        .flat_map(|scheme| {
            [
                "keys",
                "jwks.json",
                ".well-known/jwks.json",
                "k?kid=ec-1",
                "cert.pem",
            ]
            .map(|path| format!("{scheme}://{at}/{path}"))
        })
        .collect();
    let jwk = json!({"kty": "EC", "crv": "P-256", "kid": "ec-1",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"});
    let mut sent = 0;
    for place in &places {
        for (name, value) in [
            ("jku", json!(place)),
            ("x5u", json!(place)),
            ("kid", json!(place)),
            ("jwk", json!({"kty": "EC", "kid": place, "jku": place})),
            ("jwk", jwk.clone()),
            ("x5c", json!([place])),
            ("kid", json!(format!("../../{place}"))),
            ("kid", json!("ec-1' UNION SELECT 1 --")),
            ("kid", json!({"jku": place})),
            ("crit", json!(["jku"])),
        ] {
            // By the attacker's key, and by a key that is good: what it says of itself is enough.
            for signer in [Signer::Foreign, Signer::Ec] {
                let mut header = json!({"alg": "ES256", "kid": "ec-1", "typ": "JWT"});
                header[name] = value.clone();
                let mut claims = issuer.claims();
                if matches!(signer, Signer::Foreign) && sent % 4 == 0 {
                    claims["iss"] = json!(place);
                }
                let token = issuer.sign(signer, &header, &claims);
                let answer = gateway.post("s", &token, CALL);
                assert_eq!(answer.status, 401, "{header}");
                sent += 1;
            }
        }
    }
    assert_eq!(sent, 200);
    // The same way of signing is good without all that.
    let header = json!({"alg": "ES256", "kid": "ec-1", "typ": "JWT"});
    let token = issuer.sign(Signer::Ec, &header, &issuer.claims());
    assert_eq!(gateway.post("s", &token, CALL).status, 200);
    assert_eq!(server.received().len(), 1);
    // For a key of its own that somebody names it may be asked, once in 30 seconds.
    assert!(
        issuer.fetched() <= fetched + 1,
        "the issuer was asked again"
    );
    let connected = trap.accept().map(|(_, from)| from);
    assert_eq!(
        connected.unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock,
        "somebody went where a token pointed"
    );
}

/// S5: nobody is who a header says.
#[test]
fn headers_that_name_a_user_mean_nothing() {
    let server = Scripted::json(ANSWER);
    let gateway = Gateway::start(&policy(&server.url()));
    let token = gateway.token("alice", "developers");
    let bearer = format!("Bearer {token}");
    let names = [
        "x-user",
        "x-user-id",
        "x-groups",
        "x-email",
        "x-forwarded-user",
        "x-forwarded-email",
        "x-forwarded-groups",
        "x-remote-user",
        "x-auth-request-user",
        "x-authenticated-userid",
        "x-jwt-payload",
        "x-mcp-zero-caller",
        "x-mcp-zero-server",
        "x-mcp-zero-user",
        "x-envoy-original-path",
        "forwarded",
        "remote-user",
        "cookie",
    ];
    let mut headers: Vec<_> = names.iter().map(|name| (*name, "root-of-all")).collect();
    headers.push(("authorization", &bearer));
    let answer = gateway.post_with("s", &headers, CALL);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let received = server.received().pop().unwrap();
    assert!(!received.head.contains("root-of-all"), "{}", received.head);
    let id = answer.header("x-correlation-id").unwrap();
    let record = gateway.record(id);
    assert_eq!(record["user"]["id"], "alice");
    assert!(!record.to_string().contains("root-of-all"), "{record}");
    // Without a token they are nobody.
    headers.pop();
    assert_eq!(gateway.post_with("s", &headers, CALL).status, 401);
    // What other readers take for the same name does not come in at all.
    for name in ["X_User", "x_mcp_zero_caller", "Authorization_"] {
        let headers = [("authorization", bearer.as_str()), (name, "root-of-all")];
        assert_eq!(gateway.post_with("s", &headers, CALL).status, 400, "{name}");
    }
    assert_eq!(server.received().len(), 1);
}

/// S6: two credentials are none, in whatever order and form.
#[test]
fn two_credentials_are_none() {
    let server = Scripted::json(ANSWER);
    let gateway = Gateway::start(&policy(&server.url()));
    let alice = format!("Bearer {}", gateway.token("alice", "developers"));
    let bob = format!("Bearer {}", gateway.token("bob", "developers"));
    let garbage = "Bearer a.b.c".to_owned();
    for (one, two) in [
        (&alice, &bob),
        (&alice, &alice),
        (&alice, &garbage),
        (&garbage, &alice),
    ] {
        let joined = [
            format!("{one},{two}"),
            format!("{one}, {two}"),
            format!("{one} {two}"),
        ];
        let mut attempts: Vec<Vec<(&str, &str)>> = joined
            .iter()
            .map(|value| vec![("authorization", value.as_str())])
            .collect();
        attempts.push(vec![("authorization", one), ("authorization", two)]);
        attempts.push(vec![("Authorization", one), ("AUTHORIZATION", two)]);
        for headers in attempts {
            assert_eq!(gateway.post_with("s", &headers, CALL).status, 401);
        }
    }
    assert_eq!(server.received().len(), 0);
}

/// S8: a thousand sessions of alice, each presented by bob.
#[test]
fn a_thousand_sessions_of_another_caller_are_unknown() {
    let server = Scripted::json(ANSWER);
    let gateway = Gateway::start(&policy(&server.url()));
    let alice = gateway.token("alice", "developers");
    let bob = format!("Bearer {}", gateway.token("bob", "developers"));
    for number in 0..1000 {
        let id = session(&alice, "s", &format!("session-{number}"));
        let method = ["POST", "GET", "DELETE"][number % 3];
        let headers = [("authorization", bob.as_str()), ("mcp-session-id", &id)];
        let body = if method == "POST" { CALL } else { "" };
        let answer = gateway.send(request(method, "/mcp/s", &headers, body).as_bytes());
        let code = answer.json()["error"]["code"].as_i64();
        assert_eq!(
            (answer.status, code),
            (404, Some(-31404)),
            "{method} {number}"
        );
    }
    assert_eq!(server.received().len(), 0);
    // They are alice's.
    let id = session(&alice, "s", "session-999");
    let bearer = format!("Bearer {alice}");
    let headers = [("authorization", bearer.as_str()), ("mcp-session-id", &id)];
    assert_eq!(gateway.post_with("s", &headers, CALL).status, 200);
}
