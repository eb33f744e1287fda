use crate::testing::{self, HEADER, NOW, Signer, claims};
use crate::{Caller, Issuer, TokenCache, TokenError};
use proptest::prelude::*;
use std::rc::Rc;

fn of(changes: &[(&str, &str)]) -> Result<Rc<Caller>, TokenError> {
    testing::verify(&Signer::new(1).token(HEADER, claims(changes)))
}

fn mapped(issuer: Issuer, changes: &[(&str, &str)]) -> Result<Rc<Caller>, TokenError> {
    let signer = Signer::new(1);
    let token = signer.token(HEADER, claims(changes));
    let verifier = testing::verifier(issuer, vec![signer.key(Some("k1"))]);
    verifier.verify(&token, NOW, &mut TokenCache::new(0))
}

fn groups(value: &str) -> Result<Vec<String>, TokenError> {
    let caller = of(&[("groups", value)])?;
    Ok(caller.groups.iter().map(ToString::to_string).collect())
}

#[test]
fn caller() {
    let caller = of(&[("email", "\"a@b\"")]).unwrap();
    assert_eq!(*caller.issuer_name, *"corp");
    assert_eq!(*caller.issuer, *testing::ISSUER);
    assert_eq!(*caller.subject, *"u1");
    assert_eq!(*caller.user_id, *"u1");
    assert_eq!(caller.email.as_deref(), Some("a@b"));
    assert_eq!(caller.groups, [Box::from("dev")]);
    assert_eq!(caller.expires_at, NOW + 300);
}

#[test]
fn expiry() {
    let exp = |seconds: i64| {
        let exp = NOW.checked_add_signed(seconds).unwrap().to_string();
        of(&[("exp", &exp), ("iat", "-")]).map(drop)
    };
    assert_eq!(exp(-29), Ok(()));
    assert_eq!(exp(-30), Err(TokenError::Expired));
    assert_eq!(exp(-31), Err(TokenError::Expired));
    assert_eq!(exp(86_400), Ok(()));
    assert_eq!(exp(86_430), Ok(()));
    assert_eq!(exp(86_431), Err(TokenError::Lifetime));
    assert_eq!(of(&[("exp", "-")]).err(), Some(TokenError::NoExpiry));
    for (value, error) in [
        ("253402300799", TokenError::Lifetime),
        ("18446744073709551615", TokenError::Lifetime),
        ("18446744073709551616", TokenError::Lifetime),
        ("99999999999999999999999999", TokenError::Lifetime),
        ("4294967296", TokenError::Lifetime),
        ("0", TokenError::Expired),
        ("null", TokenError::Claims),
        ("\"1795400165\"", TokenError::Claims),
        ("-1", TokenError::Claims),
        ("-0", TokenError::Expired),
        ("1.7954001e9", TokenError::Claims),
        ("[1795400165]", TokenError::Claims),
        ("true", TokenError::Claims),
    ] {
        assert_eq!(of(&[("exp", value)]).err(), Some(error), "{value}");
    }
    let exp = format!("{}.75", NOW + 300);
    assert_eq!(of(&[("exp", &exp)]).unwrap().expires_at, NOW + 300);
}

#[test]
fn too_long_after_issue() {
    let (iat, exp) = ((NOW - 86_000).to_string(), (NOW + 401).to_string());
    let changes = [("iat", iat.as_str()), ("exp", &exp)];
    assert_eq!(of(&changes).err(), Some(TokenError::Lifetime));
    let exp = (NOW + 400).to_string();
    assert!(of(&[("iat", &iat), ("exp", &exp)]).is_ok());
}

#[test]
fn not_yet() {
    for claim in ["nbf", "iat"] {
        let at = |text: String| of(&[(claim, text.as_str())]).map(drop);
        assert_eq!(at((NOW + 30).to_string()), Ok(()));
        assert_eq!(at(format!("{}.0", NOW + 30)), Ok(()));
        assert_eq!(at(format!("{}.1", NOW + 30)), Err(TokenError::NotYetValid));
        assert_eq!(at((NOW + 31).to_string()), Err(TokenError::NotYetValid));
        assert_eq!(at((NOW + 840).to_string()), Err(TokenError::NotYetValid));
        assert_eq!(at(u64::MAX.to_string()), Err(TokenError::NotYetValid));
        assert_eq!(
            at((NOW + (1 << 32)).to_string()),
            Err(TokenError::NotYetValid)
        );
        assert_eq!(at("null".into()), Err(TokenError::Claims));
        assert_eq!(at("\"0\"".into()), Err(TokenError::Claims));
        assert_eq!(at("-5".into()), Err(TokenError::Claims));
    }
    assert!(of(&[("iat", "-")]).is_ok());
}

