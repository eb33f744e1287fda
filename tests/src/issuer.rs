//! A token issuer as companies run them: discovery, a key set with RSA and EC keys, and
//! tokens with whatever claims a test wants.

use crate::scripted::{Scripted, ok};
use jwt_simple::prelude::{
    Claims, Duration, ECDSAP256KeyPairLike as _, ES256KeyPair, RS256KeyPair, RSAKeyPairLike as _,
};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Which key signs.
#[derive(Debug, Clone, Copy)]
pub enum Signer {
    /// The published RSA key.
    Rsa,
    /// The published EC key.
    Ec,
    /// An EC key that says it is the published one.
    Foreign,
}

/// A running issuer.
#[derive(Debug)]
pub struct Issuer {
    server: Scripted,
    rsa: RS256KeyPair,
    ec: ES256KeyPair,
    foreign: ES256KeyPair,
    delay_ms: Arc<AtomicU64>,
}

impl Issuer {
    /// Starts on a free loopback port.
    ///
    /// # Panics
    /// When keys cannot be made.
    pub fn start() -> Self {
        let rsa = RS256KeyPair::generate(2048)
            .expect("an RSA key")
            .with_key_id("rsa-1");
        let ec = ES256KeyPair::generate().with_key_id("ec-1");
        let foreign = ES256KeyPair::generate().with_key_id("ec-1");
        let key = |text: String| serde_json::from_str::<Value>(&text).expect("a JWK");
        let keys = json!({"keys": [
            {"kty": "oct", "kid": "never", "k": "AAAA"},
            key(rsa.public_key().to_jwk()),
            key(ec.public_key().to_jwk()),
        ]});
        // The port is known only once it listens.
        let base = Arc::new(Mutex::new(String::new()));
        let known = Arc::clone(&base);
        let delay_ms = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_ms);
        let server = Scripted::start(move |request| {
            let delay = delay.load(Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(delay));
            let base = known.lock().expect("no thread panics").clone();
            let body = if request.head.starts_with("GET /keys ") {
                keys.clone()
            } else {
                json!({"issuer": base, "jwks_uri": format!("{base}/keys")})
            };
            vec![ok("application/json", &body.to_string())]
        });
        *base.lock().expect("no thread panics") = server.url().replace("/mcp", "");
        Self {
            server,
            rsa,
            ec,
            foreign,
            delay_ms,
        }
    }

    /// Takes so long for every answer from now on.
    pub fn delay(&self, ms: u64) {
        self.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Its URL, which is the `iss` of its tokens.
    pub fn url(&self) -> String {
        self.server.url().replace("/mcp", "")
    }

    /// A token with the claims of alice, an hour of life, and what `change` makes of them.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn token(&self, signer: Signer, change: impl FnOnce(&mut Value)) -> String {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a clock")
            .as_secs();
        let mut claims = json!({"iss": self.url(), "aud": "gateway", "sub": "alice", "exp": now + 3600,
            "ext": {"uid": "a-1"}, "roles": ["developers"]});
        change(&mut claims);
        let mut plain = Claims::with_custom_claims(claims, Duration::from_secs(1));
        // Only what the test says is in the token.
        plain.issued_at = None;
        plain.expires_at = None;
        plain.invalid_before = None;
        let signed = match signer {
            Signer::Rsa => self.rsa.sign(plain),
            Signer::Ec => self.ec.sign(plain),
            Signer::Foreign => self.foreign.sign(plain),
        };
        signed.expect("a signed token")
    }
}
