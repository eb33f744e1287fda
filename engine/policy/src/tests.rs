use crate::*;
use mcp_zero_proto as wire;
use proptest::prelude::*;
use wire::Message;

mod differential;

/// A second reading of the glob rule, by recursion.
fn naive(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, None) => true,
        (Some((b'*', rest)), _) => {
            naive(rest, name) || !name.is_empty() && naive(pattern, &name[1..])
        }
        (Some((p, pattern)), Some((n, name))) => p == n && naive(pattern, name),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[test]
fn stars_are_the_only_special_characters() {
    for (pattern, name, wanted) in [
        ("*", "", true),
        ("read_*", "read_", true),
        ("read_*", "Read_x", false),
        ("a*a", "a", false),
        ("a*a", "aa", true),
        ("*b*", "abc", true),
        ("a*b*c", "a/b/b/c", true),
        ("a*bc*d", "abd", false),
        ("a?c", "abc", false),
        ("[ab]", "a", false),
        ("a.c", "abc", false),
        ("", "", true),
        ("", "x", false),
        ("**", "x", true),
    ] {
        assert_eq!(Glob::new(pattern).matches(name), wanted, "{pattern} {name}");
    }
}

fn patterns(globs: &[String]) -> Option<wire::Patterns> {
    (!globs.is_empty()).then(|| wire::Patterns {
        globs: globs.to_vec(),
    })
}

fn server(name: &str) -> wire::Server {
    wire::Server {
        name: name.to_owned(),
        cluster: name.to_owned(),
        authority: "h".to_owned(),
        path: "/".to_owned(),
        max_request_bytes: 1,
        max_response_bytes: 1,
        callout_timeout_ms: 1,
        bridged: false,
        exchange: None,
    }
}

fn policy(rules: Vec<wire::Rule>, default_effect: wire::Effect) -> wire::Policy {
    wire::Policy {
        default_effect: default_effect.into(),
        governance: true,
        servers: vec![server("a"), server("b")],
        rules,
        surface: Some(wire::Surface {
            public_url: "http://x".to_owned(),
            allowed_hosts: vec![],
            cors: None,
        }),
        audit: Some(wire::Audit::default()),
        ..Default::default()
    }
}

fn decode(policy: wire::Policy) -> Result<Snapshot, DecodeError> {
    Snapshot::decode(&wire::Snapshot::seal(policy, wire::Keys::default()).encode_to_vec())
}

fn rule(id: &str, effect: wire::Effect, groups: &[&str], tools: &[&str]) -> wire::Rule {
    wire::Rule {
        id: id.to_owned(),
        description: format!("{id} says so"),
        effect: effect.into(),
        subjects: (!groups.is_empty()).then(|| wire::Subjects {
            groups: groups.iter().map(ToString::to_string).collect(),
            ..Default::default()
        }),
        servers: vec![wire::ServerScope {
            server: "a".to_owned(),
            tools: patterns(&tools.iter().map(ToString::to_string).collect::<Vec<_>>()),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// A question before there is a call.
fn decide<'s>(
    snapshot: &'s Snapshot,
    subject: &Subject<'_>,
    server: &str,
    object: Object<'_>,
) -> Decision<'s> {
    let standing = snapshot.standing(subject);
    snapshot.decide::<&condition::Literal>(&standing, server, object, Arguments::Open)
}

const NOBODY: Subject<'_> = Subject {
    issuer: None,
    user: None,
    groups: &[],
};

#[test]
fn deny_wins_whatever_the_order() {
    let allow = || rule("allow", wire::Effect::Allow, &["dev"], &["read_*"]);
    let deny = || rule("deny", wire::Effect::Deny, &[], &["*secret*"]);
    let groups: Vec<Box<str>> = vec!["dev".into()];
    let dev = Subject {
        issuer: Some("okta"),
        user: Some("alice"),
        groups: &groups,
    };
    for rules in [vec![allow(), deny()], vec![deny(), allow()]] {
        let snapshot = decode(policy(rules, wire::Effect::Deny)).unwrap();
        let tool = |who: &Subject<'_>, tool| {
            let decision = decide(&snapshot, who, "a", Object::Tool(tool));
            (decision.is_allowed(), decision.rule.map(ToOwned::to_owned))
        };
        assert_eq!(tool(&dev, "read_x"), (true, Some("allow".to_owned())));
        assert_eq!(tool(&dev, "read_secret"), (false, Some("deny".to_owned())));
        assert_eq!(tool(&dev, "write"), (false, None));
        assert_eq!(tool(&NOBODY, "read_x"), (false, None));
        let prompt = decide(&snapshot, &dev, "a", Object::Prompt("read_x"));
        assert_eq!((prompt.is_allowed(), prompt.cause), (false, Cause::Default));
        assert_eq!(
            decide(&snapshot, &dev, "zz", Object::Tool("read_x")).cause,
            Cause::UnknownServer
        );
    }
}