#[test]
fn audiences() {
    for aud in [r#""gw""#, r#"["gw"]"#, r#"["x","gw","y"]"#, r#""g\u0077""#] {
        assert!(of(&[("aud", aud)]).is_ok(), "{aud}");
    }
    for aud in [
        "-",
        r#""gw2""#,
        r#""g""#,
        r#""GW""#,
        r#""gw ""#,
        r#""a,gw""#,
        "\"\"",
        "[]",
        r#"["GW"]"#,
    ] {
        assert_eq!(
            of(&[("aud", aud)]).err(),
            Some(TokenError::Audience),
            "{aud}"
        );
    }
    for aud in [
        "null",
        "7",
        "{}",
        r#"{"gw":"gw"}"#,
        r#"["gw",7]"#,
        r#"[["gw"]]"#,
    ] {
        assert_eq!(of(&[("aud", aud)]).err(), Some(TokenError::Claims), "{aud}");
    }
    let mut issuer = testing::issuer();
    issuer.audiences = vec!["other".into(), "gw".into()];
    assert!(mapped(issuer.clone(), &[]).is_ok());
    issuer.audiences.clear();
    assert_eq!(mapped(issuer, &[]).err(), Some(TokenError::Audience));
}

#[test]
fn issuers() {
    for iss in [
        "-",
        "7",
        "null",
        "[]",
        "\"\"",
        r#""https://id.example/oauth2/default/""#,
        r#""HTTPS://id.example/oauth2/default""#,
    ] {
        assert_eq!(of(&[("iss", iss)]).err(), Some(TokenError::Issuer), "{iss}");
    }
}

#[test]
fn subjects() {
    assert_eq!(of(&[("sub", "-")]).err(), Some(TokenError::Subject));
    assert_eq!(of(&[("sub", "\"\"")]).err(), Some(TokenError::Subject));
    for sub in ["7", "null", "[\"u1\"]", "{}", "true"] {
        let error = of(&[("sub", sub)]).unwrap_err();
        assert!(
            matches!(error, TokenError::Claims | TokenError::Subject),
            "{sub}"
        );
    }
}

