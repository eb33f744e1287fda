//! A token issuer as companies run them: discovery, a key set with RSA and EC keys, and
//! tokens with whatever claims a test wants.

use crate::scripted::{Scripted, ok};
use jwt_simple::prelude::{
    Claims, Duration, ECDSAP256KeyPairLike as _, ECDSAP384KeyPairLike as _, ES256KeyPair,
    ES384KeyPair, Ed25519KeyPair, EdDSAKeyPairLike as _, RS256KeyPair, RS384KeyPair, RS512KeyPair,
    RSAKeyPairLike as _,
};
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Which key signs.
#[derive(Debug, Clone, Copy)]
pub enum Signer {
    /// The published RSA key.
    Rsa,
    /// The published RSA key, with SHA-384.
    Rsa384,
    /// The published RSA key, with SHA-512.
    Rsa512,
    /// The published EC key.
    Ec,
    /// The published key on P-384.
    Ec384,
    /// The published Ed25519 key.
    Ed,
    /// An EC key that says it is the published one.
    Foreign,
}

/// A running issuer.
#[derive(Debug)]
pub struct Issuer {
    server: Scripted,
    rsa: RS256KeyPair,
    rsa384: RS384KeyPair,
    rsa512: RS512KeyPair,
    ec: ES256KeyPair,
    ec384: ES384KeyPair,
    ed: Ed25519KeyPair,
    foreign: ES256KeyPair,
    delay_ms: Arc<AtomicU64>,
    /// Kids of the keys that are published; all where there is none.
    published: Arc<Mutex<Vec<String>>>,
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
        let pem = rsa.to_pem().expect("an RSA key in PEM");
        let rsa384 = RS384KeyPair::from_pem(&pem).expect("the same key");
        let rsa512 = RS512KeyPair::from_pem(&pem).expect("the same key");
        let ec = ES256KeyPair::generate().with_key_id("ec-1");
        let ec384 = ES384KeyPair::generate().with_key_id("ec-2");
        let ed = Ed25519KeyPair::generate().with_key_id("ed-1");
        // One RSA key for all its algorithms: its entry names none.
        let without_alg = |mut jwk: Value| {
            jwk.as_object_mut().expect("an object").remove("alg");
            jwk
        };
        let foreign = ES256KeyPair::generate().with_key_id("ec-1");
        let key = |text: String| serde_json::from_str::<Value>(&text).expect("a JWK");
        let keys = json!({"keys": [
            {"kty": "oct", "kid": "never", "k": "AAAA"},
            without_alg(key(rsa.public_key().to_jwk())),
            key(ec.public_key().to_jwk()),
            key(ec384.public_key().to_jwk()),
            key(ed.public_key().to_jwk()),
        ]});
        // The port is known only once it listens.
        let base = Arc::new(Mutex::new(String::new()));
        let known = Arc::clone(&base);
        let delay_ms = Arc::new(AtomicU64::new(0));
        let delay = Arc::clone(&delay_ms);
        let published = Arc::new(Mutex::new(Vec::new()));
        let chosen = Arc::clone(&published);
        let server = Scripted::start(move |request| {
            let delay = delay.load(Ordering::SeqCst);
            std::thread::sleep(std::time::Duration::from_millis(delay));
            let base = known.lock().expect("no thread panics").clone();
            let body = if request.head.starts_with("GET /keys ") {
                let chosen: Vec<String> = chosen.lock().expect("no thread panics").clone();
                let mut keys = keys.clone();
                if let Some(all) = keys["keys"].as_array_mut().filter(|_| !chosen.is_empty()) {
                    all.retain(|key| chosen.iter().any(|kid| key["kid"] == **kid));
                }
                keys
            } else {
                json!({"issuer": base, "jwks_uri": format!("{base}/keys")})
            };
            vec![ok("application/json", &body.to_string())]
        });
        *base.lock().expect("no thread panics") = server.url().replace("/mcp", "");
        Self {
            server,
            rsa,
            rsa384: rsa384.with_key_id("rsa-1"),
            rsa512: rsa512.with_key_id("rsa-1"),
            ec,
            ec384,
            ed,
            foreign,
            delay_ms,
            published,
        }
    }

    /// Publishes only the keys with these ids from now on.
    ///
    /// # Panics
    /// When one of its threads has.
    pub fn publish(&self, kids: &[&str]) {
        let kids = kids.iter().map(ToString::to_string).collect();
        *self.published.lock().expect("no thread panics") = kids;
    }

    /// Takes so long for every answer from now on.
    pub fn delay(&self, ms: u64) {
        self.delay_ms.store(ms, Ordering::SeqCst);
    }

    /// Its URL, which is the `iss` of its tokens.
    pub fn url(&self) -> String {
        self.server.url().replace("/mcp", "")
    }

    /// How often its keys were asked for.
    pub fn fetched(&self) -> usize {
        let received = self.server.received();
        let keys = |r: &&crate::Received| r.head.starts_with("GET /keys ");
        received.iter().filter(keys).count()
    }

    /// The claims of alice, with an hour of life.
    ///
    /// # Panics
    /// When there is no clock.
    pub fn claims(&self) -> Value {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("a clock")
            .as_secs();
        json!({"iss": self.url(), "aud": "gateway", "sub": "alice", "exp": now + 3600,
            "ext": {"uid": "a-1"}, "roles": ["developers"]})
    }

    /// The public RSA key in PEM, as an attacker has it too.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn rsa_public_pem(&self) -> String {
        self.rsa.public_key().to_pem().expect("a key in PEM")
    }

    /// A token of exactly this header and these claims, signed with the published EC key or
    /// the foreign one.
    ///
    /// # Panics
    /// When another key is named.
    pub fn sign(&self, signer: Signer, header: &Value, claims: &Value) -> String {
        self.sign_text(signer, &header.to_string(), &claims.to_string())
    }

    /// The same of texts, which need not be what a library writes.
    ///
    /// # Panics
    /// When another key is named.
    pub fn sign_text(&self, signer: Signer, header: &str, claims: &str) -> String {
        let key = match signer {
            Signer::Ec => &self.ec,
            Signer::Foreign => &self.foreign,
            other => panic!("{other:?} signs whole tokens only"),
        };
        let encode = |bytes: &[u8]| {
            Base64UrlSafeNoPadding::encode_to_string(bytes).expect("it fits into memory")
        };
        let text = format!(
            "{}.{}",
            encode(header.as_bytes()),
            encode(claims.as_bytes())
        );
        let (signature, _) = key.key_pair().as_ref().sign_recoverable(text.as_bytes());
        format!("{text}.{}", encode(&signature.to_bytes()))
    }

    /// A token with the claims of alice, an hour of life, and what `change` makes of them.
    ///
    /// # Panics
    /// When it cannot be signed.
    pub fn token(&self, signer: Signer, change: impl FnOnce(&mut Value)) -> String {
        let mut claims = self.claims();
        change(&mut claims);
        let mut plain = Claims::with_custom_claims(claims, Duration::from_secs(1));
        // Only what the test says is in the token.
        plain.issued_at = None;
        plain.expires_at = None;
        plain.invalid_before = None;
        let signed = match signer {
            Signer::Rsa => self.rsa.sign(plain),
            Signer::Rsa384 => self.rsa384.sign(plain),
            Signer::Rsa512 => self.rsa512.sign(plain),
            Signer::Ec => self.ec.sign(plain),
            Signer::Ec384 => self.ec384.sign(plain),
            Signer::Ed => self.ed.sign(plain),
            Signer::Foreign => self.foreign.sign(plain),
        };
        signed.expect("a signed token")
    }
}
