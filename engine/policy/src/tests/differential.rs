//! The evaluator against product.md §4 read word by word: 10,000 policies, 20 questions each.

use super::{decode, naive, patterns, policy};
use crate::condition::Literal;
use crate::{Arguments, Bearing, Decimal, MOST_SHADOWS, Object, Subject};
use mcp_zero_proto as wire;
use proptest::prelude::*;
use proptest::sample::select;
use std::collections::BTreeMap;
use wire::condition::Test;

/// An argument as the reading sees it: numbers in tenths.
#[derive(Debug, Clone, PartialEq)]
enum Value {
    Null,
    Flag(bool),
    Tenths(i32),
    Text(String),
    List(Vec<Value>),
    /// In the order of their names.
    Members(BTreeMap<String, Value>),
}

impl Value {
    fn literal(&self) -> Literal {
        match self {
            Self::Null => Literal::Null,
            Self::Flag(flag) => Literal::Boolean(*flag),
            Self::Tenths(n) => Literal::Number(Decimal::parse(&format!("{n}e-1")).unwrap()),
            Self::Text(text) => Literal::Text(text.as_str().into()),
            Self::List(items) => Literal::List(items.iter().map(Self::literal).collect()),
            Self::Members(members) => {
                let each = members
                    .iter()
                    .map(|(n, v)| (n.as_str().into(), v.literal()));
                // The order of members is nobody's concern.
                Literal::Members(each.rev().collect())
            }
        }
    }

    fn wire(&self) -> wire::Literal {
        use wire::literal::Value as Of;
        let value = match self {
            Self::Null => Of::Null(true),
            Self::Flag(flag) => Of::Boolean(*flag),
            Self::Tenths(n) => Of::Number(spelled(*n)),
            Self::Text(text) => Of::Text(text.clone()),
            Self::List(items) => Of::List(wire::Literals {
                items: items.iter().map(Self::wire).collect(),
            }),
            Self::Members(members) => Of::Members(wire::Members {
                members: members
                    .iter()
                    .map(|(name, value)| wire::Member {
                        name: name.clone(),
                        value: Some(value.wire()),
                    })
                    .collect(),
            }),
        };
        wire::Literal { value: Some(value) }
    }

    fn kind(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Flag(_) => 1,
            Self::Tenths(_) => 2,
            Self::Text(_) => 3,
            Self::List(_) => 4,
            Self::Members(_) => 5,
        }
    }
}

/// A number in tenths, spelled otherwise than the arguments are.
fn spelled(n: i32) -> String {
    let sign = if n < 0 { "-" } else { "" };
    format!("{sign}{}.{}0", n.abs() / 10, n.abs() % 10)
}

fn value() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Flag),
        (-3i32..4).prop_map(Value::Tenths),
        "[ab]{0,2}".prop_map(Value::Text),
    ];
    plain.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
            members(inner).prop_map(Value::Members),
        ]
    })
}

fn members(value: impl Strategy<Value = Value>) -> impl Strategy<Value = BTreeMap<String, Value>> {
    let name = select(vec!["x", "y", "y", "Y", "0"]).prop_map(str::to_owned);
    prop::collection::btree_map(name, value, 0..3)
}

fn condition() -> impl Strategy<Value = (Names, Test)> {
    let bound = || prop::option::of(-3i32..4);
    let test = prop_oneof![
        value().prop_map(|v| Test::Equals(v.wire())),
        prop::collection::vec(value(), 1..3).prop_map(|vs| Test::In(wire::Literals {
            items: vs.iter().map(Value::wire).collect(),
        })),
        "[ab*]{0,3}".prop_map(Test::Glob),
        (bound(), bound())
            .prop_filter("a bound", |(min, max)| min.is_some() || max.is_some())
            .prop_map(|(min, max)| Test::Range(wire::Range {
                min: min.map(spelled),
                max: max.map(spelled),
            })),
        any::<bool>().prop_map(Test::Present),
    ];
    let token = || select(vec!["x", "y", "0", "1"]).prop_map(str::to_owned);
    let pointer = prop_oneof![
        3 => token().prop_map(|token| vec![token]),
        1 => prop::collection::vec(token(), 0..4),
    ];
    (pointer, test)
}

type Names = Vec<String>;

fn names() -> impl Strategy<Value = Names> {
    prop::collection::vec("[ab*]{1,3}", 0..3)
}

