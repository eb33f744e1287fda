use super::*;
use crate::testing::encode;

/// The generator of P-256.
const X: &str = "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY";
const Y: &str = "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU";

fn ec(more: &str) -> String {
    format!(r#"{{"kty":"EC","crv":"P-256","x":"{X}","y":"{Y}"{more}}}"#)
}

fn rsa(fill: u8, more: &str) -> String {
    let mut modulus = vec![0xff; 256];
    modulus[1] = fill;
    format!(
        r#"{{"kty":"RSA","n":"{}","e":"AQAB"{more}}}"#,
        encode(modulus)
    )
}

fn set(keys: &[String]) -> Jwks {
    let text = format!(r#"{{"keys":[{}],"other":1}}"#, keys.join(","));
    parse_jwks(text.as_bytes(), &[Algorithm::Rs256, Algorithm::Es256]).unwrap()
}

/// The warning for one unusable key, between two good ones that stay.
fn warning_of(key: &str) -> String {
    let jwks = set(&[
        rsa(1, r#","kid":"before""#),
        key.to_owned(),
        ec(r#","kid":"after""#),
    ]);
    let kids: Vec<_> = jwks.keys.iter().filter_map(|k| k.kid.as_deref()).collect();
    assert_eq!(kids, ["before", "after"], "{key}");
    assert_eq!(jwks.warnings.len(), 1, "{key}");
    jwks.warnings[0].clone()
}

#[test]
fn usable() {
    let jwks = set(&[
        rsa(
            1,
            r#","kid":"a","use":"sig","alg":"RS256","x5c":["AA=="],"x5t":"t""#,
        ),
        ec(r#","kid":"b","key_ops":["sign","verify"]"#),
        rsa(2, ""),
    ]);
    assert_eq!(jwks.warnings, [""; 0]);
    let kids: Vec<_> = jwks.keys.iter().map(|k| k.kid.as_deref()).collect();
    assert_eq!(kids, [Some("a"), Some("b"), None]);
    assert_eq!(jwks.keys[0].algorithm, Algorithm::Rs256);
    assert_eq!(
        (jwks.keys[0].modulus.len(), &jwks.keys[0].exponent[..]),
        (256, &[1, 0, 1][..])
    );
    assert_eq!(jwks.keys[1].algorithm, Algorithm::Es256);
    assert_eq!((jwks.keys[1].point[0], jwks.keys[1].point.len()), (4, 65));
}

#[test]
fn leading_zeros() {
    let mut modulus = vec![0, 0];
    modulus.extend([0xff; 256]);
    let key = format!(r#"{{"kty":"RSA","n":"{}","e":"AAEAAQ"}}"#, encode(modulus));
    let jwks = set(&[key]);
    assert_eq!(jwks.keys[0].modulus.len(), 256);
    assert_eq!(jwks.keys[0].exponent, [1, 0, 1]);
}

#[test]
fn unusable_alone() {
    for (key, warning) in [
        ("7".to_owned(), "key 2 is not an object"),
        ("{}".to_owned(), "key 2 has no readable `kty`"),
        (
            r#"{"kty":"oct","k":"AAAA","kid":"h"}"#.to_owned(),
            "key 2 (`h`) is a symmetric key",
        ),
        (
            r#"{"kty":"OKP","crv":"Ed25519","x":"AA"}"#.to_owned(),
            "key 2 is for an algorithm that is not accepted",
        ),
        (
            r#"{"kty":"XYZ","crv":"Ed25519","x":"AA"}"#.to_owned(),
            "key 2 is not an RSA, EC or Ed25519 key",
        ),
        (ec(r#","kid":7"#), "key 2 has no readable `kid`"),
        (
            ec(r#","d":"AA""#),
            "key 2 holds secret parts and must be replaced",
        ),
        (ec(r#","use":"enc""#), "key 2 is not for signatures"),
        (
            ec(r#","key_ops":["encrypt"]"#),
            "key 2 is not for signatures",
        ),
        (
            ec(r#","key_ops":"verify""#),
            "key 2 has no readable `key_ops`",
        ),
        (
            ec(r#","alg":"RS256""#),
            "key 2 is for an algorithm that is not accepted",
        ),
        (
            rsa(3, r#","alg":"PS256""#),
            "key 2 is for an algorithm that is not accepted",
        ),
        (
            ec("").replace("P-256", "P-384"),
            "key 2 is for an algorithm that is not accepted",
        ),
        (
            ec("").replace("P-256", "P-521"),
            "key 2 is on another curve than P-256, P-384 and Ed25519",
        ),
        (
            ec("").replace(X, Y),
            "key 2 is not an uncompressed point on the curve of its algorithm",
        ),
        (ec("").replace(X, "AA"), "key 2 has no readable `x`"),
        (ec("").replace(Y, "A=="), "key 2 has no readable `y`"),
        (
            r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#.to_owned(),
            "key 2 is not an RSA key of 2048 to 4096 bits with the exponent 65537",
        ),
        (
            rsa(3, "").replace("AQAB", "Aw"),
            "key 2 is not an RSA key of 2048 to 4096 bits with the exponent 65537",
        ),
        (
            rsa(1, r#","kid":"before""#),
            "key 2 (`before`) repeats an earlier key",
        ),
    ] {
        assert_eq!(warning_of(&key), warning);
    }
}

#[test]
fn ambiguous() {
    let kid = r#","kid":"a""#;
    let jwks = set(&[rsa(1, kid), rsa(2, kid), ec(kid), rsa(3, r#","kid":"b""#)]);
    let kept: Vec<_> = jwks
        .keys
        .iter()
        .map(|k| (k.kid.as_deref(), k.algorithm))
        .collect();
    assert_eq!(
        kept,
        [(Some("a"), Algorithm::Es256), (Some("b"), Algorithm::Rs256)]
    );
    assert_eq!(jwks.warnings.len(), 2);
}

#[test]
fn allowed_algorithms() {
    let text = format!(r#"{{"keys":[{},{}]}}"#, rsa(1, ""), ec(""));
    let jwks = parse_jwks(text.as_bytes(), &[Algorithm::Es256]).unwrap();
    assert_eq!(jwks.keys.len(), 1);
    assert_eq!(jwks.keys[0].algorithm, Algorithm::Es256);
}

#[test]
fn bounds() {
    let keys: Vec<_> = (0..38).map(|n| rsa(n, "")).collect();
    let jwks = set(&keys);
    assert_eq!((jwks.keys.len(), jwks.warnings.len()), (MAX_KEYS, 6));
    assert_eq!(set(&[]), Jwks::default());
    let hostile = set(&[format!(r#"{{"kid":"\u001b[31m{}"}}"#, "x".repeat(500))]);
    assert!(hostile.warnings[0].len() < 200 && !hostile.warnings[0].contains('\u{1b}'));
}

#[test]
fn not_a_set() {
    for text in [
        "{}",
        "[]",
        "null",
        r#"{"keys":{}}"#,
        r#"{"keys":null}"#,
        r#"{"Keys":[]}"#,
    ] {
        assert_eq!(
            parse_jwks(text.as_bytes(), &Algorithm::ALL),
            Err(JwksError::Shape),
            "{text}"
        );
    }
    for text in [
        "",
        "<html>",
        "{",
        r#"{"keys":[],"keys":[]}"#,
        r#"{"keys":[]} x"#,
    ] {
        let error = parse_jwks(text.as_bytes(), &Algorithm::ALL).unwrap_err();
        assert!(matches!(error, JwksError::Json(_)), "{text}");
    }
}

/// RFC 8037 appendix A.2, and a point on P-384 (RFC 7518 has none: of our own making).
#[test]
fn every_algorithm() {
    use jwt_simple::algorithms::{ECDSAP384KeyPairLike as _, ES384KeyPair};
    let pair = ES384KeyPair::generate();
    let point = pair.key_pair().public_key().to_bytes_uncompressed();
    let [x, y] = [&point[1..49], &point[49..]].map(encode);
    let p384 = format!(r#"{{"kty":"EC","crv":"P-384","x":"{x}","y":"{y}"}}"#);
    let okp = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let found = |keys: &[String], allowed: &[Algorithm]| {
        let text = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        let jwks = parse_jwks(text.as_bytes(), allowed).unwrap();
        let found: Vec<Algorithm> = jwks.keys.iter().map(|key| key.algorithm).collect();
        (found, jwks.warnings)
    };
    let all = Algorithm::ALL;
    let keys = [rsa(1, ""), ec(""), p384.clone(), okp.to_owned()];
    assert_eq!(found(&keys, &all), (all.to_vec(), vec![]));
    let named = [rsa(1, r#","alg":"RS512""#)];
    assert_eq!(found(&named, &all).0, [Algorithm::Rs512]);
    assert!(found(&named, &[Algorithm::Rs256]).0.is_empty());
    for wrong in [
        p384.replace("P-384", "P-256"),
        p384.replace("EC", "OKP"),
        okp.replace("Ed25519", "Ed448"),
        okp.replace("OKP", "EC"),
        okp.replace("11qY", ""),
        okp.replace("}", r#","alg":"ES256"}"#),
        rsa(1, r#","alg":"PS256""#),
        ec(r#","alg":"ES384""#),
    ] {
        let (keys, warnings) = found(std::slice::from_ref(&wrong), &all);
        assert_eq!((keys.len(), warnings.len()), (0, 1), "{wrong}");
    }
}
