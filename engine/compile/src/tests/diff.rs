//! Differences against a naive search over questions.

use super::*;
use crate::diff::{Change, Difference, diff};
use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Object, Snapshot, Subject};
use proptest::prelude::*;

fn snapshot(rules: &str, default: &str) -> Snapshot {
    let text = format!(
        "version: 1\ndefault: {default}\nservers:\n  - {{name: a, transport: http, url: \"https://a/\"}}\n  - {{name: b, transport: http, url: \"https://b/\"}}\npolicies:{rules}\n"
    );
    let text = match rules {
        "" => text.replace("policies:", "policies: []"),
        _ => text,
    };
    let compiled = compile(yaml(&text), &environment()).unwrap_or_else(|e| panic!("{text}\n{e:?}"));
    Snapshot::decode(&compiled.snapshot(Default::default())).unwrap()
}

fn rule(id: usize, effect: &str, subjects: &str, server: &str, tools: &str, when: &str) -> String {
    format!(
        "\n  - {{id: r{id}, description: d, effect: {effect}, {subjects}mcp_servers: [{{name: {server}, tools: [\"{tools}\"]}}]{when}}}"
    )
}

fn changes(old: &str, new: &str) -> Vec<(Change, String, String)> {
    let found = diff(&snapshot(old, "deny"), &snapshot(new, "deny")).unwrap();
    let short = |d: &Difference| (d.change, d.server.clone(), d.name.clone());
    found.iter().map(short).collect()
}

#[test]
fn what_changes_and_what_does_not() {
    let dev = "subjects: {groups: [dev]}, ";
    let read = rule(1, "allow", dev, "a", "read_*", "");
    assert!(changes(&read, &read).is_empty());
    // Another id, another order, a rule on trial, a rule that changes nothing.
    let same = rule(7, "allow", dev, "a", "read_*", "")
        + &rule(8, "allow", dev, "a", "read_x", "")
        + &rule(9, "deny", "", "b", "*", "")
        + &rule(10, "allow", "shadow: true, ", "b", "*", "");
    assert!(
        changes(&read, &same).is_empty(),
        "{:?}",
        changes(&read, &same)
    );
    let more = read.clone() + &rule(2, "allow", dev, "a", "write_*", "");
    assert_eq!(
        changes(&read, &more),
        [(Change::Allowed, "a".into(), "write_".into())]
    );
    assert_eq!(
        changes(&more, &read),
        [(Change::Denied, "a".into(), "write_".into())]
    );
    // A deny that went away lets in only whom something allows.
    let kept = read.clone() + &rule(2, "deny", "subjects: {groups: [temp]}, ", "a", "*", "");
    let found = diff(&snapshot(&kept, "deny"), &snapshot(&read, "deny")).unwrap();
    let groups: Vec<_> = found
        .iter()
        .map(|d| (d.change, d.who.groups.clone()))
        .collect();
    assert_eq!(
        groups,
        [(Change::Allowed, vec!["dev".to_owned(), "temp".to_owned()])]
    );
    // Conditions that are written alike are alike.
    let when = |max: u32| format!(", when: [{{argument: /n, range: {{max: {max}}}}}]");
    let some = rule(1, "allow", dev, "a", "pay", &when(5));
    let other = rule(1, "allow", dev, "a", "pay", &when(6));
    assert!(changes(&some, &some).is_empty());
    assert_eq!(changes(&some, &other)[0].0, Change::AllowedForSome);
    assert_eq!(
        changes(&other, &rule(1, "allow", dev, "a", "pay", ""))[0].0,
        Change::AllowedForSome
    );
    assert_eq!(
        changes(
            &some,
            &(some.clone() + &rule(2, "deny", "", "a", "pay", &when(1)))
        )[0]
        .0,
        Change::DeniedForSome
    );
    assert_eq!(changes(&some, "")[0].0, Change::DeniedForSome);
    assert_eq!(changes("", &some)[0].0, Change::AllowedForSome);
    // A deny with a condition that goes lets somebody in, whatever else is narrower.
    let kept_out = some.clone() + &rule(2, "deny", "", "a", "pay", &when(1));
    assert_eq!(changes(&kept_out, &some)[0].0, Change::AllowedForSome);
    // A default is a change for everybody.
    let found = diff(&snapshot("", "deny"), &snapshot("", "allow")).unwrap();
    assert_eq!(found.len(), 8, "two servers, four kinds");
    assert!(
        found
            .iter()
            .all(|d| d.change == Change::Allowed && d.who.user.is_none())
    );
}

/// Without an identity in either policy the settings of the gateway may name one.
#[test]
fn callers_are_told_apart_without_an_identity_too() {
    let anonymous = |subjects: &str| {
        let text = format!(
            "version: 1\nservers: [{{name: a, transport: http, url: \"https://a/\"}}]\npolicies:{}\n",
            rule(1, "allow", subjects, "a", "*", "")
        );
        compile(yaml(&text), &anonymous()).unwrap().judge().unwrap()
    };
    let (old, new) = (
        anonymous("subjects: {groups: [dev]}, "),
        anonymous("subjects: {groups: [dev, all]}, "),
    );
    let found = diff(&old, &new).unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (found[0].change, &found[0].who.issuer, &found[0].who.groups),
        (Change::Allowed, &None, &vec!["all".to_owned()])
    );
}

