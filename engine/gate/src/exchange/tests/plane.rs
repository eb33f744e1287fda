//! Requests that wait for the control plane.

use super::*;
use crate::event::{Answer, CallError};
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ES256KeyPair,
};
use jwt_simple::claims::Claims;
use jwt_simple::reexports::coarsetime::Duration;
use mcp_zero_proto::{KeyRequest, Message as _, TokenAnswer, TokenRequest};

const ISSUER: &str = "https://idp.example";
const SECONDS: u64 = NOW / 1000;

/// A token of alice, by the key `k1` or another that says it is `kid`.
fn token(kid: &str, right: bool) -> String {
    let pair = ES256KeyPair::from_bytes(&[if right { 1 } else { 2 }; 32]).unwrap();
    let claims = json!({"iss": ISSUER, "aud": "gw", "sub": "alice", "exp": SECONDS + 300});
    let mut claims = Claims::with_custom_claims(claims, Duration::from_secs(1));
    claims.issued_at = None;
    claims.expires_at = None;
    claims.invalid_before = None;
    pair.with_key_id(kid).sign(claims).unwrap()
}

/// Alice is known; the server `s` wants a token of its own where `exchange` says so.
fn world(exchange: bool, control_plane: &str) -> Result<World, crate::LoadError> {
    let path_of = |name: &str| {
        Some(proto::ClaimPath {
            segments: vec![name.to_owned()],
        })
    };
    let mut policy = policy();
    policy.issuers.push(proto::Issuer {
        name: "i".into(),
        issuer: ISSUER.into(),
        audiences: vec!["gw".into()],
        algorithms: vec!["ES256".into()],
        leeway_seconds: 30,
        max_token_seconds: 1000,
        token_types: vec![String::new(), "JWT".into()],
        user_id: path_of("sub"),
        email: path_of("email"),
        groups: path_of("groups"),
        authorization_servers: vec![ISSUER.into()],
        required_scopes: vec![],
    });
    policy.servers[0].exchange = exchange.then(|| proto::Exchange {
        audience: "api://s".into(),
        scopes: vec!["read".into()],
    });
    let point = ES256KeyPair::from_bytes(&[1; 32]).unwrap();
    let keys = proto::Keys {
        seals: vec!["00000001".into()],
        control_plane: control_plane.into(),
        sets: vec![proto::KeySet {
            issuer: ISSUER.into(),
            use_until: SECONDS + 1000,
            keys: vec![proto::Key {
                kid: Some("k1".into()),
                algorithm: "ES256".into(),
                point: point.public_key().public_key().to_bytes_uncompressed(),
                ..Default::default()
            }],
        }],
    };
    let snapshot = proto::Snapshot::seal(policy, keys).encode_to_vec();
    let mut world = World::default();
    world.load(&snapshot, Some(&key()))?;
    Ok(world)
}

fn open(world: World, token: &str, verified: bool, ends: bool) -> Run {
    let bearer = format!("Bearer {token}");
    let method = if ends { "GET" } else { "POST" };
    let head = with(POST, &[("authorization", &bearer), (":method", method)]);
    let verified = verified.then_some(Verified {
        issuer: ISSUER,
        subject: "alice",
    });
    Run::open_as(verified, world, &head, ends)
}

impl Run {
    /// The one call-out of this step: its id and body; where it goes is checked.
    fn asks(&self, path: &str) -> (CallId, Vec<u8>) {
        let calls: Vec<_> = self
            .out
            .iter()
            .filter_map(|action| match action {
                Action::Call(id, call) => Some((*id, call)),
                _ => None,
            })
            .collect();
        let [(id, call)] = calls[..] else {
            panic!("one call: {:?}", self.out);
        };
        assert_eq!(self.flow, Flow::Hold);
        assert_eq!(call.cluster, "plane");
        let of = |name| call.headers.iter().find(|(n, _)| n == name).unwrap();
        assert_eq!(of(":path").1, path);
        assert!(call.timeout_ms <= 2000);
        (id, call.body.clone())
    }

    fn admitted(&self) -> bool {
        self.out.iter().any(|a| matches!(a, Action::Admit(_)))
    }

    fn credential(&self) -> Option<String> {
        self.out.iter().find_map(|action| match action {
            Action::Credential(credential) => Some(credential.value().to_owned()),
            _ => None,
        })
    }
}

