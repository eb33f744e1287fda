use super::*;

const POLICY: &str =
    "version: 1\nservers:\n  - {name: demo, transport: http, url: https://demo.example/mcp}\n";
const OPEN: &str = "version: 1\ndefault: allow\nservers:\n  - {name: demo, transport: http, url: https://demo.example/mcp}\n";

/// The posture, or the codes of the errors; then the codes of all warnings.
fn outcome(policy: Option<&str>, environment: &Environment) -> String {
    let result = match policy {
        Some(text) => compile(yaml(text), environment),
        None => compile_without_file(environment),
    };
    let (head, items) = match result {
        Ok(compiled) => (compiled.posture.to_string(), compiled.warnings),
        Err(found) => ("refused".to_owned(), found.items().to_vec()),
    };
    let codes = items
        .iter()
        .map(|i| format!(" {}[{}]", i.severity.name(), i.code));
    format!("{head}{}", codes.collect::<String>())
}

fn relaxed(environment: Environment) -> Environment {
    Environment {
        relax: true,
        ..environment
    }
}

fn strict(environment: Environment) -> Environment {
    Environment {
        strict: true,
        relax: true,
        ..environment
    }
}

fn upstream(environment: Environment) -> Environment {
    Environment {
        upstream_url: Some("https://mcp.example/mcp".to_owned()),
        ..environment
    }
}

#[test]
fn postures() {
    assert_eq!(outcome(Some(POLICY), &environment()), "ENFORCING");
    assert_eq!(outcome(Some(OPEN), &environment()), "ENFORCING");
    assert_eq!(outcome(Some(POLICY), &anonymous()), "DEGRADED");
    assert_eq!(outcome(None, &upstream(environment())), "DEGRADED");
    assert_eq!(outcome(None, &environment()), "DEGRADED warning[MZ0308]");
}

#[test]
fn gate_1() {
    let nothing = upstream(anonymous());
    assert_eq!(outcome(None, &nothing), "refused error[MZ0801]");
    assert_eq!(outcome(None, &relaxed(nothing)), "INSECURE warning[MZ0801]");
}

#[test]
fn gate_2() {
    let half = Environment {
        okta_audience: None,
        ..environment()
    };
    assert_eq!(outcome(Some(POLICY), &half), "refused error[MZ0802]");
    assert_eq!(
        outcome(Some(POLICY), &relaxed(half.clone())),
        "DEGRADED warning[MZ0802]"
    );
    assert_eq!(
        outcome(None, &relaxed(upstream(half))),
        "INSECURE warning[MZ0802] warning[MZ0801]"
    );
    let other = Environment {
        okta_issuer: None,
        ..environment()
    };
    assert_eq!(outcome(Some(POLICY), &other), "refused error[MZ0019]");
    let named = format!("{POLICY}identity: {{issuer: \"https://i.example\"}}\n");
    assert_eq!(
        outcome(Some(&named), &relaxed(anonymous())),
        "refused error[MZ0012]"
    );
}

#[test]
fn gate_3_yields_to_nothing() {
    assert_eq!(outcome(Some(POLICY), &strict(environment())), "ENFORCING");
    assert_eq!(
        outcome(Some(POLICY), &strict(anonymous())),
        "refused error[MZ0803]"
    );
    assert_eq!(
        outcome(None, &strict(upstream(environment()))),
        "refused error[MZ0803]"
    );
    assert_eq!(
        outcome(None, &strict(upstream(anonymous()))),
        "refused warning[MZ0801] error[MZ0803]"
    );
}

#[test]
fn gate_4() {
    assert_eq!(outcome(Some(OPEN), &anonymous()), "refused error[MZ0804]");
    assert_eq!(
        outcome(Some(OPEN), &relaxed(anonymous())),
        "INSECURE warning[MZ0804]"
    );
}

#[test]
fn the_words_of_the_gates() {
    let cases = [
        ("1", None, upstream(anonymous())),
        ("1 relaxed", None, relaxed(upstream(anonymous()))),
        (
            "2",
            Some(POLICY),
            Environment {
                okta_audience: None,
                ..environment()
            },
        ),
        (
            "2 relaxed",
            Some(POLICY),
            relaxed(Environment {
                okta_audience: None,
                ..environment()
            }),
        ),
        ("3", Some(POLICY), strict(anonymous())),
        ("4", Some(OPEN), anonymous()),
        ("4 relaxed", Some(OPEN), relaxed(anonymous())),
        (
            "bad variables",
            None,
            Environment {
                okta_issuer: Some("http://idp.example".to_owned()),
                upstream_url: Some("http://u:p@169.254.169.254/".to_owned()),
                ..environment()
            },
        ),
    ];
    let shown = cases.map(|(name, policy, environment)| {
        let result = match policy {
            Some(text) => compile(yaml(text), &environment),
            None => compile_without_file(&environment),
        };
        let found = match result {
            Ok(compiled) => listed(&compiled.warnings),
            Err(found) => found.to_string(),
        };
        format!("{name}\n{found}")
    });
    insta::assert_snapshot!(shown.join("\n\n"));
}

