//! Rules that ask about arguments, and rules on trial.

use super::*;
use proto::condition::Test;

fn scoped(scope: proto::ServerScope) -> proto::ServerScope {
    proto::ServerScope {
        server: "s".to_owned(),
        ..scope
    }
}

fn tools(globs: &[&str]) -> proto::ServerScope {
    scoped(proto::ServerScope {
        tools: patterns(globs),
        ..Default::default()
    })
}

fn condition(at: &str, test: Test) -> proto::Condition {
    proto::Condition {
        pointer: vec![at.to_owned()],
        test: Some(test),
    }
}

/// An allow for small sums, a deny for one folder, a trial.
fn conditional() -> proto::Policy {
    let small = proto::Rule {
        when: vec![condition(
            "sum",
            Test::Range(proto::Range {
                min: None,
                max: Some("50".to_owned()),
            }),
        )],
        ..rule(
            "small",
            proto::Effect::Allow,
            scoped(proto::ServerScope {
                tools: patterns(&["pay"]),
                prompts: patterns(&["pay"]),
                ..Default::default()
            }),
        )
    };
    let everywhere = rule("write", proto::Effect::Allow, tools(&["write", "mail"]));
    let folder = proto::Rule {
        when: vec![condition("path", Test::Glob("/etc/*".to_owned()))],
        ..rule("etc", proto::Effect::Deny, tools(&["write"]))
    };
    let to = |name: &str| {
        let value = proto::literal::Value::Text(name.to_owned());
        Test::Equals(proto::Literal { value: Some(value) })
    };
    let masked = proto::Rule {
        when: vec![condition("to", to("<EMAIL_ADDRESS>"))],
        ..rule("no-masked-mail", proto::Effect::Deny, tools(&["mail"]))
    };
    let trial = proto::Rule {
        shadow: true,
        ..rule("trial", proto::Effect::Deny, tools(&["*"]))
    };
    proto::Policy {
        rules: vec![small, everywhere, folder, masked, trial],
        ..policy()
    }
}

fn post(body: &str) -> Run {
    let mut world = World::default();
    world.load(&sealed(conditional()), Some(&key())).unwrap();
    let mut run = Run::open_in(world, POST, false);
    run.on(Event::Request(body.as_bytes()));
    run
}

#[test]
fn arguments_decide() {
    for (tool, arguments, allowed, rule) in [
        ("pay", json!({"sum": 50}), true, Some("small")),
        ("pay", json!({"sum": 50.0}), true, Some("small")),
        ("pay", json!({"sum": 50.01}), false, None),
        ("pay", json!({"sum": "50"}), false, None),
        ("pay", json!({}), false, None),
        ("write", json!({"path": "/tmp/x"}), true, Some("write")),
        ("write", json!({"path": "/etc/x"}), false, Some("etc")),
        // Not told where: a deny holds.
        ("write", json!({"path": 5}), false, Some("etc")),
        ("write", json!({}), false, Some("etc")),
        // Nor which: another reader takes the other.
        (
            "write",
            json!({"path": "/tmp/x", "Path": "/etc/x"}),
            false,
            Some("etc"),
        ),
        ("pay", json!({"sum": 5, "SUM": 5000}), false, None),
    ] {
        let mut run = post(&call(tool, arguments.clone()));
        let told = format!("{tool} {arguments}");
        assert_eq!(run.flow == Flow::Go, allowed, "{told}");
        let record = run.record();
        assert_eq!(record["rule_id"].as_str(), rule, "{told}");
    }
    for (arguments, allowed) in [("null", false), (r#"{"sum":5e1}"#, true)] {
        let body = format!(
            r#"{{"jsonrpc":"2.0","id":1,"method":"prompts/get","params":{{"name":"pay","arguments":{arguments}}}}}"#
        );
        assert_eq!(post(&body).flow == Flow::Go, allowed, "{arguments}");
    }
}

#[test]
fn lists_show_what_could_be_allowed() {
    let mut run = post(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#);
    assert_eq!(run.flow, Flow::Go);
    let tools = json!([{"name": "pay"}, {"name": "write"}, {"name": "other"}]);
    let answer = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools}}).to_string();
    let seen: Value = serde_json::from_str(&run.json(&answer)).unwrap();
    assert_eq!(
        seen["result"]["tools"],
        json!([{"name": "pay"}, {"name": "write"}])
    );
}

#[test]
fn a_completion_is_asked_for_before_there_are_arguments() {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "completion/complete", "params": {
        "ref": {"type": "ref/prompt", "name": "pay"}, "argument": {"name": "sum", "value": "5"}}});
    assert_eq!(post(&body.to_string()).flow, Flow::Go);
}

#[test]
fn what_was_masked_is_judged_again() {
    let mut run = post(&call("mail", json!({"to": "ann@example.com"})));
    let record = run.record();
    assert_eq!(record["rule_id"], "no-masked-mail", "{record}");
    let mut run = post(&call("mail", json!({"to": "someone"})));
    assert_eq!(run.flow, Flow::Go);
    assert_eq!(run.record()["rule_id"], "write");
}

#[test]
fn rules_on_trial_are_recorded_and_never_enforced() {
    let mut run = post(&call("pay", json!({"sum": 1})));
    assert_eq!(run.flow, Flow::Go);
    let trial = json!([{"rule_id": "trial", "decision": "deny"}]);
    assert_eq!(run.record()["shadow"], trial);
    let mut run = post(&call("other", json!({})));
    assert_eq!(run.status_and_code().0, 200);
    let record = run.record();
    assert_eq!(record["shadow"], trial);
    assert!(record.get("rule_id").is_none(), "{record}");
}
