use super::*;
use crate::compact::Compact;
use crate::jwks::{JwkKey, parse_jwks};
use serde_json::{Value, json};

const SIGNATURES: &str = include_str!("../../tests/data/wycheproof/json_web_signature_test.json");
const KEYS: &str = include_str!("../../tests/data/wycheproof/json_web_key_test.json");

fn key(jwk: &JwkKey) -> Key {
    match jwk.algorithm {
        Algorithm::Rs256 => Key::rsa(jwk.kid.clone(), &jwk.modulus, &jwk.exponent),
        Algorithm::Es256 => Key::ec(jwk.kid.clone(), &jwk.point),
    }
    .unwrap()
}

/// Whether the signature of a token is one of that set's; its payload is no claims set.
fn accepted(set: &Value, token: &str) -> bool {
    let jwks = parse_jwks(set.to_string().as_bytes(), &Algorithm::ALL).unwrap();
    let set = KeySet {
        issuer: String::new(),
        use_until: 0,
        keys: jwks.keys.iter().map(key).collect(),
    };
    let Ok(Compact { header, .. }) = Compact::read(token) else {
        return false;
    };
    let Some(algorithm) = Algorithm::parse(&header.alg) else {
        return false;
    };
    let Some(key) = set.key(header.kid.as_deref(), algorithm) else {
        return false;
    };
    let options = VerificationOptions {
        required_key_id: header.kid,
        required_signature_type: header.typ,
        ..VerificationOptions::default()
    };
    match key.check(token, options) {
        Ok(()) | Err(Fault::Claims) => true,
        Err(Fault::Token(TokenError::Expired)) => true,
        Err(Fault::Token(_)) => false,
    }
}

/// Whether a valid vector is one of ours to accept.
fn ours(jwk: &Value, token: &str) -> bool {
    let Ok(Compact { header, .. }) = Compact::read(token) else {
        return false;
    };
    Algorithm::parse(&header.alg).is_some() && jwk["kty"] != "oct"
}

#[test]
fn wycheproof_signatures() {
    let corpus: Value = serde_json::from_str(SIGNATURES).unwrap();
    let (mut count, mut valid) = (0, 0);
    for group in corpus["testGroups"].as_array().unwrap() {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let id = test["tcId"].as_u64().unwrap();
            let token = test["jws"].as_str().unwrap();
            let expected = test["result"] == "valid" && ours(jwk, token);
            assert_eq!(
                accepted(&json!({ "keys": [jwk] }), token),
                expected,
                "{id}: {}",
                test["comment"]
            );
            count += 1;
            valid += usize::from(expected);
        }
    }
    // The file says 401 and holds 312. Those that are labelled wrongly are none of ours:
    // their keys are for HS256, PS256 and ES521.
    assert_eq!((count, valid), (312, 9));
}

#[test]
fn wycheproof_keys() {
    let corpus: Value = serde_json::from_str(KEYS).unwrap();
    for group in corpus["testGroups"].as_array().unwrap() {
        let set = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let token = test["jws"].as_str().unwrap();
            let expected = test["result"] == "valid" && ours(&set["keys"][0], token);
            assert_eq!(accepted(set, token), expected, "{}", test["tcId"]);
        }
    }
}

#[test]
fn rsa_limits() {
    let odd = |bytes: usize| {
        let mut modulus = vec![0xff; bytes];
        modulus.insert(0, 0);
        modulus
    };
    let f4 = [1, 0, 1];
    assert!(Key::rsa(None, &odd(256), &f4).is_ok());
    assert!(Key::rsa(None, &odd(512), &f4).is_ok());
    for bytes in [0, 1, 128, 255, 513, 4096] {
        assert_eq!(Key::rsa(None, &odd(bytes), &f4).err(), Some(KeyError::Rsa));
    }
    let mut even = odd(256);
    even[256] = 0xfe;
    assert_eq!(Key::rsa(None, &even, &f4).err(), Some(KeyError::Rsa));
    for exponent in [&[][..], &[0], &[1], &[3], &[1, 0, 0], &[1, 0, 1, 0]] {
        assert_eq!(
            Key::rsa(None, &odd(256), exponent).err(),
            Some(KeyError::Rsa)
        );
    }
    assert_eq!(Key::rsa(None, &[], &[]).err(), Some(KeyError::Rsa));
}

#[test]
fn points() {
    let mut off_curve = [1; 65];
    off_curve[0] = 4;
    let mut compressed = [0; 33];
    compressed[0] = 2;
    for point in [
        &[][..],
        &[0],
        &[4],
        &off_curve,
        &compressed,
        &[4; 64],
        &[4; 66],
    ] {
        assert_eq!(Key::ec(None, point).err(), Some(KeyError::Ec));
    }
}

#[test]
fn choice() {
    let ec = |seed, kid| crate::testing::Signer::new(seed).key(kid);
    let set = |keys| crate::testing::set(keys);
    let es256 = Algorithm::Es256;
    let one = set(vec![ec(1, Some("a"))]);
    assert!(one.key(Some("a"), es256).is_some());
    assert!(one.key(None, es256).is_some());
    for kid in ["A", "", "b", "../../dev/null"] {
        assert!(one.key(Some(kid), es256).is_none());
    }
    assert!(one.key(Some("a"), Algorithm::Rs256).is_none());
    let unnamed = set(vec![ec(1, None)]);
    assert!(unnamed.key(None, es256).is_some());
    assert!(unnamed.key(Some("a"), es256).is_none());
    let two = set(vec![ec(1, Some("a")), ec(2, Some("b"))]);
    assert!(two.key(Some("b"), es256).is_some());
    assert!(two.key(None, es256).is_none());
    let twice = set(vec![ec(1, Some("a")), ec(2, Some("a"))]);
    assert!(twice.key(Some("a"), es256).is_none());
}
