use super::*;
use mcp_zero_policy::condition::Literal;
use mcp_zero_policy::{Arguments, Effect, Object, Snapshot, Subject};

const DEMO: &str = include_str!("../../../../policies/demo.yaml");

fn demo() -> Compiled {
    let dev = Environment {
        dev_issuer: Some(DevIssuer {
            issuer: "http://127.0.0.1:8082".to_owned(),
            audience: "mcp-zero".to_owned(),
        }),
        public_url: "http://localhost:8080".to_owned(),
        ..anonymous()
    };
    compile(yaml(DEMO), &dev).unwrap()
}

#[test]
fn the_demo_compiles() {
    let compiled = demo();
    insta::assert_debug_snapshot!("demo_policy", compiled.policy);
    insta::assert_debug_snapshot!("demo_upstreams", compiled.upstreams);
    insta::assert_debug_snapshot!("demo_issuers", compiled.issuers);
    insta::assert_snapshot!(
        "demo_ready",
        format!(
            "{}\n{}\n{}",
            compiled.posture,
            compiled.ready_line(),
            listed(&compiled.warnings)
        )
    );
}

#[test]
fn the_demo_decides() {
    let bytes = demo().snapshot(mcp_zero_proto::Keys::default());
    let snapshot = Snapshot::decode(&bytes).unwrap();
    let decide = |groups: &[&str], tool: &str| {
        let groups: Vec<Box<str>> = groups.iter().map(|group| (*group).into()).collect();
        let subject = Subject {
            issuer: Some("dev"),
            user: Some("alice"),
            groups: &groups,
        };
        let standing = snapshot.standing(&subject);
        let none = Arguments::<&Literal>::Of(None);
        let decision = snapshot.decide(&standing, "demo", Object::Tool(tool), none);
        (decision.effect, decision.rule.map(ToString::to_string))
    };
    let rule = |id: &str| Some(id.to_owned());
    assert_eq!(
        decide(&["developers"], "echo"),
        (Effect::Allow, rule("developers-use-tools"))
    );
    assert_eq!(decide(&["developers"], "list_customers").0, Effect::Allow);
    assert_eq!(decide(&["developers"], "send_email"), (Effect::Deny, None));
    assert_eq!(decide(&["support"], "send_email").0, Effect::Allow);
    assert_eq!(decide(&["support"], "echo").0, Effect::Deny);
    assert_eq!(
        decide(&["developers", "support"], "delete_customer"),
        (Effect::Deny, rule("nobody-deletes"))
    );
    assert_eq!(decide(&[], "echo"), (Effect::Deny, None));
}

#[test]
fn the_version_depends_on_the_document_and_the_environment_alone() {
    let a = demo();
    assert_eq!(a.policy_version, demo().policy_version);
    assert_eq!(a.policy_version, mcp_zero_proto::version_of(&a.policy));
    let moved = a
        .clone()
        .with_clusters(|upstream| format!("{}-1", upstream.name));
    assert_ne!(moved.policy_version, a.policy_version);
    assert_eq!(moved.policy.servers[0].cluster, "demo-1");
    let commented = format!("# a comment more\n{DEMO}");
    let dev = Environment {
        dev_issuer: Some(DevIssuer {
            issuer: "http://127.0.0.1:8082".to_owned(),
            audience: "mcp-zero".to_owned(),
        }),
        public_url: "http://localhost:8080".to_owned(),
        ..anonymous()
    };
    assert_eq!(
        compile(yaml(&commented), &dev).unwrap().policy_version,
        a.policy_version
    );
}

/// The README of the older product, verbatim but for its entities.
fn older(entities: &str) -> String {
    format!(
        "version: 1
default: deny
identity:
  provider: okta
  issuer: https://your-org.okta.com
  audience: your-app-audience
servers:
  - name: my-mcp-server
    transport: http
    url: https://mcp-server.internal.corp/mcp
policies:
  - id: allow-devs
    description: Allow developers to use read tools
    effect: allow
    subjects:
      groups: [developers]
    mcp_servers:
      - name: my-mcp-server
        tools: [read_*, list_*]
masking:
  presidio:
    enabled: true
    entities: [{entities}]
"
    )
}

#[test]
fn the_older_sample_is_refused_only_for_its_entities() {
    let all = older("PERSON, EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, API_KEY, PASSWORD");
    assert_eq!(
        errors(&all, &anonymous()),
        [Code::NotSupported, Code::NotSupported]
    );
    let ours = older("EMAIL_ADDRESS, CREDIT_CARD, API_KEY, PASSWORD");
    let compiled = compile(yaml(&ours), &anonymous()).unwrap();
    insta::assert_snapshot!(listed(&compiled.warnings));
    assert_eq!(compiled.policy.masking[0].entities.len(), 4);
    assert_eq!(compiled.posture, Posture::Enforcing);
}

#[test]
fn json_says_the_same() {
    let source = Source {
        name: "p.json",
        text: r#"{"version": 1, "identity": {"issuer": "https://i.example", "audience": "a",
            "claim_mapping": {"user_id": "user.id", "groups": "https://i.example/groups"},
            "token_types": ["absent", "at+jwt"], "algorithms": ["ES256"], "jwks_uri": "https://i.example/keys"},
            "servers": [{"name": "a", "transport": "http", "url": "https://a.example:8443",
            "tls": {"ca_file": "ca.pem", "client_cert_file": "c.pem", "client_key_file": "k.pem", "sni": "b.example"}}],
            "audit": {"include_email": true, "file": "audit.jsonl"}, "logging": {"level": "debug", "format": "text"},
            "plugins": [{"name": "late", "package": "presidio-masking", "priority": 100, "config": {"entities": ["API_KEY"]}},
                        {"name": "early", "package": "presidio-masking", "config": {"entities": ["PASSWORD"], "score_threshold": 0.35}}]}"#,
        format: Format::Json,
    };
    let compiled = compile(source, &anonymous()).unwrap();
    insta::assert_debug_snapshot!(compiled);
}
