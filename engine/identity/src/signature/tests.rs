use super::*;
use crate::testing::{HEADER, NOW, Signer, claims, issuer, verifier};
use crate::{TokenCache, TokenError};
use jwt_simple::algorithms::{
    ECDSAP256PublicKeyLike as _, ECDSAP384PublicKeyLike as _, ES256KeyPair, ES384KeyPair,
    RS256KeyPair,
};
use std::cell::RefCell;

/// Says what it is told to, and keeps what it was asked.
#[derive(Debug, Default)]
struct Host {
    answer: Option<bool>,
    asked: RefCell<Vec<Asked>>,
}

/// Key, hash, signature.
type Asked = (Vec<u8>, &'static str, Vec<u8>);

impl Signatures for Host {
    fn is_right(&self, signature: &Signature<'_>) -> Option<bool> {
        self.asked.borrow_mut().push((
            signature.key.to_vec(),
            signature.hash,
            signature.signature.clone(),
        ));
        self.answer
    }
}

#[test]
fn keys_are_written_as_the_library_writes_them() {
    let rsa = RS256KeyPair::generate(2048).unwrap().public_key();
    let parts = rsa.to_components();
    let numbers = Numbers::Rsa {
        modulus: &parts.n,
        exponent: &parts.e,
    };
    let host = HostKey::new(Algorithm::Rs256, numbers).unwrap();
    assert_eq!(host.spki, rsa.to_der().unwrap());
    let p256 = ES256KeyPair::generate().public_key();
    let point = p256.public_key().to_bytes_uncompressed();
    let host = HostKey::new(Algorithm::Es256, Numbers::Point(&point)).unwrap();
    assert_eq!(host.spki, p256.to_der().unwrap());
    let p384 = ES384KeyPair::generate().public_key();
    let point = p384.public_key().to_bytes_uncompressed();
    let host = HostKey::new(Algorithm::Es384, Numbers::Point(&point)).unwrap();
    assert_eq!(host.spki, p384.to_der().unwrap());
    assert!(HostKey::new(Algorithm::EdDsa, Numbers::Point(&[7; 32])).is_none());
    for (algorithm, hash) in [
        (Algorithm::Rs256, "sha256"),
        (Algorithm::Rs384, "sha384"),
        (Algorithm::Rs512, "sha512"),
    ] {
        assert_eq!(HostKey::new(algorithm, numbers).unwrap().hash, hash);
    }
}

#[test]
fn numbers_are_as_short_as_they_can_be() {
    for (bytes, der) in [
        (&[][..], &[2, 1, 0][..]),
        (&[0, 0], &[2, 1, 0]),
        (&[0, 127], &[2, 1, 127]),
        (&[128], &[2, 2, 0, 128]),
        (&[0, 1, 0], &[2, 2, 1, 0]),
    ] {
        assert_eq!(integer(bytes), der, "{bytes:?}");
    }
    assert_eq!(tagged(4, &[9; 127])[..2], [4, 127]);
    assert_eq!(tagged(4, &[9; 128])[..3], [4, 0x81, 128]);
    assert_eq!(tagged(4, &[9; 300])[..4], [4, 0x82, 1, 44]);
}

#[test]
fn what_the_host_says_counts_and_claims_are_judged_here() {
    let signer = Signer::new(1);
    let verifier = verifier(issuer(), vec![signer.key(Some("k1"))]);
    let ask = |answer: Option<bool>, token: &str| {
        let host = Host {
            answer,
            ..Host::default()
        };
        let caller = verifier.verify_by(Some(&host), token, NOW, &mut TokenCache::new(0));
        (
            caller.map(|caller| caller.subject.to_string()),
            host.asked.into_inner(),
        )
    };
    let good = signer.token(HEADER, claims(&[]));
    let (caller, asked) = ask(Some(true), &good);
    assert_eq!(caller.as_deref(), Ok("u1"));
    assert_eq!((asked.len(), asked[0].1), (1, "sha256"));
    assert_eq!((asked[0].0.len(), asked[0].2[0]), (91, SEQUENCE));
    assert_eq!(ask(Some(false), &good).0, Err(TokenError::Signature));
    // Where the host cannot tell, the library does.
    assert_eq!(ask(None, &good).0.as_deref(), Ok("u1"));
    let forged = Signer::new(2).token(HEADER, claims(&[]));
    assert_eq!(ask(None, &forged).0, Err(TokenError::Signature));
    for (claim, value, error) in [
        ("aud", "\"other\"", TokenError::Audience),
        ("exp", "1", TokenError::Expired),
        ("iss", "\"https://other.example\"", TokenError::Issuer),
        ("sub", "-", TokenError::Subject),
    ] {
        let token = signer.token(HEADER, claims(&[(claim, value)]));
        assert_eq!(ask(Some(true), &token).0, Err(error), "{claim}");
    }
    // A signature of another length is none, whoever is asked.
    let (signed, _) = good.rsplit_once('.').unwrap();
    for size in [0, 63, 65, 96] {
        let token = format!("{signed}.{}", crate::testing::encode(vec![1; size]));
        let (caller, asked) = ask(Some(true), &token);
        assert_eq!(
            (caller, asked.len()),
            (Err(TokenError::Signature), 0),
            "{size}"
        );
    }
}