fn rule() -> impl Strategy<Value = wire::Rule> {
    let subjects = (
        names(),
        names(),
        prop::collection::vec(select(vec!["i".to_owned(), "j".to_owned()]), 0..2),
    );
    let scope = ("[ab*]{1,2}", names(), names(), names(), names());
    (
        any::<bool>(),
        prop::bool::weighted(0.2),
        prop::option::of(subjects),
        prop::collection::vec(scope, 1..3),
        prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec(condition(), 1..3)],
    )
        .prop_map(|(allow, shadow, subjects, scopes, when)| {
            let some =
                |(u, g, i): &(Names, Names, Names)| !u.is_empty() || !g.is_empty() || !i.is_empty();
            let scope =
                |(server, tools, resources, prompts, requests): (_, Names, Names, Names, Names)| {
                    wire::ServerScope {
                        server,
                        tools: patterns(&tools),
                        resources: patterns(&resources),
                        prompts: patterns(&prompts),
                        client_requests: patterns(&requests),
                    }
                };
            let effect = if allow {
                wire::Effect::Allow
            } else {
                wire::Effect::Deny
            };
            wire::Rule {
                id: String::new(),
                description: "d".to_owned(),
                effect: effect.into(),
                subjects: subjects
                    .filter(some)
                    .map(|(users, groups, issuers)| wire::Subjects {
                        users,
                        groups,
                        issuers,
                    }),
                servers: scopes.into_iter().map(scope).collect(),
                when: when
                    .into_iter()
                    .map(|(pointer, test)| wire::Condition {
                        pointer,
                        test: Some(test),
                    })
                    .collect(),
                shadow,
            }
        })
}

#[derive(Debug, Clone)]
struct Question {
    issuer: Option<String>,
    user: Option<String>,
    groups: Names,
    server: String,
    kind: usize,
    name: String,
    /// None before there is a call.
    arguments: Option<Value>,
}

fn question() -> impl Strategy<Value = Question> {
    let caller = prop::option::weighted(
        0.8,
        (
            select(vec!["i".to_owned(), "j".to_owned()]),
            "[ab]{1,2}",
            prop::collection::vec("[ab]{1,2}", 0..3),
        ),
    );
    let arguments = members(value()).prop_map(Value::Members);
    (
        caller,
        "[ab]",
        0..4usize,
        "[ab]{1,3}",
        prop::option::weighted(0.8, arguments),
    )
        .prop_map(|(caller, server, kind, name, arguments)| {
            let (issuer, user, groups) = match caller {
                Some((issuer, user, groups)) => (Some(issuer), Some(user), groups),
                None => (None, None, Vec::new()),
            };
            Question {
                issuer,
                user,
                groups,
                server,
                kind,
                name,
                arguments,
            }
        })
}

/// A member by name; none where another's name is the same to some readers.
fn member<'v>(members: &'v BTreeMap<String, Value>, name: &str) -> Option<Option<&'v Value>> {
    let lower = name.to_lowercase();
    let alike = |other: &String| *other != name && other.to_lowercase() == lower;
    (!members.keys().any(alike)).then(|| members.get(name))
}

/// Whether two values are the same one; none where that cannot be told.
fn same(written: &wire::Literal, value: &Value) -> Option<bool> {
    use wire::literal::Value as Of;
    match (written.value.as_ref().unwrap(), value) {
        (Of::List(a), Value::List(b)) if a.items.len() == b.len() => {
            all(a.items.iter().zip(b).map(|(a, b)| same(a, b)))
        }
        (Of::Members(a), Value::Members(b)) => {
            let found: Option<Vec<_>> = a.members.iter().map(|m| member(b, &m.name)).collect();
            let found = found?;
            if a.members.len() != b.len() {
                return Some(false);
            }
            all(a
                .members
                .iter()
                .zip(found)
                .map(|(a, b)| b.map_or(Some(false), |b| same(a.value.as_ref().unwrap(), b))))
        }
        _ => Some(*written == value.wire()),
    }
}

/// True of each; false where it is so of any; none where one cannot be told.
fn all(each: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let each: Vec<_> = each.collect();
    match each.contains(&Some(false)) {
        true => Some(false),
        false => (!each.contains(&None)).then_some(true),
    }
}

fn kind(written: &wire::Literal) -> u8 {
    use wire::literal::Value as Of;
    match written.value.as_ref().unwrap() {
        Of::Null(_) => 0,
        Of::Boolean(_) => 1,
        Of::Number(_) => 2,
        Of::Text(_) => 3,
        Of::List(_) => 4,
        Of::Members(_) => 5,
    }
}

/// True, false, or undecidable.
fn holds(condition: &wire::Condition, arguments: &Value) -> Option<bool> {
    let mut found = Some(arguments);
    for token in &condition.pointer {
        found = match found {
            Some(Value::Members(members)) => member(members, token)?,
            Some(Value::List(items)) => token.parse::<usize>().ok().and_then(|at| items.get(at)),
            _ => None,
        };
    }
    let test = condition.test.as_ref().unwrap();
    if let Test::Present(wanted) = test {
        return Some(found.is_some() == *wanted);
    }
    let found = found?;
    let one_of = |items: &[wire::Literal]| {
        let of_its_kind = items.iter().filter(|item| kind(item) == found.kind());
        let each: Vec<_> = of_its_kind.map(|item| same(item, found)).collect();
        match (each.contains(&Some(true)), each.contains(&None)) {
            (true, _) => Some(true),
            (false, false) if !each.is_empty() => Some(false),
            (false, _) => None,
        }
    };
    match (test, found) {
        (Test::Equals(item), _) => one_of(std::slice::from_ref(item)),
        (Test::In(items), _) => one_of(&items.items),
        (Test::Glob(glob), Value::Text(text)) => Some(naive(glob.as_bytes(), text.as_bytes())),
        (Test::Range(range), Value::Tenths(n)) => {
            let tenths = |text: &String| text.replace('.', "").parse::<i32>().unwrap() / 10;
            Some(
                range.min.as_ref().is_none_or(|min| tenths(min) <= *n)
                    && range.max.as_ref().is_none_or(|max| *n <= tenths(max)),
            )
        }
        _ => None,
    }
}

