use super::*;
use crate::Numbers;
use crate::testing::{self, AUDIENCE, HEADER, ISSUER, NOW, Signer, claims, encode};
use crate::{Issuer, Key};
use jwt_simple::algorithms::{RS256KeyPair, RSAKeyPairLike as _};
use jwt_simple::claims::{Claims, JWTClaims, NoCustomClaims};

mod cases;

fn es256() -> (Signer, Verifier) {
    let signer = Signer::new(1);
    let verifier = testing::verifier(testing::issuer(), vec![signer.key(Some("k1"))]);
    (signer, verifier)
}

fn rs256() -> (RS256KeyPair, Key) {
    let pair = RS256KeyPair::generate(2048).unwrap().with_key_id("r1");
    let public = pair.public_key().to_components();
    let key = Key::new(
        Some("r1".into()),
        Algorithm::Rs256,
        Numbers::Rsa {
            modulus: &public.n,
            exponent: &public.e,
        },
    )
    .unwrap();
    (pair, key)
}

fn standard_claims() -> JWTClaims<NoCustomClaims> {
    let mut claims = Claims::create(Duration::from_secs(1))
        .with_issuer(ISSUER)
        .with_audience(AUDIENCE)
        .with_subject("u1");
    claims.issued_at = Some(Duration::from_secs(NOW));
    claims.invalid_before = Some(Duration::from_secs(NOW));
    claims.expires_at = Some(Duration::from_secs(NOW + 60));
    claims
}

fn once(verifier: &Verifier, token: &str) -> Result<Rc<Caller>, TokenError> {
    verifier.verify(token, NOW, &mut TokenCache::new(0))
}

#[test]
fn rsa() {
    let (pair, key) = rs256();
    let token = pair.sign(standard_claims()).unwrap();
    let verifier = testing::verifier(testing::issuer(), vec![key.clone()]);
    assert_eq!(*once(&verifier, &token).unwrap().subject, *"u1");

    let (signed, signature) = token.rsplit_once('.').unwrap();
    let mut bytes = compact::decode(signature).unwrap();
    bytes[100] ^= 1;
    let forged = format!("{signed}.{}", encode(&bytes));
    assert_eq!(once(&verifier, &forged).err(), Some(TokenError::Signature));
    for cut in [0, 1, 64, 255] {
        let short = format!("{signed}.{}", encode(&bytes[..cut]));
        assert_eq!(once(&verifier, &short).err(), Some(TokenError::Signature));
    }

    let mut issuer = testing::issuer();
    issuer.algorithms = vec![Algorithm::Es256];
    let verifier = testing::verifier(issuer, vec![key]);
    assert_eq!(once(&verifier, &token).err(), Some(TokenError::Algorithm));
}

#[test]
fn keys_are_chosen_by_kid_and_algorithm() {
    let (_, rsa) = rs256();
    let (one, two) = (Signer::new(1), Signer::new(2));
    let verifier = testing::verifier(
        testing::issuer(),
        vec![rsa, one.key(Some("k1")), two.key(Some("k2"))],
    );
    let with = |signer: &Signer, kid: &str| {
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}"}}"#);
        once(&verifier, &signer.token(header, claims(&[]))).map(drop)
    };
    assert_eq!(with(&one, "k1"), Ok(()));
    assert_eq!(with(&two, "k2"), Ok(()));
    assert_eq!(with(&one, "k2"), Err(TokenError::Signature));
    assert_eq!(with(&one, "r1"), Err(TokenError::UnknownKey));
    assert_eq!(with(&one, "k3"), Err(TokenError::UnknownKey));
    let bare = one.token(r#"{"alg":"ES256"}"#, claims(&[]));
    assert_eq!(once(&verifier, &bare).err(), Some(TokenError::UnknownKey));
    let single = testing::verifier(testing::issuer(), vec![one.key(Some("k1"))]);
    assert!(once(&single, &bare).is_ok());
}

