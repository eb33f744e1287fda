use super::*;
use proptest::prelude::*;

fn read(text: &str, format: Format) -> (Option<Node>, Vec<String>) {
    let source = Source {
        name: "p",
        text,
        format,
    };
    let mut notes = Notes::new(source);
    let root = document(source, &mut notes);
    let lines = match notes.finish() {
        Ok(_) => Vec::new(),
        Err(found) => found.lines().collect(),
    };
    (root, lines)
}

/// The tree without its places.
fn shape(node: &Node) -> String {
    match &node.value {
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(shape).collect();
            format!("[{}]", items.join(","))
        }
        Value::Map(entries) => {
            let entry = |e: &crate::node::Entry| format!("{:?}:{}", e.key, shape(&e.node));
            let entries: Vec<String> = entries.iter().map(entry).collect();
            format!("{{{}}}", entries.join(","))
        }
        Value::Text(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}

fn yaml(text: &str) -> String {
    let (root, lines) = read(text, Format::Yaml);
    match root {
        Some(root) if lines.is_empty() => shape(&root),
        _ => lines.join("\n"),
    }
}

fn json(text: &str) -> String {
    let (root, lines) = read(text, Format::Json);
    match root {
        Some(root) if lines.is_empty() => shape(&root),
        _ => lines.join("\n"),
    }
}

#[test]
fn yaml_documents() {
    assert_eq!(
        yaml("a: [x, \"1\", 1, on]\nb:\n  c: |\n    t\n  d: ~\n"),
        r#"{"a":["x","1",Integer(1),"on"],"b":{"c":"t\n","d":Null}}"#
    );
    assert_eq!(yaml("---\na: 1\n...\n"), r#"{"a":Integer(1)}"#);
    assert_eq!(
        yaml("\u{feff}a: 1\r\nb: 2\r\n"),
        r#"{"a":Integer(1),"b":Integer(2)}"#
    );
    assert_eq!(yaml(r#"a: "\uD83D\uDE00""#), r#"{"a":"😀"}"#);
}

#[test]
fn what_yaml_has_beyond_its_face_is_refused() {
    let cases = [
        "",
        "# only a comment\n",
        "---\n",
        "a: 1\n---\nb: 2\n",
        "a: &x 1\n",
        "a: *x\n",
        "tools: [*]\n",
        "tools: [*x]\n",
        "tools:\n  - *read\n",
        "a: &x {b: 1}\nc:\n  <<: *x\n",
        "a: !!str 1\n",
        "a: !x [1]\n",
        "%YAML 1.2\n---\na: 1\n",
        "? [a]\n: 1\n",
        "? {a: 1}\n: 1\n",
        "*x : 1\n",
        "a: 1\na: 2\n\"a\": 3\n",
        "a:\n\t- b\n",
        "a: [1\n",
        "a: \"\\x\"\n",
        "a: b: c\n",
        "a: \u{1}\n",
        "x: OKTA_CLIENT_SECRET\n",
        "${MCP_GATEWAY_KEY}: 1\n",
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|case| format!("{case:?}\n{}", yaml(case)))
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn json_documents() {
    assert_eq!(
        json(" {\"a\": [1, -0.5e+1, true, null, \"\\u00e9\\ud83d\\ude00\\/\"], \"b\": {}}\n"),
        r#"{"a":[Integer(1),Decimal(-5.0),Bool(true),Null,"é😀/"],"b":{}}"#
    );
}

#[test]
fn what_is_not_json_is_refused() {
    let cases = [
        "",
        " \n",
        "{",
        "[1,]",
        "{\"a\":1,}",
        "{a: 1}",
        "{'a': 1}",
        "[01]",
        "[+1]",
        "[1.]",
        "[.5]",
        "[1e]",
        "[0x10]",
        "[NaN]",
        "[True]",
        "[\"\\x\"]",
        "[\"\\ud800\"]",
        "[\"\\ud800\\u0041\"]",
        "[\"a\tb\"]",
        "[\"a",
        "{} {}",
        "\u{feff}{}",
        "// c\n{}",
        "{\"a\":1,\"a\":2}",
        "{\"a\":1,\"\\u0061\":2}",
        "[\u{a0}1]",
        "[\"\\u+123\"]",
    ];
    let shown: Vec<String> = cases
        .iter()
        .map(|case| format!("{case:?}\n{}", json(case)))
        .collect();
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn depth_and_size_are_limited() {
    for format in [Format::Yaml, Format::Json] {
        let deep = "[".repeat(50_000);
        assert!(read(&deep, format).0.is_none());
        let closed = format!("{}{}", "[".repeat(60), "]".repeat(60));
        assert!(read(&closed, format).1.is_empty(), "{format:?}");
        let wide = format!("[{}1]", "1,".repeat(limits::NODES));
        assert!(read(&wide, format).1[0].contains("MZ0004"));
        let large = " ".repeat(limits::BYTES + 1);
        assert!(read(&large, format).1[0].contains("MZ0004"));
    }
    let nested: String = (0..100).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    assert!(read(&nested, Format::Yaml).1[0].contains("MZ0004"));
}

proptest! {
    #[test]
    fn json_is_read_alike_by_both(text in arbitrary_json(3)) {
        let (a, b) = (json(&text), yaml(&text));
        prop_assert_eq!(a, b, "{}", text);
    }
}

fn arbitrary_json(depth: u32) -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i32>().prop_map(|n| n.to_string()),
        "[a-z0-9 *:{}#&!-]{0,8}".prop_map(|t| format!("\"{t}\"")),
    ];
    leaf.prop_recursive(depth, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|i| format!("[{}]", i.join(", "))),
            prop::collection::btree_map("[a-z]{1,6}", inner, 0..4).prop_map(|m| {
                let entries: Vec<String> = m.iter().map(|(k, v)| format!("\"{k}\": {v}")).collect();
                format!("{{{}}}", entries.join(", "))
            }),
        ]
    })
}
