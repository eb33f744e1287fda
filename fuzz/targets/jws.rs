//! Tokens: none is accepted but the one that was signed.
#![no_main]

use jwt_simple::algorithms::{ECDSAP256PublicKeyLike as _, ES256KeyPair};
use libfuzzer_sys::fuzz_target;
use mcp_zero_identity::{
    Algorithm, Credential, Issuer, Key, KeySet, Numbers, TokenCache, Verifier,
};

/// In the seeds, signed with the key of the scalar 1, 1, … 1; good until 2100.
const PAYLOAD: &str =
    "eyJhdWQiOiJnIiwiZXhwIjo0MTAyNDQ0ODAwLCJpc3MiOiJodHRwczovL2kuZXhhbXBsZSIsInN1YiI6ImEifQ";

fuzz_target!(|data: &[u8]| {
    let header = [b"Bearer ", data].concat();
    let Ok(token) = Credential::from_headers([header.as_slice()]) else {
        return;
    };
    let pair = ES256KeyPair::from_bytes(&[1; 32]).expect("a key");
    let point = pair.public_key().public_key().to_bytes_uncompressed();
    let key = Key::new(
        Some("k".to_owned()),
        Algorithm::Es256,
        Numbers::Point(&point),
    );
    let verifier = Verifier::new(
        vec![Issuer {
            name: "i".to_owned(),
            issuer: "https://i.example".to_owned(),
            audiences: vec!["g".to_owned()],
            algorithms: vec![Algorithm::Es256],
            leeway_seconds: 0,
            max_token_seconds: 4_000_000_000,
            token_types: vec![String::new(), "JWT".to_owned()],
            user_id: vec!["sub".to_owned()],
            email: vec!["email".to_owned()],
            groups: vec!["groups".to_owned()],
            required_scopes: Vec::new(),
        }],
        vec![KeySet {
            issuer: "https://i.example".to_owned(),
            use_until: u64::MAX,
            keys: vec![key.expect("a key")],
        }],
        "v".to_owned(),
    );
    let _ = verifier.refute(token, 1_800_000_000);
    let _ = verifier.unverified(token);
    if verifier
        .verify(token, 1_800_000_000, &mut TokenCache::new(1))
        .is_ok()
    {
        // An ECDSA signature has two forms; what was signed has one.
        assert_eq!(token.split('.').nth(1), Some(PAYLOAD));
    }
});