#[test]
fn types() {
    let signer = Signer::new(1);
    let with = |accepted: &[&str], typ: Option<&str>| {
        let mut issuer = testing::issuer();
        issuer.token_types = accepted.iter().map(ToString::to_string).collect();
        let verifier = testing::verifier(issuer, vec![signer.key(Some("k1"))]);
        let header = match typ {
            Some(typ) => format!(r#"{{"alg":"ES256","kid":"k1","typ":"{typ}"}}"#),
            None => r#"{"alg":"ES256","kid":"k1"}"#.to_owned(),
        };
        once(&verifier, &signer.token(header, claims(&[]))).map(drop)
    };
    let all = ["", "JWT", "at+jwt"];
    for typ in [
        None,
        Some("JWT"),
        Some("jwt"),
        Some("at+jwt"),
        Some("AT+JWT"),
        Some("application/at+jwt"),
    ] {
        assert_eq!(with(&all, typ), Ok(()), "{typ:?}");
    }
    for typ in [
        Some(""),
        Some("logout+jwt"),
        Some("JOSE"),
        Some("dpop+jwt"),
        Some("JWT "),
        Some("application/"),
        Some("text/JWT"),
    ] {
        assert_eq!(with(&all, typ), Err(TokenError::Type), "{typ:?}");
    }
    assert_eq!(with(&["at+jwt"], None), Err(TokenError::Type));
    assert_eq!(with(&["at+jwt"], Some("JWT")), Err(TokenError::Type));
    assert_eq!(with(&["JOSE"], Some("JOSE")), Ok(()));
    assert_eq!(with(&[], None), Err(TokenError::Type));
}

#[test]
fn several_issuers() {
    let other = Issuer {
        name: "other".into(),
        issuer: "https://other.example".into(),
        ..testing::issuer()
    };
    let (one, two) = (Signer::new(1), Signer::new(2));
    let sets = |issuer: &str, signer: &Signer| KeySet {
        issuer: issuer.into(),
        ..testing::set(vec![signer.key(Some("k1"))])
    };
    let verifier = Verifier::new(
        vec![testing::issuer(), other.clone()],
        vec![sets(ISSUER, &one), sets(&other.issuer, &two)],
        "v1".into(),
    );
    let of_other = claims(&[("iss", "\"https://other.example\"")]);
    assert_eq!(
        *once(&verifier, &one.token(HEADER, claims(&[])))
            .unwrap()
            .issuer_name,
        *"corp"
    );
    assert_eq!(
        *once(&verifier, &two.token(HEADER, &of_other))
            .unwrap()
            .issuer_name,
        *"other"
    );
    let crossed = [one.token(HEADER, &of_other), two.token(HEADER, claims(&[]))];
    for token in crossed {
        assert_eq!(once(&verifier, &token).err(), Some(TokenError::Signature));
    }

    let twice = Verifier::new(
        vec![testing::issuer(), testing::issuer()],
        vec![sets(ISSUER, &one)],
        "v1".into(),
    );
    let token = one.token(HEADER, claims(&[]));
    assert_eq!(once(&twice, &token).err(), Some(TokenError::Issuer));
    let twice = Verifier::new(
        vec![testing::issuer()],
        vec![sets(ISSUER, &one), sets(ISSUER, &one)],
        "v1".into(),
    );
    assert_eq!(once(&twice, &token).err(), Some(TokenError::StaleKeys));
    let none = Verifier::new(Vec::new(), Vec::new(), String::new());
    assert!(none.is_empty());
    assert_eq!(once(&none, &token).err(), Some(TokenError::Issuer));
}

#[test]
fn stale_keys() {
    let signer = Signer::new(1);
    let mut set = testing::set(vec![signer.key(Some("k1"))]);
    set.use_until = NOW + 100;
    let verifier = Verifier::new(vec![testing::issuer()], vec![set], "v1".into());
    let token = signer.token(HEADER, claims(&[]));
    for capacity in [0, 8] {
        let mut cache = TokenCache::new(capacity);
        assert!(verifier.verify(&token, NOW + 99, &mut cache).is_ok());
        assert_eq!(
            verifier.verify(&token, NOW + 100, &mut cache).err(),
            Some(TokenError::StaleKeys)
        );
        assert!(verifier.verify(&token, NOW + 99, &mut cache).is_ok());
    }
    let none = Verifier::new(vec![testing::issuer()], Vec::new(), "v1".into());
    assert_eq!(once(&none, &token).err(), Some(TokenError::StaleKeys));
    // What is wrong whatever the keys are is 401.
    let unsigned = format!("{}.{}.", encode(r#"{"alg":"none"}"#), encode(claims(&[])));
    assert_eq!(once(&none, &unsigned).err(), Some(TokenError::Algorithm));
}

#[test]
fn cached() {
    let (signer, verifier) = es256();
    let token = signer.token(HEADER, claims(&[]));
    let mut cache = TokenCache::new(8);
    let first = verifier.verify(&token, NOW, &mut cache).unwrap();
    let again = verifier.verify(&token, NOW + 1, &mut cache).unwrap();
    assert!(Rc::ptr_eq(&first, &again));

    // A time at which the token is not valid, before or after, holds for a cached token too.
    assert_eq!(
        verifier.verify(&token, NOW - 41, &mut cache).err(),
        Some(TokenError::NotYetValid)
    );
    assert_eq!(
        verifier.verify(&token, NOW + 330, &mut cache).err(),
        Some(TokenError::Expired)
    );
    assert!(cache.is_empty());

    verifier.verify(&token, NOW, &mut cache).unwrap();
    let rotated = Verifier::new(
        vec![testing::issuer()],
        vec![testing::set(vec![Signer::new(2).key(Some("k1"))])],
        "v2".into(),
    );
    assert_eq!(
        rotated.verify(&token, NOW, &mut cache).err(),
        Some(TokenError::Signature)
    );
    assert!(cache.is_empty());

    // A refusal is never kept.
    assert!(verifier.verify(&token, NOW + 330, &mut cache).is_err());
    assert!(cache.is_empty());
}

#[test]
fn times_that_do_not_fit() {
    let (signer, verifier) = es256();
    let token = signer.token(HEADER, claims(&[]));
    for now in [0, 29, 1 << 32, u64::MAX - 30, u64::MAX] {
        let mut cache = TokenCache::new(1);
        assert!(verifier.verify(&token, now, &mut cache).is_err(), "{now}");
    }
    let mut issuer = testing::issuer();
    issuer.leeway_seconds = u64::MAX;
    issuer.max_token_seconds = u64::MAX;
    let verifier = testing::verifier(issuer, vec![signer.key(Some("k1"))]);
    assert_eq!(once(&verifier, &token).err(), Some(TokenError::Expired));
}

#[test]
fn unverified() {
    let (_, verifier) = es256();
    let token = Signer::new(9).token(HEADER, claims(&[]));
    let unverified = verifier.unverified(&token).unwrap();
    assert_eq!(unverified.issuer.name, "corp");
    assert_eq!(unverified.algorithm, Algorithm::Es256);
    assert_eq!(unverified.kid.as_deref(), Some("k1"));
    assert_eq!(verifier.unverified("a.b.c"), Err(TokenError::Malformed));
}

/// The reason alone, whoever has signed: no signature is looked at.
#[test]
fn refuted() {
    let (right, verifier) = es256();
    let wrong = Signer::new(9);
    let exp = (NOW - 100).to_string();
    for signer in [&right, &wrong] {
        let refute =
            |header: &str, claims: String| verifier.refute(&signer.token(header, claims), NOW);
        let unknown = HEADER.replace("k1", "k2");
        assert_eq!(refute(HEADER, claims(&[])), TokenError::Signature);
        assert_eq!(refute(&unknown, claims(&[])), TokenError::UnknownKey);
        // A key is not asked for where the token is no good whatever it says.
        for (claim, value, reason) in [
            ("exp", exp.as_str(), TokenError::Expired),
            ("aud", "\"other\"", TokenError::Audience),
            ("sub", "\" \"", TokenError::Subject),
            ("iss", "\"https://other.example\"", TokenError::Issuer),
            ("groups", "7", TokenError::Groups),
        ] {
            assert_eq!(refute(&unknown, claims(&[(claim, value)])), reason);
        }
        let stale = NOW + 86_400;
        let long = claims(&[("exp", &(stale + 60).to_string()), ("iat", "-")]);
        let token = signer.token(HEADER, long);
        assert_eq!(verifier.refute(&token, stale), TokenError::StaleKeys);
    }
    assert_eq!(verifier.refute("a.b.c", NOW), TokenError::Malformed);
    let long = "a".repeat(9000);
    assert_eq!(verifier.refute(&long, NOW), TokenError::TooLong);
}

#[test]
fn payloads() {
    for payload in [
        "",
        "[]",
        "null",
        "7",
        "\"\"",
        "{",
        "{}{}",
        "\u{feff}{}",
        r#"{"iss":"a","iss":"b"}"#,
    ] {
        let token = Signer::new(1).token(HEADER, payload);
        assert_eq!(
            testing::verify(&token).err(),
            Some(TokenError::Malformed),
            "{payload}"
        );
    }
    assert_eq!(
        testing::verify(&Signer::new(1).token(HEADER, [0xff])).err(),
        Some(TokenError::Malformed)
    );
}

/// No change of one character leaves a token valid.
#[test]
fn every_character_counts() {
    let (signer, verifier) = es256();
    let token = signer.token(HEADER, claims(&[]));
    let mut cache = TokenCache::new(4);
    verifier.verify(&token, NOW, &mut cache).unwrap();
    for at in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(verifier.verify(&changed, NOW, &mut cache).is_err(), "{at}");
        let mut cut = token.clone();
        cut.remove(at);
        assert!(verifier.verify(&cut, NOW, &mut cache).is_err(), "{at}");
    }
}
