use super::*;
use proptest::prelude::*;

/// Pieces from which something like a policy comes together.
const PIECES: [&str; 40] = [
    "version: 1\n",
    "servers:\n",
    "policies:\n",
    "identity:\n",
    "plugins:\n",
    "masking:\n",
    "  - ",
    "  ",
    "    ",
    "name: demo\n",
    "transport: http\n",
    "url: https://a/\n",
    "id: a\n",
    "effect: deny\n",
    "subjects:\n",
    "groups: [a]\n",
    "mcp_servers:\n",
    "tools: [\"*\"]\n",
    "[",
    "]",
    "{",
    "}",
    ",",
    ": ",
    "\n",
    "*",
    "&a ",
    "!t ",
    "|\n",
    "\"",
    "'",
    "#",
    "\t",
    "null",
    "é",
    "\u{202e}",
    "\\u0000",
    "1e999",
    "-",
    "? ",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn no_text_panics(text in any::<String>(), relax in any::<bool>()) {
        both(&text, relax);
    }

    #[test]
    fn no_near_policy_panics(pieces in prop::collection::vec(0..PIECES.len(), 0..40), cut in 0..64usize) {
        let text: String = pieces.iter().map(|i| PIECES[*i]).collect();
        both(&text, false);
        let mut text = include_str!("../../../../policies/demo.yaml").to_owned();
        let at = text.char_indices().nth(cut * text.len() / 64).map_or(0, |(at, _)| at);
        text.insert_str(at, &pieces.iter().map(|i| PIECES[*i]).take(2).collect::<String>());
        both(&text, true);
    }
}

fn both(text: &str, relax: bool) {
    let environment = Environment {
        relax,
        ..anonymous()
    };
    for format in [Format::Yaml, Format::Json] {
        let source = Source {
            name: "p",
            text,
            format,
        };
        match compile(source, &environment) {
            Ok(compiled) => {
                assert!(graphical("p", text, &compiled.warnings, Look::default()).len() < 1 << 20)
            }
            Err(found) => {
                assert!(
                    found
                        .items()
                        .iter()
                        .any(|item| item.severity == Severity::Error)
                );
                assert!(!found.render(Look::default()).contains('\u{202e}'));
            }
        }
    }
}

#[test]
fn a_flood_of_faults_is_bounded() {
    let keys: String = (0..200_000).map(|i| format!("\"server{i}\": 1,")).collect();
    let text = format!("{{{keys}\"version\": 1}}");
    let source = Source {
        name: "p.json",
        text: &text,
        format: Format::Json,
    };
    let found = compile(source, &environment()).unwrap_err();
    assert_eq!(found.items().len() + found.omitted(), 200_001);
    let errors = found.items().iter();
    let errors = errors.filter(|item| item.severity == Severity::Error);
    assert_eq!(errors.count(), 100);
    assert!(found.items().len() <= 200);
    assert!(found.lines().last().unwrap().starts_with("and "));
}

#[test]
fn ten_thousand_rules() {
    let mut text = String::from(
        "version: 1\nservers:\n  - {name: demo, transport: http, url: https://demo.example/mcp}\npolicies:\n",
    );
    for i in 0..10_000 {
        text.push_str(&format!(
            "  - id: rule-{i}\n    description: rule {i}\n    effect: allow\n    subjects:\n      groups: [g{i}]\n    mcp_servers:\n      - name: demo\n        tools: [tool_{i}]\n"
        ));
    }
    let compiled = compile(yaml(&text), &environment()).unwrap();
    assert_eq!(compiled.policy.rules.len(), 10_000);
}

#[test]
fn codes_are_unique_and_in_order() {
    let ids: Vec<&str> = Code::ALL.iter().map(|code| code.id()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    assert!(ids.iter().all(|id| id.len() == 6 && id.starts_with("MZ0")));
    assert!(Code::ALL.iter().all(|code| code.meaning().ends_with('.')));
}

#[test]
fn files_by_their_names() {
    let code = |name, bytes| Source::from_bytes(name, bytes).map_err(|e| e.items()[0].code);
    assert_eq!(code("a.yaml", b"a").unwrap().format, Format::Yaml);
    assert_eq!(code("a.b.yml", b"a").unwrap().format, Format::Yaml);
    assert_eq!(code("a.json", b"a").unwrap().format, Format::Json);
    assert_eq!(code("a.toml", b"a").unwrap_err(), Code::Extension);
    assert_eq!(code("yaml", b"a").unwrap_err(), Code::Extension);
    assert_eq!(code("a.yaml", b"a\n\xff").unwrap_err(), Code::NotUtf8);
}
