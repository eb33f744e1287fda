//! C3: our list of tokens, each with its verdict, at the gateway. The same list is judged natively
//! by `engine/identity`.

use super::{ANSWER, CALL, identified, issued_by};
use jwt_simple::prelude::{Claims, Duration, HS256Key, MACLike as _};
use jwt_simple::reexports::ct_codecs::{Base64UrlSafeNoPadding, Encoder as _};
use mcp_zero_tests::{Issuer, Scripted, Signer, request};
use serde_json::{Value, json};

const CASES: &str = include_str!("../../../engine/identity/tests/data/own/jwt_cases.txt");
const HEADER: &str = r#"{"alg":"ES256","kid":"ec-1"}"#;

/// Makes the tokens of a case.
struct Forge<'i> {
    issuer: &'i Issuer,
    now: u64,
}

impl Forge<'_> {
    fn headed(&self, header: &str) -> Vec<String> {
        let claims = self.issuer.claims().to_string();
        vec![self.issuer.sign_text(Signer::Ec, header, &claims)]
    }

    /// With a claim that says something else, or without it.
    fn claiming(&self, name: &str, value: Option<Value>) -> Vec<String> {
        let mut claims = self.issuer.claims();
        match value {
            Some(value) => claims[name] = value,
            None => drop(claims.as_object_mut().unwrap().remove(name)),
        }
        let claims = claims.to_string();
        vec![self.issuer.sign_text(Signer::Ec, HEADER, &claims)]
    }

    fn at(&self, name: &str, seconds: i64) -> Vec<String> {
        let time = self.now.checked_add_signed(seconds).unwrap();
        self.claiming(name, Some(json!(time)))
    }

    /// With claims as somebody writes them by hand.
    fn written(&self, change: impl Fn(&str) -> String) -> Vec<String> {
        let claims = change(&self.issuer.claims().to_string());
        vec![self.issuer.sign_text(Signer::Ec, HEADER, &claims)]
    }

    fn changed(&self, change: impl Fn(&str) -> String) -> Vec<String> {
        let good = self.headed(HEADER);
        good.iter().map(|token| change(token)).collect()
    }

    fn unsigned(&self) -> Vec<String> {
        let encode = |text: String| Base64UrlSafeNoPadding::encode_to_string(text).unwrap();
        let claims = encode(self.issuer.claims().to_string());
        ["none", "None", "NONE", "nOnE", ""]
            .iter()
            .flat_map(|alg| {
                let header = encode(format!(r#"{{"alg":"{alg}","kid":"ec-1"}}"#));
                let body = format!("{header}.{claims}");
                [format!("{body}."), body.clone(), format!("{body}.AAAA")]
            })
            .collect()
    }

    /// The public key as the secret of a MAC.
    fn confused(&self) -> Vec<String> {
        let key =
            HS256Key::from_bytes(self.issuer.rsa_public_pem().as_bytes()).with_key_id("rsa-1");
        let claims = Claims::with_custom_claims(self.issuer.claims(), Duration::from_secs(600));
        vec![key.authenticate(claims).unwrap()]
    }

    fn tokens(&self, case: &str) -> Vec<String> {
        let issuer = self.issuer.url();
        let deep = |levels: usize| {
            let value = format!("{}{}", "[".repeat(levels), "]".repeat(levels));
            self.written(|claims| claims.replacen('{', &format!("{{\"x\":{value},"), 1))
        };
        let twice =
            |member: &str| self.written(|claims| claims.replacen('{', &format!("{{{member},"), 1));
        let typed =
            |typ: &str| self.headed(&format!(r#"{{"alg":"ES256","kid":"ec-1","typ":"{typ}"}}"#));
        let with =
            |member: &str| self.headed(&format!(r#"{{"alg":"ES256","kid":"ec-1",{member}}}"#));
        match case {
            "good" => self.headed(HEADER),
            "alg none variants, empty sig" => self.unsigned(),
            "HS256 signed with RSA public PEM" => self.confused(),
            "no exp" => self.claiming("exp", None),
            "no iat" => self.claiming("iat", None),
            "no aud" => self.claiming("aud", None),
            "no iss" => self.claiming("iss", None),
            "no sub" => self.claiming("sub", None),
            "expired 14 min ago" => self.at("exp", -840),
            "expired 31 s ago" => self.at("exp", -31),
            "expired 16 min ago" => self.at("exp", -960),
            "nbf in 14 min" => self.at("nbf", 840),
            "exp year 9999" => self.claiming("exp", Some(json!(253_402_300_799_u64))),
            "exp u64 max" => self.claiming("exp", Some(json!(u64::MAX))),
            "exp float" => self.written(|claims| {
                let whole = format!("\"exp\":{}", self.now + 3600);
                assert!(claims.contains(&whole));
                claims.replace(&whole, &format!("{whole}.5"))
            }),
            "exp string" => self.claiming("exp", Some(json!((self.now + 3600).to_string()))),
            "exp negative" => self.claiming("exp", Some(json!(-5))),
            "aud array incl gw" => self.claiming("aud", Some(json!(["x", "gateway"]))),
            "aud prefix gw2" => self.claiming("aud", Some(json!("gateway2"))),
            "aud GW case" => self.claiming("aud", Some(json!("GATEWAY"))),
            "aud object" => self.claiming("aud", Some(json!({"gateway": 1}))),
            "aud comma" => self.claiming("aud", Some(json!("x,gateway"))),
            "iss trailing slash" => self.claiming("iss", Some(json!(format!("{issuer}/")))),
            "duplicate sub claim" => twice(r#""sub":"admin""#),
            "duplicate groups claim" => twice(r#""roles":["admins"]"#),
            "duplicate exp claim" => twice(r#""exp":9999999999"#),
            "dup alg in header" => self.headed(r#"{"alg":"ES256","alg":"ES256","kid":"ec-1"}"#),
            "typ at+jwt" => typed("at+jwt"),
            "typ logout+jwt" => typed("logout+jwt"),
            "typ JOSE" => typed("JOSE"),
            "no typ" => self.headed(HEADER),
            "crit unknown" => with(r#""crit":["x"],"x":1"#),
            "crit empty" => with(r#""crit":[]"#),
            "b64:false no crit" => with(r#""b64":false"#),
            "jku evil, our sig" => with(r#""jku":"https://evil.example/""#),
            "jwk object in header" => with(r#""jwk":{"kty":"EC"}"#),
            "kid ../../dev/null" => self.headed(r#"{"alg":"ES256","kid":"../../dev/null"}"#),
            "no kid" => self.headed(r#"{"alg":"ES256"}"#),
            "sig stripped" => self.changed(|t| format!("{}.", t.rsplit_once('.').unwrap().0)),
            "4 parts" => self.changed(|t| format!("{t}.AAAA")),
            "trailing newline" => self.changed(|t| format!("{t}\n")),
            "leading space" => self.changed(|t| format!(" {t}")),
            "padding =" => self.changed(|t| format!("{t}=")),
            "non-canonical last b64 char" => self.changed(respelled),
            "signed by other key" => {
                let claims = self.issuer.claims().to_string();
                vec![self.issuer.sign_text(Signer::Foreign, HEADER, &claims)]
            }
            "9 KB header" => with(&format!(r#""cty":"{}""#, "x".repeat(9 * 1024))),
            "400 KB payload" => self.claiming("x", Some(json!("x".repeat(400_000)))),
            "100 deep claim" => deep(100),
            "5000 deep claim" => deep(5000),
            other => panic!("no token for `{other}`"),
        }
    }
}

/// With another last character whose spare bits differ.
fn respelled(token: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (head, last) = token.split_at(token.len() - 1);
    let value = ALPHABET.find(last).unwrap();
    format!("{head}{}", &ALPHABET[value ^ 1..=value ^ 1])
}

#[test]
fn every_token_of_the_list_has_its_verdict() {
    let server = Scripted::json(ANSWER);
    let issuer = Issuer::start();
    let gateway = identified(&server.url(), &issued_by(&issuer.url()));
    let forge = Forge {
        issuer: &issuer,
        now: issuer.claims()["exp"].as_u64().unwrap() - 3600,
    };
    let mut judged = 0;
    let mut wrong = Vec::new();
    for line in CASES.lines().filter(|line| !line.starts_with('#')) {
        let (case, verdict) = line.split_once(" | ").unwrap();
        judged += 1;
        for token in forge.tokens(case) {
            let before = server.received().len();
            let credential = format!("Bearer {token}");
            let message = request("POST", "/mcp/s", &[("authorization", &credential)], CALL);
            let answer = gateway.send(message.as_bytes());
            let arrived = server.received().len() - before;
            let passed = answer.status == 200 && arrived == 1;
            let refused = answer.status != 200 && arrived == 0;
            let right = match (case, verdict) {
                // One blank more between scheme and token says nothing (RFC 9110 §11.4).
                ("leading space", _) => passed,
                // No verdict in the list. RFC 7519 §2 allows fractions; depth has an end here.
                ("exp float", "either") => passed,
                ("100 deep claim", "either") => refused,
                // Without a kid: the issuer has but one key of that algorithm.
                (_, "accept" | "policy") => passed,
                // One that names its own keys is none.
                (_, "reject" | "ignore") => refused,
                (_, other) => panic!("{other}"),
            };
            if !right {
                wrong.push(format!(
                    "{case} ({verdict}): {}, {arrived} arrived",
                    answer.status
                ));
            }
        }
    }
    assert_eq!(judged, 53, "every case of the list");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
