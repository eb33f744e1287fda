//! Keys of an issuer: how often they are asked for, and what happens while they change.

use super::{ANSWER, CALL, identified, issued_by};
use jwt_simple::prelude::{Claims, Duration, ECDSAP256KeyPairLike as _, ES256KeyPair};
use mcp_zero_tests::{Gateway, Issuer, Scripted, Signer, ok, policy, wait};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

/// S4: whatever ids of keys tokens name, the issuer is asked once in 30 seconds at most.
#[test]
fn ten_thousand_unknown_key_ids_ask_hardly_ever() {
    let begin = Instant::now();
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let gateway = identified(&server.url(), &issued_by(&issuer.url()));
    let claims = issuer.claims();
    let sign = |kid: &str| {
        let header = json!({"alg": "ES256", "kid": kid});
        issuer.sign(Signer::Foreign, &header, &claims)
    };
    // One signature for all: the key is looked for before it is looked at.
    let token = sign("a");
    let rest = token.split_once('.').unwrap().1;
    for number in 0..10_000_u32 {
        let kid = format!("{:08x}", number.wrapping_mul(2_654_435_761));
        let head = sign_head(&kid);
        let status = gateway.post("s", &format!("{head}.{rest}"), CALL).status;
        assert_eq!(status, 401, "{kid}");
    }
    let most = 1 + usize::try_from(begin.elapsed().as_secs() / 30).unwrap();
    assert!(issuer.fetched() <= most, "asked {} times", issuer.fetched());
    assert_eq!(server.received().len(), 0);
}

fn sign_head(kid: &str) -> String {
    use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
    let header = json!({"alg": "ES256", "kid": kid}).to_string();
    Base64UrlSafeNoPadding::encode_to_string(header).unwrap()
}

/// How often keys change. Each change is a push of its own, with the issuer asked anew.
const ROTATIONS: usize = 100;

/// An issuer whose set `/keys/N` holds the keys N and N + 1, as one that publishes ahead.
struct Rotating {
    server: Scripted,
    keys: Vec<ES256KeyPair>,
}

impl Rotating {
    fn start() -> Self {
        let keys: Vec<ES256KeyPair> = (0..ROTATIONS + 2)
            .map(|n| ES256KeyPair::generate().with_key_id(&format!("k-{n}")))
            .collect();
        let jwks: Vec<Value> = keys
            .iter()
            .map(|key| serde_json::from_str(&key.public_key().to_jwk()).unwrap())
            .collect();
        let server = Scripted::start(move |request| {
            let path = request.head.split(' ').nth(1).unwrap_or_default();
            let number: usize = path
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .parse()
                .unwrap_or(0);
            let set = json!({"keys": jwks.get(number..number + 2)});
            vec![ok("application/json", &set.to_string())]
        });
        Self { server, keys }
    }

    fn url(&self) -> String {
        self.server.url().replace("/mcp", "")
    }

    fn policy(&self, server: &Scripted, number: usize) -> String {
        let base = self.url();
        policy(&server.url())
            + &format!(
                "identity:\n  issuer: {base}\n  jwks_uri: {base}/keys/{number}\n  audience: gateway\n"
            )
    }

    /// A token by one of the keys.
    fn token(&self, number: usize) -> String {
        let claims =
            json!({"iss": self.url(), "aud": "gateway", "sub": "alice", "groups": ["developers"]});
        let claims = Claims::with_custom_claims(claims, Duration::from_secs(600));
        self.keys[number].sign(claims).unwrap()
    }
}

/// Tells the load to end, however the test does.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

fn post(gateway: &Gateway, token: &str) -> u16 {
    gateway.post("s", token, CALL).status
}

/// S4: while keys change under load, a token by a key that is in the old set and the new one is never
/// refused as bad, one by a key that was never published never passes, and one by a key that
/// is gone does not once the new set is there. 503 says that keys are on their way.
#[test]
fn keys_that_change_under_load_make_no_wrong_answer() {
    let server = Scripted::json(ANSWER);
    let issuer = Rotating::start();
    let options = mcp_zero_tests::Options {
        no_dev: true,
        variables: vec![("MCP_SKIP_TLS_VALIDATION".to_owned(), "true".to_owned())],
        ..Default::default()
    };
    let gateway = Gateway::start_with(&issuer.policy(&server, 0), &options);
    let stranger = ES256KeyPair::generate().with_key_id("k-1");
    let forged = stranger
        .sign(Claims::with_custom_claims(
            json!({"iss": issuer.url(), "aud": "gateway", "sub": "alice", "groups": ["developers"]}),
            Duration::from_secs(600),
        ))
        .unwrap();
    let tokens: Vec<String> = (0..ROTATIONS + 2).map(|n| issuer.token(n)).collect();
    let (stop, current) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (asked, waited) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        let ends = Ends(&stop);
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                // In the set that is live and in the next one, if there is a change under way.
                let before = current.load(Ordering::SeqCst);
                let status = post(&gateway, &tokens[before + 1]);
                if current.load(Ordering::SeqCst) == before {
                    assert!(
                        [200, 503].contains(&status),
                        "{status} for key {}",
                        before + 1
                    );
                }
                waited.fetch_add(usize::from(status == 503), Ordering::SeqCst);
                asked.fetch_add(1, Ordering::SeqCst);
                let status = post(&gateway, &forged);
                assert!([401, 503].contains(&status), "{status} for a forged token");
            }
        });
        for number in 1..=ROTATIONS {
            gateway.set_policy(&issuer.policy(&server, number));
            wait("the new keys", || {
                post(&gateway, &tokens[number + 1]) == 200
            });
            assert_eq!(post(&gateway, &tokens[number - 1]), 401, "{number}");
            assert_eq!(post(&gateway, &tokens[number]), 200, "{number}");
            current.store(number, Ordering::SeqCst);
        }
        drop(ends);
    });
    let (asked, waited) = (asked.into_inner(), waited.into_inner());
    assert!(asked > ROTATIONS, "too little load: {asked}");
    assert!(waited < asked, "{waited} of {asked} had to wait");
}