/// product.md §4: allowed or not, by which rule, with which shadow rules.
fn reading(policy: &wire::Policy, q: &Question) -> (bool, Option<String>, Vec<String>) {
    let hit =
        |globs: &[String], name: &str| globs.iter().any(|g| naive(g.as_bytes(), name.as_bytes()));
    let any = |globs: &[String]| globs.iter().any(|g| g.bytes().all(|b| b == b'*'));
    let speaks_of_caller = |rule: &wire::Rule| {
        rule.subjects.as_ref().is_none_or(|s| {
            let issuer = s.issuers.is_empty()
                || q.issuer
                    .as_ref()
                    .is_some_and(|issuer| s.issuers.contains(issuer));
            let everyone =
                s.users.is_empty() && s.groups.is_empty() || any(&s.users) || any(&s.groups);
            let named = q.user.as_ref().is_some_and(|user| hit(&s.users, user))
                || q.groups.iter().any(|group| hit(&s.groups, group));
            issuer && (everyone || named)
        })
    };
    let speaks_of_object = |rule: &wire::Rule| {
        rule.servers.iter().any(|s| {
            let kinds = [&s.tools, &s.resources, &s.prompts, &s.client_requests];
            hit(std::slice::from_ref(&s.server), &q.server)
                && (kinds.iter().all(|k| k.is_none())
                    || kinds[q.kind]
                        .as_ref()
                        .is_some_and(|k| hit(&k.globs, &q.name)))
        })
    };
    let allows = |rule: &wire::Rule| rule.effect == i32::from(wire::Effect::Allow);
    let conditions = |rule: &wire::Rule| {
        if rule.when.is_empty() {
            return true;
        }
        let Some(arguments) = &q.arguments else {
            return allows(rule);
        };
        let each: Vec<_> = rule.when.iter().map(|c| holds(c, arguments)).collect();
        if each.contains(&Some(false)) {
            false
        } else if each.contains(&None) {
            !allows(rule)
        } else {
            true
        }
    };
    let matching: Vec<&wire::Rule> = policy
        .rules
        .iter()
        .filter(|r| speaks_of_caller(r) && speaks_of_object(r) && conditions(r))
        .collect();
    let enforced = |allow: bool| {
        let found = matching.iter().find(|r| !r.shadow && allows(r) == allow);
        found.map(|r| r.id.clone())
    };
    let shadows = matching.iter().filter(|r| r.shadow);
    let shadows = shadows.map(|r| r.id.clone()).take(MOST_SHADOWS).collect();
    match (enforced(false), enforced(true)) {
        (Some(id), _) => (false, Some(id), shadows),
        (None, Some(id)) => (true, Some(id), shadows),
        (None, None) => {
            let allowed = policy.default_effect == i32::from(wire::Effect::Allow);
            (allowed, None, shadows)
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

    #[test]
    fn decisions_agree_with_a_naive_reading(
        mut rules in prop::collection::vec(rule(), 0..7),
        allow in any::<bool>(),
        questions in prop::collection::vec(question(), 20),
    ) {
        for (i, rule) in rules.iter_mut().enumerate() {
            rule.id = i.to_string();
        }
        let default = if allow { wire::Effect::Allow } else { wire::Effect::Deny };
        let policy = policy(rules, default);
        let snapshot = decode(policy.clone()).unwrap();
        for q in &questions {
            let groups: Vec<Box<str>> = q.groups.iter().map(|g| g.as_str().into()).collect();
            let subject = Subject {
                issuer: q.issuer.as_deref(),
                user: q.user.as_deref(),
                groups: &groups,
            };
            let object = [Object::Tool, Object::Resource, Object::Prompt, Object::ClientRequest]
                [q.kind](&q.name);
            let members = q.arguments.as_ref().map(Value::literal);
            let arguments = match &members {
                None => Arguments::Open,
                Some(members) => Arguments::Of(Some(members)),
            };
            let standing = snapshot.standing(&subject);
            let decision = snapshot.decide(&standing, &q.server, object, arguments);
            let shadows = decision.shadows.iter().map(|s| s.rule.to_owned()).collect();
            let found = (decision.is_allowed(), decision.rule.map(ToOwned::to_owned), shadows);
            prop_assert_eq!(found, reading(&policy, q), "{:?}", q);
            if q.arguments.is_none() {
                let shows = snapshot.shows(&standing, &q.server, object);
                prop_assert_eq!(shows, decision.is_allowed());
            }
            let explained = snapshot.explain(&subject, &q.server, object, arguments);
            let deciding = explained.rules.iter().filter(|(_, b)| *b == Bearing::Decides);
            let deciding: Vec<&str> = deciding.map(|(rule, _)| &*rule.id).collect();
            prop_assert_eq!(deciding, decision.rule.into_iter().collect::<Vec<_>>());
        }
    }
}