fn answer(run: &mut Run, id: CallId, status: u16, body: &[u8]) {
    run.on(Event::Answer(id, Ok(Answer { status, body })));
}

#[test]
fn whom_envoy_has_not_verified_is_nobody() {
    let run = open(world(false, "").unwrap(), &token("k1", true), true, false);
    assert_eq!(run.flow, Flow::Hold);
    // A good token all the same: the lock in front has the last word, and no signature is checked.
    for (right, reason) in [(true, "signature"), (false, "signature")] {
        let token = token("k1", right);
        let mut run = open(world(false, "plane").unwrap(), &token, false, false);
        assert_eq!(run.status_and_code(), (401, -31401));
        let record = run.record();
        assert!(record["reason"].as_str().unwrap().contains(reason));
        assert!(record.get("user").is_none_or(Value::is_null), "{record}");
    }
    // Verified is somebody else.
    let bearer = format!("Bearer {}", token("k1", true));
    let head = with(POST, &[("authorization", &bearer)]);
    for (issuer, subject) in [(ISSUER, "bob"), ("https://other.example", "alice")] {
        let verified = Some(Verified { issuer, subject });
        let mut run = Run::open_as(verified, world(false, "plane").unwrap(), &head, false);
        assert_eq!(run.status_and_code(), (401, -31401));
        assert_eq!(run.record()["cause"], "bad_token");
    }
}

#[test]
fn an_unknown_key_is_looked_for_while_the_request_waits() {
    for (answered, status, cause, retry) in [
        (Ok(204), 503, "key_on_its_way", true),
        (Ok(404), 401, "bad_token", false),
        (Ok(200), 503, "unavailable", false),
        (Ok(503), 503, "unavailable", false),
        (Err(CallError::Unreachable), 503, "unavailable", false),
        (Err(CallError::Refused), 503, "unavailable", false),
    ] {
        // Whether its body is there by then or not makes no difference.
        for with_body in [false, true] {
            let mut run = open(
                world(false, "plane").unwrap(),
                &token("k2", true),
                false,
                false,
            );
            let (id, body) = run.asks("/mcp-zero/key");
            let asked = KeyRequest::decode(&*body).unwrap();
            assert_eq!(
                (&*asked.issuer, &*asked.algorithm, &*asked.kid),
                (ISSUER, "ES256", "k2")
            );
            if with_body {
                run.on(Event::Request(call("get_x", json!({})).as_bytes()));
                assert_eq!((run.flow, run.out.len()), (Flow::Hold, 0));
            }
            // Another call's answer is none to this.
            answer(&mut run, CallId(77), 204, b"");
            assert_eq!((run.flow, run.out.len()), (Flow::Hold, 0));
            match answered {
                Ok(status) => answer(&mut run, id, status, b""),
                Err(error) => {
                    run.on(Event::Answer(id, Err(error)));
                }
            }
            assert_eq!(run.flow, Flow::Done, "{answered:?}");
            assert_eq!(run.status_and_code().0, status, "{answered:?}");
            let after = run.reply().headers.iter().any(|(n, _)| n == "retry-after");
            assert_eq!(after, retry, "{answered:?}");
            let record = run.record();
            assert_eq!(record["cause"], cause);
            assert_eq!(record["decision"], "deny");
        }
    }
}

#[test]
fn nothing_is_looked_for_that_could_not_help() {
    let expired = NOW + 1_000_000;
    let mut world_of_then = world(false, "plane").unwrap();
    let bearer = format!("Bearer {}", token("k2", true));
    let head = headers(&with(POST, &[("authorization", &bearer)]));
    let mut out = Vec::new();
    let head = RequestHead {
        headers: &head,
        ends: false,
        request_id: "rid",
        client: "",
        verified: None,
    };
    let mut cx = Cx {
        now_ms: expired,
        world: &mut world_of_then,
        out: &mut out,
    };
    let (_, flow) = Exchange::open(&head, &mut cx);
    assert_eq!(flow, Flow::Done);
    assert!(matches!(&out[..], [Action::Reply(reply)] if reply.status == 401));
    // Nobody to ask: an unknown key is no key.
    let run = open(world(false, "").unwrap(), &token("k2", true), false, false);
    assert_eq!(run.status_and_code(), (401, -31401));
}

