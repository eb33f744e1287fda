use super::*;
use mcp_zero_wire::json::Limits;
use proptest::prelude::*;

fn scan(text: &str) -> Doc<'_> {
    Doc::scan(text.as_bytes(), &Limits::default()).unwrap()
}

#[test]
fn a_smuggled_request_stays_inside_one_line() {
    let corpus = include_str!("../../tests/stdio_newline_smuggle.txt");
    let mut seen = 0;
    for case in corpus.lines() {
        let quoted = case.split('\'').nth(1).unwrap();
        let text = quoted.replace("\\n", "\n").replace("\\r", "\r");
        assert!(text.contains(['\r', '\n']), "{case}");
        let doc = scan(&text);
        let line = line(&doc, &[(id_span(doc.root()).unwrap(), "5")]).unwrap();
        assert_eq!(
            line.iter().filter(|b| matches!(b, b'\r' | b'\n')).count(),
            1
        );
        assert!(line.ends_with(b"\n"));
        let sent: serde_json::Value = serde_json::from_slice(&line).unwrap();
        let mut meant: serde_json::Value = serde_json::from_str(&text).unwrap();
        meant["id"] = 5.into();
        assert_eq!(sent, meant);
        seen += 1;
    }
    assert_eq!(seen, 3);
}

#[test]
fn what_readers_may_take_for_a_line_end_is_escaped() {
    let text = "{\"id\":1,\"a\u{85}b\":\"\u{2028}\u{2029}\u{e9}\u{20ac}\"}";
    let line = line(&scan(text), &[]).unwrap();
    let expected = "{\"id\":1,\"a\\u0085b\":\"\\u2028\\u2029\u{e9}\u{20ac}\"}\n";
    assert_eq!(line, expected.as_bytes());
}

#[test]
fn a_subscription_keeps_the_type_that_the_child_gave_it() {
    let child = scan(r#"[7,"7"]"#);
    let spelled = |id: &str| -> Vec<String> {
        let tags = child.root().items();
        tags.map(|tag| subscription_spelling(tag, id)).collect()
    };
    assert_eq!(spelled("5"), ["5", "\"5\""]);
    assert_eq!(spelled("\"a\""), ["\"a\"", "\"a\""]);
}

fn raw_id() -> impl Strategy<Value = String> {
    prop_oneof![
        (-(1i64 << 53) + 1..(1i64 << 53)).prop_map(|n| n.to_string()),
        "[a-z\u{e9}\u{1f600} ]{0,20}".prop_map(|t| serde_json::to_string(&t).unwrap()),
        Just(r#""\u0031\/\ud83d\ude00""#.to_owned()),
        Just("-0".to_owned()),
    ]
}

proptest! {
    /// There and back again, an echo is byte for byte what was sent.
    #[test]
    fn ids_and_tokens_come_back_as_they_were_spelled(
        id in raw_id(),
        token in raw_id(),
        blank in "[ \t]{0,3}",
        text in "[ -~\u{e9}]{0,30}",
        number in 1u64..,
    ) {
        let text = serde_json::to_string(&text).unwrap();
        let sent = format!(
            "{{\"jsonrpc\":{blank}\"2.0\",\"id\":{blank}{id}{blank},\"method\":\"m\",\"params\":{{\"x\":{text},\"_meta\":{{\"progressToken\":{token}{blank}}}}}}}"
        );
        let doc = scan(&sent);
        let mine = number.to_string();
        let params = doc.root().get("params");
        let spans = [
            (id_span(doc.root()).unwrap(), mine.as_str()),
            (progress_token(params).unwrap().span(), mine.as_str()),
        ];
        let line = line(&doc, &spans).unwrap();
        let at_child = std::str::from_utf8(&line).unwrap();
        let at_child = scan(at_child);
        prop_assert_eq!(at_child.root().get("id").and_then(given_number), Some(number));
        let params = at_child.root().get("params");
        let there = progress_token(params).unwrap();
        prop_assert_eq!(given_number(there), Some(number));
        let spans = [
            (id_span(at_child.root()).unwrap(), id.as_str()),
            (there.span(), token.as_str()),
        ];
        let back = restored(&at_child, &spans).unwrap();
        prop_assert_eq!(back.strip_suffix(b"\n").unwrap(), sent.as_bytes());
    }
}