/// A gateway without a policy file lets everybody use its server.
#[test]
fn where_nothing_is_governed_everything_was_allowed() {
    let environment = Environment {
        upstream_url: Some("https://a/mcp".to_owned()),
        ..environment()
    };
    let open = compile_without_file(&environment).unwrap().judge().unwrap();
    let name = open.servers()[0].name.to_string();
    let text = |default: &str| {
        format!(
            "version: 1\ndefault: {default}\nservers: [{{name: {name}, transport: http, url: \"https://a/mcp\"}}]\npolicies: []\n"
        )
    };
    let closed = compile(yaml(&text("deny")), &self::environment()).unwrap();
    let closed = closed.judge().unwrap();
    let changes = |old, new| -> Vec<Change> {
        let found = diff(old, new).unwrap();
        found.iter().map(|d| d.change).collect()
    };
    assert_eq!(changes(&open, &closed), [Change::Denied; 4]);
    assert_eq!(changes(&closed, &open), [Change::Allowed; 4]);
    let same = compile(yaml(&text("allow")), &self::environment()).unwrap();
    assert!(changes(&open, &same.judge().unwrap()).is_empty());
}

fn rules() -> impl Strategy<Value = String> {
    let subjects = prop::sample::select(vec![
        "",
        "subjects: {groups: [dev]}, ",
        "subjects: {groups: [\"*\"]}, ",
        "subjects: {groups: [\"d*\", ops]}, ",
        "subjects: {users: [ann]}, ",
        "subjects: {users: [\"a*\"], groups: [ops]}, ",
    ]);
    let effect = prop::sample::select(vec!["allow", "deny"]);
    let server = prop::sample::select(vec!["a", "b", "\"*\""]);
    let tools = prop::sample::select(vec!["*", "get_*", "*_x", "get_x", "*t*", "put"]);
    let when = prop::sample::select(vec![
        "",
        "",
        "",
        ", when: [{argument: /n, equals: 1}]",
        ", when: [{argument: /n, present: true}]",
    ]);
    prop::collection::vec((effect, subjects, server, tools, when), 0..5).prop_map(|rules| {
        let rules = rules.into_iter().enumerate();
        rules
            .map(|(id, (effect, subjects, server, tools, when))| {
                rule(id, effect, subjects, server, tools, when)
            })
            .collect()
    })
}

/// Every question of a small world that the policies answer differently: whether it is newly
/// allowed.
fn naive(old: &Snapshot, new: &Snapshot) -> Vec<(String, &'static str, bool)> {
    let [one, two] = ["1", "2"].map(|n| Literal::Members([("n".into(), number(n))].into()));
    let groups: Vec<Vec<Box<str>>> = [
        &[][..],
        &["dev"],
        &["ops"],
        &["dx"],
        &["zz"],
        &["dev", "ops"],
        &["ops", "zz"],
        &["dev", "ops", "dx"],
    ]
    .iter()
    .map(|g| g.iter().map(|g| (*g).into()).collect())
    .collect();
    let mut found = Vec::new();
    for user in [None, Some("ann"), Some("al"), Some("bob")] {
        for groups in &groups {
            if user.is_none() && !groups.is_empty() {
                continue;
            }
            let subject = Subject {
                issuer: user.map(|_| "okta"),
                user,
                groups,
            };
            for server in ["a", "b"] {
                for tool in ["get_x", "get_y", "put_x", "put", "t", "other", "a_x", "atb"] {
                    for arguments in [None, Some(&one), Some(&two)] {
                        let ask = |s: &Snapshot| {
                            let standing = s.standing(&subject);
                            s.decide(
                                &standing,
                                server,
                                Object::Tool(tool),
                                Arguments::Of(arguments),
                            )
                            .is_allowed()
                        };
                        let (before, after) = (ask(old), ask(new));
                        if before != after {
                            found.push((
                                format!("{user:?} {groups:?} {server} {tool} {arguments:?}"),
                                server,
                                after,
                            ));
                        }
                    }
                }
            }
        }
    }
    found
}

fn number(text: &str) -> Literal {
    Literal::Number(mcp_zero_policy::Decimal::parse(text).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_question_is_answered_differently_without_being_told(old in rules(), new in rules(), open in any::<bool>()) {
        let default = if open { "allow" } else { "deny" };
        let (old, new) = (snapshot(&old, "deny"), snapshot(&new, default));
        let told = diff(&old, &new).unwrap();
        let asked = naive(&old, &new);
        for (question, server, allowed) in &asked {
            prop_assert!(
                told.iter().any(|d| d.server == *server && (d.change.allows() == *allowed || d.change == Change::AllowedForSome)),
                "{question}: {told:?}"
            );
        }
        // What is said without a reservation is true of its own example.
        for difference in &told {
            if let (Change::Allowed | Change::Denied, mcp_zero_policy::Kind::Tools) = (difference.change, difference.kind) {
                let groups: Vec<Box<str>> = difference.who.groups.iter().map(|g| g.as_str().into()).collect();
                let subject = Subject {
                    issuer: difference.who.issuer.as_deref(),
                    user: difference.who.user.as_deref(),
                    groups: &groups,
                };
                let ask = |s: &Snapshot| {
                    let standing = s.standing(&subject);
                    s.decide::<&Literal>(&standing, &difference.server, Object::Tool(&difference.name), Arguments::Of(None)).is_allowed()
                };
                prop_assert_eq!(ask(&old), difference.change == Change::Denied);
                prop_assert_eq!(ask(&new), difference.change == Change::Allowed);
            }
        }
    }
}
