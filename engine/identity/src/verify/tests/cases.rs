//! Every case of `tests/data/own/jwt_cases.txt`.

use crate::testing::{HEADER, ISSUER, NOW, Signer, claims, encode, verify};
use std::collections::BTreeMap;

const CASES: &str = include_str!("../../../tests/data/own/jwt_cases.txt");

fn signed(changes: &[(&str, &str)]) -> Vec<String> {
    vec![Signer::new(1).token(HEADER, claims(changes))]
}

fn at(claim: &str, seconds: i64) -> Vec<String> {
    let time = NOW.checked_add_signed(seconds).unwrap().to_string();
    signed(&[(claim, &time)])
}

fn headed(header: &str) -> Vec<String> {
    vec![Signer::new(1).token(header, claims(&[]))]
}

fn changed(change: impl Fn(&str) -> String) -> Vec<String> {
    signed(&[]).iter().map(|token| change(token)).collect()
}

fn deep(levels: usize) -> Vec<String> {
    signed(&[(
        "x",
        &format!("{}{}", "[".repeat(levels), "]".repeat(levels)),
    )])
}

fn twice(member: &str) -> Vec<String> {
    let claims = claims(&[]).replacen('{', &format!("{{{member},"), 1);
    vec![Signer::new(1).token(HEADER, claims)]
}

fn unsigned() -> Vec<String> {
    ["none", "None", "NONE", "nOnE", ""]
        .iter()
        .flat_map(|alg| {
            let header = encode(format!(r#"{{"alg":"{alg}","kid":"k1"}}"#));
            let body = format!("{header}.{}", encode(claims(&[])));
            [format!("{body}."), body.clone(), format!("{body}.AAAA")]
        })
        .collect()
}

/// With another last character whose spare bits differ.
fn respelled(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    format!("{head}{}", &ALPHABET[value ^ 1..=value ^ 1])
}

fn tokens(case: &str) -> Vec<String> {
    let iss = format!("\"{ISSUER}/\"");
    let padding = "x".repeat(400_000);
    match case {
        "good" => signed(&[]),
        "alg none variants, empty sig" => unsigned(),
        "HS256 signed with RSA public PEM" => headed(r#"{"alg":"HS256","kid":"k1"}"#),
        "no exp" => signed(&[("exp", "-")]),
        "no iat" => signed(&[("iat", "-")]),
        "no aud" => signed(&[("aud", "-")]),
        "no iss" => signed(&[("iss", "-")]),
        "no sub" => signed(&[("sub", "-")]),
        "expired 14 min ago" => at("exp", -840),
        "expired 31 s ago" => at("exp", -31),
        "expired 16 min ago" => at("exp", -960),
        "nbf in 14 min" => at("nbf", 840),
        "exp year 9999" => signed(&[("exp", "253402300799")]),
        "exp u64 max" => signed(&[("exp", "18446744073709551615")]),
        "exp float" => signed(&[("exp", &format!("{NOW}.5"))]),
        "exp string" => signed(&[("exp", "\"1795400165\"")]),
        "exp negative" => signed(&[("exp", "-5")]),
        "aud array incl gw" => signed(&[("aud", r#"["x","gw"]"#)]),
        "aud prefix gw2" => signed(&[("aud", r#""gw2""#)]),
        "aud GW case" => signed(&[("aud", r#""GW""#)]),
        "aud object" => signed(&[("aud", r#"{"gw":1}"#)]),
        "aud comma" => signed(&[("aud", r#""x,gw""#)]),
        "iss trailing slash" => signed(&[("iss", &iss)]),
        "duplicate sub claim" => twice(r#""sub":"admin""#),
        "duplicate groups claim" => twice(r#""groups":["admins"]"#),
        "duplicate exp claim" => twice(r#""exp":9999999999"#),
        "dup alg in header" => headed(r#"{"alg":"ES256","alg":"ES256","kid":"k1"}"#),
        "typ at+jwt" => headed(r#"{"alg":"ES256","kid":"k1","typ":"at+jwt"}"#),
        "typ logout+jwt" => headed(r#"{"alg":"ES256","kid":"k1","typ":"logout+jwt"}"#),
        "typ JOSE" => headed(r#"{"alg":"ES256","kid":"k1","typ":"JOSE"}"#),
        "no typ" => headed(r#"{"alg":"ES256","kid":"k1"}"#),
        "crit unknown" => headed(r#"{"alg":"ES256","kid":"k1","crit":["x"],"x":1}"#),
        "crit empty" => headed(r#"{"alg":"ES256","kid":"k1","crit":[]}"#),
        "b64:false no crit" => headed(r#"{"alg":"ES256","kid":"k1","b64":false}"#),
        "jku evil, our sig" => headed(r#"{"alg":"ES256","kid":"k1","jku":"https://evil/"}"#),
        "jwk object in header" => headed(r#"{"alg":"ES256","kid":"k1","jwk":{"kty":"EC"}}"#),
        "kid ../../dev/null" => headed(r#"{"alg":"ES256","kid":"../../dev/null"}"#),
        "no kid" => headed(r#"{"alg":"ES256"}"#),
        "sig stripped" => changed(|t| format!("{}.", t.rsplit_once('.').unwrap().0)),
        "4 parts" => changed(|t| format!("{t}.AAAA")),
        "trailing newline" => changed(|t| format!("{t}\n")),
        "leading space" => changed(|t| format!(" {t}")),
        "padding =" => changed(|t| format!("{t}=")),
        "non-canonical last b64 char" => changed(respelled),
        "signed by other key" => vec![Signer::new(2).token(HEADER, claims(&[]))],
        "9 KB header" => headed(&format!(
            r#"{{"alg":"ES256","kid":"k1","cty":"{}"}}"#,
            "x".repeat(9 * 1024)
        )),
        "400 KB payload" => signed(&[("x", &format!("\"{padding}\""))]),
        "100 deep claim" => deep(100),
        "5000 deep claim" => deep(5000),
        other => panic!("no token for `{other}`"),
    }
}

#[test]
fn own_cases() {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let (case, verdict) = line.split_once(" | ").unwrap();
        *counted.entry(verdict).or_default() += 1;
        for token in tokens(case) {
            let result = verify(&token).map(drop);
            match verdict {
                // `jku` is refused: a token that names its own keys is no token of ours.
                "reject" | "ignore" => assert!(result.is_err(), "{case}: {token}"),
                "accept" | "policy" => assert_eq!(result, Ok(()), "{case}"),
                "either" => {}
                other => panic!("{other}"),
            }
        }
    }
    assert_eq!(counted.values().sum::<usize>(), 53);
    assert_eq!(counted["reject"], 44);
}
