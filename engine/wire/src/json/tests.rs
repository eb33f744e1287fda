use super::*;
use proptest::prelude::*;

fn scan(text: &[u8]) -> Result<Doc<'_>, ScanError> {
    Doc::scan(text, &Limits::default())
}

fn reason(text: &[u8]) -> Reason {
    scan(text).expect_err("a refusal").reason
}

#[test]
fn refuses_what_parsers_read_differently() {
    for (text, wanted) in [
        (&br#"{"a":1,"a":2}"#[..], Reason::Duplicate),
        (br#"{"x":{"a":1,"\u0061":2}}"#, Reason::Duplicate),
        (b"\xef\xbb\xbf{}", Reason::ByteOrderMark),
        (b"{} x", Reason::Trailing),
        (b"{}\0", Reason::Trailing),
        (b"{}{}", Reason::Trailing),
        (br#""\ud800""#, Reason::Escape),
        (br#""\ud800\u0041""#, Reason::Escape),
        (br#""\udc00""#, Reason::Escape),
        (br#""\x""#, Reason::Escape),
        (br#""\u00g0""#, Reason::Escape),
        (br#""\u+041""#, Reason::Escape),
        (b"\"\xff\"", Reason::Utf8),
        (b"\"a\nb\"", Reason::Control),
        (b"NaN", Reason::Unexpected),
        (b"[1,]", Reason::Unexpected),
        (b"{'a':1}", Reason::Unexpected),
        (b"[01]", Reason::Unexpected),
        (b"-", Reason::End),
        (b"", Reason::End),
        (b"[", Reason::End),
        (b"/**/{}", Reason::Unexpected),
    ] {
        assert_eq!(reason(text), wanted, "{}", String::from_utf8_lossy(text));
    }
}

#[test]
fn many_names_are_compared_too() {
    let mut members: Vec<String> = (0..50).map(|i| format!("\"k{i}\":{i}")).collect();
    assert!(scan(format!("{{{}}}", members.join(",")).as_bytes()).is_ok());
    members.push("\"k\\u0037\":0".to_owned());
    assert_eq!(
        reason(format!("{{{}}}", members.join(",")).as_bytes()),
        Reason::Duplicate
    );
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(scan(nested(64).as_bytes()).is_ok());
    assert_eq!(reason(nested(65).as_bytes()), Reason::Depth);
    assert_eq!(reason("[".repeat(100_000).as_bytes()), Reason::Depth);
    let few = Limits {
        max_nodes: 3,
        ..Limits::default()
    };
    assert_eq!(
        Doc::scan(b"[1,2,3]", &few).unwrap_err().reason,
        Reason::Size
    );
}

#[test]
fn cursors_see_the_document() {
    let doc = scan(br#" {"a":[1,{"b":"x\u0041"},null], "c\n":true} "#).unwrap();
    let root = doc.root();
    assert_eq!(root.len(), 2);
    let a = root.get("a").unwrap();
    let kinds: Vec<Kind> = a.items().map(Value::kind).collect();
    assert_eq!(kinds, [Kind::Number, Kind::Object, Kind::Null]);
    assert_eq!(a.items().nth(1).unwrap().get_text("b").unwrap(), "xA");
    assert_eq!(root.get("c\n").unwrap().as_bool(), Some(true));
    assert_eq!(a.raw(), br#"[1,{"b":"x\u0041"},null]"#);
    assert!(root.get("b").is_none());
}

#[test]
fn decoded_ranges_lead_back_to_written_ones() {
    let text = br#"["\u0041b\n\ud83d\ude00c"]"#;
    let doc = scan(text).unwrap();
    let decoded = doc.root().items().next().unwrap().decoded().unwrap();
    assert_eq!(decoded.text(), "Ab\n\u{1f600}c");
    let written = |range| std::str::from_utf8(&text[decoded.written(range)]).unwrap();
    assert_eq!(written(0..1), r"\u0041");
    assert_eq!(written(1..3), r"b\n");
    assert_eq!(written(3..7), r"\ud83d\ude00");
    assert_eq!(written(4..6), r"\ud83d\ude00");
    assert_eq!(written(7..8), "c");
    assert_eq!(written(0..8), r"\u0041b\n\ud83d\ude00c");
}

#[test]
fn items_leave_with_their_commas() {
    for keep in 0..16_u32 {
        let text = b"[ 1 , 22,3 ,  4 ]";
        let doc = scan(text).unwrap();
        let mut edits = Edits::default();
        let removed = edits.remove_items(doc.root(), |i, _| keep & (1 << i) != 0);
        let out = edits.apply(text).unwrap();
        let left = scan(&out).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&out)));
        let wanted: Vec<&str> = ["1", "22", "3", "4"]
            .into_iter()
            .enumerate()
            .filter(|(i, _)| keep & (1 << i) != 0)
            .map(|(_, v)| v)
            .collect();
        assert_eq!(
            left.root().items().map(Value::raw_str).collect::<Vec<_>>(),
            wanted
        );
        assert_eq!(removed, 4 - wanted.len());
    }
}

#[test]
fn members_are_removed() {
    let change = |text: &str, change: &dyn Fn(&mut Edits, Value<'_>)| {
        let doc = scan(text.as_bytes()).unwrap();
        let mut edits = Edits::default();
        change(&mut edits, doc.root());
        String::from_utf8(edits.apply(text.as_bytes()).unwrap()).unwrap()
    };
    let remove = |text| change(text, &|e, v| e.remove_member(v, "b"));
    assert_eq!(remove(r#"{"b":1}"#), "{}");
    assert_eq!(remove(r#"{"b":1,"a":2}"#), r#"{"a":2}"#);
    assert_eq!(remove(r#"{"a":1,"b":2,"c":3}"#), r#"{"a":1,"c":3}"#);
}

#[test]
fn edits_that_overlap_or_reach_beyond_are_refused() {
    let mut edits = Edits::default();
    edits.replace(0..3, "x");
    edits.replace(2..4, "y");
    assert_eq!(edits.apply(b"abcdef"), Err(EditError::Overlap(2)));
    let mut edits = Edits::default();
    edits.replace(5..9, "x");
    assert_eq!(edits.apply(b"abcdef"), Err(EditError::Beyond(9)));
}

#[test]
fn line_breaks_between_tokens_become_spaces() {
    let text = b"{\r\n\"a\":\n\"x\\n\"\r}";
    let doc = scan(text).unwrap();
    let mut edits = Edits::default();
    edits.blank_line_breaks(&doc);
    let out = edits.apply(text).unwrap();
    assert_eq!(out, b"{  \"a\": \"x\\n\" }");
}

#[test]
fn the_public_parsing_suite_is_judged_as_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/jsontestsuite/test_parsing");
    #[allow(clippy::disallowed_methods, reason = "a test reads its data")]
    let read = |path: &std::path::Path| std::fs::read(path).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = read(&path);
        match name.as_bytes()[0] {
            b'y' if name.contains("duplicated") => assert_eq!(reason(&text), Reason::Duplicate),
            b'y' => {
                assert!(scan(&text).is_ok(), "{name}: {:?}", scan(&text).err());
                accepted += 1;
            }
            b'n' => {
                assert!(scan(&text).is_err(), "{name}");
                refused += 1;
            }
            // Implementation-defined: only big and small numbers are a matter of taste here.
            b'i' => assert_eq!(scan(&text).is_ok(), name.contains("number"), "{name}"),
            _ => {}
        }
    }
    assert_eq!((accepted, refused), (76, 143), "the whole suite was read");
}

/// What parsers make something else of: it is refused, or stays as it is written.
#[test]
fn the_public_transformation_suite_is_judged_as_listed() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/jsontestsuite/test_transform");
    let verdicts = [
        ("number_-9223372036854775808.json", None),
        ("number_1.000000000000000005.json", None),
        ("number_1000000000000000.json", None),
        ("number_10000000000000000999.json", None),
        ("number_1e-999.json", None),
        ("number_1e6.json", None),
        ("number_9223372036854775807.json", None),
        // Two names as bytes; whoever normalises them reads one of two, so no name that decides
        // is other than ASCII.
        ("object_key_nfc_nfd.json", None),
        (
            "object_same_key_unclear_values.json",
            Some(Reason::Duplicate),
        ),
        (
            "string_1_escaped_invalid_codepoint.json",
            Some(Reason::Escape),
        ),
        ("string_1_invalid_codepoint.json", Some(Reason::Utf8)),
        ("string_2_invalid_codepoints.json", Some(Reason::Utf8)),
        (
            "string_3_escaped_invalid_codepoints.json",
            Some(Reason::Escape),
        ),
        ("string_with_escaped_NULL.json", None),
    ];
    for (name, refused) in verdicts {
        #[allow(clippy::disallowed_methods, reason = "a test reads its data")]
        let text = std::fs::read(folder.join(name)).unwrap();
        assert_eq!(scan(&text).err().map(|e| e.reason), refused, "{name}");
        if let Ok(doc) = scan(&text) {
            let same = Edits::default().apply(doc.src()).unwrap();
            assert_eq!(same, text, "{name}");
        }
    }
    let files = std::fs::read_dir(folder).unwrap().count();
    assert_eq!(files, verdicts.len(), "none is left out");
}

proptest! {
    #[test]
    fn agrees_with_serde_json(text in "[\\[\\]{},:\"\\\\ \\n0-9eE.+\\-truefalsnu\u{e9}]{0,24}") {
        let ours = scan(text.as_bytes());
        let theirs = serde_json::from_str::<serde_json::Value>(&text);
        match ours {
            Ok(_) => prop_assert!(theirs.is_ok() || theirs.is_err_and(|e| e.to_string().contains("out of range"))),
            Err(e) => prop_assert!(theirs.is_err() || e.reason == Reason::Duplicate, "{text:?} {e}"),
        }
    }

    #[test]
    fn any_string_survives_quoting_and_reading(text in "\\PC*|[\\x00-\\x7f]{0,40}") {
        let quoted = quote(&text);
        prop_assert!(!quoted.contains(['\n', '\u{2028}']), "one line");
        let doc = scan(quoted.as_bytes()).unwrap();
        prop_assert_eq!(doc.root().text().unwrap(), text.as_str());
        let decoded = doc.root().decoded().unwrap();
        prop_assert_eq!(decoded.text(), text.as_str());
        prop_assert_eq!(decoded.written(0..text.len()), 1..quoted.len() - 1);
    }

    #[test]
    fn no_edits_is_the_identity(text in "\\PC{0,60}") {
        prop_assert_eq!(Edits::default().apply(text.as_bytes()).unwrap(), text.as_bytes());
    }

    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        let _ = scan(&bytes);
    }
}

#[test]
fn line_breaks_and_nodes_are_bounded() {
    assert_eq!(size_of::<doc::Node>(), 20);
    assert!(Limits::default().max_nodes <= 1_000_000);
    let most = Limits::MAX_LINE_BREAKS;
    let text = |breaks: usize| format!("[{}1]", "\n".repeat(breaks));
    assert_eq!(
        scan(text(most).as_bytes()).unwrap().line_breaks().len(),
        most
    );
    let error = scan(text(most + 1).as_bytes()).unwrap_err();
    assert_eq!((error.reason, error.offset), (Reason::LineBreaks, most + 1));
    let spread = "[1,\r\n1,".to_owned() + &"1\r\n,\r\n".repeat(most / 4) + "1]";
    assert_eq!(
        scan(spread.as_bytes()).unwrap_err().reason,
        Reason::LineBreaks
    );
    let many = format!("[{}1]", "1,".repeat(Limits::default().max_nodes));
    assert_eq!(scan(many.as_bytes()).unwrap_err().reason, Reason::Size);
}
