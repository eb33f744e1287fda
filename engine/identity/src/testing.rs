//! Tokens for tests.

use crate::{Algorithm, Caller, Issuer, Key, KeySet, Numbers, TokenCache, TokenError, Verifier};
use jwt_simple::algorithms::{
    ECDSAP256KeyPairLike as _, ECDSAP256PublicKeyLike as _, ES256KeyPair,
};
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
use std::rc::Rc;

pub(crate) const NOW: u64 = 1_795_400_000;
pub(crate) const ISSUER: &str = "https://id.example/oauth2/default";
pub(crate) const AUDIENCE: &str = "gw";
pub(crate) const HEADER: &str = r#"{"alg":"ES256","kid":"k1","typ":"JWT"}"#;

/// A key pair that signs whatever it is given.
pub(crate) struct Signer(ES256KeyPair);

impl Signer {
    pub(crate) fn new(seed: u8) -> Self {
        Self(ES256KeyPair::from_bytes(&[seed; 32]).unwrap())
    }

    pub(crate) fn key(&self, kid: Option<&str>) -> Key {
        let point = self.0.public_key().public_key().to_bytes_uncompressed();
        Key::new(
            kid.map(Into::into),
            Algorithm::Es256,
            Numbers::Point(&point),
        )
        .unwrap()
    }

    /// A token of exactly these bytes.
    pub(crate) fn token(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        self.sign(&format!("{}.{}", encode(header), encode(payload)))
    }

    pub(crate) fn sign(&self, signed: &str) -> String {
        let (signature, _) = self
            .0
            .key_pair()
            .as_ref()
            .sign_recoverable(signed.as_bytes());
        format!("{signed}.{}", encode(signature.to_bytes()))
    }
}

pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlSafeNoPadding::encode_to_string(bytes).unwrap()
}

/// Claims that pass, with members replaced, added, or taken away (by `null` as text `-`).
pub(crate) fn claims(changes: &[(&str, &str)]) -> String {
    let (iat, exp) = ((NOW - 10).to_string(), (NOW + 300).to_string());
    let aud = format!("\"{AUDIENCE}\"");
    let iss = format!("\"{ISSUER}\"");
    let mut members = vec![
        ("iss", iss.as_str()),
        ("aud", &aud),
        ("sub", "\"u1\""),
        ("iat", &iat),
        ("exp", &exp),
        ("groups", "[\"dev\"]"),
    ];
    for &(name, value) in changes {
        members.retain(|(n, _)| *n != name);
        if value != "-" {
            members.push((name, value));
        }
    }
    let members: Vec<_> = members
        .iter()
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

pub(crate) fn issuer() -> Issuer {
    Issuer {
        name: "corp".into(),
        issuer: ISSUER.into(),
        audiences: vec![AUDIENCE.into()],
        algorithms: Algorithm::ALL.into(),
        leeway_seconds: 30,
        max_token_seconds: 86_400,
        token_types: vec![String::new(), "JWT".into(), "at+jwt".into()],
        user_id: vec!["sub".into()],
        email: vec!["email".into()],
        groups: vec!["groups".into()],
        required_scopes: Vec::new(),
    }
}

pub(crate) fn set(keys: Vec<Key>) -> KeySet {
    KeySet {
        issuer: ISSUER.into(),
        use_until: NOW + 86_400,
        keys,
    }
}

pub(crate) fn verifier(issuer: Issuer, keys: Vec<Key>) -> Verifier {
    Verifier::new(vec![issuer], vec![set(keys)], "v1".into())
}

/// Verifies with the ordinary issuer and the one key `k1`, without a cache.
pub(crate) fn verify(token: &str) -> Result<Rc<Caller>, TokenError> {
    verifier(issuer(), vec![Signer::new(1).key(Some("k1"))]).verify(
        token,
        NOW,
        &mut TokenCache::new(0),
    )
}
