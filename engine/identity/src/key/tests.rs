use super::*;
use crate::compact::Compact;
use crate::jwks::{JwkKey, parse_jwks};
use crate::signature::{Signature, Signatures};
use serde_json::{Value, json};
use std::path::Path;

const SIGNATURES: &str = include_str!("../../tests/data/wycheproof/json_web_signature_test.json");
const KEYS: &str = include_str!("../../tests/data/wycheproof/json_web_key_test.json");
const CRYPTO: &str = include_str!("../../tests/data/wycheproof/json_web_crypto_test.json");

/// Checks as Envoy does: its library is of the same descent as this one.
#[derive(Debug)]
struct Library;

impl Signatures for Library {
    fn is_right(&self, asked: &Signature<'_>) -> Option<bool> {
        use aws_lc_rs::signature::{self as lc, UnparsedPublicKey, VerificationAlgorithm};
        let curve = |oid: &[u8]| asked.key.windows(oid.len()).any(|part| part == oid);
        let algorithm: &'static dyn VerificationAlgorithm = match asked.hash {
            "sha256" if curve(b"\x2a\x86\x48\xce\x3d\x03\x01\x07") => &lc::ECDSA_P256_SHA256_ASN1,
            "sha384" if curve(b"\x2b\x81\x04\x00\x22") => &lc::ECDSA_P384_SHA384_ASN1,
            "sha256" => &lc::RSA_PKCS1_2048_8192_SHA256,
            "sha384" => &lc::RSA_PKCS1_2048_8192_SHA384,
            "sha512" => &lc::RSA_PKCS1_2048_8192_SHA512,
            other => panic!("{other}"),
        };
        let key = UnparsedPublicKey::new(algorithm, asked.key);
        Some(key.verify(asked.signed, &asked.signature).is_ok())
    }
}

fn key(jwk: &JwkKey) -> Key {
    Key::new(jwk.kid.clone(), jwk.algorithm, jwk.numbers()).unwrap()
}

fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Key, KeyError> {
    Key::new(None, Algorithm::Rs256, Numbers::Rsa { modulus, exponent })
}

/// Whether the signature of a token is one of that set's, in the eyes of both who check such
/// signatures; its payload is no claims set.
fn accepted(set: &Value, token: &str) -> bool {
    let jwks = parse_jwks(set.to_string().as_bytes(), &Algorithm::ALL).unwrap();
    let set = KeySet {
        issuer: String::new(),
        use_until: 0,
        keys: jwks.keys.iter().map(key).collect(),
    };
    let Ok(Compact {
        header, signature, ..
    }) = Compact::read(token)
    else {
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
    let right = match key.check(token, options) {
        Ok(()) | Err(Fault::Claims) => true,
        Err(Fault::Token(TokenError::Expired)) => true,
        Err(Fault::Token(_)) => false,
    };
    let by_host = key.ask(&Library, token, signature);
    assert_eq!(by_host.is_none(), algorithm == Algorithm::EdDsa);
    assert_eq!(by_host.unwrap_or(right), right, "{token}");
    right
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
    assert_eq!((count, valid), (312, 14));
}

#[test]
fn wycheproof_keys() {
    let corpus: Value = serde_json::from_str(KEYS).unwrap();
    let (mut count, mut valid) = (0, 0);
    for group in corpus["testGroups"].as_array().unwrap() {
        let set = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let token = test["jws"].as_str().unwrap();
            let expected = test["result"] == "valid" && ours(&set["keys"][0], token);
            assert_eq!(accepted(set, token), expected, "{}", test["tcId"]);
            count += 1;
            valid += usize::from(expected);
        }
    }
    assert_eq!((count, valid), (21, 1));
}

/// Messages to be decrypted are no tokens; a key that a broken generator has made is none.
#[test]
fn wycheproof_whole_messages() {
    let corpus: Value = serde_json::from_str(CRYPTO).unwrap();
    let (mut count, mut encrypted) = (0, 0);
    for group in corpus["testGroups"].as_array().unwrap() {
        let jwk = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let about = format!("{}: {}", test["tcId"], test["comment"]);
            // Some are in the JSON serialization, which no token is in.
            let text = |value: &Value| match value.as_str() {
                Some(text) => text.to_owned(),
                None => value.to_string(),
            };
            match (&test["jws"], &test["jwe"]) {
                (token, Value::Null) => {
                    let token = text(token);
                    let expected = test["result"] == "valid" && ours(jwk, &token);
                    let found = accepted(&json!({ "keys": [jwk] }), &token);
                    assert_eq!(found, expected, "{about}");
                }
                (_, token) => {
                    assert!(Compact::read(&text(token)).is_err(), "{about}");
                    encrypted += 1;
                }
            }
            count += 1;
        }
    }
    assert_eq!((count, encrypted), (56, 28));
}

