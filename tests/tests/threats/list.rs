//! C3, our list of tokens: what each case is, and what becomes of it. `vectors.rs` sends them to the
//! gateway; `engine/identity` judges them natively and includes this file.

use jwt_simple::prelude::{Claims, Duration, HS256Key, MACLike as _};
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
use serde_json::{Value, json};

const CASES: &str = include_str!("../../../engine/identity/tests/data/own/jwt_cases.txt");

/// Each case by name with its verdict.
pub(crate) fn cases() -> impl Iterator<Item = (&'static str, &'static str)> {
    CASES
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once(" | ").unwrap())
}

/// Whether the tokens of a case are good.
pub(crate) fn passes(case: &str, verdict: &str) -> bool {
    match (case, verdict) {
        // No verdict in the list. RFC 7519 §2 allows fractions; depth has an end here.
        ("exp float", "either") => true,
        ("100 deep claim", "either") => false,
        // Without a kid: the issuer has but one key of that algorithm.
        (_, "accept" | "policy") => true,
        // One that names its own keys is none.
        (_, "reject" | "ignore") => false,
        (_, other) => panic!("{other}"),
    }
}

/// Signs a header and claims, both as they are written.
pub(crate) type Sign<'f> = &'f dyn Fn(&str, &str) -> String;

/// Makes the tokens of a case.
pub(crate) struct Forge<'f> {
    /// Those of a good token, with `iss`, `aud`, `sub` and `exp`.
    pub(crate) claims: Value,
    /// The time at which it is good, Unix seconds.
    pub(crate) now: u64,
    /// The key's id.
    pub(crate) kid: &'f str,
    /// ES256, by the key of that id.
    pub(crate) sign: Sign<'f>,
    /// ES256, by a key that only says that it is that one.
    pub(crate) foreign: Sign<'f>,
    /// A public key of the issuer in PEM.
    pub(crate) public_key: String,
}

