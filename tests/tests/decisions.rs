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
use mcp_zero_tests::{Gateway, Scripted, events, ok};
use serde_json::{Value, json, value::RawValue};

const POLICY: &str = include_str!("../data/decisions/policy.yaml");
const CASES: &str = include_str!("../data/decisions/cases.json");
const THINGS: &str = include_str!("../data/decisions/things.json");
const ANSWER: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"content":[]}}"#;

/// User, groups, tool, arguments as written, and the rule: `-` in front of one that denies.
type Case = (String, String, String, Box<RawValue>, Option<String>);

/// User, groups, kind, name, arguments or null, and the rule as above. A `list` is of tools.
type Thing = (
    String,
    String,
    String,
    String,
    Option<Box<RawValue>>,
    Option<String>,
);

fn things() -> Vec<Thing> {
    let things: Vec<Thing> = serde_json::from_str(THINGS).unwrap();
    for kind in ["resource", "prompt", "list", "client_request"] {
        assert!(things.iter().filter(|(_, _, of, ..)| of == kind).count() >= 7);
    }
    things
}

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

fn snapshot() -> Snapshot {
    let text = POLICY.replace("${URL}", "https://s.example/mcp");
    let environment = Environment {
        okta_issuer: Some("https://idp.example".to_owned()),
        okta_audience: Some("a".to_owned()),
        public_url: "http://localhost".to_owned(),
        ..Environment::default()
    };
    let source = Source::from_bytes("policy.yaml", text.as_bytes()).unwrap();
    let compiled = compile(source, &environment).unwrap();
    Snapshot::decode(&compiled.snapshot(Default::default())).unwrap()
}

/// What native code says: the rule, with a `-` where it denies.
fn native(
    snapshot: &Snapshot,
    (user, groups): (&str, &str),
    object: Object<'_>,
    arguments: Arguments<&Literal>,
) -> Option<String> {
    let groups: Vec<Box<str>> = groups.split_terminator(',').map(Into::into).collect();
    let subject = Subject {
        issuer: Some("default"),
        user: Some(user),
        groups: &groups,
    };
    let standing = snapshot.standing(&subject);
    let decision = snapshot.decide(&standing, "s", object, arguments);
    if let Arguments::Open = arguments {
        let shows = snapshot.shows(&standing, "s", object);
        assert_eq!(shows, decision.is_allowed(), "{user} {object:?}");
    }
    let sign = if decision.is_allowed() { "" } else { "-" };
    decision.rule.map(|rule| format!("{sign}{rule}"))
}

#[test]
fn native_code_decides_as_the_table_says() {
    let snapshot = snapshot();
    for (user, groups, tool, arguments, rule) in cases() {
        let arguments = literal(arguments.get());
        let of = Arguments::Of(Some(&arguments));
        let found = native(&snapshot, (&user, &groups), Object::Tool(&tool), of);
        assert_eq!(found, rule, "{user} {tool} {arguments:?}");
    }
    for (user, groups, kind, name, arguments, rule) in things() {
        let given = arguments.map(|text| literal(text.get()));
        let (object, arguments) = match &*kind {
            "resource" => (Object::Resource(&name), Arguments::Of(None)),
            "prompt" => (Object::Prompt(&name), Arguments::Of(given.as_ref())),
            "list" => (Object::Tool(&name), Arguments::Open),
            "client_request" => (Object::ClientRequest(&name), Arguments::Of(None)),
            other => panic!("{other}"),
        };
        let found = native(&snapshot, (&user, &groups), object, arguments);
        assert_eq!(found, rule, "{user} {kind} {name}");
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

/// The server says back what it was asked about: a list of one tool, or a request of its own.
fn server_of_things() -> Scripted {
    Scripted::start(|request| {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let answer = |result: Value| json!({"jsonrpc": "2.0", "id": body["id"], "result": result});
        let name = body["params"]["_meta"]["test"].clone();
        match body["method"].as_str() {
            Some("tools/list") => {
                let tools = json!({"tools": [{"name": name, "inputSchema": {}}]});
                vec![ok("application/json", &answer(tools).to_string())]
            }
            Some("ping") => {
                let asks = json!({"jsonrpc": "2.0", "id": "q", "method": name, "params": {}});
                let text = format!("data: {asks}\n\ndata: {}\n\n", answer(json!({})));
                events(&text, 4096)
            }
            _ => vec![ok("application/json", &answer(json!({})).to_string())],
        }
    })
}

#[test]
fn the_module_decides_on_every_kind_of_thing_as_the_table_says() {
    let server = server_of_things();
    let gateway = Gateway::start(&POLICY.replace("${URL}", &server.url()));
    for (user, groups, kind, name, arguments, rule) in things() {
        let allowed = rule.as_ref().is_some_and(|rule| !rule.starts_with('-'));
        let about = json!({"test": name});
        let (method, params) = match &*kind {
            "resource" => ("resources/read", json!({"uri": name}).to_string()),
            "prompt" => {
                let arguments = arguments.as_ref().map_or("null", |text| text.get());
                let params = format!(r#"{{"name":"{name}","arguments":{arguments}}}"#);
                ("prompts/get", params)
            }
            "list" => ("tools/list", json!({"_meta": about}).to_string()),
            "client_request" => ("ping", json!({"_meta": about}).to_string()),
            other => panic!("{other}"),
        };
        let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
        let token = gateway.token(&user, &groups);
        let answer = gateway.post("s", &token, &body);
        let told = format!("{user} {kind} {name}: {answer:?}");
        let passes = match &*kind {
            "list" | "client_request" => answer.body.contains(&name),
            _ => !answer.body.contains("Access denied"),
        };
        assert_eq!((answer.status, passes), (200, allowed), "{told}");
        let record = gateway.record(answer.header("x-correlation-id").unwrap());
        let rule = rule.as_deref().map(|rule| rule.trim_start_matches('-'));
        match &*kind {
            // A list has no rule of its own.
            "list" => assert_eq!(
                record["list_items_removed"],
                u32::from(!allowed),
                "{record}"
            ),
            "client_request" => {
                assert_eq!(record["messages"][0]["rule_id"].as_str(), rule, "{told}")
            }
            _ => assert_eq!(record["rule_id"].as_str(), rule, "{told}"),
        }
    }
}