#[test]
fn whose_identity() {
    let compiled =
        |policy: &str, environment: &Environment| compile(yaml(policy), environment).unwrap();
    let named = format!("{POLICY}identity: {{issuer: \"https://i.example/\", audience: [a, b]}}\n");
    let own = compiled(&named, &environment());
    assert_eq!(own.issuers[0].issuer, "https://i.example/");
    assert_eq!(own.issuers[0].name, "default");
    assert_eq!(own.warnings[0].code, Code::Ignored);
    let okta = compiled(POLICY, &environment());
    assert_eq!(
        (
            okta.issuers[0].name.as_str(),
            okta.issuers[0].insecure_allowed
        ),
        ("okta", false)
    );
    let dev = Environment {
        dev_issuer: Some(DevIssuer {
            issuer: "http://127.0.0.1:8082".to_owned(),
            audience: "mcp-zero".to_owned(),
        }),
        ..anonymous()
    };
    let dev = compiled(POLICY, &dev);
    assert_eq!(
        (
            dev.issuers[0].name.as_str(),
            dev.issuers[0].insecure_allowed
        ),
        ("dev", true)
    );
    assert_eq!(dev.posture, Posture::Enforcing);
}

#[test]
fn http_needs_the_flag() {
    let skipping = Environment {
        skip_tls_validation: true,
        ..anonymous()
    };
    let text = "version: 1\nidentity: {issuer: \"http://i.example\", audience: a}\nservers:\n  - {name: demo, transport: http, url: http://demo.example/mcp}\n";
    assert_eq!(
        errors(text, &anonymous()),
        [Code::InsecureUrl, Code::InsecureUrl]
    );
    let compiled = compile(yaml(text), &skipping).unwrap();
    assert!(compiled.issuers[0].insecure_allowed);
    assert_eq!(url(&compiled).scheme, Scheme::Http);
    assert!(
        compiled
            .warnings
            .iter()
            .all(|w| w.code == Code::InsecureUrlAccepted)
    );
    assert_eq!(compiled.warnings.len(), 2);
}

#[test]
fn an_okta_org_server_is_an_error_only_when_strict() {
    let text = format!("{POLICY}identity: {{issuer: \"https://x.okta.com\", audience: a}}\n");
    assert_eq!(
        outcome(Some(&text), &anonymous()),
        "ENFORCING warning[MZ0201]"
    );
    assert_eq!(
        outcome(Some(&text), &strict(anonymous())),
        "refused error[MZ0201]"
    );
}

#[test]
fn without_a_file() {
    let compiled = compile_without_file(&upstream(environment())).unwrap();
    assert!(!compiled.policy.governance);
    assert_eq!(
        compiled.policy.default_effect,
        mcp_zero_proto::Effect::Deny as i32
    );
    assert_eq!(compiled.upstreams[0].name, "default");
    assert_eq!(url(&compiled).host, "mcp.example");
}

#[test]
fn gate_5() {
    const EXCHANGE: &str = "version: 1\nservers:\n  - {name: demo, transport: http, url: https://demo.example/mcp, token_exchange: true, target_audience: x, required_scopes: [a, b]}\n";
    let with = |environment: Environment| Environment {
        token_endpoint: true,
        ..environment
    };
    let outcome = |environment: &Environment| outcome(Some(EXCHANGE), environment);
    assert_eq!(outcome(&with(environment())), "ENFORCING");
    assert_eq!(outcome(&environment()), "refused error[MZ0805]");
    assert_eq!(outcome(&with(anonymous())), "refused error[MZ0805]");
    assert_eq!(outcome(&anonymous()), "refused error[MZ0805] error[MZ0805]");
    // Identity may be missing where somebody says so, the settings may not.
    assert_eq!(
        outcome(&with(relaxed(anonymous()))),
        "DEGRADED warning[MZ0805]"
    );
    assert_eq!(outcome(&relaxed(environment())), "refused error[MZ0805]");
    // Whoever only looks need not have the secret.
    let looking = Environment {
        unset: Unset::Warn,
        ..environment()
    };
    assert_eq!(outcome(&looking), "ENFORCING warning[MZ0805]");
    let compiled = compile(yaml(EXCHANGE), &with(environment())).unwrap();
    let exchange = compiled.policy.servers[0].exchange.as_ref().unwrap();
    assert_eq!(exchange.audience, "x");
    assert_eq!(exchange.scopes, ["a", "b"]);
}
