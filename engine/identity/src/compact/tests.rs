use super::*;
use crate::testing::encode;
use proptest::prelude::*;

fn read(header: &str) -> Result<Header, TokenError> {
    Header::read(header.as_bytes())
}

#[test]
fn headers() {
    let header = read(r#"{"typ":"at+jwt","x5t":"t","alg":"RS256","kid":"a\u002fb"}"#).unwrap();
    assert_eq!(header.alg, "RS256");
    assert_eq!(header.kid.as_deref(), Some("a/b"));
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    assert_eq!(read("{}"), Err(TokenError::Algorithm));
    assert_eq!(read(r#"{"Alg":"RS256"}"#), Err(TokenError::Header));
}

#[test]
fn refused_parameters() {
    for member in [
        r#""crit":[]"#,
        r#""crit":["exp"]"#,
        r#""crit":null"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""zip":"DEF""#,
        r#""enc":"A256GCM""#,
        r#""jku":"https://evil.example/jwks""#,
        r#""jwk":{}"#,
        r#""x5u":"https://evil.example/""#,
        r#""x5c":[]"#,
        r#""salt":"AA""#,
        r#""apu":"""#,
        r#""KID":"k1""#,
        r#""kid":7"#,
        r#""kid":null"#,
        r#""typ":["JWT"]"#,
        r#""x5t":{}"#,
    ] {
        assert_eq!(
            read(&format!(r#"{{"alg":"RS256",{member}}}"#)),
            Err(TokenError::Header),
            "{member}"
        );
    }
    assert_eq!(read(r#"{"alg":7}"#), Err(TokenError::Header));
}

#[test]
fn not_a_header() {
    for header in [
        "",
        "[]",
        "null",
        "\"\"",
        "{",
        "{}{}",
        "{\"alg\":\"RS256\",}",
        "\u{feff}{\"alg\":\"RS256\"}",
        r#"{"alg":"none","alg":"RS256"}"#,
        r#"{"alg":"none","\u0061lg":"RS256"}"#,
    ] {
        assert_eq!(read(header), Err(TokenError::Malformed), "{header}");
    }
}

#[test]
fn parts() {
    let (header, payload) = (encode(r#"{"alg":"RS256"}"#), encode("{}"));
    let good = format!("{header}.{payload}.AAAA");
    let compact = Compact::read(&good).unwrap();
    assert_eq!(compact.payload, b"{}");
    for token in [
        String::new(),
        "..".into(),
        format!("{header}.{payload}"),
        format!("{good}.AAAA"),
        format!("{good}."),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}="),
        format!("{good}A"),
        format!("{header}.{payload}.AB"),
        format!("{header}.{payload}.A+"),
        format!("{header}=.{payload}.AAAA"),
        format!("{header}.{payload} .AAAA"),
        good.replace("AAAA", "\u{212a}AAA"),
        good.replace("AAAA", "AA\0A"),
    ] {
        assert_eq!(
            Compact::read(&token).err(),
            Some(TokenError::Malformed),
            "{token:?}"
        );
    }
    let long = format!("{good}{}", "AAAA".repeat(2048));
    assert_eq!(Compact::read(&long).err(), Some(TokenError::TooLong));
}

proptest! {
    /// One value has one spelling.
    #[test]
    fn canonical(part in "[A-Za-z0-9_=+/-]{0,12}") {
        if let Ok(bytes) = decode(&part) {
            prop_assert_eq!(encode(bytes), part);
        }
    }

    #[test]
    fn never_panics(token in "\\PC{0,64}") {
        let _ = Compact::read(&token);
    }
}