#[test]
fn user_ids() {
    let user = |path: &[&str], changes: &[(&str, &str)]| {
        let mut issuer = testing::issuer();
        issuer.user_id = path.iter().map(ToString::to_string).collect();
        mapped(issuer, changes).map(|caller| caller.user_id.to_string())
    };
    let nested = [("a", r#"{"b":{"c.d":"alice"}}"#)];
    assert_eq!(user(&["a", "b", "c.d"], &nested).as_deref(), Ok("alice"));
    for path in [
        &[][..],
        &["a"],
        &["a", "b"],
        &["x"],
        &["a", "x"],
        &["a", "b", "c.d", "e"],
    ] {
        assert_eq!(user(path, &nested), Err(TokenError::UserId), "{path:?}");
    }
    for value in [
        "\"\"",
        "\" \"",
        "\"\\t\\u00a0\"",
        "null",
        "7",
        "true",
        "[\"alice\"]",
        "{}",
    ] {
        assert_eq!(
            user(&["uid"], &[("uid", value)]),
            Err(TokenError::UserId),
            "{value}"
        );
    }
    assert_eq!(
        user(&["uid"], &[("uid", "\" alice\"")]).as_deref(),
        Ok(" alice")
    );
}

#[test]
fn emails() {
    for email in ["-", "null", "7", "[]"] {
        assert_eq!(of(&[("email", email)]).unwrap().email, None);
    }
}

#[test]
fn group_shapes() {
    let list = |names: &[&str]| Ok(names.iter().map(ToString::to_string).collect());
    assert_eq!(groups("-"), list(&[]));
    assert_eq!(groups("[]"), list(&[]));
    assert_eq!(groups("\"dev ops,admins\""), list(&["dev ops,admins"]));
    assert_eq!(groups(r#"["b","a","b"]"#), list(&["b", "a", "b"]));
    for value in [
        "null",
        "7",
        "true",
        "{}",
        r#"["a",7]"#,
        r#"["a",null]"#,
        r#"[["a"]]"#,
    ] {
        assert_eq!(groups(value), Err(TokenError::Groups), "{value}");
    }
}

#[test]
fn group_paths() {
    let mut issuer = testing::issuer();
    issuer.groups = vec!["realm_access".into(), "roles".into()];
    let of = |changes: &[(&str, &str)]| mapped(issuer.clone(), changes).map(|c| c.groups.len());
    assert_eq!(of(&[("realm_access", r#"{"roles":["a","b"]}"#)]), Ok(2));
    assert_eq!(of(&[("realm_access", "{}")]), Ok(0));
    assert_eq!(of(&[]), Ok(0));
    for value in ["null", "[]", "\"roles\"", r#"{"roles":{}}"#] {
        assert_eq!(
            of(&[("realm_access", value)]),
            Err(TokenError::Groups),
            "{value}"
        );
    }
    let names = [("_claim_names", r#"{"realm_access":"src1"}"#)];
    assert_eq!(of(&names), Err(TokenError::GroupsElsewhere));
    let mut issuer = testing::issuer();
    issuer.groups.clear();
    assert_eq!(mapped(issuer, &[]).err(), Some(TokenError::Groups));
}

#[test]
fn groups_elsewhere() {
    for (claim, value) in [
        ("_claim_names", r#"{"groups":"src1"}"#),
        ("_claim_names", r#"{"groups":null}"#),
        ("_claim_names", r#"["groups"]"#),
        ("_claim_names", "null"),
        ("hasgroups", "true"),
        ("hasgroups", "\"true\""),
        ("hasgroups", "null"),
    ] {
        for groups in ["-", "[]", r#"["dev"]"#] {
            assert_eq!(
                of(&[("groups", groups), (claim, value)]).err(),
                Some(TokenError::GroupsElsewhere),
                "{claim} {value}"
            );
        }
    }
    assert!(of(&[("_claim_names", r#"{"address":"src1"}"#)]).is_ok());
    assert!(of(&[("hasgroups", "false")]).is_ok());
}

proptest! {
    /// Whatever a signed token claims, it is read without a panic, and what is accepted
    /// has a subject, a user id, and a time that has not passed.
    #[test]
    fn any_claims(
        changes in prop::collection::vec((0usize..10, 0usize..22), 0..4),
        now in prop_oneof![Just(NOW), any::<u64>(), NOW - 100_000..NOW + 100_000],
    ) {
        const NAMES: [&str; 10] = [
            "iss", "aud", "sub", "iat", "exp", "nbf", "groups", "jti", "nonce", "_claim_names",
        ];
        const VALUES: [&str; 22] = [
            "-", "null", "true", "0", "-1", "1.5", "1e300", "-0.0", "18446744073709551616",
            "4294967295", "4294967296", "9223372036854775808", "\"\"", "\" \"", "\"gw\"",
            "\"\\u0000\"", "[]", "[\"gw\"]", "[null]", "{}", "{\"groups\":1}", "1795400000",
        ];
        let changes: Vec<_> = changes.iter().map(|&(n, v)| (NAMES[n], VALUES[v])).collect();
        let signer = Signer::new(1);
        let token = signer.token(HEADER, claims(&changes));
        let verifier = testing::verifier(testing::issuer(), vec![signer.key(Some("k1"))]);
        if let Ok(caller) = verifier.verify(&token, now, &mut TokenCache::new(1)) {
            prop_assert!(!caller.subject.is_empty() && !caller.user_id.trim().is_empty());
            prop_assert!(now < caller.expires_at + 30);
        }
    }
}

#[test]
fn required_scopes() {
    let with = |required: &[&str], changes: &[(&str, &str)]| {
        let issuer = Issuer {
            required_scopes: required.iter().map(|s| (*s).to_owned()).collect(),
            ..testing::issuer()
        };
        mapped(issuer, changes).map(|caller| caller.in_scope)
    };
    let ab = &["a", "b:c"][..];
    for (changes, wanted) in [
        (&[("scope", "\"a b:c d\"")][..], true),
        (&[("scp", "[\"b:c\",\"a\"]")], true),
        (&[("scp", "\"a b:c\"")], true),
        (&[("scope", "\"a\""), ("scp", "[\"b:c\"]")], true),
        (&[("scope", "\"a\"")], false),
        (&[("scope", "\"A b:c\"")], false),
        (&[("scope", "\"ab:c\"")], false),
        (&[("scp", "[]")], false),
        (&[], false),
    ] {
        assert_eq!(with(ab, changes), Ok(wanted), "{changes:?}");
        assert_eq!(with(&[], changes), Ok(true));
    }
    for claim in ["5", "null", "{\"a\":1}", "[\"a\",5]", "true"] {
        for name in ["scope", "scp"] {
            assert_eq!(
                with(ab, &[(name, claim)]),
                Err(TokenError::Claims),
                "{claim}"
            );
            assert_eq!(with(&[], &[(name, claim)]), Ok(true));
        }
    }
}

/// Ten gateways, each with an audience of its own: a token is good for exactly one of them.
#[test]
fn no_token_is_good_for_another_audience() {
    let name = |n: usize| match n {
        // Neither a part, nor another case, nor a slash more is the same.
        8 => "https://Gateway-1.example".to_owned(),
        9 => "https://gateway-1.example/".to_owned(),
        n => format!("https://gateway-{n}.example"),
    };
    for gateway in 0..10 {
        let issuer = Issuer {
            audiences: vec![name(gateway)],
            ..testing::issuer()
        };
        for made_for in 0..10 {
            let audience = name(made_for);
            for aud in [format!("\"{audience}\""), format!("[\"x\",\"{audience}\"]")] {
                let found = mapped(issuer.clone(), &[("aud", &aud)]).map(drop);
                let wanted = match gateway == made_for {
                    true => Ok(()),
                    false => Err(TokenError::Audience),
                };
                assert_eq!(found, wanted, "{gateway} {aud}");
            }
        }
    }
}
