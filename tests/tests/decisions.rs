//! One evaluator: the same questions to native code and to the module in Envoy.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use mcp_zero_compile::{Environment, Source, compile};
use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Decimal, Object, Snapshot, Subject};
use mcp_zero_tests::{Gateway, Scripted};
use serde_json::{Value, value::RawValue};

const POLICY: &str = include_str!("../data/decisions/policy.yaml");
const CASES: &str = include_str!("../data/decisions/cases.json");
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// User, groups, tool, arguments as written, and the rule: `-` in front of one that denies.
type Case = (String, String, String, Box<RawValue>, Option<String>);

fn cases() -> Vec<Case> {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() > 30);
    cases
}

/// Arguments for native code, by another reader of JSON than ours: numbers stay as written.
fn literal(text: &str) -> Literal {
    let raw = |text: &str| serde_json::from_str::<Box<RawValue>>(text).unwrap();
    match text.as_bytes()[0] {
        b'{' => {
            let members: std::collections::BTreeMap<String, Box<RawValue>> =
                serde_json::from_str(text).unwrap();
            let members = members
                .iter()
                .map(|(name, value)| (name.as_str().into(), literal(value.get())));
            Literal::Members(members.collect())
        }
        b'[' => {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
            Literal::List(items.iter().map(|item| literal(item.get())).collect())
        }
        b'"' => Literal::Text(serde_json::from_str::<String>(text).unwrap().into()),
        b'n' => Literal::Null,
        b't' | b'f' => Literal::Boolean(text == "true"),
        _ => Literal::Number(Decimal::parse(raw(text).get()).unwrap()),
    }
}

#[test]
fn native_code_decides_as_the_table_says() {
    let text = POLICY.replace("${URL}", "https://s.example/mcp");
    let environment = Environment {
        okta_issuer: Some("https://idp.example".to_owned()),
        okta_audience: Some("a".to_owned()),
        public_url: "http://localhost".to_owned(),
        ..Environment::default()
    };
    let source = Source::from_bytes("policy.yaml", text.as_bytes()).unwrap();
    let compiled = compile(source, &environment).unwrap();
    let snapshot = Snapshot::decode(&compiled.snapshot(Default::default())).unwrap();
    for (user, groups, tool, arguments, rule) in cases() {
        let groups: Vec<Box<str>> = groups.split_terminator(',').map(Into::into).collect();
        let subject = Subject {
            issuer: Some("default"),
            user: Some(&user),
            groups: &groups,
        };
        let standing = snapshot.standing(&subject);
        let arguments = literal(arguments.get());
        let decision = snapshot.decide(
            &standing,
            "s",
            Object::Tool(&tool),
            Arguments::Of(Some(&arguments)),
        );
        let sign = if decision.is_allowed() { "" } else { "-" };
        let found = decision.rule.map(|rule| format!("{sign}{rule}"));
        assert_eq!(found, rule, "{user} {tool} {arguments:?}");
    }
}

#[test]
fn the_module_decides_as_the_table_says() {
    let server = Scripted::json(ANSWER);
    let gateway = Gateway::start(&POLICY.replace("${URL}", &server.url()));
    let mut wanted = Vec::new();
    for (user, groups, tool, arguments, rule) in cases() {
        let token = gateway.token(&user, &groups);
        let arguments = arguments.get();
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#
        );
        let before = server.received().len();
        let answer = gateway.post("s", &token, &body);
        let allowed = rule.as_ref().is_some_and(|rule| !rule.starts_with('-'));
        let told = format!("{user} {tool} {arguments}: {}", answer.body);
        assert_eq!(answer.status, 200, "{told}");
        assert_eq!(answer.body == ANSWER, allowed, "{told}");
        assert_eq!(
            server.received().len() - before,
            usize::from(allowed),
            "{told}"
        );
        let id = answer.header("x-correlation-id").unwrap().to_owned();
        wanted.push((id, rule, tool, told));
    }
    for (id, rule, tool, told) in wanted {
        let record = gateway.record(&id);
        let rule = rule.as_deref().map(|rule| rule.trim_start_matches('-'));
        assert_eq!(record["rule_id"].as_str(), rule, "{told}");
        let trial = tool.starts_with("read_");
        assert_eq!(record["shadow"].is_array(), trial, "{told} {record}");
        assert_ne!(record["rule_id"], Value::from("trial"));
    }
}