#[test]
fn the_anonymous_match_only_rules_for_everyone() {
    for (groups, wanted) in [(&[][..], true), (&["*"][..], true), (&["d*"][..], false)] {
        let rules = vec![rule("r", wire::Effect::Allow, groups, &[])];
        let snapshot = decode(policy(rules, wire::Effect::Deny)).unwrap();
        assert_eq!(
            decide(&snapshot, &NOBODY, "a", Object::Tool("x")).is_allowed(),
            wanted
        );
    }
}

#[test]
fn what_is_not_understood_is_refused() {
    let good = || {
        policy(
            vec![rule("r", wire::Effect::Allow, &[], &[])],
            wire::Effect::Deny,
        )
    };
    assert!(decode(good()).is_ok());
    let bad = |change: fn(&mut wire::Policy)| {
        let mut policy = good();
        change(&mut policy);
        decode(policy).unwrap_err()
    };
    assert_eq!(bad(|p| p.default_effect = 0), DecodeError::Field("effect"));
    assert_eq!(bad(|p| p.default_effect = 9), DecodeError::Field("effect"));
    assert_eq!(
        bad(|p| p.rules[0].servers.clear()),
        DecodeError::Field("rule.servers")
    );
    assert_eq!(
        bad(|p| p.rules[0].subjects = Some(wire::Subjects::default())),
        DecodeError::Field("rule.subjects")
    );
    assert_eq!(
        bad(|p| p.rules[0].servers[0].tools = Some(wire::Patterns::default())),
        DecodeError::Field("scope.tools")
    );
    assert_eq!(
        bad(|p| p.servers.push(server("a"))),
        DecodeError::Field("servers")
    );
    assert_eq!(bad(|p| p.surface = None), DecodeError::Field("surface"));

    let sealed = wire::Snapshot::seal(good(), wire::Keys::default());
    for found in [0, wire::FORMAT - 1, wire::FORMAT + 1] {
        let other = wire::Snapshot {
            format: found,
            ..sealed.clone()
        };
        assert_eq!(
            Snapshot::decode(&other.encode_to_vec()).unwrap_err(),
            DecodeError::Format { found }
        );
    }
    let other = wire::Snapshot {
        policy_version: "0".repeat(64),
        ..sealed.clone()
    };
    assert_eq!(
        Snapshot::decode(&other.encode_to_vec()).unwrap_err(),
        DecodeError::Part("policy")
    );
    let other = wire::Snapshot {
        keys: None,
        ..sealed
    };
    assert_eq!(
        Snapshot::decode(&other.encode_to_vec()).unwrap_err(),
        DecodeError::Part("keys")
    );
    assert_eq!(
        Snapshot::decode(b"\xff").unwrap_err(),
        DecodeError::Malformed
    );
    assert!(Snapshot::decode(b"").is_err());
}

#[test]
fn any_changed_byte_is_refused_or_changes_nothing() {
    let rules = vec![rule("r", wire::Effect::Deny, &["g"], &["t"])];
    let bytes = wire::Snapshot::seal(policy(rules, wire::Effect::Deny), wire::Keys::default())
        .encode_to_vec();
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert!(Snapshot::decode(&changed).is_err(), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn globs_agree_with_a_naive_reading(pattern in "[ab*]{0,8}", name in "[ab]{0,10}") {
        prop_assert_eq!(Glob::new(&pattern).matches(&name), naive(pattern.as_bytes(), name.as_bytes()));
    }
}

#[test]
fn rights_at_a_server() {
    let groups: Vec<Box<str>> = vec!["dev".into()];
    let dev = Subject {
        issuer: Some("okta"),
        user: Some("alice"),
        groups: &groups,
    };
    let has = |rules: Vec<wire::Rule>, default, who: &Subject<'_>, server| {
        let snapshot = decode(policy(rules, default)).unwrap();
        snapshot.has_any_right(&snapshot.standing(who), server)
    };
    let allow = || vec![rule("allow", wire::Effect::Allow, &["dev"], &["x"])];
    let deny = wire::Effect::Deny;
    assert!(has(allow(), deny, &dev, "a"));
    assert!(!has(allow(), deny, &NOBODY, "a"));
    assert!(!has(allow(), deny, &dev, "b"));
    assert!(!has(allow(), wire::Effect::Allow, &dev, "gone"));
    assert!(has(vec![], wire::Effect::Allow, &NOBODY, "b"));
    assert!(!has(vec![rule("d", deny, &[], &[])], deny, &dev, "a"));
    let mut trial = allow();
    trial[0].shadow = true;
    assert!(!has(trial, deny, &dev, "a"));
}