impl Forge<'_> {
    /// A header with a member more.
    fn header(&self, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { "," };
        format!(r#"{{"alg":"ES256","kid":"{}"{comma}{more}}}"#, self.kid)
    }

    fn headed(&self, header: &str) -> Vec<String> {
        vec![(self.sign)(header, &self.claims.to_string())]
    }

    fn with(&self, more: &str) -> Vec<String> {
        self.headed(&self.header(more))
    }

    /// With claims as somebody writes them by hand.
    fn written(&self, claims: &str) -> Vec<String> {
        vec![(self.sign)(&self.header(""), claims)]
    }

    /// With further members at the head of the claims.
    fn adding(&self, members: &str) -> Vec<String> {
        let claims = self.claims.to_string();
        self.written(&claims.replacen('{', &format!("{{{members},"), 1))
    }

    fn claiming(&self, name: &str, value: Value) -> Vec<String> {
        let mut claims = self.claims.clone();
        claims[name] = value;
        self.written(&claims.to_string())
    }

    fn without(&self, name: &str) -> Vec<String> {
        let mut claims = self.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        self.written(&claims.to_string())
    }

    fn at(&self, name: &str, seconds: i64) -> Vec<String> {
        self.claiming(name, json!(self.now.checked_add_signed(seconds).unwrap()))
    }

    fn changed(&self, change: impl Fn(&str) -> String) -> Vec<String> {
        let good = self.with("");
        good.iter().map(|token| change(token)).collect()
    }

    fn deep(&self, levels: usize) -> Vec<String> {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        self.adding(&format!("\"x\":{open}{close}"))
    }

    fn unsigned(&self) -> Vec<String> {
        let claims = encode(&self.claims.to_string());
        ["none", "None", "NONE", "nOnE", ""]
            .iter()
            .flat_map(|alg| {
                let header = encode(&format!(r#"{{"alg":"{alg}","kid":"{}"}}"#, self.kid));
                let body = format!("{header}.{claims}");
                [format!("{body}."), body.clone(), format!("{body}.AAAA")]
            })
            .collect()
    }

    /// The public key as the secret of a MAC.
    fn confused(&self) -> Vec<String> {
        let key = HS256Key::from_bytes(self.public_key.as_bytes()).with_key_id(self.kid);
        let mut claims = Claims::with_custom_claims(self.claims.clone(), Duration::from_secs(1));
        // Only what a good token has is in it.
        claims.issued_at = None;
        claims.expires_at = None;
        claims.invalid_before = None;
        vec![key.authenticate(claims).unwrap()]
    }

    /// The tokens of a case.
    pub(crate) fn tokens(&self, case: &str) -> Vec<String> {
        let ours = self.claims["aud"].as_str().unwrap();
        let iss = self.claims["iss"].as_str().unwrap();
        let hour = self.now + 3600;
        match case {
            "good" | "no typ" => self.with(""),
            "alg none variants, empty sig" => self.unsigned(),
            "HS256 signed with RSA public PEM" => self.confused(),
            "no exp" => self.without("exp"),
            "no iat" => self.without("iat"),
            "no aud" => self.without("aud"),
            "no iss" => self.without("iss"),
            "no sub" => self.without("sub"),
            "expired 14 min ago" => self.at("exp", -840),
            "expired 31 s ago" => self.at("exp", -31),
            "expired 16 min ago" => self.at("exp", -960),
            "nbf in 14 min" => self.at("nbf", 840),
            "exp year 9999" => self.claiming("exp", json!(253_402_300_799_u64)),
            "exp u64 max" => self.claiming("exp", json!(u64::MAX)),
            "exp float" => {
                let claims = self.claims.to_string();
                let whole = format!("\"exp\":{}", self.claims["exp"]);
                self.written(&claims.replace(&whole, &format!("\"exp\":{hour}.5")))
            }
            "exp string" => self.claiming("exp", json!(hour.to_string())),
            "exp negative" => self.claiming("exp", json!(-5)),
            "aud array incl gw" => self.claiming("aud", json!(["x", ours])),
            "aud prefix gw2" => self.claiming("aud", json!(format!("{ours}2"))),
            "aud GW case" => self.claiming("aud", json!(ours.to_uppercase())),
            "aud object" => self.claiming("aud", json!({ ours: 1 })),
            "aud comma" => self.claiming("aud", json!(format!("x,{ours}"))),
            "iss trailing slash" => self.claiming("iss", json!(format!("{iss}/"))),
            "duplicate sub claim" => self.adding(r#""sub":"admin""#),
            "duplicate groups claim" => self.adding(r#""groups":["admins"],"groups":["admins"]"#),
            "duplicate exp claim" => self.adding(&format!("\"exp\":{hour}")),
            "dup alg in header" => self.with(r#""alg":"ES256""#),
            "typ at+jwt" => self.with(r#""typ":"at+jwt""#),
            "typ logout+jwt" => self.with(r#""typ":"logout+jwt""#),
            "typ JOSE" => self.with(r#""typ":"JOSE""#),
            "crit unknown" => self.with(r#""crit":["x"],"x":1"#),
            "crit empty" => self.with(r#""crit":[]"#),
            "b64:false no crit" => self.with(r#""b64":false"#),
            "jku evil, our sig" => self.with(r#""jku":"https://evil.example/""#),
            "jwk object in header" => self.with(r#""jwk":{"kty":"EC"}"#),
            "kid ../../dev/null" => self.headed(r#"{"alg":"ES256","kid":"../../dev/null"}"#),
            "no kid" => self.headed(r#"{"alg":"ES256"}"#),
            "sig stripped" => self.changed(|t| format!("{}.", t.rsplit_once('.').unwrap().0)),
            "4 parts" => self.changed(|t| format!("{t}.AAAA")),
            "trailing newline" => self.changed(|t| format!("{t}\n")),
            "leading space" => self.changed(|t| format!(" {t}")),
            "padding =" => self.changed(|t| format!("{t}=")),
            "non-canonical last b64 char" => self.changed(respelled),
            "signed by other key" => {
                vec![(self.foreign)(&self.header(""), &self.claims.to_string())]
            }
            "9 KB header" => self.with(&format!(r#""cty":"{}""#, "x".repeat(9 * 1024))),
            "400 KB payload" => self.claiming("x", json!("x".repeat(400_000))),
            "100 deep claim" => self.deep(100),
            "5000 deep claim" => self.deep(5000),
            other => panic!("no token for `{other}`"),
        }
    }
}

fn encode(text: &str) -> String {
    Base64UrlSafeNoPadding::encode_to_string(text).unwrap()
}

/// With another last character whose spare bits differ.
fn respelled(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    format!("{head}{}", &ALPHABET[value ^ 1..=value ^ 1])
}