#[test]
fn rsa_limits() {
    let odd = |bytes: usize| {
        let mut modulus = vec![0xff; bytes];
        modulus.insert(0, 0);
        modulus
    };
    let f4 = [1, 0, 1];
    assert!(rsa(&odd(256), &f4).is_ok());
    assert!(rsa(&odd(512), &f4).is_ok());
    for bytes in [0, 1, 128, 255, 513, 4096] {
        assert_eq!(rsa(&odd(bytes), &f4).err(), Some(KeyError::Rsa));
    }
    let mut even = odd(256);
    even[256] = 0xfe;
    assert_eq!(rsa(&even, &f4).err(), Some(KeyError::Rsa));
    for exponent in [&[][..], &[0], &[1], &[3], &[1, 0, 0], &[1, 0, 1, 0]] {
        assert_eq!(rsa(&odd(256), exponent).err(), Some(KeyError::Rsa));
    }
    assert_eq!(rsa(&[], &[]).err(), Some(KeyError::Rsa));
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
        assert_eq!(
            Key::new(None, Algorithm::Es256, Numbers::Point(point)).err(),
            Some(KeyError::Ec)
        );
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

/// What another implementation of each algorithm signs is accepted under that algorithm alone.
#[test]
fn every_algorithm() {
    use jwt_simple::algorithms::{
        ECDSAP256KeyPairLike as _, ECDSAP384KeyPairLike as _, ES256KeyPair, ES384KeyPair,
        Ed25519KeyPair, EdDSAKeyPairLike as _, RS256KeyPair, RS384KeyPair, RS512KeyPair,
        RSAKeyPairLike as _,
    };
    use jwt_simple::claims::Claims;
    use jwt_simple::reexports::coarsetime::Duration;
    let claims = || Claims::create(Duration::from_hours(1));
    let rs256 = RS256KeyPair::generate(2048).unwrap();
    let pem = rs256.to_pem().unwrap();
    let (rs384, rs512) = (RS384KeyPair::from_pem(&pem), RS512KeyPair::from_pem(&pem));
    let (rs384, rs512) = (rs384.unwrap(), rs512.unwrap());
    let (es256, es384) = (ES256KeyPair::generate(), ES384KeyPair::generate());
    let ed = Ed25519KeyPair::generate();
    let parts = rs256.public_key().to_components();
    let numbers = Numbers::Rsa {
        modulus: &parts.n,
        exponent: &parts.e,
    };
    let p256 = es256.key_pair().public_key().to_bytes_uncompressed();
    let p384 = es384.key_pair().public_key().to_bytes_uncompressed();
    let okp = ed.public_key().to_bytes();
    let cases = [
        (Algorithm::Rs256, numbers, rs256.sign(claims())),
        (Algorithm::Rs384, numbers, rs384.sign(claims())),
        (Algorithm::Rs512, numbers, rs512.sign(claims())),
        (
            Algorithm::Es256,
            Numbers::Point(&p256),
            es256.sign(claims()),
        ),
        (
            Algorithm::Es384,
            Numbers::Point(&p384),
            es384.sign(claims()),
        ),
        (Algorithm::EdDsa, Numbers::Point(&okp), ed.sign(claims())),
    ];
    for (algorithm, numbers, _) in &cases {
        let key = Key::new(None, *algorithm, *numbers).unwrap();
        assert_eq!(key.algorithm(), *algorithm);
        for (other, _, token) in &cases {
            let token = token.as_ref().unwrap();
            let checked = key.check(token, VerificationOptions::default());
            assert_eq!(checked.is_ok(), algorithm == other, "{algorithm} {other}");
        }
        let wrong = match numbers {
            Numbers::Rsa { .. } => Numbers::Point(&p256),
            Numbers::Point(_) => cases[0].1,
        };
        assert!(Key::new(None, *algorithm, wrong).is_err(), "{algorithm}");
    }
}

/// Every example of RFC 7520, RFC 7797 and RFC 8037 with its verdict: two signatures are of
/// algorithms that are accepted here (their content is no claims set); all else is refused, and
/// what is encrypted is no JWS.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads its data")]
fn jose_cookbook() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/jose-cookbook");
    let read = |name: &str| -> Value {
        let text = std::fs::read(folder.join(name)).unwrap();
        serde_json::from_slice(&text).unwrap()
    };
    let verdicts = [
        ("curve25519/ecdh-es.json", "no JWS"),
        ("curve25519/jws.json", "signature good"),
        (
            "jwe/5_1.key_encryption_using_rsa_v15_and_aes-hmac-sha2.json",
            "no JWS",
        ),
        (
            "jwe/5_10.including_additional_authentication_data.json",
            "not compact",
        ),
        (
            "jwe/5_11.protecting_specific_header_fields.json",
            "not compact",
        ),
        ("jwe/5_12.protecting_content_only.json", "not compact"),
        (
            "jwe/5_13.encrypting_to_multiple_recipients.json",
            "not compact",
        ),
        (
            "jwe/5_2.key_encryption_using_rsa-oaep_with_aes-gcm.json",
            "no JWS",
        ),
        (
            "jwe/5_3.key_wrap_using_pbes2-aes-keywrap_with-aes-cbc-hmac-sha2.json",
            "no JWS",
        ),
        (
            "jwe/5_4.key_agreement_with_key_wrapping_using_ecdh-es_and_aes-keywrap_with_aes-gcm.json",
            "no JWS",
        ),
        (
            "jwe/5_5.key_agreement_using_ecdh-es_with_aes-cbc-hmac-sha2.json",
            "no JWS",
        ),
        ("jwe/5_6.direct_encryption_using_aes-gcm.json", "no JWS"),
        (
            "jwe/5_7.key_wrap_using_aes-gcm_keywrap_with_aes-cbc-hmac-sha2.json",
            "no JWS",
        ),
        (
            "jwe/5_8.key_wrap_using_aes-keywrap_with_aes-gcm.json",
            "no JWS",
        ),
        ("jwe/5_9.compressed_content.json", "no JWS"),
        ("jws/4_1.rsa_v15_signature.json", "signature good"),
        ("jws/4_2.rsa-pss_signature.json", "refused"),
        ("jws/4_3.ecdsa_signature.json", "refused"),
        ("jws/4_4.hmac-sha2_integrity_protection.json", "refused"),
        ("jws/4_5.signature_with_detached_content.json", "refused"),
        (
            "jws/4_6.protecting_specific_header_fields.json",
            "not compact",
        ),
        ("jws/4_7.protecting_content_only.json", "not compact"),
        ("jws/4_8.multiple_signatures.json", "not compact"),
        ("rfc7797/4.2.hmac-sha2_b64_false.json", "not compact"),
        ("rfc7797/hmac-sha2_b64_false.json", "refused"),
    ];
    for (name, wanted) in verdicts {
        let vector = read(name);
        let output = &vector["output"];
        let compact = output["compact"].as_str();
        let serialized = match compact {
            Some(text) => text.to_owned(),
            None => output.to_string(),
        };
        let found = match (compact, Compact::read(&serialized)) {
            (None, Err(_)) => "not compact",
            (Some(text), Err(_)) if text.split('.').count() == 5 => "no JWS",
            (None, Ok(_)) => "taken for a token",
            (Some(text), _) => {
                // Only public parts: a set with secret ones gives no key.
                let mut key = vector["input"]["key"].clone();
                if let Some(members) = key.as_object_mut() {
                    members.retain(|name, _| {
                        !matches!(name.as_str(), "d" | "p" | "q" | "dp" | "dq" | "qi")
                    });
                }
                match accepted(&json!({ "keys": [key] }), text) {
                    true => "signature good",
                    false => "refused",
                }
            }
        };
        assert_eq!(found, wanted, "{name}");
    }
    let files = ["curve25519", "jws", "jwe", "rfc7797"].map(|part| {
        let all = std::fs::read_dir(folder.join(part)).unwrap();
        all.filter(|f| f.as_ref().unwrap().path().extension().unwrap() == "json")
            .count()
    });
    assert_eq!(
        files.iter().sum::<usize>(),
        verdicts.len(),
        "none is left out"
    );
    // Keys: one is public and of a kind that is used here.
    for (name, usable) in [
        ("3_1.ec_public_key.json", false),
        ("3_2.ec_private_key.json", false),
        ("3_3.rsa_public_key.json", true),
        ("3_4.rsa_private_key.json", false),
        ("3_5.symmetric_key_mac_computation.json", false),
        ("3_6.symmetric_key_encryption.json", false),
    ] {
        let set = json!({"keys": [read(&format!("jwk/{name}"))]}).to_string();
        let jwks = parse_jwks(set.as_bytes(), &Algorithm::ALL).unwrap();
        assert_eq!(!jwks.keys.is_empty(), usable, "{name}");
    }
}