#[test]
fn a_server_gets_a_token_of_its_own() {
    for ends in [false, true] {
        let own = token("k1", true);
        let mut run = open(world(true, "plane").unwrap(), &own, true, ends);
        if !ends {
            assert!(!run.out.iter().any(|a| matches!(a, Action::Call(..))));
            run.on(Event::Request(
                call("get_x", json!({"mail": "a@b.example"})).as_bytes(),
            ));
            // What was masked before it waits is sent after.
            assert!(run.body().unwrap().contains("EMAIL_ADDRESS"));
        }
        let (id, body) = run.asks("/mcp-zero/token");
        assert!(!run.admitted());
        let asked = TokenRequest::decode(&*body).unwrap();
        assert_eq!(asked.token, own);
        assert_eq!((&*asked.issuer, &*asked.subject), (ISSUER, "alice"));
        assert_eq!(asked.token_expires_at, SECONDS + 300);
        assert_eq!((&*asked.server, &*asked.audience), ("s", "api://s"));
        assert_eq!(asked.scopes, ["read"]);
        assert!(!format!("{:?}", run.out).contains(&own), "shown in no log");
        let granted = TokenAnswer {
            access_token: "new.token".to_owned(),
            expires_at: SECONDS + 60,
        };
        answer(&mut run, id, 200, &granted.encode_to_vec());
        assert_eq!(run.flow, Flow::Go);
        assert!(run.admitted());
        assert_eq!(run.credential().as_deref(), Some("Bearer new.token"));
        let record = run.record();
        assert_eq!(record["decision"], "allow");
        assert!(!record.to_string().contains("new.token"));
    }
}

#[test]
fn without_one_nothing_reaches_the_server() {
    let granted = |token: &str, expires_at: u64| {
        let token = TokenAnswer {
            access_token: token.to_owned(),
            expires_at,
        };
        token.encode_to_vec()
    };
    let good = granted("t", SECONDS + 60);
    for (status, body, reason) in [
        (400, vec![], "the live policy says something else"),
        (403, vec![], "refused by the issuer"),
        (502, vec![], "the issuer's answer is malformed"),
        (503, vec![], "not available"),
        (504, vec![], "in time"),
        (204, good, "not available"),
        (200, vec![], "control plane's answer is malformed"),
        (
            200,
            b"\xff\xff".to_vec(),
            "control plane's answer is malformed",
        ),
        (
            200,
            granted("a b", SECONDS + 60),
            "control plane's answer is malformed",
        ),
        (
            200,
            granted("a\r\nb", SECONDS + 60),
            "control plane's answer is malformed",
        ),
        (
            200,
            granted("t", SECONDS),
            "control plane's answer is malformed",
        ),
    ] {
        let mut run = open(
            world(true, "plane").unwrap(),
            &token("k1", true),
            true,
            false,
        );
        run.on(Event::Request(call("get_x", json!({})).as_bytes()));
        let (id, _) = run.asks("/mcp-zero/token");
        answer(&mut run, id, status, &body);
        assert_eq!(run.status_and_code(), (503, -31503), "{reason}");
        let record = run.record();
        assert_eq!(record["cause"], "token_exchange");
        assert_eq!(record["decision"], "deny");
        assert!(
            record["reason"].as_str().unwrap().contains(reason),
            "{record}"
        );
    }
    // Who is denied is not asked for.
    let mut run = open(
        world(true, "plane").unwrap(),
        &token("k1", true),
        true,
        false,
    );
    run.on(Event::Request(call("get_secret", json!({})).as_bytes()));
    assert_eq!(run.status_and_code().0, 200);
    assert!(!run.out.iter().any(|a| matches!(a, Action::Call(..))));
    // An answer of the proxy meanwhile (a time-out) passes, and a late token changes nothing.
    let mut run = open(
        world(true, "plane").unwrap(),
        &token("k1", true),
        true,
        false,
    );
    run.on(Event::Request(call("get_x", json!({})).as_bytes()));
    let (id, _) = run.asks("/mcp-zero/token");
    run.on(Event::HostFailed);
    assert_eq!(run.status_and_code(), (503, -31503));
    answer(&mut run, id, 200, &granted("t", SECONDS + 60));
    assert!(run.flow == Flow::Done && !run.admitted());
}

#[test]
fn a_snapshot_that_nobody_could_carry_out_is_refused() {
    assert!(matches!(
        world(true, ""),
        Err(crate::LoadError::NoControlPlane(server)) if server == "s"
    ));
}
